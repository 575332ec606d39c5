"""ARM's answers in the model's words: pure; lenient with unknown words, never with the identity of a machine."""

import re
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime

from msgspec.json import Decoder

from scaler.errors import Garbled, Refused, in_one_line
from scaler.model.instance import (
    FailureClass,
    Health,
    HealthState,
    Instance,
    InstanceId,
    InstanceRef,
    Orchestration,
    PowerState,
    ProvisioningState,
    ScaleSetName,
    VmId,
    is_instance_id,
)
from scaler.model.sighting import OuterTags, Pages, Pause, ScaleSetView, Source, Tag, strictest
from scaler.model.tags import CONSENT_TAG, PAUSE_TAG, concerns_numbers
from scaler.vmss.refusals import failure_class
from scaler.vmss.reply import (
    ExtensionBody,
    GroupBody,
    InstanceViewBody,
    Listed,
    Page,
    Reply,
    ScaleSetBody,
    StatusBody,
    VmBody,
    VmPropertiesBody,
)

_LONGEST_TAG = 256  # characters: Azure lets nobody write more
_LONGEST_REASON = 200  # characters of what a guest says
TAGS_API_VERSION = "2021-04-01"
VM, VMS, _GROUP, _SCALE_SET = Decoder(VmBody), Decoder(Page[VmBody]), Decoder(GroupBody), Decoder(ScaleSetBody)
DOCUMENT = Decoder(object)
_ETAG = re.compile(r"[!-~]{1,200}")
_VM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNDER_WAY = frozenset({ProvisioningState.CREATING, ProvisioningState.UPDATING, ProvisioningState.DELETING})
_POWER: Mapping[str, PowerState] = {word.value: word for word in PowerState}
_BEGINS = frozenset({HealthState.INITIALIZING.value})
_VERDICTS: Mapping[str, HealthState] = {word.value: word for word in HealthState}
# An extension's substatuses; behind the name stands succeeded, error or transitioning.
_STATE, _METRICS = "componentstatus/applicationhealthstate/", "componentstatus/custommetrics/"
_PROVISIONING: Mapping[str, ProvisioningState] = {word.value.lower(): word for word in ProvisioningState}


def to_pages(listed: Listed[VmBody], scale_set: ScaleSetName) -> Pages:
    """A Uniform scale set's listing. Rows that cannot be named (being created, being deleted) are counted."""
    rows = [(row, instance_of(row, row, scale_set, Orchestration.UNIFORM)) for row in listed.rows]
    nameless = [shown_id(row) for row, instance in rows if instance is None]
    return Pages(
        scale_set=scale_set,
        # on two pages when the scale set changes, or another machine with the id of a deleted one: the later row counts
        instances=tuple({instance.ref.instance_id: instance for _, instance in rows if instance is not None}.values()),
        unidentified=len(nameless),
        nameless=frozenset(nameless),
        requests=listed.requests,
        at=listed.at,
        sent=listed.sent,
    )


def to_instance(member: VmBody, machine: VmBody, asked: InstanceRef, how: Orchestration) -> Instance:
    """The answer of targeted GETs. Raises Garbled for a row without an identity, or with another instance id.

    A 200 without a vmId must never be read as "gone".
    """
    instance = instance_of(member, machine, asked.scale_set, how)
    if instance is None or instance.ref.instance_id.lower() != asked.instance_id.lower():
        raise Garbled("the answer to a GET of one instance does not say whom it is about")
    return instance


def to_scale_set(reply: Reply, expected: Orchestration) -> ScaleSetBody:
    """The scale set. The other orchestration is refused, because ids, lists and orders differ."""
    body = reply.read(_SCALE_SET)
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
        tags=our_tags(tags),
        at=reply.at,
        sent=reply.sent,
    )


def can_be_id(instance_id: str, how: Orchestration) -> bool:
    """Whether a text can be an instance's id, neither a path nor a wildcard: a VM's name, or for Uniform a number."""
    number = instance_id.isdigit() and len(instance_id) <= 10
    return is_instance_id(instance_id) and (number or how is Orchestration.FLEXIBLE)


def instance_of(member: VmBody, machine: VmBody, scale_set: ScaleSetName, how: Orchestration) -> Instance | None:
    """What two rows show, for Uniform one row twice; None if they do not say that they are about the same VM.

    `member`: the row of the scale set's own list, with mark and etag. `machine`: the row with the power state.
    """
    name, vm_id = name_of(member), vm_id_of(machine)
    if vm_id is None or not can_be_id(name, how):
        return None
    twice = member is not machine
    if twice and (vm_id_of(member) != vm_id or name_of(machine).lower() != name.lower()):
        return None
    ref = InstanceRef(scale_set=scale_set, instance_id=InstanceId(name), vm_id=vm_id)
    own, shown = member.properties or VmPropertiesBody(), machine.properties or VmPropertiesBody()
    statuses = (shown.instance_view and shown.instance_view.statuses) or ()
    provisioning = _provisioning(shown.provisioning_state, statuses)
    if twice and provisioning is ProvisioningState.SUCCEEDED:
        marking = _provisioning(own.provisioning_state, ())
        provisioning = (
            marking if marking in _UNDER_WAY else provisioning
        )  # the mark's own operation is not finished yet
    return Instance(
        ref=ref,
        power=_power(statuses),
        provisioning=provisioning,
        marked=own.protection_policy is not None and own.protection_policy.protect_from_scale_in is True,
        etag=etag_of(member.etag),
        created_at=_time(shown.time_created),
        latest_model=own.latest_model_applied,
        failure=_failure(statuses) if provisioning is ProvisioningState.FAILED else None,
        health=_health(shown.instance_view) if shown.instance_view is not None else None,
    )


