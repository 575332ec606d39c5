"""ARM's answers in the model's words: pure, and lenient with words it does not know, never with whom they are about."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.json import Decoder

from scaler.errors import Garbled, Refused
from scaler.model.instance import (
    FailureClass,
    Instance,
    InstanceId,
    InstanceRef,
    PowerState,
    ProvisioningState,
    ScaleSetName,
    VmId,
    addresses_one,
)
from scaler.model.sighting import ScaleSetView
from scaler.vmss.bodies import PageBody, ScaleSetBody, StatusBody, VmBody, VmPropertiesBody, decoded
from scaler.vmss.refusals import failure_class
from scaler.vmss.reply import Reply

CONSENT_TAG = "scaler:managed"

_PAGE, _VM, _SCALE_SET = Decoder(PageBody), Decoder(VmBody), Decoder(ScaleSetBody)
_VM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_POWER: Mapping[str, PowerState] = {each.value: each for each in PowerState}
_PROVISIONING: Mapping[str, ProvisioningState] = {each.value.lower(): each for each in ProvisioningState}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing."""

    instances: tuple[Instance, ...]
    unidentified: int
    next_link: str | None


def to_page(reply: Reply, scale_set: ScaleSetName) -> Page:
    """One page. Rows that cannot be named (being created, being deleted) are counted."""
    body = decoded(_PAGE, _json(reply))
    rows = [_instance(row, scale_set) for row in body.value]
    instances = tuple(row for row in rows if row is not None)
    return Page(instances=instances, unidentified=len(rows) - len(instances), next_link=body.next_link or None)


def to_instance(reply: Reply, asked: InstanceRef) -> Instance:
    """The answer of a targeted GET. Raises Garbled unless it says which VM it is, and that it is the one behind the id.

    A 200 without a vmId must never be read as "gone".
    """
    instance = _instance(decoded(_VM, _json(reply)), asked.scale_set)
    if instance is None or instance.ref.instance_id != asked.instance_id:
        raise Garbled("the answer to a GET of one instance does not say whom it is about")
    return instance


def to_scale_set(reply: Reply) -> ScaleSetBody:
    """The scale set itself. Flexible orchestration is refused: its ids, lists and orders are other ones."""
    body = decoded(_SCALE_SET, _json(reply))
    if (body.properties.orchestration_mode or "").lower() == "flexible":
        raise Refused("the scale set has Flexible orchestration; the scaler needs Uniform", "OrchestrationMode")
    return body


def to_view(body: ScaleSetBody, name: ScaleSetName, reply: Reply) -> ScaleSetView:
    """The scale set in the model's words."""
    return ScaleSetView(
        name=name,
        unique_id=body.properties.unique_id,
        capacity=body.sku.capacity,
        etag=body.etag or reply.headers.get("etag"),
        managed_by=_tag(body.tags or {}, CONSENT_TAG),
        at=reply.at,
        sent=reply.sent,
    )


def _json(reply: Reply) -> bytes:
    if not reply.is_json:
        raise Garbled("the answer is not JSON")
    return reply.body


def _tag(tags: Mapping[str, str | None], name: str) -> str | None:
    """Azure compares the names of tags without regard to case, and keeps whichever was written first."""
    return next((value for key, value in tags.items() if key.lower() == name), None)


def _instance(row: VmBody, scale_set: ScaleSetName) -> Instance | None:
    """None where the row does not say who it is."""
    properties = row.properties
    if properties is None or row.id == "":  # an empty id: on its way out
        return None
    instance_id, vm_id = row.instance_id or "", (properties.vm_id or "").lower()
    if not addresses_one(instance_id) or not _VM_ID.fullmatch(vm_id):
        return None
    statuses = _statuses(properties)
    provisioning = _provisioning(properties.provisioning_state, statuses)
    protection = properties.protection_policy
    return Instance(
        ref=InstanceRef(scale_set=scale_set, instance_id=InstanceId(instance_id), vm_id=VmId(vm_id)),
        power=_power(statuses),
        provisioning=provisioning,
        marked=protection is not None and protection.protect_from_scale_in is True,
        etag=row.etag,
        created_at=_time(properties.time_created),
        failure=_failure(statuses) if provisioning is ProvisioningState.FAILED else None,
    )


def _statuses(properties: VmPropertiesBody) -> Sequence[StatusBody]:
    view = properties.instance_view
    return (view.statuses or ()) if view is not None else ()


def _suffix(status: StatusBody, prefix: str) -> str | None:
    """What follows the prefix in a status code, if it has that prefix (in any letter case)."""
    code = status.code or ""
    return code[len(prefix) :] if code[: len(prefix)].lower() == prefix else None


def _power(statuses: Sequence[StatusBody]) -> PowerState:
    """Absent is unknown; so are two that contradict each other."""
    words = {word.lower() for each in statuses if (word := _suffix(each, "powerstate/")) is not None}
    return _POWER.get(words.pop(), PowerState.UNKNOWN) if len(words) == 1 else PowerState.UNKNOWN


def _provisioning(state: str | None, statuses: Sequence[StatusBody]) -> ProvisioningState:
    """The resource's own word; where it has none, the instance view's."""
    found = (word for each in statuses if (word := _suffix(each, "provisioningstate/")) is not None)
    word = state or next(found, "").partition("/")[0]
    return _PROVISIONING.get(word.lower(), ProvisioningState.OTHER)


def _failure(statuses: Sequence[StatusBody]) -> FailureClass | None:
    """The class of `ProvisioningState/failed/{code}`; None where there is no code."""
    for each in statuses:
        state, _, code = (_suffix(each, "provisioningstate/") or "").partition("/")
        if state.lower() == "failed" and code:
            return failure_class(code, each.message or "")
    return None


def _time(text: str | None) -> datetime | None:
    """A time of Azure's, which may have seven digits after the point. None where it cannot be read."""
    try:
        time = datetime.fromisoformat(text or "")
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
