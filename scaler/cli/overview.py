"""A look at Redis and Azure together, and the words about a machine for operators."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scaler.actuate import Ports
from scaler.cli.screen import times
from scaler.errors import ScalerError
from scaler.model.capacity import Demand, Wanted
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import PowerState, ScaleSetName, SessionId, Tier
from scaler.model.machine import Machine
from scaler.model.plan import Listing, Refusal, Step
from scaler.model.policy import Policy
from scaler.model.row import COOLS, COOLS_HOT, WARMS, HeatedNote, Notes, Snapshot, StartNote, Status
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import ScaleSetView, strictest
from scaler.model.signs import Sign
from scaler.model.standing import Standing
from scaler.observe import AzureObserver, Listings
from scaler.ports import TagStore
from scaler.registry.redis import RedisRegistry

_COOLED_TO = {WARMS: "warmed", COOLS: "cooled", COOLS_HOT: "stopped"}
TIERS = {PowerState.STOPPED: Tier.WARM, PowerState.DEALLOCATED: Tier.COLD}
_NOWHERE = ScaleSetName("")  # of a record without notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One look. If Azure did not answer, the machines are Redis' alone, and `errors` has the reason."""

    snapshot: Snapshot
    views: Mapping[ScaleSetName, ScaleSetView]
    machines: tuple[Machine, ...]
    demand: Mapping[ScaleSetName, Demand]  # by this look alone: the running scaler has watched for longer
    wants: Mapping[ScaleSetName, Wanted]  # by the same
    warm: Mapping[ScaleSetName, int]  # how many of these stay allocated
    ceilings: Mapping[ScaleSetName, Ceiling]  # what Azure lately refused to the running scaler
    signs: Mapping[Actor, Sign]  # of life, of the running scaler
    unread: tuple[str, ...]  # which of the operator's tags are not read, and why
    errors: tuple[ScalerError, ...]
    hot: Mapping[ScaleSetName, int] = field(default_factory=dict)  # how many of the ready machines run and wait

    @property
    def running(self) -> Mapping[ScaleSetName, Wanted]:
        """How many machines the running provisioner wants, which has watched for longer; empty where it is silent."""
        sign = self.signs.get(Actor.PROVISIONER)
        return sign.wanted if sign is not None and not sign.late else {}


def look(ports: Ports, registry: RedisRegistry, policy: Policy, store: TagStore | None) -> Overview:
    """Redis before Azure, as in a tick. Raises ScalerError when Redis does not answer."""
    snapshot, cloud = _stored(registry, policy)
    errors = tuple[ScalerError, ...]()
    observer = AzureObserver(ports.scale_sets, ports.clock, policy, listings=Listings(store))
    observer.read(snapshot.rows.values())
    try:
        cloud, errors = observer.look(cloud, Listing())
    except ScalerError as error:
        errors = (error,)
    unnamed = sorted(cloud.instances.keys() - snapshot.rows.keys())
    also = registry.read_also(unnamed) if unnamed else {}
    return replace(
        _overview(registry, replace(snapshot, rows={**also, **snapshot.rows}), cloud, policy),
        views={name: observer.view(name, no_older_than=policy.view_kept) for name in cloud.listings},
        unread=tuple(observer.knowing(cloud).unread.values()),
        errors=errors,
    )


def look_at_redis(registry: RedisRegistry, policy: Policy) -> Overview:
    """Redis alone. Raises ScalerError when Redis does not answer."""
    return _overview(registry, *_stored(registry, policy), policy)


def _stored(registry: RedisRegistry, policy: Policy) -> tuple[Snapshot, Cloud]:
    snapshot = registry.read()
    return snapshot, Cloud(pause=strictest(policy.pause, snapshot.pause), ceilings=registry.ceilings())


def _overview(registry: RedisRegistry, snapshot: Snapshot, cloud: Cloud, policy: Policy) -> Overview:
    return Overview(
        snapshot=snapshot,
        views={},
        machines=tuple(sorted(Fleet.join(snapshot, cloud, policy).by_id.values(), key=place_of)),
        demand={name: cloud.demand_of(name, policy) for name in policy.capacity},
        wants={name: cloud.wanted(name, policy) for name in policy.capacity},
        warm={name: cloud.warm(name, policy) for name in policy.capacity},
        hot={name: cloud.hot_wanted(name, policy) for name in policy.capacity},
        ceilings=cloud.ceilings,
        signs=registry.signs(),
        unread=(),
        errors=(),
    )


def scale_set_of(machine: Machine) -> ScaleSetName:
    """The machine's scale set by Azure, else by the notes; empty if unknown."""
    instance, notes = machine.instance, machine.stored.notes
    return instance.ref.scale_set if instance is not None else notes.scale_set if notes is not None else _NOWHERE


def instance_id_of(machine: Machine) -> str:
    """The instance id by Azure, else by the notes, else by the record; empty if unknown."""
    instance = machine.instance
    known = (instance.ref if instance is not None else None, machine.stored.notes, machine.stored.readable)
    return next((place.instance_id for place in known if place is not None and place.instance_id), "")


