"""Planted in MOVE: two machines instead of one, a lock that nobody turns."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import Change
from scaler.model.plan import Step
from scaler.model.policy import Moves
from scaler.model.row import Row
from simulator.chaos.breaks.doors import RegistryDoor
from simulator.chaos.breaks.planted import Planted
from simulator.chaos.breaks.wrappers import planned


class _MoveUnlocked(RegistryDoor):
    """Takes the other machine whether its key is still to be had or not."""

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        return self.inner.apply([_without_partners_lock(each) for each in changes], good_until=good_until)


def _without_partners_lock(change: Change) -> Change:
    partner = change.partner
    return change if partner is None else replace(change, partner=replace(partner, takes=False))


def _copied(each: Step, _: Fleet) -> Step:
    """Only the second machine is written."""
    if each.change is None or each.change.partner is None:
        return each
    return replace(each, change=each.change.partner)


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
        weathers=("starts that fail",),
        registry=_MoveUnlocked,
    ),
)
