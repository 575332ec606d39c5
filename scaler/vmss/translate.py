"""ARM's answers in the model's words: pure; lenient with unknown words, never with the identity of a machine."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.json import Decoder

from scaler.errors import Garbled, Refused
from scaler.model.instance import (
    FailureClass,
    Instance,
    InstanceId,
    InstanceRef,
    Orchestration,
    PowerState,
    ProvisioningState,
    ScaleSetName,
    VmId,
)
from scaler.model.sighting import Pause, ScaleSetView
from scaler.vmss.refusals import failure_class
from scaler.vmss.reply import PageBody, Reply, ScaleSetBody, StatusBody, VmBody, VmPropertiesBody, decoded

CONSENT_TAG = "scaler:managed"
PAUSE_TAG = "scaler:paused"
TAGS_API_VERSION = "2021-04-01"
UNIFORM_ID = re.compile(r"[0-9]{1,10}")
_PAGE, _VM, _SCALE_SET = Decoder(PageBody), Decoder(VmBody), Decoder(ScaleSetBody)
_ETAG = re.compile(r"[!-~]{1,200}")
_VM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_POWER: Mapping[str, PowerState] = {power.value: power for power in PowerState}
_PROVISIONING: Mapping[str, ProvisioningState] = {word.value.lower(): word for word in ProvisioningState}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a Uniform scale set's listing."""

    instances: tuple[Instance, ...]
    unidentified: int
    nameless: frozenset[str]
    next_link: str | None


def to_page(reply: Reply, scale_set: ScaleSetName) -> Page:
    """One page. Rows that cannot be named (being created, being deleted) are counted."""
    body = to_rows(reply)
    rows = [(_instance(row, scale_set), row) for row in body.value]
    instances = tuple(instance for instance, _ in rows if instance is not None)
    return Page(
        instances=instances,
        unidentified=len(rows) - len(instances),
        nameless=frozenset(shown_id(row.instance_id) for instance, row in rows if instance is None),
        next_link=body.next_link or None,
    )


def to_instance(reply: Reply, asked: InstanceRef) -> Instance:
    """The answer of a targeted GET. Raises Garbled for a row without an identity, or with another instance id.

    A 200 without a vmId must never be read as "gone".
    """
    instance = _instance(to_row(reply), asked.scale_set)
    if instance is None or instance.ref.instance_id != asked.instance_id:
        raise Garbled("the answer to a GET of one instance does not say whom it is about")
    return instance


def to_scale_set(reply: Reply, expected: Orchestration) -> ScaleSetBody:
    """The scale set. The other orchestration is refused, because ids, lists and orders differ."""
    body = decoded(_SCALE_SET, reply.json)
    found = (body.properties.orchestration_mode or Orchestration.UNIFORM)[:40]  # which is older than the property
    if found.lower() != expected.lower():
        said = f"the scale set has {found} orchestration, and AZURE_VMSS_ORCHESTRATION says {expected}"
        raise Refused(f"{said}: set it to {found} (Flexible is experimental)", "OrchestrationMode")
    return body


def to_view(body: ScaleSetBody, name: ScaleSetName, reply: Reply) -> ScaleSetView:
    """The scale set in the model's words."""
    tags, etag = body.tags or {}, body.etag or reply.headers.get("etag")
    if etag and etag_of(etag) is None:  # without it, somebody else's change of the capacity would be overwritten
        raise Garbled("the scale set's etag is none")
    return ScaleSetView(
        name=name,
        unique_id=body.properties.unique_id,
        capacity=body.sku.capacity,
        etag=etag or None,
        managed_by=tag(tags, CONSENT_TAG),
        pause=paused_by(tags),
        at=reply.at,
        sent=reply.sent,
    )


def _instance(row: VmBody, scale_set: ScaleSetName) -> Instance | None:
    """An instance; None for a row without an identity."""
    instance_id, vm_id = row.instance_id or "", vm_id_of(row)
    if vm_id is None or not UNIFORM_ID.fullmatch(instance_id):
        return None
    ref = InstanceRef(scale_set=scale_set, instance_id=InstanceId(instance_id), vm_id=vm_id)
    return shown(row, ref, marked=is_marked(row), etag=row.etag)


def to_rows(reply: Reply) -> PageBody:
    """One page of VMs as they were sent."""
    return decoded(_PAGE, reply.json)


