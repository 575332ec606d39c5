"""Cooling: a warm machine too many is claimed, deallocated, and offered again; its clocks are in test_timeouts.py."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    MIN,
    NOW,
    RUNNING,
    SCALE_SET,
    S,
    ago,
    applied,
    change_of,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    published,
    record,
    row,
    sighting,
    vm,
    wants,
)
from builders import POLICY as ONE_WARM

from scaler.controllers import reconciler
from scaler.controllers.reconciler.warm_part import surplus
from scaler.model.capacity import after_listing, wanted, with_surplus
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState, ScaleSetName
from scaler.model.lifecycle import KEEP
from scaler.model.plan import Deallocate, Plan, Step, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import ClaimNote, Row, Snapshot, Status
from scaler.model.sighting import Method, Pages, Pause
from scaler.observe import Targets

AT_ONCE = timedelta(0)
POLICY = replace(ONE_WARM, max_forgets=0.5, warm_surplus_kept=AT_ONCE)
WARM = instance(1, power=PowerState.STOPPED)
COLD = instance(1)


def warm(number: int, hours_old: float = 1) -> Instance:
    return instance(number, power=PowerState.STOPPED, created_at=ago(hours=hours_old))


def free(number: int, **noted: object) -> Row:
    return row(number, record(number, warm=True), notes(number, **noted))


def claimed(age: timedelta, since: timedelta | None = None) -> Row:
    claim = ClaimNote(order="deallocate", at=NOW - age, seen_at=NOW - age, since=NOW - (since or age))
    parked = row(1, record(1, warm=True), notes(1, claim=claim))
    return replace(parked, index=frozenset({Status.UNAVAILABLE}))


def reckoned(what: Row, **times: timedelta) -> Row:
    """The same with these times of its claim moved: Redis' clock was another one when it was noted."""
    noted = what.notes
    assert noted is not None
    assert noted.claim is not None
    moved = {name: getattr(noted.claim, name) + by for name, by in times.items()}
    return replace(what, notes=replace(noted, claim=replace(noted.claim, **moved)))


def decide(rows: tuple[Row, ...], seen: Cloud, policy: Policy = POLICY) -> Plan:
    return reconciler.decide(fleet(*rows, sees=seen, policy=policy), policy)


def both(machine: Instance, pause: Pause = Pause.NONE) -> Cloud:
    """A listing, and a targeted GET of the machine after it."""
    listed, asked = sighting(pause=pause), sighting(Method.TARGETED, pause=pause)
    return Cloud(listings={SCALE_SET: listed}, asked={machine.vm_id: asked}).showing(asked, machine)


def step_for(what: Row, machine: Instance, seen: Cloud | None = None) -> Step | None:
    steps = decide((what,), seen or both(machine)).steps
    return only(steps) if steps else None


def whys(plan: Plan) -> Mapping[int, Why]:
    return {int(each.vm_id[:8]): each.why for each in plan.steps if each.vm_id is not None}


def test_the_newest_warm_machine_too_many_is_claimed_out_of_available() -> None:
    plan = decide((free(1), free(2)), cloud(warm(1, hours_old=2), warm(2, hours_old=1)))
    step = only(plan.steps)
    assert (step.vm_id, step.why, step.order) == (vm(2), Why.WARM_SURPLUS, None)
    assert changed(step).claim == ClaimNote(order="deallocate", at=NOW, seen_at=NOW, since=NOW)
    change = change_of(step)
    assert (change.row, change.takes, change.index, change.record) == (free(2), True, Status.UNAVAILABLE, KEEP)


