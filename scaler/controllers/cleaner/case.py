"""One machine's case before the cleaner."""

from dataclasses import dataclass, replace

from scaler.model import case
from scaler.model.edges import Actor, Edge
from scaler.model.lifecycle import Change, note, step
from scaler.model.notes import DeleteNote, Notes
from scaler.model.plan import Delete, Facts, Step, Why
from scaler.model.sighting import By
from scaler.model.standing import deletable


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(case.Case):
    """With the step into "used", and the delete that may go with it."""

    @property
    def asked_for(self) -> bool:
        """Seen by a targeted GET of this very tick: the only look a delete rests on."""
        return self.seen.sighting.by is By.TARGETED

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
        return step(edge, Actor.CLEANER, self.row, self.row.readable, notes, self.now)

    @staticmethod
    def undoomed(ending: Step) -> Step | None:
        """The same step without its delete, for which there is no room in this tick; None where nothing is left.

        The note of how the session ended must not wait: its time decides whose turn it is.
        """
        change = ending.change
        if change is None or not isinstance(change.notes, Notes):
            return None
        known = change.row.notes
        notes = replace(change.notes, delete=known.delete if known is not None else None)
        if change.edge is None and (known is None or notes.spent == known.spent):
            return None
        return replace(ending, change=replace(change, notes=notes), order=None)

    def doomed(self, notes: Notes) -> Notes | None:
        """The notes with another delete in them, None if it must not be ordered now."""
        if (
            not self.asked_for
            or not self.seen.sighting.orders_allowed
            or not deletable(notes, self.instance, self.clocks, self.policy)
        ):
            return None
        attempts = notes.delete.attempts if notes.delete is not None else 0
        return replace(notes, delete=DeleteNote(at=self.now, attempts=attempts + 1))
