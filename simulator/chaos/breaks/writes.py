"""Planted in writes to Redis: blind and unlocked ones, moves, claims, and those of others taken at their word."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import redis

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import VmId
from scaler.model.lifecycle import Change
from scaler.model.machine import Machine
from scaler.model.plan import Step, Why
from scaler.model.policy import Moves
from scaler.model.row import WARMS, Notes, Record, Row, StartNote, Status
from scaler.ports import Registry
from scaler.registry.keys import Keys, script_text
from scaler.registry.reservations import Reservations
from simulator.chaos.breaks.planted import (
    Planted,
    notes_shown,
    planned,
    rewired,
    shown,
    unplanned,
    with_rows,
    written,
)

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def _without_partners_lock(_: Registry, changes: Sequence[Change]) -> Sequence[Change]:
    """The other machine is taken whether its key is still to be had or not."""
    return [
        change if change.partner is None else replace(change, partner=replace(change.partner, takes=False))
        for change in changes
    ]


def _as_the_index_is(registry: Registry, changes: Sequence[Change]) -> Sequence[Change]:
    """The same, for a machine that is to be cooled: neither the claim nor any bookkeeping asks where its key is."""
    now = registry.read().rows
    return [_unlocked(change, now) if change.edge is None else change for change in changes]


def _unlocked(change: Change, now: Mapping[VmId, Row]) -> Change:
    found = now.get(change.row.vm_id)
    index = found.index if found is not None else frozenset[Status]()
    return replace(change, takes=False, row=replace(change.row, index=index))


def _copied(wanted: Step, _: Fleet) -> Step:
    """Only the second machine is written."""
    if wanted.change is None or wanted.change.partner is None:
        return wanted
    return replace(wanted, change=wanted.change.partner)


def _ended_with_its_order(wanted: Step, fleet: Fleet) -> Step:
    """Offered again, as after a claim in vain, by the very write that the order goes with."""
    change = wanted.change
    if wanted.why is not Why.COOLING or change is None or change.row.notes is None:
        return wanted
    notes = replace(change.row.notes, claim=None, claim_failed_at=fleet.now)
    return replace(wanted, change=replace(change, notes=notes, index=Status.AVAILABLE))


def _warmed_without_lock(registry: Registry, changes: Sequence[Change]) -> Sequence[Change]:
    """The same, for machines that are to be warmed only."""
    now = registry.read().rows
    return [_unlocked(change, now) if _is_claimed_to_warm(change.notes) else change for change in changes]


def _is_claimed_to_warm(notes: object) -> bool:
    return isinstance(notes, Notes) and notes.claim is not None and notes.claim.order == WARMS


def _spent_without_lock(registry: Registry, changes: Sequence[Change]) -> Sequence[Change]:
    """Neither the key of the machine nor the keys of those that must stay are asked for."""
    now = registry.read().rows
    return [replace(_unlocked(change, now), beside=()) if change.edge is Edge.SPEND else change for change in changes]


def _unclosed(wanted: Step, _: Fleet) -> Step:
    """Offered again by the very write that should close its claim."""
    change = wanted.change
    if wanted.why is not Why.CLAIM_CLOSES or change is None or change.row.notes is None:
        return wanted
    notes = replace(change.row.notes, claim=None)
    return replace(wanted, why=Why.WARMED, change=replace(change, notes=notes, index=Status.AVAILABLE))


def _blind(registry: Registry, changes: Sequence[Change]) -> Sequence[Change]:
    """SET, whatever has been written since it was read."""
    now = registry.read_also([change.row.vm_id for change in changes])
    return [replace(each, row=replace(each.row, before=now[each.row.vm_id].before)) for each in changes]


def _from_any_server(change: Change) -> Change:
    """Every Redis is taken for the one that was read."""
    row = replace(change.row, before=replace(change.row.before, server=""))
    partner = _from_any_server(change.partner) if change.partner is not None else None
    return replace(change, row=row, partner=partner)


def _to_the_byte(inner: Registry, changes: Sequence[Change], *, good_until: datetime | None) -> Sequence[Row | None]:
    """Not where a single byte differs from what was read before the looks at Azure."""
    now = inner.read_also([half.row.vm_id for change in changes for half in change.together])
    same = [all(now[half.row.vm_id].before == half.row.before for half in each.together) for each in changes]
    kept = [change for change, is_same in zip(changes, same, strict=True) if is_same]
    rows = iter(inner.apply(kept, good_until=good_until))
    return tuple(next(rows) if is_same else None for is_same in same)


class _OnlyLooks(Reservations):
    """Leaves a key outside of every set where it is."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        super().__init__(client, keys)
        texts = {name: _without_putting_back(script_text(name)) for name in self._scripts}
        self._scripts = {name: client.register_script(text) for name, text in texts.items()}


def _without_putting_back(script: str) -> str:
    head, planted_here, tail = script.partition("local function put_back(machine)\n")
    if not planted_here:
        raise AssertionError("the scripts put nothing back")
    return f"{head}{planted_here}  if true then return end\n{tail}"


