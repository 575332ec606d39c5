"""Microsoft.Resources: tenants, subscriptions, groups, endpoints, and a scale set's tags."""

from collections.abc import Callable, Mapping
from typing import Any

from emulator.refusals import ArmError
from emulator.wire.bodies import Json
from emulator.wire.exchange import Answer, Asked
from emulator.wire.site import Site

_ENOUGH = 25_000  # of what nobody has limited


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
        ("standardNVADSA10v5Family", "Standard NVADSA10v5 Family vCPUs"): cores,
        ("virtualMachines", "Virtual Machines"): (machines, _ENOUGH),
        ("virtualMachineScaleSets", "Virtual Machine Scale Sets"): (len(site.present), _ENOUGH),
    }
    found = [
        {"unit": "Count", "currentValue": used, "limit": most, "name": {"value": name, "localizedValue": local}}
        for (name, local), (used, most) in rows.items()
    ]
    return Answer(body={"value": found})


def permissions(site: Site, asked: Asked) -> Answer:
    """GET of the caller's permissions: all actions."""
    _check_scope(site, asked)
    return Answer(body={"value": [{"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}]})


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
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }


_MOST = 50  # tags on one resource

type Tags = Mapping[str, str]


def get_tags(site: Site, asked: Asked) -> Answer:
    """GET {scope}/providers/Microsoft.Resources/tags/default."""
    emulated = site.scale_set(asked)
    body: Json = {
        "id": f"{site.set_id(emulated)}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": dict(emulated.set_state.tags)},
    }
    return Answer(body=body)


def patch_tags(site: Site, asked: Asked) -> Answer:
    """PATCH of the same: Merge, Replace or Delete."""
    body = asked.json()
    change = _OPERATIONS.get(str(body.get("operation")).lower())
    if change is None:
        raise ArmError(400, "InvalidTagOperation", "The operation is none of Merge, Replace and Delete.")
    emulated = site.scale_set(asked)
    after = change(dict(emulated.set_state.tags), _given(body))
    if len(after) > _MOST:
        raise ArmError(400, "TooManyTags", f"A resource has at most {_MOST} tags.")
    emulated.tag(**after)
    return get_tags(site, asked)


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
