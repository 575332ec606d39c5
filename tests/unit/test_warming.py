"""Warming: where too few are warm, a cold machine is claimed, started, stopped and offered again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from builders import (
    MIN,
    NOW,
    SCALE_SET,
    S,
    ago,
    applied,
    asked,
    change_of,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    published,
    record,
    reserved,
    row,
    sighting,
    start_note,
    vm,
)
from tick_house import NAME, House

from scaler.controllers import provisioner, reconciler
from scaler.controllers.reconciler.warm_part import lack, surplus
from scaler.model.capacity import Demand, Use, after_listing, wanted, with_surplus
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState, VmId
from scaler.model.lifecycle import KEEP
from scaler.model.plan import Deallocate, Plan, PowerOff, SetCapacity, Start, Step, Why
from scaler.model.policy import Capacity, Mode, Policy
from scaler.model.row import COOLS, WARMS, ClaimNote, Row, Status
from scaler.model.scarcity import Shortage, ceiling_after, shortages
from scaler.model.sighting import Method, Pages
from scaler.observe import Listings
from scaler.tick import Tick

POLICY = Policy(capacity={SCALE_SET: Capacity(desired=4, warm=1)}, max_forgets=0.5)
COLD, WARM, RUNS = (instance(1, power) for power in (PowerState.DEALLOCATED, PowerState.STOPPED, PowerState.RUNNING))


def free(number: int, **noted: object) -> Row:
    return row(number, record(number), notes(number, **noted))


def claimed(age: timedelta, since: timedelta | None = None, order: str = WARMS, **fields: object) -> Row:
    at = NOW - age
    claim = replace(ClaimNote(order=order, at=at, seen_at=at, since=NOW - (since or age)), **fields)  # type: ignore[arg-type]
    return replace(row(1, record(1), notes(1, claim=claim)), index=frozenset({Status.UNAVAILABLE}))


def demand_after(*listings: tuple[datetime, tuple[Instance, ...], int], policy: Policy = POLICY) -> Demand:
    """The demand after these listings, each with the number of warm machines wanted at the time."""
    demand = None
    for at, machines, warm in listings:
        pages = Pages(scale_set=SCALE_SET, instances=machines, unidentified=0, requests=1, at=at, sent=0.0)
        demand = after_listing(demand, pages, policy.capacity[SCALE_SET], policy)
        demand = with_surplus(demand, wanted(demand, policy), policy, warm)
    assert demand is not None
    return demand


def short(*machines: Instance, kept: timedelta = POLICY.warm_lack_kept, policy: Policy = POLICY) -> Cloud:
    """A cloud with these machines, of which too few have been warm for so long."""
    warm = policy.capacity[SCALE_SET].warm
    demand = demand_after((NOW - kept, machines, warm), (NOW, machines, warm), policy=policy)
    return replace(asked(cloud(*machines)), demand={SCALE_SET: demand})


def claims(rows: tuple[Row, ...], seen: Cloud, policy: Policy = POLICY) -> Mapping[str, Why]:
    steps = reconciler.decide(fleet(*rows, sees=seen, policy=policy), policy).steps
    return {str(each.vm_id): each.why for each in steps if each.why in {Why.WARM_LACK, Why.WARM_SURPLUS}}


def plan_for(what: Row, machine: Instance, by: Method = Method.TARGETED, **look: Any) -> Plan:
    seen = replace(cloud(machine, look=sighting(by, **look)), listings={SCALE_SET: sighting(**look)})
    return reconciler.decide(fleet(what, sees=seen, policy=POLICY), POLICY)


def step_for(what: Row, machine: Instance, **look: Any) -> Step | None:
    steps = plan_for(what, machine, **look).steps
    return only(steps) if steps else None


def test_the_oldest_cold_machine_is_claimed_out_of_available() -> None:
    machines = (instance(1), instance(2, created_at=ago(hours=9)))
    step = only(reconciler.decide(fleet(free(1), free(2), sees=short(*machines), policy=POLICY), POLICY).steps)
    assert (step.vm_id, step.why, step.order) == (vm(2), Why.WARM_LACK, None)
    assert changed(step).claim == ClaimNote(order=WARMS, at=NOW, seen_at=NOW, since=NOW)
    assert (change_of(step).takes, change_of(step).index, change_of(step).record) == (True, Status.UNAVAILABLE, KEEP)


NEW = replace(RUNS, marked=False)


@pytest.mark.parametrize(
    ("what", "machine", "claimed_too"),
    [
        (claimed(S), COLD, 0),
        (claimed(S), RUNS, 0),
        (claimed(S, order=COOLS), WARM, 1),
        (row(1), NEW, 0),
        (row(1), replace(NEW, power=PowerState.UNKNOWN, provisioning=ProvisioningState.CREATING), 0),
        (row(1), replace(NEW, power=PowerState.STOPPED), 0),
        (row(1), replace(NEW, power=PowerState.DEALLOCATED), 1),
        (row(1), replace(NEW, power=PowerState.UNKNOWN, provisioning=ProvisioningState.FAILED), 1),
        (free(1), WARM, 0),
    ],
)
def test_what_is_being_warmed_and_what_comes_new_counts_as_warm(what: Row, machine: Instance, claimed_too: int) -> None:
    """Beside two cold machines; one is wanted warm."""
    roomy = replace(POLICY, max_forgets=1.0)
    seen = replace(short(instance(2), instance(3)), instances={}, sightings={}, asked={})
    seen = seen.showing(sighting(), machine, instance(2), instance(3))
    assert len(lack(fleet(what, free(2), free(3), sees=seen), roomy)) == claimed_too


@pytest.mark.parametrize(("machines", "claimed_now"), [(1, 0), (2, 1), (4, 3), (9, 3)])
def test_one_machine_at_least_stays_on_offer(machines: int, claimed_now: int) -> None:
    policy = replace(POLICY, capacity={SCALE_SET: Capacity(desired=9, warm=3)}, max_forgets=1.0)
    numbers = range(1, machines + 1)
    assert len(claims(tuple(map(free, numbers)), short(*map(instance, numbers), policy=policy), policy)) == claimed_now


def test_only_a_share_of_the_machines_is_claimed_at_a_time() -> None:
    policy = replace(POLICY, capacity={SCALE_SET: Capacity(desired=9, warm=9)}, max_forgets=0.34)
    rows, machines = tuple(map(free, range(1, 10))), tuple(map(instance, range(1, 10)))
    assert len(claims(rows, short(*machines, policy=policy), policy)) == 3
    assert len(claims((claimed(S), *rows[1:]), short(*machines, policy=policy), policy)) == 2


def hindered(**of_cloud: object) -> Cloud:
    return replace(short(instance(1), instance(2), instance(3)), **of_cloud)  # type: ignore[arg-type]


def test_no_machine_is_claimed_while_a_reservation_waits_for_its_start() -> None:
    rows = (free(1), free(2))
    for waiting, claimed_now in (
        (reserved(notes(3), number=3), 0),
        (reserved(notes(3, start=replace(start_note(), failure=FailureClass.OTHER)), number=3), 0),
        (reserved(notes(3, start=start_note()), number=3), 1),
    ):
        assert len(lack(fleet(*rows, waiting, sees=hindered()), POLICY)) == claimed_now


def test_none_is_claimed_where_azure_has_no_machine_to_give() -> None:
    rows = (free(1), free(2), free(3))
    order = SetCapacity(scale_set=SCALE_SET, capacity=9, etag=None, rests_on=sighting())
    ceiling = ceiling_after(order, FailureClass.ALLOCATION, Fraction(0), "sold out", POLICY)
    assert lack(fleet(*rows, sees=hindered()), POLICY)
    assert not lack(fleet(*rows, sees=hindered(ceilings={SCALE_SET: ceiling})), POLICY)
    shortage = Shortage(since=NOW, until=NOW + MIN)
    assert not lack(replace(fleet(*rows, sees=hindered()), shortages={SCALE_SET: shortage}), POLICY)


def test_where_one_could_not_be_warmed_none_is_claimed_for_a_while_and_somebody_is_told() -> None:
    rows = (free(1, claim_failed_at=ago(minutes=29)), free(2), free(3))
    plan = reconciler.decide(fleet(*rows, sees=hindered(), policy=POLICY), POLICY)
    assert not [each for each in plan.steps if each.why is Why.WARM_LACK]
    assert [(each.why, each.vm_id, each.alarm) for each in plan.refusals] == [(Why.STAYS_COLD, vm(1), True)]
    later = (free(1, claim_failed_at=ago(minutes=30)), *rows[1:])
    assert claims(later, hindered()) == {vm(1): Why.WARM_LACK}


@pytest.mark.parametrize("wanted_warm", [(2, 3), (3, 4)])
def test_a_number_that_wavers_for_an_hour_moves_no_machine(wanted_warm: tuple[int, int]) -> None:
    """Three are warm, as many cold; every half minute another number is wanted."""
    powers = [PowerState.STOPPED] * 3 + [PowerState.DEALLOCATED] * 3
    machines = tuple(instance(number, power) for number, power in enumerate(powers, 1))
    times = [NOW - step * 30 * S for step in range(120, -1, -1)]
    for until in (120, 121):
        listings = [(at, machines, wanted_warm[number % 2]) for number, at in enumerate(times[:until])]
        capacity = {SCALE_SET: Capacity(desired=6, warm=listings[-1][2])}
        policy = replace(POLICY, capacity=capacity)
        demand = replace(demand_after(*listings, policy=policy), capacity=capacity[SCALE_SET])
        seen = fleet(*map(free, range(1, 7)), sees=replace(cloud(*machines), demand={SCALE_SET: demand}))
        assert not surplus(seen, policy) | lack(seen, policy)


@pytest.mark.parametrize(
    ("age", "machine", "why", "order"),
    [
        (POLICY.ripe_after, COLD, Why.STARTED_TO_WARM, Start),
        (POLICY.ripe_after, RUNS, Why.STOPPED_WARM, PowerOff),
        (POLICY.claim_stale, COLD, Why.CLAIM_RENEWED, None),
        (POLICY.claim_stale, RUNS, Why.CLAIM_RENEWED, None),
        (POLICY.ripe_after, replace(RUNS, provisioning=ProvisioningState.UPDATING), Why.CLAIM_RENEWED, None),
        (S, WARM, Why.CLAIM_CLOSES, None),
    ],
)
def test_a_claim_is_ripe_and_young_at_each_order(
    age: timedelta, machine: Instance, why: Why, order: type[object] | None
) -> None:
    step = step_for(claimed(age), machine)
    assert step is not None
    assert (step.why, type(step.order) if step.order else None) == (why, order)
    if order is not None:
        assert change_of(step).notes is KEEP, "the order goes only if the claim is still there, to the byte"
        assert step_for(claimed(POLICY.ripe_after - S), machine) is None


def test_orders_and_the_closing_rest_on_a_targeted_get() -> None:
    for age, machine in ((POLICY.ripe_after, COLD), (POLICY.ripe_after, RUNS), (S, WARM)):
        plan = plan_for(claimed(age), machine, by=Method.LISTING)
        assert (plan.steps, [each.ref for each in plan.asks if hasattr(each, "ref")]) == ((), [machine.ref])


def test_while_orders_are_paused_it_is_neither_started_nor_stopped() -> None:
    for machine in (COLD, RUNS):
        assert step_for(claimed(POLICY.ripe_after), machine, consent=True, pause="orders") is None


@pytest.mark.parametrize(("seconds", "offered"), [(-1, False), (0, True)])
@pytest.mark.parametrize(("machine", "why"), [(WARM, Why.WARMED), (COLD, Why.CLAIM_DROPPED)])
def test_it_is_offered_again_when_the_closing_is_old_enough(
    seconds: int, offered: bool, machine: Instance, why: Why
) -> None:
    step = step_for(claimed(POLICY.claim_closed + seconds * S, closing=True), machine)
    assert (step is not None) is offered
    if step is not None:
        assert (step.why, published(step).warm, change_of(step).index) == (why, machine.warm, Status.AVAILABLE)
        assert (changed(step).claim, changed(step).claim_failed_at) == (None, None if machine.warm else NOW)


def test_what_runs_under_a_closing_claim_is_presumed_to_be_in_use() -> None:
    """A failover may have forgotten that the claim had ended, and that a visitor was let in."""
    step = step_for(claimed(POLICY.ripe_after, closing=True), RUNS)
    assert step is not None
    assert (step.change.edge if step.change else None, step.order) == (Edge.PRESUME, None)


@pytest.mark.parametrize(("seconds", "why"), [(-1, Why.STOPPED_WARM), (0, Why.STAYS_RUNNING)])
def test_what_azure_does_not_stop_is_presumed_in_the_end_and_so_deleted_at_its_limit(seconds: int, why: Why) -> None:
    step = step_for(claimed(POLICY.ripe_after, since=2 * POLICY.start_timeout + seconds * S), RUNS)
    assert step is not None
    assert step.why is why


def test_what_azure_does_not_start_is_given_up() -> None:
    in_vain = claimed(POLICY.ripe_after, since=POLICY.start_timeout)
    refused = claimed(POLICY.ripe_after, failure=FailureClass.QUOTA)
    for what in (in_vain, refused):
        step = step_for(what, COLD)
        assert step is not None
        assert (step.why, step.order) == (Why.CLAIM_CLOSES, None)
    passing = step_for(claimed(POLICY.ripe_after, failure=FailureClass.OTHER), COLD)
    assert passing is not None
    assert isinstance(passing.order, Start)


def test_a_start_that_fails_for_want_of_capacity_is_a_shortage() -> None:
    told = {SCALE_SET: Shortage(since=ago(seconds=50), until=ago(seconds=50) + 60 * MIN)}
    assert shortages([claimed(50 * S, failure=FailureClass.ALLOCATION)], {}, POLICY) == told
    assert not shortages([claimed(50 * S, failure=FailureClass.OTHER)], {}, POLICY)


def test_from_the_claim_to_the_offer_in_a_handful_of_ticks() -> None:
    """The whole life of a claim, every thirty seconds, with an Azure that starts in 100 s and stops in 40."""
    what, machine, passed, seen = free(1), COLD, timedelta(0), list[Why]()
    turns: dict[datetime, Instance] = {}
    while Why.WARMED not in seen and passed < timedelta(minutes=8):
        now = NOW + passed
        machine = next((turns[at] for at in sorted(turns, reverse=True) if at <= now), machine)
        look = replace(cloud(machine, look=sighting(Method.TARGETED, at=now)), listings={SCALE_SET: sighting(at=now)})
        demand = {SCALE_SET: short(COLD, instance(2)).demand[SCALE_SET]}
        view = replace(look.showing(sighting(at=now), instance(2)), demand=demand)
        for step in reconciler.decide(fleet(what, free(2), sees=view, now=now, policy=POLICY), POLICY).steps:
            assert step.vm_id == vm(1)
            what = applied(what, change_of(step))
            seen += [step.why] if step.why is not Why.NOTED else []
            if isinstance(step.order, Start):
                turns[now + S] = replace(COLD, power=PowerState.STARTING, provisioning=ProvisioningState.UPDATING)
                turns[now + 100 * S] = RUNS
            if isinstance(step.order, PowerOff):
                turns[now + 40 * S] = WARM
        passed += timedelta(seconds=30)
    assert list(dict.fromkeys(seen)) == [
        Why.WARM_LACK,
        Why.STARTED_TO_WARM,
        Why.CLAIM_RENEWED,
        Why.STOPPED_WARM,
        Why.CLAIM_CLOSES,
        Why.WARMED,
    ]
    assert what.index == {Status.AVAILABLE}
    assert what.readable is not None
    assert what.readable.warm
    assert passed <= timedelta(minutes=6.5)


def test_a_machine_that_is_being_warmed_is_no_visitors() -> None:
    """Else each warming would count as an arrival, and want another machine, warm, too."""
    pages = [
        Pages(scale_set=SCALE_SET, instances=(machine,), unidentified=0, requests=1, at=at, sent=0.0)
        for at, machine in ((ago(minutes=1), COLD), (NOW, RUNS))
    ]
    capacity = POLICY.capacity[SCALE_SET]
    for warming, use, starts in ((frozenset[VmId](), Use.IN_USE, 1), (frozenset({vm(1)}), Use.READY, 0)):
        demand = after_listing(None, pages[0], capacity, POLICY)
        demand = after_listing(demand, pages[1], capacity, POLICY, warming)
        assert (demand.uses[vm(1)], len(demand.starts)) == (use, starts)


@pytest.mark.parametrize(("warming", "order"), [(frozenset(), PowerOff), (frozenset({vm(1)}), Deallocate)])
def test_the_provisioner_counts_what_is_being_warmed_as_warm(warming: frozenset[VmId], order: type[object]) -> None:
    seen = asked(cloud(COLD, replace(instance(2, PowerState.RUNNING), marked=False)))
    steps = provisioner.decide(replace(seen, warming=warming), POLICY).steps
    assert [type(each.order) for each in steps if each.vm_id == vm(2)] == [order]


def test_warming_in_one_process_makes_one_machine_warm_and_no_further_one() -> None:
    """Three spare ones are wanted, whoever is there: a start that were taken for a visitor's would make a fourth."""
    house = House(Policy(capacity={NAME: Capacity(mode=Mode.BUFFER, buffer=3, warm=1)}))
    house.rested(3)
    shared = Listings()
    for _ in range(40):
        for name in (Actor.RECONCILER, Actor.PROVISIONER):
            Tick(name, house.ports(name), house.policy, listings=shared).run()
        house.later(seconds=30)
    assert sorted(vm.power for vm in house.azure.vms) == [PowerState.DEALLOCATED] * 2 + [PowerState.STOPPED]
    assert sorted(bool(row.readable and row.readable.warm) for row in house.rows) == [False, False, True]
