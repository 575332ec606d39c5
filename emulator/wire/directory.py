"""Microsoft.Resources: tenants, subscriptions, groups, endpoints, and a scale set's tags."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from emulator.refusals import ArmError, not_found
from emulator.wire.bodies import Json
from emulator.wire.exchange import Answer, Asked
from emulator.wire.roles import EVERYTHING, Grant, claims, scope_of
from emulator.wire.site import Site

_ENOUGH = 25_000  # of what nobody has limited
_FAMILY = "standardNVADSA10v5Family"  # of Place.sku; the letter case varies in Azure
_PRINCIPAL = re.compile(r"assignedTo\('([0-9a-fA-F-]{36})'\)")
_WITHHELD = "NotAvailableForSubscription"


def subscriptions(site: Site, _asked: Asked) -> Answer:
    """GET /subscriptions."""
    return Answer(body={"value": [_subscription(site)]})


def subscription(site: Site, asked: Asked) -> Answer:
    """GET of the one subscription."""
    site.check_subscription(asked)
    return Answer(body=_subscription(site))


def tenants(site: Site, _asked: Asked) -> Answer:
    """GET /tenants."""
    tenant = {"id": f"/tenants/{site.place.tenant}", "tenantId": site.place.tenant, "displayName": "Emulated"}
    return Answer(body={"value": [tenant]})


def resource_groups(site: Site, asked: Asked) -> Answer:
    """GET of all resource groups."""
    site.check_subscription(asked)
    return Answer(body={"value": [_resource_group(site)]})


def resource_group(site: Site, asked: Asked) -> Answer:
    """GET of the one resource group; HEAD, whether there is one."""
    site.check_group(asked)
    return Answer(status=204) if asked.method == "HEAD" else Answer(body=_resource_group(site))


def locations(site: Site, asked: Asked) -> Answer:
    """GET of the one region."""
    site.check_subscription(asked)
    found = {
        "id": f"/subscriptions/{site.place.subscription}/locations/{site.place.location}",
        "name": site.place.location,
        "type": "Region",
        "displayName": site.place.location,
        "regionalDisplayName": site.place.location,
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
    }
    return Answer(body={"value": [found]})


def usages(site: Site, asked: Asked) -> Answer:
    """GET of the subscription's usage in the region, with the quota."""
    site.check_subscription(asked)
    region, machines = site.scale_sets[0].region, sum(len(scale_set.vms) for scale_set in site.scale_sets)
    cores = region.cores_used, _ENOUGH if region.cores is None else region.cores
    rows = {
        ("cores", "Total Regional vCPUs"): cores,
        (_FAMILY, "Standard NVADSA10v5 Family vCPUs"): cores,
        ("virtualMachines", "Virtual Machines"): (machines, _ENOUGH),
        ("virtualMachineScaleSets", "Virtual Machine Scale Sets"): (len(site.present), _ENOUGH),
    }
    found: list[Json] = [
        {"unit": "Count", "currentValue": used, "limit": most, "name": {"value": name, "localizedValue": local}}
        for (name, local), (used, most) in rows.items()
    ]
    return Answer(body={"value": found})


def sizes(site: Site, asked: Asked) -> Answer:
    """GET of the sizes that the subscription may have: the scale sets' own."""
    site.check_subscription(asked)
    first = site.scale_sets[0]
    row: Json = {
        "resourceType": "virtualMachines",
        "name": site.place.sku,
        "tier": "Standard",
        "family": _FAMILY,
        "locations": [site.place.location],
        "locationInfo": [{"location": site.place.location, "zones": []}],
        "capabilities": [{"name": "vCPUs", "value": str(first.profile.cores)}],
        "restrictions": [],
    }
    if first.region.withheld:
        where = {"locations": [site.place.location]}
        row["restrictions"] = [
            {"type": "Location", "values": where["locations"], "restrictionInfo": where, "reasonCode": _WITHHELD}
        ]
    return Answer(body={"value": [row]})


def reservation_group(site: Site, asked: Asked) -> Answer:
    """GET of the capacity reservation group, with its one reservation where the instance view is wanted."""
    site.check_group(asked)
    reserved, name = site.scale_sets[0].region.reserved, asked.params["reservations"]
    if reserved is None:
        raise not_found(f"capacityReservationGroups/{name}", asked.params["group"])
    row = {"name": "reservation", "utilizationInfo": {"currentCapacity": reserved, "virtualMachinesAllocated": []}}
    view = {"instanceView": {"capacityReservations": [row]}} if asked.expands_view else {}
    return Answer(body={"name": name, "location": site.place.location, "properties": view})


def permissions(site: Site, asked: Asked) -> Answer:
    """GET of the caller's own permissions; nobody tells those of anybody else."""
    _check_scope(site, asked)
    grant = site.grants.get(claims(asked)["oid"], EVERYTHING)
    scope = scope_of(asked).rpartition("/providers/")[0]
    return Answer(body={"value": [grant.role.body()] if grant.covers(scope) else []})


def role_assignments(site: Site, asked: Asked) -> Answer:
    """GET of the role assignments of the principal in the filter, at a scope and above."""
    _check_scope(site, asked)
    found = _PRINCIPAL.search(asked.query.get("$filter", ""))
    scope = scope_of(asked).rpartition("/providers/")[0]
    grants = {name: grant for name, grant in site.grants.items() if grant.covers(scope)}
    rows = [_assignment(site, name, grants[name]) for name in grants if found is not None and name == found[1]]
    return Answer(body={"value": rows})


