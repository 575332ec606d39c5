"""The scale set as an ARM resource: GET, PATCH, PUT, its instance view, and the batch actions on its VMs."""

from dataclasses import replace
from re import fullmatch
from typing import Any
from urllib.parse import unquote, urlsplit
from zlib import crc32

from emulator.budgets import Call
from emulator.health.extension import Extension
from emulator.orders import ACTIONS, OrderKind, Scale
from emulator.refusals import ArmError, check_etag, not_for_flexible, quoted
from emulator.region import Orchestration
from emulator.scale_set import SET, EmulatedScaleSet
from emulator.wire import bodies
from emulator.wire.exchange import Answer, Asked
from emulator.wire.operations import accepted, asynchronous
from emulator.wire.site import Site

MOST = 1000  # VMs in one scale set
_IMAGE = "properties.virtualMachineProfile.storageProfile.imageReference"
_EXTENSIONS = "properties.virtualMachineProfile.extensionProfile"
_CHANGEABLE = frozenset({"sku.capacity", "tags", _IMAGE.lower(), _EXTENSIONS.lower()})


def get(site: Site, asked: Asked) -> Answer:
    """GET of the scale set."""
    emulated = site.scale_set(asked)
    state = emulated.read_set()
    answer = Answer(body=bodies.scale_set(site, emulated, state)).having(etag=quoted(state.etag))
    return charged(answer, emulated, Call.GET_SET)


def every(site: Site, asked: Asked) -> Answer:
    """GET of all scale sets of the group, or of the subscription."""
    site.check_group(asked)
    found = [bodies.scale_set(site, emulated, emulated.read_set()) for emulated in site.present]
    return Answer(body={"value": found})


def view(site: Site, asked: Asked) -> Answer:
    """GET of the scale set's instance view."""
    emulated = site.scale_set(asked)
    if emulated.flexible:
        raise not_for_flexible("VirtualMachineScaleSets.instanceView.GET", emulated.name)
    rows = emulated.read_set_view()
    return charged(Answer(body=bodies.set_view(rows)), emulated, Call.SET_VIEW)


def skus(site: Site, asked: Asked) -> Answer:
    """GET of the possible sizes: the scale set's own size."""
    site.scale_set(asked)
    capacity = {"minimum": 0, "maximum": MOST, "defaultCapacity": 1, "scaleType": "Automatic"}
    size = {"name": site.place.sku, "tier": "Standard"}
    kind = "Microsoft.Compute/virtualMachineScaleSets"
    return Answer(body={"value": [{"resourceType": kind, "sku": size, "capacity": capacity}]})


def update(site: Site, asked: Asked) -> Answer:
    """PATCH, or a PUT of what exists already: 200 at once, and the work goes on as an operation."""
    emulated = site.writable(asked)
    if_match = asked.headers.get("if-match")
    check_etag(if_match, emulated.set_state.etag)
    bodies.refuse_changes(asked.json(), bodies.scale_set(site, emulated, emulated.set_state), _CHANGEABLE)
    operation = emulated.scale(scale_asked(asked), if_match=if_match, by=asked.caller)
    state = emulated.set_state
    answer = Answer(body=bodies.scale_set(site, emulated, state)).having(etag=quoted(state.etag))
    return charged(asynchronous(answer, site, asked, operation), emulated, Call.UPDATE_SET, vms=0)


def delete(site: Site, asked: Asked) -> Answer:
    """DELETE of the scale set with all VMs; 204 for a missing scale set."""
    try:
        emulated = site.scale_set(asked)
    except ArmError as error:
        if error.code != "ResourceNotFound":
            raise
        return Answer(status=204)
    operation = emulated.order(OrderKind.DELETE, ["*"], by=asked.caller)
    if emulated not in site.doomed:
        site.doomed.append(emulated)
    return charged(accepted(site, asked, operation), emulated, Call.DELETE)


def scale_asked(asked: Asked) -> Scale:
    """The capacity, the tags and the image that a PUT or PATCH wants."""
    capacity: Any = asked.part("sku").get("capacity")
    tags = None if asked.json().get("tags") is None else _texts(asked.part("tags"))
    image, health = _image(asked), _extension(asked)
    if capacity is None:
        return Scale(tags=tags, image=image, health=health)
    if type(capacity) is not int or not 0 <= capacity <= MOST:
        raise ArmError(400, "InvalidParameter", f"The value {capacity} of sku.capacity is invalid.", target="sku")
    return Scale(capacity=capacity, tags=tags, image=image, health=health)