@pytest.mark.parametrize(("before", "claims"), [(3, 2), (2, 1), (1, 0)])
def test_no_more_are_claimed_than_were_too_many_all_the_time(before: int, claims: int) -> None:
    """One is wanted warm; so many were warm ten minutes ago, and three are now."""
    slow = replace(POLICY, max_forgets=1.0, warm_surplus_kept=10 * MIN)
    demand = None
    for at, number in ((NOW - 10 * MIN, before), (NOW, 3)):
        shown = tuple(warm(each) for each in range(1, number + 1))
        pages = Pages(scale_set=SCALE_SET, instances=shown, unidentified=0, requests=1, at=at, sent=0.0)
        demand = after_listing(demand, pages, slow.capacity[SCALE_SET], slow)
        demand = with_surplus(demand, wanted(demand, slow), slow, warm=1)
    assert demand is not None
    sees = replace(cloud(warm(1), warm(2), warm(3)), demand={SCALE_SET: demand})
    assert len(decide((free(1), free(2), free(3)), sees, slow).steps) == claims


@pytest.mark.parametrize(("share", "claims"), [(0.2, 1), (0.5, 2), (1.0, 3)])
def test_only_a_share_of_the_machines_is_claimed_at_a_time(share: float, claims: int) -> None:
    policy = replace(POLICY, max_forgets=share)
    rows, machines = [free(number) for number in range(1, 5)], [warm(number) for number in range(1, 5)]
    assert len(decide(tuple(rows), cloud(*machines), policy).steps) == claims
    already = replace(claimed(S), vm_id=vm(1))
    rest = decide((already, *rows[1:]), cloud(*machines), policy)
    assert list(whys(rest).values()) == [Why.WARM_SURPLUS] * (claims - 1)


@pytest.mark.parametrize("pause", [Pause.ORDERS, Pause.ALL])
def test_while_orders_are_paused_nothing_is_claimed_ordered_or_renewed(pause: Pause) -> None:
    halted = sighting(pause=pause)
    assert not decide((free(1), free(2)), cloud(warm(1), warm(2), look=halted)).steps
    for age in (POLICY.ripe_after, POLICY.claim_stale):
        assert step_for(claimed(age), WARM, both(WARM, pause=pause)) is None


def test_each_scale_set_has_its_own_surplus() -> None:
    other = ScaleSetName("other")
    there = replace(warm(2), ref=replace(warm(2).ref, scale_set=other))
    sees = cloud(warm(1)).showing(sighting(scale_set=other), there)
    none_warm = Capacity(desired=2, warm=0)
    policy = replace(POLICY, capacity={SCALE_SET: none_warm, other: none_warm}, max_forgets=1.0)
    rows = {each.vm_id: each for each in (free(1), free(2, scale_set=other))}
    assert surplus(Fleet.join(Snapshot(now=NOW, rows=rows), sees, policy), policy) == {vm(1), vm(2)}


def test_what_is_not_offered_or_is_cold_is_no_surplus() -> None:
    held = replace(free(2), record=record(2, Status.RESERVED, warm=True), index=frozenset({Status.RESERVED}))
    for other in (held, row(2)):
        assert Why.WARM_SURPLUS not in whys(decide((free(1), other), cloud(warm(1), warm(2)))).values()
    assert not decide((free(1), row(2, record(2), notes(2))), cloud(warm(1), instance(2))).steps


def test_a_key_that_a_dead_queue_manager_took_is_put_back_before_it_is_claimed() -> None:
    """A claim of it would fail in every tick, and each time be decided in the place of the repair."""
    taken = replace(free(2, unindexed_at=NOW - POLICY.repair_after), index=frozenset({Status.UNAVAILABLE}))
    plan = decide((free(1), taken), cloud(warm(1, hours_old=2), warm(2)))
    assert whys(plan) == {1: Why.WARM_SURPLUS, 2: Why.INDEX_REPAIR}


def test_once_no_failover_can_forget_the_claim_the_order_is_given() -> None:
    step = step_for(claimed(POLICY.ripe_after), WARM)
    assert step is not None
    assert isinstance(step.order, Deallocate)
    assert step.order.rests_on.by is Method.TARGETED
    assert (change_of(step).record, change_of(step).notes, change_of(step).index) == (KEEP, KEEP, KEEP)


