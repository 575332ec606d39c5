"""The scale sets in Azure: access, shape and consent, actions of the identity, and cores."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from uuid import UUID

from scaler.cli.checks.catalogue import Known
from scaler.cli.checks.findings import Finding
from scaler.cli.checks.health import extension_in, of_health, of_machines
from scaler.cli.checks.redis import apart
from scaler.cli.checks.roles import lacking
from scaler.cli.checks.shape import inside, of_shape
from scaler.errors import Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.in_force import in_force
from scaler.model.instance import Instance, Orchestration, ScaleSetName
from scaler.model.policy import Mode
from scaler.model.sighting import OuterTags, Pause, ScaleSetView
from scaler.runtime import Doors
from scaler.settings import Settings
from scaler.vmss.calls import API_VERSION
from scaler.vmss.scale_set import ArmScaleSet

_AUTHORIZATION = "/providers/Microsoft.Authorization"
_ROLE = re.compile(rf"(/subscriptions/[0-9a-f-]{{36}})?{_AUTHORIZATION}/roleDefinitions/[0-9a-f-]{{36}}", re.IGNORECASE)
_ROLES_VERSION, _SIZES_VERSION = "2022-04-01", "2021-07-01"
_RESERVATIONS = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft.Compute/capacityReservationGroups"
    r"/[\w.()-]{1,80}",
    re.IGNORECASE,
)
_LOCATION = re.compile(r"[a-z0-9]{1,40}")
_ANYWHERE = "cores"  # the quota of a region for all sizes together


@dataclass(frozen=True, kw_only=True)  # no slots: what is read once is kept
class Subject:
    """A scale set before the checks."""

    scale_set: ArmScaleSet
    settings: Settings
    identity: UUID | None  # whose role is looked at; None: the caller's

    @property
    def name(self) -> ScaleSetName:
        """The configured name."""
        return self.scale_set.name

    @property
    def most(self) -> int:
        """The most machines by the settings: a fixed number grows with an announced crowd alone."""
        policy = self.settings.policy
        capacity = policy.capacity[self.name]
        grows = capacity.mode is not Mode.FIXED or any(window.concerns(self.name) for window in policy.calendar)
        return capacity.limit if grows else capacity.desired

    @property
    def waits_for_health(self) -> bool:
        """Whether the settings let the health of machines decide anything."""
        policy = self.settings.policy
        return policy.ends_by_health(self.name) or policy.awaits_health(self.name)

    @property
    def facts(self) -> dict[str, object]:
        """The names for sentences and commands."""
        return {
            "set": self.name,
            "group": self.settings.resource_group,
            "subscription": self.settings.subscription,
            "scope": self.scale_set.arm_id,
            "ours": self.settings.policy.managed_by,
            "arm": self.settings.arm_url,
            "identity": self.identity or "OBJECT_ID",
        }

    @property
    def group_id(self) -> str:
        """The resource id of the resource group."""
        return self.scale_set.arm_id.partition("/providers/")[0]

    @property
    def location(self) -> str:
        """The region; empty if the scale set does not say."""
        found = str(inside(self.body, "location") or "").lower().replace(" ", "")
        return found if _LOCATION.fullmatch(found) else ""

    @cached_property
    def view(self) -> ScaleSetView:
        """The scale set as a tick sees the body."""
        return self.scale_set.view()

    @property
    def is_seen(self) -> bool:
        """Whether the scale set could be read."""
        return "view" in self.__dict__  # where cached_property keeps an answer

    @cached_property
    def body(self) -> object:
        """The whole JSON."""
        return self.scale_set.document(self.scale_set.arm_id)[0]

    def rows(self, resource: str, version: str, more: str = "") -> Sequence[object]:
        """The values of a list in ARM."""
        found = inside(self.scale_set.document(resource, version, more)[0], "value")
        return found if isinstance(found, list) else []


def subjects(doors: Doors, identity: UUID | None) -> tuple[Subject, ...]:
    """All scale sets, through doors of the doctor's own name."""
    named = (scale_set.for_controller("doctor") for scale_set in doors.scale_sets.values())
    return tuple(Subject(scale_set=each, settings=doors.settings, identity=identity) for each in named)


def wants_hot(doors: Doors, there: Sequence[Subject]) -> bool:
    """Whether hot machines are wanted: by the tags in force, or for want of these by settings or calendar at any time.

    `there`: the scale sets that could be read. A source of tags that cannot be read says nothing.
    """
    settings, store = doors.settings, doors.listings.store
    group = _told_by(there[0].scale_set.group_tags) if there else OuterTags()
    keys = _told_by(store.read) if store is not None and there else OuterTags()
    tags = {each.name: each.view.over(group).over(keys).tags for each in there}
    said = {
        name: in_force(name, tags.get(name, {}), None, datetime.now(UTC), settings.policy)[1].numbers.get("hot")
        for name in settings.scale_sets
    }
    return any(said.values()) or (settings.wants_hot and None in said.values())


