"""Planted in MOVE and in claims: two machines instead of one, a lock that nobody turns, a claim that ends too soon."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from scaler.model.fleet import Fleet, Member
from scaler.model.lifecycle import Change
from scaler.model.plan import Step
from scaler.model.policy import Moves
from scaler.model.row import Row
from scaler.tick import Name
from simulator.chaos.breaks.doors import RegistryDoor
from simulator.chaos.breaks.glasses import planned, shown, with_rows
from simulator.chaos.breaks.planted import Planted


class _MoveUnlocked(RegistryDoor):
    """Takes the other machine whether its key is still to be had or not."""

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        return self.inner.apply([_without_partners_lock(each) for each in changes], good_until=good_until)


def _without_partners_lock(change: Change) -> Change:
    partner = change.partner
    return change if partner is None else replace(change, partner=replace(partner, takes=False))


class _ClaimUnlocked(RegistryDoor):
    """The same, for a machine that is to be cooled."""

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        return self.inner.apply(
            [replace(each, takes=False) if each.edge is None else each for each in changes], good_until=good_until
        )


def _copied(each: Step, _: Fleet) -> Step:
    """Only the second machine is written."""
    if each.change is None or each.change.partner is None:
        return each
    return replace(each, change=each.change.partner)


def _old_claims(member: Member) -> Row:
    """However young it is, every order under it is taken for dead once the machine is cold."""
    row, instance = member.row, member.instance
    if row.notes is None or row.notes.claim is None or instance is None or not instance.at_rest or instance.warm:
        return row
    claim = replace(row.notes.claim, at=row.notes.claim.at - timedelta(hours=1))
    return replace(row, notes=replace(row.notes, claim=claim))


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
        verbs=planned(_copied, Name.STARTER),
    ),
    Planted(
        name="move-unlocked",
        what="a session is moved to a machine whose key somebody else has just taken",
        weathers=("starts that fail",),
        registry=_MoveUnlocked,
    ),
    Planted(
        name="claim-unlocked",
        what="a machine is claimed to be cooled although somebody has just taken its key",
        weathers=("warm and cold by turns",),
        registry=_ClaimUnlocked,
    ),
    Planted(
        name="short-claim",
        what="a claim ends as soon as its machine is cold, while an order under it may still arrive",
        weathers=("warm and cold by turns",),
        verbs=shown(lambda fleet, _: with_rows(fleet, _old_claims), Name.RECONCILER),
    ),
)
