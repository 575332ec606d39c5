"""Planted in writes to Redis: blind ones, unlocked ones, and those of others taken at their word."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import redis

from scaler.model.edges import Actor, Edge
from scaler.model.lifecycle import Change
from scaler.model.machine import Machine
from scaler.model.plan import Why
from scaler.model.row import Notes, Record, Row, StartNote, Status
from scaler.registry.keys import Keys, script_text
from scaler.registry.reservations import Reservations
from simulator.chaos.breaks.doors import RegistryDoor
from simulator.chaos.breaks.planted import Planted
from simulator.chaos.breaks.wrappers import planned, shown, with_rows

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class _Blind(RegistryDoor):
    """SET, whatever has been written since it was read."""

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        now = self.inner.read_also([each.row.vm_id for each in changes])
        blind = [replace(each, row=replace(each.row, before=now[each.row.vm_id].before)) for each in changes]
        return self.inner.apply(blind, good_until=good_until)


class _AnyServer(RegistryDoor):
    """Takes every Redis for the one that was read."""

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        anywhere = [_from_any_server(each) for each in changes]
        return self.inner.apply(anywhere, good_until=good_until)


def _from_any_server(change: Change) -> Change:
    row = replace(change.row, before=replace(change.row.before, server=""))
    partner = _from_any_server(change.partner) if change.partner is not None else None
    return replace(change, row=row, partner=partner)


class _ToTheByte(RegistryDoor):
    """Not where a single byte differs from what was read before the looks at Azure."""

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        now = self.inner.read_also([half.row.vm_id for change in changes for half in change.together])
        same = [all(now[half.row.vm_id].before == half.row.before for half in each.together) for each in changes]
        kept = [change for change, is_same in zip(changes, same, strict=True) if is_same]
        rows = iter(self.inner.apply(kept, good_until=good_until))
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


def _word_of_the_record(machine: Machine) -> Row:
    record, notes = machine.stored.readable, machine.stored.notes
    if record is None or notes is None:
        return machine.stored
    return replace(machine.stored, notes=_notes_that_agree(record, notes))


def _notes_that_agree(record: Record, notes: Notes) -> Notes:
    """Without what the record does not know of; and whose session it names, that one ended on it."""
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


WRITES = (
    Planted(
        name="blind-writes",
        what="records are written without comparing what is there with what was read",
        weathers=(
            "busy hosts",
            "dying processes",
        ),
        registry=_Blind,
    ),
    Planted(
        name="write-to-any-server",
        what="a tick that read one Redis server writes to the one that a failover has put in its place",
        weathers=("a failover while a tick is held",),
        registry=_AnyServer,
    ),
    Planted(
        name="compared-to-the-byte",
        what="a change loses its race to any byte of the record, also in a field that only the queue manager reads",
        weathers=("a crowd that writes its records every second",),
        registry=_ToTheByte,
    ),
    Planted(
        name="looks-without-putting-back",
        what="look and reserve do not put the key of a session's machine back into its set",
        weathers=("a lost set beside a vanished machine and a new process",),
        reservations=_OnlyLooks,
    ),
    Planted(
        name="record-beats-notes",
        what="what the record says of session, opening and use is believed, and not what the notes say",
        weathers=(
            "the replica away for a minute, then a failover, then no replica",
            "a failover that no replica was ready for",
        ),
        decide=shown(lambda fleet, _: replace(with_rows(fleet, _word_of_the_record), started_lately={})),
    ),
    Planted(
        name="late-writes-stand",
        what="a queue manager's late write over an opened or ended session is not undone",
        weathers=("a failover under fickle visitors",),
        decide=planned(lambda each, _: None if each.why in {Why.UNDONE_OPEN, Why.UNDONE_END} else each, Actor.STARTER),
    ),
    Planted(
        name="offered-again-at-once",
        what="an Available key that is missing from the set is put back at once, while an SPOP may be under way",
        weathers=("dawdling queue managers",),
        policy=lambda policy: replace(policy, repair_after=timedelta(0)),
    ),
)