def _told_by(source: Callable[[], OuterTags]) -> OuterTags:
    try:
        return source()
    except ScalerError:
        return OuterTags()


def of_access(subject: Subject) -> Iterator[Finding]:
    """Whether a tick could read the scale set."""
    try:
        _ = subject.view
    except ScalerError as error:
        yield _unread(error).found(**subject.facts, error=error)


def _unread(error: ScalerError) -> Known:
    match error:
        case Missing():
            return Known.ABSENT
        case Refused(is_permission=True):
            return Known.FORBIDDEN
        case Refused(status=0) if str(error).startswith("no token"):
            return Known.TOKEN
        case Unreachable() if "identity endpoint" in str(error):
            return Known.TOKEN
        case Unreachable() | Throttled():
            return Known.SILENT
        case _:
            return Known.UNREADABLE


def of_model(subject: Subject) -> Iterator[Finding]:
    """Shape and consent."""
    yield from of_shape(subject.body, subject.most, subject.facts)
    ends = subject.settings.policy.ends_by_health(subject.name)
    yield from of_health(subject.body, subject.facts, decides=subject.waits_for_health, ends=ends)
    says, facts = subject.view.managed_by, subject.facts
    if not says:
        yield Known.CONSENT.found(**facts)
    elif says != facts["ours"]:
        yield Known.FOREIGN.found(**facts, value=says)
    if subject.view.pause is not Pause.NONE:
        yield Known.HALTED.found(**facts)


def of_health_shown(subject: Subject) -> Iterator[Finding]:
    """Whether machines show the health that the model's extension tells; listings of Flexible show none."""
    if subject.scale_set.orchestration is Orchestration.UNIFORM and extension_in(subject.body) is not None:
        pages = subject.scale_set.list_instances()
        yield from of_machines(pages, subject.facts, decides=subject.waits_for_health)


def of_role(subject: Subject, *, is_caller: bool) -> Iterator[Finding]:
    """The actions of an identity by its assignments; without an object id, of a caller by the caller's permissions."""
    if subject.identity is None and not is_caller:
        yield Known.IDENTITY.found(client=subject.settings.client_id or "CLIENT_ID")
        return
    tell = _permissions if subject.identity is None else _assigned
    try:
        of_set, of_group = tell(subject, subject.scale_set.arm_id), tell(subject, subject.group_id)
    except Refused as error:
        yield Known.ROLE_UNSEEN.found(**subject.facts, error=error)
        return
    for action in lacking(subject.settings.orchestration[subject.name], of_set, of_group):
        known = Known.OPTIONAL if action.optional else Known.ACTION
        yield known.found(**subject.facts, action=action.name, loss=action.loss)


def _permissions(subject: Subject, scope: str) -> Sequence[object]:
    return subject.rows(f"{scope}{_AUTHORIZATION}/permissions", _ROLES_VERSION)


def _assigned(subject: Subject, scope: str) -> Sequence[object]:
    """The permissions of the roles assigned to an identity, or to a group of the identity's, at a scope or above."""
    more = f"&%24filter=atScope%28%29%20and%20assignedTo%28%27{subject.identity}%27%29"
    assignments = subject.rows(f"{scope}{_AUTHORIZATION}/roleAssignments", _ROLES_VERSION, more)
    roles = {str(inside(each, "properties.roleDefinitionId")) for each in assignments}
    found = list[object]()
    for role in sorted(filter(_ROLE.fullmatch, roles)):
        found += _listed(subject.scale_set.document(role, _ROLES_VERSION)[0], "properties.permissions")
    return found