def to_row(reply: Reply) -> VmBody:
    """One VM as it was sent."""
    return decoded(_VM, reply.json)


def vm_id_of(row: VmBody) -> VmId | None:
    """The vm id of a row; None without an id, or with the empty id of a machine that is going."""
    vm_id = (row.properties.vm_id or "").lower() if row.properties is not None and row.id != "" else ""
    return VmId(vm_id) if _VM_ID.fullmatch(vm_id) else None


def shown_id(instance_id: str | None) -> str:
    """The instance id of a row without an identity, for people: any text, cut to a bounded size."""
    return (instance_id or "?")[:80]


def shown(row: VmBody, ref: InstanceRef, *, marked: bool, etag: str | None) -> Instance:
    """What a row shows of the instance."""
    properties = row.properties or VmPropertiesBody()
    statuses = _statuses(properties)
    provisioning = _provisioning(properties.provisioning_state, statuses)
    return Instance(
        ref=ref,
        power=_power(statuses),
        provisioning=provisioning,
        marked=marked,
        etag=etag_of(etag),
        created_at=_time(properties.time_created),
        failure=_failure(statuses) if provisioning is ProvisioningState.FAILED else None,
    )


def etag_of(text: str | None) -> str | None:
    """An etag that can be sent back in a header, else None."""
    return text if text is not None and _ETAG.fullmatch(text) else None


def is_marked(row: VmBody) -> bool:
    """Whether the row says that the instance is protected from scale-in."""
    protection = row.properties.protection_policy if row.properties is not None else None
    return protection is not None and protection.protect_from_scale_in is True


def _statuses(properties: VmPropertiesBody) -> Sequence[StatusBody]:
    view = properties.instance_view
    return (view.statuses or ()) if view is not None else ()


def _suffix(status: StatusBody, prefix: str) -> str | None:
    """The rest of a status code after the prefix (in any letter case), if the code has the prefix."""
    code = status.code or ""
    return code[len(prefix) :] if code[: len(prefix)].lower() == prefix else None


def _power(statuses: Sequence[StatusBody]) -> PowerState:
    """A missing PowerState, or two contradicting ones, is read as UNKNOWN."""
    words = {word.lower() for status in statuses if (word := _suffix(status, "powerstate/")) is not None}
    return _POWER.get(words.pop(), PowerState.UNKNOWN) if len(words) == 1 else PowerState.UNKNOWN


def _provisioning(state: str | None, statuses: Sequence[StatusBody]) -> ProvisioningState:
    """The resource's provisioning state, else the state in the instance view."""
    found = (word for status in statuses if (word := _suffix(status, "provisioningstate/")) is not None)
    word = state or next(found, "").partition("/")[0]
    return _PROVISIONING.get(word.lower(), ProvisioningState.OTHER)


def _failure(statuses: Sequence[StatusBody]) -> FailureClass | None:
    """The class of `ProvisioningState/failed/{code}`; None where there is no code."""
    for status in statuses:
        state, _, code = (_suffix(status, "provisioningstate/") or "").partition("/")
        if state.lower() == "failed" and code:
            return failure_class(code, status.message or "")
    return None


def _time(text: str | None) -> datetime | None:
    """A time of Azure's, perhaps with seven digits after the point. None for an unreadable time."""
    try:
        time = datetime.fromisoformat(text or "")
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def tag(tags: Mapping[str, str | None], name: str) -> str | None:
    """Azure compares the names of tags without regard to case, and keeps whichever was written first."""
    return next(_values(tags, name), None)


def paused_by(tags: Mapping[str, str | None]) -> Pause:
    """How far the tag `scaler:paused` halts the scaler. In doubt it halts: also without a value."""
    pauses = (Pause.of(value or "") for value in _values(tags, PAUSE_TAG))
    return next((pause for pause in pauses if pause is not Pause.NONE), Pause.NONE)


def _values(tags: Mapping[str, str | None], name: str) -> Iterator[str | None]:
    return (value for key, value in tags.items() if key.lower() == name)


def pausing(how: Pause) -> dict[str, object]:
    """The body of the PATCH that sets the tag and leaves all other tags.

    "Go on" is a value, too: no document says that a deletion by name alone finds a tag of any value.
    """
    return {"operation": "Merge", "properties": {"tags": {PAUSE_TAG: how.word}}}