def place_of(machine: Machine) -> tuple[str, int, str]:
    """The sort key of a list: Uniform instance ids are numbers."""
    instance_id = instance_id_of(machine)
    return scale_set_of(machine), int(instance_id) if instance_id.isdecimal() else -1, machine.vm_id


def session_of(machine: Machine) -> SessionId | None:
    """The session on the machine: the notes beat the record."""
    record, notes = machine.stored.readable, machine.stored.notes
    handed_out = record is not None and record.status is not Status.AVAILABLE
    return (notes.session if notes is not None else None) or (record.session if record and handed_out else None)


def age_of(machine: Machine) -> timedelta | None:
    """Time since the scaler's latest decision, by Redis' clock; without notes, since the record's own time."""
    record, notes = machine.stored.readable, machine.stored.notes
    moments = list[datetime | None]()
    if notes is not None:
        events = (notes.reserved, notes.start, notes.opened, notes.spent)
        moments += [event.at for event in events if event is not None]
        moments += [notes.mark_asked_at, notes.admitted_at, notes.presumed_at]
    own = (record.updated_at or record.created_at) if record is not None else None
    since = max((at for at in moments if at is not None), default=own)
    return machine.now - since if since is not None else None


def decision_in_words(decided: Step | Refusal) -> str:
    """A decision of a controller, for people."""
    if isinstance(decided, Step):
        return decided.in_words
    return f"{'ALARM' if decided.alarm else 'held back'}: {decided.in_words}"


def left_of(machine: Machine, policy: Policy) -> timedelta | None:
    """The time that a session on the machine has left; None without a session, or without a limit."""
    notes = machine.stored.notes
    if notes is None or machine.standing is not Standing.IN_SESSION:
        return None
    if notes.opened is not None:
        ends = notes.opened.at + policy.session_limit if policy.session_limit else None
    else:
        ends = notes.presumed_at + policy.limit_of_presumed if notes.presumed_at is not None else None
    return max(ends + policy.expiry_grace - machine.now, timedelta(0)) if ends is not None else None


def awaits_health(machine: Machine, policy: Policy) -> str | None:
    """The wait of a session for a running machine to become Healthy."""
    notes, record = machine.stored.notes, machine.stored.readable
    if (
        notes is None
        or notes.start is None
        or notes.start.boots_at is None
        or machine.standing is not Standing.RESERVED
    ):
        return None
    if record is None or record.session != notes.start.session:
        return None
    if notes.opening is not None:
        return "runs, and is Healthy: to be opened"
    return f"runs; waits for Healthy until {notes.start.boots_at + policy.ready_timeout:%H:%M:%S}"


def noted(machine: Machine, policy: Policy | None = None) -> Iterator[str]:
    """The notes, the weightiest first; the standing of a machine without notes. With a policy also waits by it."""
    notes = machine.stored.notes
    if notes is None:
        yield str(machine.standing)
        return
    yield from _decided(notes, str(machine.standing))
    waits = awaits_health(machine, policy) if policy is not None else None
    if waits is not None:
        yield waits
    if notes.replace_asked_at is not None and notes.fresh:
        yield "to be replaced"
    if notes.held_until is not None:
        yield f"held until {notes.held_until:%H:%M:%S}"
    if notes.missed_at is not None:
        yield "missed in Azure"
    if notes.failed is not None:
        yield f"failed: {notes.failed.failure}"


def tier_of(machine: Machine) -> Tier | None:
    """How a machine rests, or waits hot for a visitor; None for other machines."""
    if machine.instance is None:
        return None
    record = machine.stored.readable
    waits = record is not None and record.hot_since is not None and machine.instance.runs
    return Tier.HOT if waits else TIERS.get(machine.instance.power)


def start_in_words(start: StartNote, heated: HeatedNote | None) -> str:
    """The start of a session's machine. Nothing was ordered for a session that took a hot or a heated machine."""
    if start.hot:
        return "taken hot"
    if heated is not None and start.seen_at == heated.seen_at:  # else the machine was at rest again, and was started
        return "taken on its way to hot"
    return f"{'warm' if start.warm else 'cold'} start ordered {times(start.attempts)}"


def _decided(notes: Notes, standing: str) -> Iterator[str]:
    if notes.spent is not None:
        yield f"used: {notes.spent.why}" + (f" ({notes.spent.told})" if notes.spent.told else "")
        if notes.delete is not None:
            yield f"delete ordered {times(notes.delete.attempts)}"
    elif notes.claim is not None:
        yield f"claimed, to be {_COOLED_TO.get(notes.claim.order, notes.claim.order)}"
    elif notes.opened is not None:
        yield "opened"
    elif notes.presumed_at is not None:
        yield "presumed in use"
    elif notes.start is not None:
        failure = f", failed: {notes.start.failure}" if notes.start.failure is not None else ""
        yield f"{start_in_words(notes.start, notes.heated)}{failure}"
    elif notes.heated is not None:
        failure = f", failed: {notes.heated.failure}" if notes.heated.failure is not None else ""
        yield f"heated {times(notes.heated.attempts)}{failure}" if notes.heated.ready_at is None else "waits hot"
    elif notes.mark_attempts:
        yield f"mark refused {times(notes.mark_attempts)}"
    else:
        yield standing