def _image(asked: Asked) -> str | None:
    """The id of the model's image, where the body has one; a publisher's image has none, and is not looked at."""
    found = _inside(asked, f"{_IMAGE}.id")
    return found if isinstance(found, str) and found else None


def _extension(asked: Asked) -> Extension | None:
    """The health extension, where the body has one; of other extensions nothing is kept."""
    found = _inside(asked, f"{_EXTENSIONS}.extensions")
    try:
        return Extension.found_in(found) if isinstance(found, list) else None
    except (ValueError, TypeError, AttributeError) as error:
        raise ArmError(400, "InvalidParameter", f"The health extension: {error}.", target="extensionProfile") from None


def _inside(asked: Asked, path: str) -> Any:
    """The value at a path of names in the body; None where there is no such value."""
    found: Any = asked.json()
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _texts(tags: dict[str, Any]) -> dict[str, str]:
    wrong = [name for name, value in tags.items() if not isinstance(value, str)]
    if wrong:
        raise ArmError(400, "InvalidParameter", f"The tag '{wrong[0]}' has no text for its value.", target="tags")
    return tags


def act(site: Site, asked: Asked) -> Answer:
    """A batch action. No ids and "*" are all VMs, and so may be an empty list (a switch); a delete has to name its."""
    emulated = site.writable(asked)
    kind = ACTIONS[asked.params["action"]]
    ids = _ids(asked, kind)
    vms = emulated.named_by(ids)
    operation = emulated.order(kind, ids, by=asked.caller)
    return charged(accepted(site, asked, operation), emulated, emulated.call_of(kind, single=False), vms=vms)


def _ids(asked: Asked, kind: OrderKind) -> list[str]:
    ids = asked.json().get("instanceIds")
    if ids is None and kind is not OrderKind.DELETE:
        return ["*"]
    if not isinstance(ids, list) or not all(isinstance(instance_id, str) for instance_id in ids):
        message = f"instanceIds is a list of texts, not {ids!r}."
        raise ArmError(400, "InvalidParameter", message, target="instanceIds")
    return ids


def charged(
    answer: Answer, emulated: EmulatedScaleSet, call: Call, resource: str = SET, vms: int | None = None
) -> Answer:
    """The answer with headers of the remaining budgets, and of the number of VMs charged."""
    left = emulated.budget_left(call, resource)
    told = answer.having(x_ms_ratelimit_remaining_resource=left) if left else answer
    return told if vms is None else told.having(x_ms_request_charge=str(vms))


_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?"
_FREE = frozenset({"properties", "sku.capacity", "tags"})  # of the model, only its name, size and place are looked at


def put(site: Site, asked: Asked) -> Answer:
    """201 for a new scale set, which shares region, clock and behaviour with the first; 200 for a change."""
    site.check_group(asked)
    with site.founding:
        if any(each.name.lower() == asked.params["name"] for each in site.present):
            return update(site, asked)
        emulated = _made(site, asked)
        operation = emulated.scale(scale_asked(asked), by=asked.caller)
        site.scale_sets.append(emulated)
    state = emulated.set_state
    answer = Answer(status=201, body=bodies.scale_set(site, emulated, state)).having(etag=quoted(state.etag))
    return charged(asynchronous(answer, site, asked, operation), emulated, Call.UPDATE_SET)


def _made(site: Site, asked: Asked) -> EmulatedScaleSet:
    name = unquote(urlsplit(asked.target).path).rstrip("/").rpartition("/")[2]
    if not fullmatch(_NAME, name):
        raise ArmError(400, "InvalidResourceName", f"'{name}' cannot be the name of a scale set.", target="name")
    if not asked.json().get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    first = site.scale_sets[0]
    mode = asked.part("properties").get("orchestrationMode", first.profile.orchestration)
    if not isinstance(mode, str) or mode not in set(Orchestration):
        said = f"The orchestrationMode is {' or '.join(Orchestration)}, not {mode!r}."
        raise ArmError(400, "InvalidParameter", said, target="orchestrationMode")
    made = EmulatedScaleSet(
        lambda: first.now,
        name=name,
        seed=crc32(f"{len(site.scale_sets)} {name}".encode()),
        behaviour=first.behaviour,
        tags={},
        profile=replace(first.profile, orchestration=Orchestration(mode), region=first.region, health=None),
    )
    bodies.refuse_changes(asked.json(), bodies.scale_set(site, made, made.set_state), _FREE)
    return made