def name_of(row: VmBody) -> str:
    """The instance id; the name of a Flexible VM is its instance id."""
    return row.instance_id or row.name or ""


def vm_id_of(row: VmBody) -> VmId | None:
    """The vm id of a row; None without a vm id, or with the empty id of a machine that is going."""
    vm_id = (row.properties.vm_id or "").lower() if row.properties is not None and row.id != "" else ""
    return VmId(vm_id) if _VM_ID.fullmatch(vm_id) else None


def shown_id(row: VmBody) -> str:
    """The instance id of a row without an identity, for people: any text, cut to a bounded size."""
    return (name_of(row) or "?")[:80]


def etag_of(text: str | None) -> str | None:
    """An etag that can be sent back in a header, else None."""
    return text if text is not None and _ETAG.fullmatch(text) else None


def _words(statuses: Sequence[StatusBody], prefix: str) -> list[str]:
    """Status codes with a prefix, in lower case, without the prefix."""
    codes = [status.code.lower() for status in statuses if status.code]
    return [code[len(prefix) :] for code in codes if code.startswith(prefix)]


def _power(statuses: Sequence[StatusBody]) -> PowerState:
    """A missing PowerState, or two contradicting ones, is read as UNKNOWN."""
    words = set(_words(statuses, "powerstate/"))
    return _POWER.get(words.pop(), PowerState.UNKNOWN) if len(words) == 1 else PowerState.UNKNOWN


def _provisioning(state: str | None, statuses: Sequence[StatusBody]) -> ProvisioningState:
    """The resource's provisioning state, else the state in the instance view."""
    word = state or next(iter(_words(statuses, "provisioningstate/")), "").partition("/")[0]
    return _PROVISIONING.get(word.lower(), ProvisioningState.OTHER)


def _failure(statuses: Sequence[StatusBody]) -> FailureClass | None:
    """The class of `ProvisioningState/failed/{code}`; None where there is no code."""
    for status in statuses:
        code = (status.code or "").lower()
        if (reason := code.removeprefix("provisioningstate/failed/")) not in {code, ""}:
            return failure_class(reason, status.message or "")
    return None


def _health(view: InstanceViewBody) -> Health | None:
    """The health that Azure's status (`vmHealth`) and the extension's substatus tell; None where neither is shown."""
    status = view.vm_health.status if view.vm_health is not None else None
    if status is None and not view.extensions:
        return None
    told, said = _told(view.extensions or ())
    if status is None and not told:
        return None
    code = (status.code or "").lower() if status is not None else ""
    at = _time(status.time) if status is not None else None
    return health_of(code.removeprefix("healthstate/"), told, at=at, said=said)


def health_of(status: str, told: Set[str], *, at: datetime | None, said: str) -> Health:
    """The health by Azure's own status and the words of the extension, in lower case; `said`: what the guest says.

    The status alone may say healthy of an initializing machine, and unhealthy of an unknown one: it is built from the
    extension's first substatus, which is kept for the health store (Azure/applicationhealth-extension-linux 2.0.29).
    """
    agreed, begins = told == {status}, told == _BEGINS
    state = _VERDICTS.get(next(iter(told)), HealthState.UNKNOWN) if agreed or begins else HealthState.UNKNOWN
    return Health(state=state, at=at, said=in_one_line(said[:_LONGEST_REASON]))


def _told(extensions: Sequence[ExtensionBody]) -> tuple[Set[str], str]:
    """The states in the extensions' substatuses, in lower case, and the guest's own words."""
    states: set[str] = set()
    words: list[str] = []
    for extension in extensions:
        for status in extension.substatuses or ():
            code = (status.code or "").lower()
            if code.startswith(_STATE):
                states.add((status.message or "").strip().lower())
            elif code.startswith(_METRICS):
                words.append(status.message or "")
    return states, " ".join(words)


def _time(text: str | None) -> datetime | None:
    """A time of Azure's, perhaps with seven digits after the point. None for an unreadable time."""
    try:
        time = datetime.fromisoformat(text or "")
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def tag(tags: Mapping[str, str | None], name: str) -> str | None:
    """Azure compares the names of tags without regard to case, and keeps whichever was written first."""
    return next((value for key, value in tags.items() if key.lower() == name), None)


def paused_by(tags: Mapping[str, str | None]) -> Pause:
    """How far the tag `scaler:paused` halts the scaler. In doubt it halts: also without a value."""
    return strictest(*(Pause.of(value or "") for key, value in tags.items() if key.lower() == PAUSE_TAG))


def to_group_tags(reply: Reply) -> OuterTags:
    """The tags of the resource group that concern the scaler."""
    tags = reply.read(_GROUP).tags or {}
    return OuterTags(tags=our_tags(tags, Source.GROUP), pause=paused_by(tags))


def our_tags(tags: Mapping[str, str | None], source: Source = Source.SCALE_SET) -> Mapping[str, Tag]:
    """The tags that override numbers, by their names in lower case; and those that are mistyped, perhaps."""
    return {
        name.lower(): Tag((value or "")[:_LONGEST_TAG], source)
        for name, value in tags.items()
        if concerns_numbers(name.lower())
    }


def tagging(name: str, value: str, *, takes: bool = False) -> dict[str, object]:
    """The body of the PATCH that sets a tag, or takes the tag away, and leaves all other tags.

    `value`: also of a tag to be taken away, because no document says that a name alone finds a tag of any value.
    """
    return {"operation": "Delete" if takes else "Merge", "properties": {"tags": {name: value}}}