def of_clock(subject: Subject) -> Iterator[Finding]:
    """Azure's clock beside the host's, by an answer of this very moment."""
    _, reply = subject.scale_set.document(subject.scale_set.arm_id)
    yield from apart("Azure", reply.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """The cores still to be asked for by a scale set."""

    subject: Subject
    family: str  # of the quota
    each: int  # cores of one machine
    more: int  # machines


def of_cores(found: Sequence[Subject]) -> Iterator[Finding]:
    """Whether size and quota allow all machines of the settings, of all scale sets of a region together."""
    wants = list[Want]()
    for subject in found:
        try:
            yield from _of_size(subject, wants)
        except Refused as error:
            yield Known.CORES_UNSEEN.found(**subject.facts, location=subject.location, error=error)
    for location in dict.fromkeys(want.subject.location for want in wants):
        here = [want for want in wants if want.subject.location == location]
        for family in dict.fromkeys(want.family for want in here):
            yield from _of_quota(family, [want for want in here if want.family == family])
        yield from _of_quota(_ANYWHERE, here)


def _of_size(subject: Subject, wants: list[Want]) -> Iterator[Finding]:
    """Whether Azure sells the size; the want of the scale set is added to `wants`."""
    size, location = inside(subject.body, "sku.name"), subject.location
    more = f"&%24filter=location%20eq%20%27{location}%27"
    region = f"{_of_subscription(subject)}/providers/Microsoft.Compute/skus"
    rows = subject.rows(region, _SIZES_VERSION, more)
    row = next((row for row in rows if inside(row, "name") == size), None)
    for reason in _restrictions(row):
        yield Known.WITHHELD.found(**subject.facts, size=size, location=location, reason=reason)
    cores = next((inside(each, "value") for each in _listed(row, "capabilities") if inside(each, "name") == "vCPUs"), 0)
    family, missing = inside(row, "family"), max(0, subject.most - subject.view.capacity)
    if isinstance(family, str) and str(cores).isdecimal():
        wants.append(Want(subject=subject, family=family, each=int(cores), more=missing))


def _restrictions(row: object) -> Iterator[str]:
    """Why the whole region is out of question; single zones are left to Azure."""
    for each in _listed(row, "restrictions"):
        if inside(each, "type") == "Location":
            yield str(inside(each, "reasonCode"))


def _of_quota(quota: str, wants: Sequence[Want]) -> Iterator[Finding]:
    first = wants[0].subject
    region = f"{_of_subscription(first)}/providers/Microsoft.Compute/locations/{first.location}"
    rows = first.rows(f"{region}/usages", API_VERSION)
    row = next((row for row in rows if str(inside(row, "name.value")).lower() == quota.lower()), None)
    limit, used = inside(row, "limit"), inside(row, "currentValue")
    wanted = sum(want.each * want.more for want in wants)
    if isinstance(limit, int) and isinstance(used, int) and wanted > limit - used:
        yield Known.CORES.found(
            sets=", ".join(want.subject.name for want in wants),
            more=sum(want.more for want in wants),
            wanted=wanted,
            quota=quota,
            room=max(0, limit - used),
            location=first.location,
            region=region,
            limit=used + wanted,
        )


def of_reservation(subject: Subject) -> Iterator[Finding]:
    """Whether the capacity reservation of a scale set, where there is one, covers all machines of the settings."""
    path = "properties.virtualMachineProfile.capacityReservation.capacityReservationGroup.id"
    group = inside(subject.body, path)
    if not isinstance(group, str) or not _RESERVATIONS.fullmatch(group):
        return
    try:
        answer, _ = subject.scale_set.document(group, API_VERSION, "&%24expand=instanceView")
    except Refused as error:
        yield Known.CORES_UNSEEN.found(**subject.facts, location=subject.location, error=error)
        return
    rows = _listed(inside(answer, "properties.instanceView"), "capacityReservations")
    sizes = [inside(row, "utilizationInfo.currentCapacity") for row in rows]
    held = sum(size for size in sizes if isinstance(size, int))
    if held < subject.most:
        yield Known.RESERVED.found(**subject.facts, value=held, most=subject.most, reservation=group)


def of_mark(subjects: Sequence[Subject], machine: str) -> Iterator[Finding]:
    """Mark a machine once more, whose mark is set: Azure accepts or refuses, and nothing is different afterwards."""
    for subject in subjects:
        for instance in subject.scale_set.list_instances().instances:
            if machine.lower() == instance.ref.vm_id:
                yield from _marked_again(subject, instance)
                return
    yield Known.MARK_UNTRIED.found(machine=machine, reason="there is no such vm id in the scale sets")


def _marked_again(subject: Subject, instance: Instance) -> Iterator[Finding]:
    machine = instance.ref.vm_id
    if not instance.marked:
        yield Known.MARK_UNTRIED.found(machine=machine, reason="it carries no mark, and a new one would spend it")
        return
    try:
        subject.scale_set.mark(instance.ref, instance.etag, within=subject.settings.policy.order_horizon)
    except ScalerError as error:
        yield Known.MARK.found(**subject.facts, machine=machine, error=error)


def _of_subscription(subject: Subject) -> str:
    return subject.group_id.partition("/resourceGroups/")[0]


def _listed(row: object, name: str) -> Sequence[object]:
    found = inside(row, name)
    return found if isinstance(found, list) else []
