"""The reconciler's context for judging a machine: the policy, and the trust in parts of the fleet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scaler.model.clocks import is_ahead
from scaler.model.fleet import Fleet
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.lifecycle import KEEP, Change, Keep, note
from scaler.model.machine import SeenMachine
from scaler.model.plan import Facts, Refusal, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row, Status
from scaler.model.scarcity import creating_stops_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """The machines to be changed between cold, warm and hot."""

    surplus: frozenset[VmId]  # warm beyond the operator's number: to be cooled
    lack: frozenset[VmId]  # to be warmed, because fewer are warm than that
    heat: frozenset[VmId]  # to be heated, because fewer are hot than the operator wants
    hot_surplus: Mapping[VmId, Why]  # heated ones to be stopped, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The context of a pass, the same for all machines: the health of the fleet limits the trust in single ones."""

    policy: Policy
    tiers: Tiers
    marks_refused_in: frozenset[ScaleSetName]  # Azure refused, and took no mark there: its fault or ours, not theirs
    creating_stopped_in: frozenset[ScaleSetName]  # too many creations failed there: their machines are kept
    most_unknown: bool  # more than half of the marked machines are unknown: a wrong or flushed Redis
    alarms: tuple[Refusal, ...]


def context_of(fleet: Fleet, policy: Policy, tiers: Tiers) -> Context:
    """Judge the fleet by the machines of scale sets with consent."""
    ours = [machine for machine in fleet.machines if isinstance(machine, SeenMachine) and machine.sighting.consent]
    marked = [machine.notes_now for machine in ours if machine.instance.marked]
    unknown = [notes for notes in marked if not (notes.beyond_admitting or notes.mark_asked_at)]
    known = [machine.notes_now for machine in ours]
    refused: dict[ScaleSetName, list[Notes]] = {}
    for notes in known:
        if mark_given_up(notes, fleet.now, policy):
            refused.setdefault(notes.scale_set, []).append(notes)
    refused_in = {name: given_up for name, given_up in refused.items() if not _some_mark_taken(name, known, given_up)}
    alarms = [
        Refusal(why=Why.ALL_MARKS_REFUSED, alarm=True, facts={"scale_set": name, "machines": len(given_up)})
        for name, given_up in refused_in.items()
    ]
    most_unknown = 2 * len(unknown) > len(marked) or any(_is_held(notes, fleet.now, policy) for notes in unknown)
    if most_unknown:
        evicting: Facts = {"maxmemory_policy": fleet.evicting} if fleet.evicting else {}
        facts = {"unknown": len(unknown), "marked": len(marked), **evicting}
        alarms.append(Refusal(why=Why.MOST_UNKNOWN, alarm=True, facts=facts))
    return Context(
        policy=policy,
        tiers=tiers,
        marks_refused_in=frozenset(refused_in),
        creating_stopped_in=frozenset(
            name
            for name in policy.capacity
            if creating_stops_until(fleet.cloud.demand_of(name, policy), policy) is not None
        ),
        most_unknown=most_unknown,
        alarms=tuple(alarms),
    )


def _is_held(notes: Notes, now: datetime, policy: Policy) -> bool:
    """Whether a machine unknown since the flush is still held, though running machines are presumed by now."""
    return notes.unknown_at is not None and now - notes.unknown_at < policy.flush_hold


def mark_given_up(notes: Notes, now: datetime, policy: Policy) -> bool:
    """Whether the mark was refused too often, or taken again and again and never seen."""
    if notes.mark_seen_at is not None or notes.admitting_at is None:
        return False
    if notes.mark_attempts >= policy.mark_attempts:
        return True
    return now - notes.admitting_at >= policy.creating_timeout and not not_asked_lately(notes, now, policy)


def not_asked_lately(notes: Notes, now: datetime, policy: Policy) -> bool:
    """Whether a pause, or a lack of consent, explains the missing mark."""
    return notes.mark_asked_at is not None and now - notes.mark_asked_at >= policy.creating_timeout


def _some_mark_taken(scale_set: ScaleSetName, known: Sequence[Notes], refused: Sequence[Notes]) -> bool:
    """Whether Azure took any mark of the scale set during the refusals: an older mark proves nothing."""
    begun = [notes.admitting_at for notes in refused if notes.admitting_at is not None]
    asked = [notes.mark_asked_at for notes in refused if notes.mark_asked_at is not None]
    return any(
        notes.mark_seen_at is not None
        and notes.mark_asked_at is not None
        and min(begun) <= notes.mark_asked_at <= max(asked, default=notes.mark_asked_at)
        for notes in known
        if notes.scale_set == scale_set
    )


def index_when_not_offered(row: Row) -> Status | Keep | None:
    """The index set for the key of a machine that must not be offered now.

    An Available record's key is parked in `unavailable`: a key in no set would never be read again, should its
    machine vanish meanwhile. A key without a readable record merely leaves `available`.
    """
    if row.status is Status.AVAILABLE:
        return KEEP if row.index == {Status.UNAVAILABLE} else Status.UNAVAILABLE
    return None if Status.AVAILABLE in row.index else KEEP


def note_unoffered(machine: SeenMachine, notes: Notes) -> Change:
    """Note a machine that must not be offered now."""
    return note(machine.stored, notes, index_when_not_offered(machine.stored))


def unindexed_since(machine: SeenMachine) -> datetime:
    """Since when the key has been outside `available`: the noted time, unless by a wrong clock; else now."""
    noted = machine.notes_now.unindexed_at
    return machine.now if noted is None or is_ahead(noted, machine.now) else noted
