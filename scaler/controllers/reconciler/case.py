"""One machine's case before the reconciler."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scaler.model import case
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import KEEP, Keep
from scaler.model.notes import Notes
from scaler.model.plan import Refusal, Why
from scaler.model.policy import Policy
from scaler.model.record import Record, Status, Unreadable
from scaler.model.row import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """What the fleet as a whole says about trusting its parts."""

    all_marks_refused: bool  # Azure refused, and took no mark meanwhile: its fault or ours, not the machines'
    most_unknown: bool  # more than half of the marked machines are unknown: a wrong or flushed Redis
    alarms: tuple[Refusal, ...]


def mood_of(fleet: Fleet, policy: Policy) -> Mood:
    """Read the mood of a fleet: of the machines that are ours to judge, not of a scale set that may be a stranger's."""
    ours = [member for member in fleet.members if member.seen is not None and member.seen.sighting.consent]
    seen = [(member.row.notes, member.seen.instance) for member in ours if member.seen is not None]
    marked = [notes for notes, instance in seen if instance.marked]
    unknown = [notes for notes in marked if notes is None or not (notes.beyond_admitting or notes.mark_asked_at)]
    known = [notes for notes, _ in seen if notes is not None]
    refused = [notes for notes in known if mark_given_up(notes, fleet.now, policy)]
    all_refused = bool(refused) and not _some_mark_taken(known, refused)
    alarms = []
    if all_refused:
        alarms.append(Refusal(why=Why.ALL_MARKS_REFUSED, alarm=True, facts={"machines": len(refused)}))
    if 2 * len(unknown) > len(marked):
        facts = {"unknown": len(unknown), "marked": len(marked)}
        alarms.append(Refusal(why=Why.MOST_UNKNOWN, alarm=True, facts=facts))
    return Mood(
        all_marks_refused=all_refused,
        most_unknown=2 * len(unknown) > len(marked),
        alarms=tuple(alarms),
    )


def withheld(row: Row) -> Status | Keep | None:
    """Where the key of a machine belongs that must not be offered now.

    An Available record's key is parked in `unavailable`: a key in no set would never be read again, should its
    machine vanish meanwhile. A key without a readable record merely leaves `available`.
    """
    if row.status is Status.AVAILABLE:
        return KEEP if row.index == {Status.UNAVAILABLE} else Status.UNAVAILABLE
    return None if Status.AVAILABLE in row.index else KEEP


def mark_given_up(notes: Notes, now: datetime, policy: Policy) -> bool:
    """Refused too often; or taken again and again, and never seen."""
    if notes.mark_seen_at is not None or notes.admitting_at is None:
        return False
    return notes.mark_attempts >= policy.mark_attempts or now - notes.admitting_at >= policy.creating_timeout


def _some_mark_taken(known: Sequence[Notes], refused: Sequence[Notes]) -> bool:
    """Whether any machine's mark was asked for and seen since the first of the refused was begun."""
    since = min(notes.admitting_at for notes in refused if notes.admitting_at is not None)
    return any(
        notes.mark_seen_at is not None and notes.mark_asked_at is not None and notes.mark_asked_at >= since
        for notes in known
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(case.Case):
    """With the mood of the fleet."""

    mood: Mood

    @property
    def unreadable(self) -> bool:
        """There is a record that must be left alone."""
        return isinstance(self.row.record, Unreadable)

    @property
    def out_of_available(self) -> Status | Keep | None:
        """The index move of a machine that must not be offered now (`withheld`)."""
        return withheld(self.row)

    def fresh_record(self) -> Record:
        """The record of a machine about to be offered: nobody's, addressed as Azure says."""
        return replace(
            self.record,
            instance_id=self.instance.ref.instance_id,
            warm=self.instance.warm,
            session_id=None,
            client_ip=None,
        )