def test_an_order_rests_on_a_targeted_get_and_that_is_asked_for() -> None:
    ripe, young = claimed(POLICY.ripe_after), claimed(POLICY.ripe_after - S)
    assert step_for(ripe, WARM, cloud(WARM)) is None
    assert wants(reconciler.decide, fleet(ripe, sees=cloud(WARM)), POLICY) == Targets(refs=(WARM.ref,))
    for what, machine in ((ripe, COLD), (young, WARM)):
        assert not isinstance(wants(reconciler.decide, fleet(what, sees=cloud(machine)), POLICY), Targets)


@pytest.mark.parametrize(("seconds", "why"), [(-1, Why.COOLING), (0, Why.CLAIM_RENEWED), (1, Why.CLAIM_RENEWED)])
def test_a_stale_claim_is_renewed_before_another_order(seconds: int, why: Why) -> None:
    step = step_for(claimed(POLICY.claim_stale + seconds * S), WARM)
    assert step is not None
    assert step.why is why
    if why is Why.CLAIM_RENEWED:
        claim = changed(step).claim
        assert claim == ClaimNote(order="deallocate", at=NOW, seen_at=NOW, since=NOW - POLICY.claim_stale - seconds * S)
        assert step.order is None


def test_cold_it_is_offered_again_once_every_order_is_dead() -> None:
    step = step_for(claimed(POLICY.claim_over), COLD, cloud(COLD))
    assert step is not None
    assert (step.why, changed(step).claim, changed(step).claim_failed_at) == (Why.COOLED, None, None)
    assert (published(step).warm, change_of(step).index) == (False, Status.AVAILABLE)


def test_an_order_cannot_outlive_the_claim_it_rests_on() -> None:
    """The last order is given a moment before the claim is stale; it is dead, and seen, when the claim is over."""
    assert POLICY.claim_over - POLICY.claim_stale >= POLICY.order_horizon + POLICY.observation_lag


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_what_cannot_be_cooled_in_time_is_offered_as_it_is(seconds: int) -> None:
    since = POLICY.start_timeout + seconds * S
    ripe, over = claimed(POLICY.ripe_after, since), claimed(POLICY.claim_over, since)
    late = seconds >= 0
    step, ended = step_for(ripe, WARM), step_for(over, WARM)
    assert (step is None) is late, "no order any more"
    assert ended is not None
    assert ended.why is (Why.CLAIM_DROPPED if late else Why.CLAIM_RENEWED)
    if late:
        assert published(ended)
        assert (changed(ended).claim, changed(ended).claim_failed_at) == (None, NOW)
        assert change_of(ended).index is Status.AVAILABLE


def test_what_could_not_be_cooled_is_offered_for_a_while_and_somebody_is_told() -> None:
    """To claim it again in the very next tick would keep it from visitors for ever, and cost the same."""
    rows = (free(1, claim_failed_at=ago(minutes=29)), free(2))
    plan = decide(rows, cloud(warm(1, hours_old=1), warm(2, hours_old=9)))
    assert whys(plan) == {2: Why.WARM_SURPLUS}, "another one may fare better"
    assert [(each.why, each.vm_id, each.alarm) for each in plan.refusals] == [(Why.STAYS_WARM, vm(1), True)]
    cooled = decide(rows, cloud(instance(1), warm(2, hours_old=9)))
    assert not cooled.refusals


def test_no_clock_of_redis_can_end_a_claim_while_an_order_lives() -> None:
    """A failover to a replica a minute ahead: by Azure's clock the claim is as young as it was."""
    what = reckoned(claimed(84 * S, POLICY.start_timeout), at=-MIN, since=-MIN)
    for machine in (WARM, COLD):
        step = step_for(what, machine)
        assert step is None or step.why not in {Why.CLAIM_DROPPED, Why.COOLED}


def test_nor_can_it_make_a_stale_claim_young_again() -> None:
    """A replica a minute behind."""
    step = step_for(reckoned(claimed(POLICY.claim_stale), at=MIN), WARM)
    assert step is None or step.order is None


