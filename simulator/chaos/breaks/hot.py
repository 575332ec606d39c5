"""Planted in what waits hot: opened without a replica, given up too late, or offered too early.

A hot machine marked again at once (REMARK_RIPENS) is left to the model in `tests/model`: heating another one in its
place asks a replica, which then has the loss of the mark. Heating without a replica costs a presumption, no session.
"""

from dataclasses import replace

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import step
from scaler.model.plan import Start, Step, Why
from scaler.model.row import COOLS_HOT, Notes, SpentNote, Status
from simulator.chaos.breaks.planted import Planted, planned


def _unasked(each: Step, _: Fleet) -> Step:
    """Written whether a replica answers or not."""
    return replace(each, after_replica=False)


def _unasked_if_started(each: Step, fleet: Fleet) -> Step:
    """The same, where the machine was at rest when its start was noted."""
    notes = each.change.notes if each.change is not None else None
    was_hot = isinstance(notes, Notes) and notes.start is not None and notes.start.hot
    started = isinstance(each.order, Start) or (each.edge == Edge.OPEN.name and not was_hot)
    return _unasked(each, fleet) if started else each


def _given_up(each: Step, fleet: Fleet) -> Step:
    """REFUSE in the place of an OPEN that no replica confirms, as of a machine that nobody can be on."""
    change = each.change
    if not each.after_replica or each.edge != Edge.OPEN.name or change is None or change.row.notes is None:
        return each
    record, notes = change.row.readable, change.row.notes
    if record is None:
        return each
    spent = SpentNote(why=Edge.REFUSE, at=fleet.now, reason=Why.UNCONFIRMED)
    after = replace(notes, ended={**notes.ended, record.session: Edge.REFUSE}, spent=spent)
    refused = step(Edge.REFUSE, Actor.STARTER, change.row, record, after, fleet.now)
    return replace(each, instead=Step(why=Why.UNCONFIRMED, vm_id=each.vm_id, change=refused))


def _unclosed(each: Step, _: Fleet) -> Step:
    """Offered again by the very write that should close the claim."""
    change = each.change
    notes = change.row.notes if change is not None else None
    if each.why is not Why.CLAIM_CLOSES or change is None or notes is None or notes.claim is None:
        return each
    if notes.claim.order != COOLS_HOT:
        return each
    offered = replace(notes, claim=None, heated=None)
    return replace(each, why=Why.WARMED, change=replace(change, notes=offered, index=Status.AVAILABLE))


HOT = {
    "hot-unconfirmed": Planted(
        what="a hot machine is opened though no replica has its start note",
        weathers=("hot machines, the replica away for seconds, and a failover",),
        decide=planned(_unasked, Actor.STARTER),
    ),
    "hot-confirmed-while-it-runs": Planted(
        what="a machine that was heated, and was at rest when its visitor came, is opened though no replica answers",
        weathers=("hot machines that start late, the replica away for seconds, and a failover",),
        decide=planned(_unasked_if_started, Actor.STARTER),
    ),
    "hot-given-up-after-its-start": Planted(
        what="a hot machine whose start is noted is given up for want of a replica, and deleted under its visitor",
        weathers=("hot machines whose visitors stay, the replica away for seconds, and a failover",),
        decide=planned(_given_up, Actor.STARTER),
    ),
    "hot-unclosed": Planted(
        what="a machine that was hot is offered as soon as it rests, while a stop of it may still arrive",
        weathers=("hot and at rest by turns, and a party at every stop",),
        decide=planned(_unclosed, Actor.RECONCILER),
    ),
}
