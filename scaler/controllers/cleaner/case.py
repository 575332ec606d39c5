"""One machine's case before the cleaner."""

from dataclasses import dataclass, replace
from datetime import datetime

from scaler.model.fleet import Member, Seen
from scaler.model.instance import Instance
from scaler.model.lifecycle import Change, Edge, Owner, note, step
from scaler.model.notes import DeleteNote, Notes
from scaler.model.plan import Delete, Facts, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.sighting import By
from scaler.model.standing import deletable
from scaler.model.witness import after_sighting, new_notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A machine that was seen, with what the verbs need to judge it."""

    member: Member
    seen: Seen
    now: datetime
    policy: Policy

    @property
    def row(self) -> Row:
        """What Redis holds."""
        return self.member.row

    @property
    def instance(self) -> Instance:
        """What Azure shows."""
        return self.seen.instance

    @property
    def at(self) -> datetime:
        """When, by Azure's clock."""
        return self.seen.sighting.at

    @property
    def asked_for(self) -> bool:
        """Seen by a targeted GET of this very tick: the only look a delete rests on."""
        return self.seen.sighting.by is By.TARGETED

    @property
    def notes(self) -> Notes:
        """The notes to go on from, brought up to this sighting."""
        known = self.row.notes or new_notes(self.instance, self.seen.sighting)
        return after_sighting(known, self.instance, self.seen.sighting)

    def ended(self, edge: Edge | None, notes: Notes, why: Why) -> Step:
        """A step into "used"; with the delete at once where nothing speaks against it.

        An unreadable record is left alone: the notes alone carry the step then.
        """
        doomed = self.doomed(notes)
        after = doomed or notes
        change = self._change(edge, after)
        order = Delete(ref=self.instance.ref, rests_on=self.seen.sighting) if doomed is not None else None
        facts: Facts = {"session": notes.session, "attempt": after.delete.attempts if after.delete else None}
        return Step(why=why, vm_id=self.row.vm_id, change=change, order=order, facts=facts)

    def _change(self, edge: Edge | None, notes: Notes) -> Change:
        if edge is None or self.row.readable is None:
            return note(self.row, notes)
        return step(edge, Owner.CLEANER, self.row, self.row.readable, notes, self.now)

    def doomed(self, notes: Notes) -> Notes | None:
        """The notes with another delete in them, None if it must not be ordered now."""
        if not self.asked_for or not deletable(notes, self.instance, self.now, self.policy):
            return None
        attempts = notes.delete.attempts if notes.delete is not None else 0
        return replace(notes, delete=DeleteNote(at=self.now, attempts=attempts + 1))
