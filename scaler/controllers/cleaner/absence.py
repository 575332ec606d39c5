"""A machine that this tick did not see: RETIRE once it is gone for sure, whatever a single look says."""

from scaler.controllers.cleaner.deletes import may_be_deletable
from scaler.controllers.cleaner.ending import get
from scaler.controllers.cleaner.sessions import limit_over
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import Change, note, step
from scaler.model.machine import Machine
from scaler.model.plan import Decision, Lacks, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.sighting import Sighting
from scaler.model.standing import is_used
from scaler.model.witness import awaits_its_last_word, awaits_its_time, erasable, missed

_READ = {Edge.REFUSE, Edge.MOVE}  # by the visitor who was refused; by the queue manager that follows


def unseen(machine: Machine, fleet: Fleet, policy: Policy) -> Decision:
    """RETIRE on the second witness; a refusal, or a move, stays a while for its reader."""
    row, absent, ref = machine.stored, machine.absence, fleet.address(machine.stored)
    if absent is None:
        asks = ref is not None and _is_worth_asking(machine, fleet.cloud.listings.get(ref.scale_set), policy)
        return Lacks(ask=get(machine, ref)) if ref is not None and asks else None
    if awaits_its_last_word(row, absent, fleet.now, policy) and ref is not None:
        return Lacks(ask=get(machine, ref))
    if not absent.plausible:
        return Refusal(why=Why.LISTING_TOO_SHORT, vm_id=row.vm_id)
    first = missed(row, absent, fleet.now)
    if first is not None:
        return Step(why=Why.MISSED, vm_id=row.vm_id, change=note(row, first))
    spent = row.notes.spent if row.notes is not None else None
    unread = spent is not None and spent.why in _READ and fleet.now - spent.at < policy.refusal_kept
    if unread or not erasable(row, absent, fleet.now, policy):
        return None
    return Step(why=Why.GONE, vm_id=row.vm_id, change=_retired(machine, fleet))


def _is_worth_asking(machine: Machine, listing: Sighting | None, policy: Policy) -> bool:
    """Whether a targeted GET may prove what the listing cannot; or, without any, whether something would end by it."""
    row, notes = machine.stored, machine.stored.notes
    if listing is not None:
        return not awaits_its_time(row, listing, machine.now, policy)
    if notes is None or not is_used(row):
        return notes is not None and limit_over(notes, machine.clocks, policy) is not None
    return notes.spent is None or may_be_deletable(machine, notes, policy)


def _retired(machine: Machine, fleet: Fleet) -> Change:
    """Record, notes and index entry go together; an unreadable record is left alone without them."""
    row: Row = machine.stored
    if row.readable is None:
        return Change(row=row, edge=None, notes=None, index=None)
    return step(Edge.RETIRE, Actor.CLEANER, row, None, None, fleet.now)
