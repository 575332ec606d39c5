"""Planted in MOVE and in claims: two machines instead of one, a lock that nobody turns, a claim that ends too soon."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.instance import VmId
from scaler.model.lifecycle import Change
from scaler.model.machine import Machine
from scaler.model.plan import Step, Why
from scaler.model.policy import Moves
from scaler.model.row import Row, Status
from simulator.chaos.breaks.doors import RegistryDoor
from simulator.chaos.breaks.planted import Planted
from simulator.chaos.breaks.wrappers import planned, shown, with_rows


class _MoveUnlocked(RegistryDoor):
    """Takes the other machine whether its key is still to be had or not."""

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        return self.inner.apply([_without_partners_lock(each) for each in changes], good_until=good_until)


def _without_partners_lock(change: Change) -> Change:
    partner = change.partner
    return change if partner is None else replace(change, partner=replace(partner, takes=False))


class _ClaimUnlocked(RegistryDoor):
    """The same, for a machine that is to be cooled: neither the claim nor any bookkeeping asks where its key is."""

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        now = self.inner.read().rows
        unlocked = [_as_the_index_is(each, now) if each.edge is None else each for each in changes]
        return self.inner.apply(unlocked, good_until=good_until)


def _as_the_index_is(change: Change, now: Mapping[VmId, Row]) -> Change:
    found = now.get(change.row.vm_id)
    index = found.index if found is not None else frozenset[Status]()
    return replace(change, takes=False, row=replace(change.row, index=index))


def _copied(each: Step, _: Fleet) -> Step:
    """Only the second machine is written."""
    if each.change is None or each.change.partner is None:
        return each
    return replace(each, change=each.change.partner)


def _ended_with_its_order(each: Step, fleet: Fleet) -> Step:
    """Offered again, as after a claim in vain, by the very write that the order goes with."""
    change = each.change
    if each.why is not Why.COOLING or change is None or change.row.notes is None:
        return each
    notes = replace(change.row.notes, claim=None, uncooled_at=fleet.now)
    return replace(each, change=replace(change, notes=notes, index=Status.AVAILABLE))


def _unclaimed(machine: Machine) -> Row:
    row = machine.stored
    return row if row.notes is None else replace(row, notes=replace(row.notes, claim=None))


MOVING = (
    Planted(
        name="move-naive",
        what="sessions are moved although their queue manager asks by machine and will never hear of the other one",
        weathers=("starts that fail",),
        policy=lambda policy: replace(policy, moves=Moves.ALWAYS),
    ),
    Planted(
        name="move-and-stay",
        what="a moved session gets its new machine, and keeps the old one",
        weathers=(
            "starts that fail",
            "want",
        ),
        decide=planned(_copied, Actor.STARTER),
    ),
    Planted(
        name="move-unlocked",
        what="a session is moved to a machine whose key somebody else has just taken",
        weathers=("starts that fail, and visitors between decision and write",),
        registry=_MoveUnlocked,
    ),
    Planted(
        name="claim-unlocked",
        what="a machine is cooled under a claim that takes nobody's key, and keeps nobody from starting it",
        weathers=("warm and cold by turns, dawdling",),
        decide=shown(lambda fleet, _: with_rows(fleet, _unclaimed), Actor.STARTER),
        registry=_ClaimUnlocked,
    ),
    Planted(
        name="short-claim",
        what="a claim ends when its stop is ordered, and the machine is offered while that order may still arrive",
        weathers=("warm and cold by turns, and a party at every stop",),
        decide=planned(_ended_with_its_order, Actor.RECONCILER),
    ),
)
