"""A machine that this tick did not see: RETIRE once it is gone for sure, whatever a single look says."""

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import InstanceRef
from scaler.model.lifecycle import Change, note, step
from scaler.model.machine import Machine
from scaler.model.plan import Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.witness import awaits_its_last_word, awaits_its_time, erasable, missed

_READ = {Edge.REFUSE, Edge.MOVE}  # by the visitor who was refused; by the queue manager that follows


def worth_asking(machine: Machine, ref: InstanceRef, fleet: Fleet, policy: Policy) -> bool:
    """A targeted GET may prove what the listing cannot, or has to confirm what the listing says."""
    if machine.absence is not None:
        return awaits_its_last_word(machine.stored, machine.absence, fleet.now, policy)
    listing = fleet.cloud.listings.get(ref.scale_set)
    return listing is not None and not awaits_its_time(machine.stored, listing, fleet.now, policy)


def unseen(machine: Machine, fleet: Fleet, policy: Policy) -> Step | Refusal | None:
    """RETIRE on the second witness; a refusal, or a move, stays a while for its reader."""
    row, absent = machine.stored, machine.absence
    if absent is None or (awaits_its_last_word(row, absent, fleet.now, policy) and fleet.address(row) is not None):
        return None
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


def _retired(machine: Machine, fleet: Fleet) -> Change:
    """Record, notes and index entry go together; an unreadable record is left alone without them."""
    row: Row = machine.stored
    if row.readable is None:
        return Change(row=row, edge=None, notes=None, index=None)
    return step(Edge.RETIRE, Actor.CLEANER, row, None, None, fleet.now)
