"""New machines are followed from creation to offer: each next step comes when it is due, not at the next timer."""

from datetime import timedelta

import pytest
from builders import NEIGHBOUR, NOW, POLICY, SCALE_SET, S, ago, asked, blank_notes, cloud, fleet, instance, ref, row, vm

from scaler.controllers import provisioner, reconciler
from scaler.model.fleet import Cloud
from scaler.model.instance import Instance, PowerState, ProvisioningState
from scaler.model.newcomers import Followed, Newcomer, Phase, phase_of
from scaler.model.plan import Deallocate, Get, Listing
from scaler.model.policy import Capacity, Policy
from scaler.observe import Listings

COLD = Policy(capacity={SCALE_SET: Capacity(desired=4)})


def following(phase: Phase, due_in: timedelta, *, listing_due: bool = False) -> Cloud:
    followed = Followed(ref=ref(1), phase=phase, due_in=due_in)
    return Cloud(newcomers={vm(1): followed}, listing_due=listing_due)


def test_a_machine_that_should_run_by_now_is_asked_for_and_nothing_is_listed() -> None:
    assert provisioner.decide(following(Phase.MADE, -S), COLD).asks == (
        Get(ref=ref(1), queue=SCALE_SET, place=(-1.0,)),
    )
    waiting = provisioner.decide(following(Phase.MADE, 7 * S), COLD)
    assert (waiting.asks, waiting.look_again) == ((Listing(),), 7 * S)


def test_a_listing_that_is_due_is_made_beside_it() -> None:
    assert provisioner.decide(following(Phase.MADE, -S, listing_due=True), COLD).asks[0] == Listing()


@pytest.mark.parametrize(("warm", "stopped"), [(0, [Deallocate]), (1, [])])
def test_what_is_found_running_is_deallocated_without_a_listing_where_none_is_kept_warm(
    warm: int, stopped: list[type]
) -> None:
    running = asked(cloud(instance(1, PowerState.RUNNING, marked=False)))
    policy = Policy(capacity={SCALE_SET: Capacity(desired=4, warm=warm)})
    plan = provisioner.decide(
        Cloud(instances=running.instances, sightings=running.sightings, asked=running.asked), policy
    )
    assert [type(step.order) for step in plan.steps] == stopped


@pytest.mark.parametrize(("warm", "again"), [(0, POLICY.mark_shows), (1, POLICY.follow_every)])
def test_a_machine_that_waits_for_a_listing_is_not_looked_at_five_times_a_second(warm: int, again: timedelta) -> None:
    policy = Policy(capacity={SCALE_SET: Capacity(desired=4, warm=warm)})
    assert provisioner.decide(following(Phase.RUNS, -S), policy).look_again == again


def test_the_reconciler_asks_when_the_mark_can_be_seen_and_when_the_machine_may_be_offered() -> None:
    seen = row(
        1,
        None,
        blank_notes(1, found_noted_at=ago(minutes=5), mark_asked_at=ago(seconds=9), mark_noted_at=ago(seconds=6)),
    )
    early = reconciler.decide(fleet(seen, NEIGHBOUR, sees=following(Phase.MARKED, -S)), POLICY)
    assert (early.asks, early.look_again) == ((Listing(),), POLICY.admit_after - 6 * S)
    over = row(
        1,
        None,
        blank_notes(
            1, found_noted_at=ago(minutes=5), mark_asked_at=ago(minutes=1), mark_noted_at=NOW - POLICY.admit_after
        ),
    )
    due = reconciler.decide(fleet(over, NEIGHBOUR, sees=following(Phase.MARKED, -S)), POLICY)
    assert [each.ref for each in due.asks if isinstance(each, Get)] == [ref(1)]


@pytest.mark.parametrize(
    ("power", "provisioning", "marked", "phase"),
    [
        (PowerState.UNKNOWN, ProvisioningState.CREATING, False, Phase.MADE),
        (PowerState.RUNNING, ProvisioningState.SUCCEEDED, False, Phase.RUNS),
        (PowerState.STOPPING, ProvisioningState.UPDATING, False, Phase.STOPS),
        (PowerState.DEALLOCATING, ProvisioningState.UPDATING, False, Phase.DEALLOCATES),
        (PowerState.DEALLOCATED, ProvisioningState.SUCCEEDED, False, Phase.RESTS),
        (PowerState.DEALLOCATED, ProvisioningState.UPDATING, True, Phase.MARKED),
    ],
)
def test_the_phases_of_a_new_machine(
    power: PowerState, provisioning: ProvisioningState, marked: bool, phase: Phase
) -> None:
    assert phase_of(instance(1, power, provisioning=provisioning, marked=marked)) is phase


def newcomer(phase: Phase, waited: float) -> float:
    """Seconds from the last look until the next."""
    return Newcomer(ref=ref(1), phase=phase, since=0, looked=waited).due(POLICY) - waited


def test_looks_cost_a_share_of_what_azure_takes() -> None:
    assert newcomer(Phase.MADE, 10) == POLICY.follow_made_after.total_seconds() - 10
    assert newcomer(Phase.MADE, 100) == pytest.approx(2)
    assert newcomer(Phase.MADE, 1800) == pytest.approx(36)
    assert newcomer(Phase.RESTS, 0) == POLICY.mark_shows.total_seconds()
    assert newcomer(Phase.RESTS, 100) == pytest.approx(20)


def test_no_machine_takes_more_gets_than_arm_grants_for_it() -> None:
    """12 a minute, 36 at once: a 429 would close all reads."""
    looked, left = 60.0, 36.0
    while looked < 1800:
        gap = newcomer(Phase.MADE, looked)
        looked, left = looked + gap, min(left + gap * 12 / 60, 36) - 1
        assert left > 0


def test_who_was_offered_or_is_gone_is_followed_no_more() -> None:
    listings = Listings()
    new = instance(1, marked=False)

    def after(what: Instance, sent: float) -> bool:
        listings.follow(what, sent, None)
        return new.vm_id in listings.newcomers

    assert not after(instance(1), 1.0)  # marked when it was seen first
    assert after(new, 2.0)
    assert after(instance(1), 3.0)
    assert after(new, 2.5)  # an older look tells nothing
    assert listings.newcomers[new.vm_id].phase is Phase.MARKED
    assert not after(instance(1, PowerState.RUNNING), 4.0)