def _assignment(site: Site, principal: str, grant: Grant) -> Json:
    name = _named(principal)
    role = f"/subscriptions/{site.place.subscription}/providers/Microsoft.Authorization/roleDefinitions/{name}"
    properties = {"principalId": principal, "roleDefinitionId": role, "scope": grant.scope or "/"}
    return {"properties": properties, "type": "Microsoft.Authorization/roleAssignments", "name": name}


def role_definition(site: Site, asked: Asked) -> Answer:
    """GET of the role of an assignment: each principal's is a role of its own."""
    site.check_subscription(asked)
    for principal, grant in site.grants.items():
        if _named(principal) == asked.params["role"]:
            properties = {"type": "CustomRole", "permissions": [grant.role.body()]}
            return Answer(body={"properties": properties, "type": "Microsoft.Authorization/roleDefinitions"})
    raise ArmError(404, "RoleDefinitionDoesNotExist", f"There is no role definition '{asked.params['role']}'.")


def _named(principal: str) -> str:
    return str(uuid5(NAMESPACE_URL, principal))


def locks(site: Site, asked: Asked) -> Answer:
    """GET of the locks: an empty list."""
    _check_scope(site, asked)
    return Answer(body={"value": []})


def _check_scope(site: Site, asked: Asked) -> None:
    site.check_group(asked)
    if "name" in asked.params:
        site.scale_set(asked)


def endpoints(_site: Site, asked: Asked) -> Answer:
    """GET /metadata/endpoints: one object in today's version, a list of them in the first."""
    cloud = {
        "name": "Emulated",
        "portal": asked.base,
        "authentication": {
            "loginEndpoint": asked.base,
            "audiences": [f"{asked.base}/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": asked.base,
        "graph": asked.base,
        "suffixes": {},
    }
    return Answer(body=[cloud] if asked.query.get("api-version", "") < "2020" else cloud)


def _subscription(site: Site) -> Json:
    return {
        "id": f"/subscriptions/{site.place.subscription}",
        "subscriptionId": site.place.subscription,
        "tenantId": site.place.tenant,
        "displayName": "Emulated",
        "state": "Enabled",
        "managedByTenants": [],
    }


def _resource_group(site: Site) -> Json:
    return {
        "id": site.group_id,
        "name": site.place.resource_group,
        "type": "Microsoft.Resources/resourceGroups",
        "location": site.place.location,
        "tags": dict(_group_tags(site)),
        "properties": {"provisioningState": "Succeeded"},
    }


_MOST = 50  # tags on one resource

type Tags = Mapping[str, str]


def get_tags(site: Site, asked: Asked) -> Answer:
    """GET {scope}/providers/Microsoft.Resources/tags/default."""
    _check_scope(site, asked)
    of_set = site.scale_set(asked) if "name" in asked.params else None
    scope = site.set_id(of_set) if of_set is not None else site.group_id
    body: Json = {
        "id": f"{scope}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": dict(of_set.set_state.tags if of_set is not None else _group_tags(site))},
    }
    return Answer(body=body)


def patch_tags(site: Site, asked: Asked) -> Answer:
    """PATCH of the same: Merge, Replace or Delete."""
    body = asked.json()
    change = _OPERATIONS.get(str(body.get("operation")).lower())
    if change is None:
        raise ArmError(400, "InvalidTagOperation", "The operation is none of Merge, Replace and Delete.")
    _check_scope(site, asked)
    of_set = site.scale_set(asked) if "name" in asked.params else None
    after = change(dict(of_set.set_state.tags) if of_set is not None else _group_tags(site), _given(body))
    if len(after) > _MOST:
        raise ArmError(400, "TooManyTags", f"A resource has at most {_MOST} tags.")
    if of_set is not None:
        of_set.tag(**after)
    else:
        _tag_group(site, after)
    return get_tags(site, asked)


def update_group(site: Site, asked: Asked) -> Answer:
    """PUT or PATCH of the resource group: its tags, and nothing else of it."""
    site.check_group(asked)
    tags: Any = asked.json().get("tags", {})
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise ArmError(400, "InvalidRequestContent", "tags is not an object of texts.", target="tags")
    _tag_group(site, tags)
    return Answer(body=_resource_group(site))


def _group_tags(site: Site) -> Tags:
    return site.scale_sets[0].region.group_tags if site.scale_sets else {}


def _tag_group(site: Site, tags: Tags) -> None:
    for scale_set in site.scale_sets:
        scale_set.region.group_tags = dict(tags)


def _given(body: Json) -> dict[str, str]:
    properties: Any = body.get("properties")
    tags: Any = properties.get("tags") if isinstance(properties, dict) else None
    if not isinstance(tags, dict) or not all(isinstance(tag, str) for tag in tags.values()):
        raise ArmError(400, "InvalidRequestContent", "properties.tags is not an object of texts.", target="tags")
    return tags


def _merged(before: Tags, given: Tags) -> dict[str, str]:
    """Names know no case; a tag keeps the spelling it was first given."""
    spelled = {name.lower(): name for name in before}
    return {**before, **{spelled.get(name.lower(), name): value for name, value in given.items()}}


def _without(before: Tags, given: Tags) -> dict[str, str]:
    """By name and value; an empty value stands for any."""
    gone = {name.lower(): value for name, value in given.items()}
    return {name: value for name, value in before.items() if gone.get(name.lower()) not in {"", value}}


_OPERATIONS: Mapping[str, Callable[[Tags, Tags], dict[str, str]]] = {
    "merge": _merged,
    "replace": lambda _, given: dict(given),
    "delete": _without,
}
