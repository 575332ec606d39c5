"""What one VM of an answer shows of its instance: the same words in every list and every orchestration."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec.json import Decoder

from scaler.model.instance import FailureClass, Instance, InstanceRef, PowerState, ProvisioningState, VmId
from scaler.vmss.bodies import PageBody, StatusBody, VmBody, VmPropertiesBody, decoded
from scaler.vmss.refusals import failure_class
from scaler.vmss.reply import Reply

_PAGE, _VM = Decoder(PageBody), Decoder(VmBody)
_ETAG = re.compile(r"[!-~]{1,200}")
_VM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_POWER: Mapping[str, PowerState] = {each.value: each for each in PowerState}
_PROVISIONING: Mapping[str, ProvisioningState] = {each.value.lower(): each for each in ProvisioningState}


def to_rows(reply: Reply) -> PageBody:
    """One page of VMs as they were sent."""
    return decoded(_PAGE, reply.json)


def to_row(reply: Reply) -> VmBody:
    """One VM as it was sent."""
    return decoded(_VM, reply.json)


def vm_id_of(row: VmBody) -> VmId | None:
    """Whom a row is about; None where it does not say, or is on its way out (an empty id)."""
    vm_id = (row.properties.vm_id or "").lower() if row.properties is not None and row.id != "" else ""
    return VmId(vm_id) if _VM_ID.fullmatch(vm_id) else None


def shown_id(instance_id: str | None) -> str:
    """The id of a row that does not say which VM it is about, for people: whatever stands there, cut to its size."""
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
    """An etag that can be sent back in a header; what cannot is none."""
    return text if text is not None and _ETAG.fullmatch(text) else None


def is_marked(row: VmBody) -> bool:
    """Whether the row says that the instance is protected from scale-in."""
    protection = row.properties.protection_policy if row.properties is not None else None
    return protection is not None and protection.protect_from_scale_in is True


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