def _word_of_the_record(fleet: Fleet) -> Fleet:
    def row_as(machine: Machine) -> Row:
        record, notes = machine.stored.readable, machine.stored.notes
        if record is None or notes is None:
            return machine.stored
        return replace(machine.stored, notes=_notes_that_agree(record, notes))

    return replace(with_rows(fleet, row_as), started_lately={})


def _notes_that_agree(record: Record, notes: Notes) -> Notes:
    """The notes reduced to the facts of the record: a used record with a session means that the session has ended."""
    if record.used and record.session_id is not None:
        whose = StartNote(session=record.session_id, at=record.updated_at or _LONG_AGO, attempts=1)
        return replace(notes, start=whose, opened=None, ended={record.session_id: Edge.RELEASE})
    match record.status:
        case Status.AVAILABLE:
            return replace(notes, start=None, opened=None, presumed_at=None, spent=None, ended={}, delete=None)
        case Status.RESERVED:
            start = notes.start if notes.start is not None and notes.start.session == record.session_id else None
            return replace(notes, start=start, opened=None, presumed_at=None, spent=None, ended={}, delete=None)
        case Status.UNAVAILABLE:
            return replace(notes, spent=None, ended={}, delete=None)


MOVING = {
    "move-naive": Planted(
        what="sessions are moved although their queue manager asks by machine and will never hear of the other one",
        weathers=("starts that fail",),
        policy=lambda policy: replace(policy, moves=Moves.ALWAYS),
    ),
    "move-and-stay": Planted(
        what="a moved session gets its new machine, and keeps the old one",
        weathers=("starts that fail", "want"),
        decide=planned(_copied, Actor.STARTER),
    ),
    "move-unlocked": Planted(
        what="a session is moved to a machine whose key somebody else has just taken",
        weathers=("starts that fail, and visitors between decision and write",),
        registry=written(_without_partners_lock),
    ),
    "claim-unlocked": Planted(
        what="a machine is cooled under a claim that takes nobody's key, and keeps nobody from starting it",
        weathers=("a cold stock is warmed by turns, and a party at every stop",),
        decide=notes_shown(lambda notes, _: replace(notes, claim=None), Actor.STARTER),
        registry=written(_as_the_index_is),
    ),
    "warm-unlocked": Planted(
        what="a machine is warmed under a claim that takes nobody's key, and keeps nobody from starting it",
        weathers=("a cold stock is warmed by turns, and a party at every stop",),
        decide=notes_shown(lambda notes, _: replace(notes, claim=None), Actor.STARTER),
        registry=written(_warmed_without_lock),
    ),
    "spend-unlocked": Planted(
        what="a surplus machine is taken back though somebody has just taken its key",
        weathers=("the wanted number falls and rises, and visitors between decision and write",),
        registry=written(_spent_without_lock),
    ),
    "warm-unclosed": Planted(
        what="a machine that was warmed is offered as soon as it rests, while a stop of it may still arrive",
        weathers=("a cold stock is warmed by turns, and a party at every stop",),
        decide=planned(_unclosed, Actor.RECONCILER),
    ),
    "short-claim": Planted(
        what="a claim ends when its stop is ordered, and the machine is offered while that order may still arrive",
        weathers=("warm and cold by turns, and a party at every stop",),
        decide=planned(_ended_with_its_order, Actor.RECONCILER),
    ),
}
WRITES = {
    "blind-writes": Planted(
        what="records are written without comparing what is there with what was read",
        weathers=("busy hosts", "dying processes"),
        registry=written(_blind),
    ),
    "write-to-any-server": Planted(
        what="a tick that read one Redis server writes to the one that a failover has put in its place",
        weathers=("a failover while a tick is held",),
        registry=written(lambda _, changes: list(map(_from_any_server, changes))),
    ),
    "compared-to-the-byte": Planted(
        what="a change loses its race to any byte of the record, also in a field that only the queue manager reads",
        weathers=("a crowd that writes its records every second",),
        registry=rewired(apply=_to_the_byte),
    ),
    "looks-without-putting-back": Planted(
        what="look and reserve do not put the key of a session's machine back into its set",
        weathers=("a lost set beside a vanished machine and a new process",),
        reservations=_OnlyLooks,
    ),
    "record-beats-notes": Planted(
        what="what the record says of session, opening and use is believed, and not what the notes say",
        weathers=(
            "the replica away for a minute, then a failover, then no replica",
            "a failover that no replica was ready for",
        ),
        decide=shown(_word_of_the_record),
    ),
    "late-writes-stand": Planted(
        what="a queue manager's late write over an opened or ended session is not undone",
        weathers=("a failover under fickle visitors",),
        decide=unplanned(Actor.STARTER, Why.UNDONE_OPEN, Why.UNDONE_END),
    ),
    "offered-again-at-once": Planted(
        what="an Available key that is missing from the set is put back at once, while an SPOP may be under way",
        weathers=("dawdling queue managers",),
        policy=lambda policy: replace(policy, repair_after=timedelta(0)),
    ),
}