@pytest.mark.parametrize(
    "machine",
    [
        instance(1, power=PowerState.STOPPING, provisioning=ProvisioningState.UPDATING),
        instance(1, power=PowerState.UNKNOWN),
        instance(1, power=PowerState.STOPPED, provisioning=ProvisioningState.UPDATING),
    ],
)
def test_on_its_way_it_is_left_alone(machine: Instance) -> None:
    for age in (POLICY.ripe_after, POLICY.claim_stale, POLICY.claim_over):
        step = step_for(claimed(age), machine)
        assert step is None or step.why is Why.NOTED


def test_one_that_runs_is_presumed_and_one_that_failed_is_condemned() -> None:
    runs = step_for(claimed(POLICY.ripe_after), RUNNING)
    assert runs is not None
    assert runs.why is Why.MARKED_UNKNOWN_RUNS
    failed = instance(1, provisioning=ProvisioningState.FAILED, failure=FailureClass.OTHER)
    what, now = claimed(POLICY.ripe_after), NOW
    for minutes in (0, 1, 5):
        now = NOW + timedelta(minutes=minutes)
        seen = cloud(failed, look=sighting(at=now))
        for step in reconciler.decide(fleet(what, sees=seen, now=now, policy=POLICY), POLICY).steps:
            what = applied(what, change_of(step))
    assert what.notes is not None
    assert what.notes.spent is not None


def test_its_key_stays_out_of_available_whatever_the_index_says() -> None:
    astray = replace(claimed(S), index=frozenset({Status.AVAILABLE}))
    assert change_of(only(decide((astray,), both(WARM)).steps)).index is Status.UNAVAILABLE


def test_one_whose_mark_is_gone_is_marked_again_without_its_claim_when_no_order_under_it_can_arrive() -> None:
    """From its mark to its offer it waits for stops of unmarked machines, which live shorter than a deallocation."""
    unmarked = replace(WARM, marked=False)
    assert step_for(claimed(POLICY.claim_over - timedelta(seconds=1)), unmarked) is None
    step = step_for(claimed(POLICY.claim_over), unmarked)
    assert step is not None
    assert (step.why, changed(step).claim) == (Why.MARK_GONE, None)


def test_from_the_claim_to_the_offer_in_a_handful_of_ticks() -> None:
    """The whole life of a claim, every thirty seconds, with an Azure that obeys within a minute."""
    what, other, machine = free(1), free(2), WARM
    passed, cooled_at, seen = timedelta(0), None, list[Why]()
    while passed < timedelta(minutes=6):
        now = NOW + passed
        look, asked = sighting(at=now), sighting(Method.TARGETED, at=now)
        view = Cloud(listings={SCALE_SET: look}, asked={vm(1): asked})
        view = view.showing(asked, machine).showing(look, warm(2, 9))
        policy = replace(POLICY, capacity={SCALE_SET: Capacity(desired=2, warm=1)})
        for step in reconciler.decide(fleet(what, other, sees=view, now=now, policy=policy), policy).steps:
            assert step.vm_id == vm(1)
            what = applied(what, change_of(step))
            seen.append(step.why)
            if step.order is not None:
                cooled_at = cooled_at or now + timedelta(minutes=1)
        machine = COLD if cooled_at is not None and now >= cooled_at else machine
        passed += timedelta(seconds=30)
    assert seen[0] is Why.WARM_SURPLUS
    assert seen[-1] is Why.COOLED
    assert set(seen[1:-1]) <= {Why.COOLING, Why.CLAIM_RENEWED}
    assert what.index == {Status.AVAILABLE}


def test_without_consent_nothing_is_claimed() -> None:
    plan = decide((free(1), free(2)), cloud(warm(1), warm(2), look=sighting(consent=False)))
    assert Why.WARM_SURPLUS not in whys(plan).values()
