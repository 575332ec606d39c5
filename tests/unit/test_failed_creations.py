"""Creations that fail one after the other are counted for an hour; then none is begun, and the evidence is kept."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from builders import MIN, NOW, SCALE_SET, S, cloud, instance, sighting, vm
from tick_house import NAME, House
from unit.test_capacity import FAILED, RUNNING, listing, machines

from emulator.behaviour import Fault
from emulator.history import What
from emulator.orders import OrderKind
from scaler.controllers import provisioner
from scaler.model.capacity import Demand, after_listing
from scaler.model.edges import Actor
from scaler.model.instance import Instance, PowerState
from scaler.model.plan import Get, Plan, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.scarcity import creating_stops_until, with_failures
from scaler.model.sighting import Pages
from scaler.telemetry.evaluation import Evaluations

CAP = 3
POLICY = Policy(capacity={SCALE_SET: Capacity(desired=9, failure_cap=CAP)})
WINDOW = POLICY.failure_window


def broken(number: int, created_at: datetime | None = NOW, **fields: object) -> Instance:
    """A machine whose creation failed."""
    shown = {"power": PowerState.UNKNOWN, "marked": False, "provisioning": FAILED, "created_at": created_at}
    return instance(number, **{**shown, **fields})  # type: ignore[arg-type]


def seen(*listings: Pages, complete: bool = True, policy: Policy = POLICY) -> Demand:
    demand: Demand | None = None
    for pages in listings:
        after = after_listing(demand, pages, policy.capacity[SCALE_SET], policy)
        demand = with_failures(demand, after, pages, policy, complete=complete)
    assert demand is not None
    return demand


def test_a_creation_that_began_in_the_future_counts_from_now_on() -> None:
    """Whatever the time of a creation is, it can be added to."""
    strange = [broken(number, datetime.max.replace(tzinfo=UTC)) for number in range(CAP)]
    assert creating_stops_until(seen(listing(*strange)), POLICY) == NOW + WINDOW


def plan(demand: Demand, *instances: Instance, policy: Policy = POLICY) -> Plan:
    """The provisioner's, where Azure has as many machines as it lists."""
    shown = cloud(*instances, look=sighting(capacity=len(instances)))
    return provisioner.decide(replace(shown, demand={SCALE_SET: demand}), policy)


@pytest.mark.parametrize(
    ("machine", "counts"),
    [
        (broken(1), True),
        (broken(1, marked=True), False),  # made, and failed later: it was offered once
        (broken(1, power=RUNNING), False),  # it runs, and is stopped like any new machine
        (instance(1, RUNNING, marked=False), False),
        (broken(1, created_at=None), True),  # from when it was first seen
        (broken(1, created_at=NOW - WINDOW), False),
    ],
)
def test_what_failed_before_its_mark_counts_for_an_hour_from_its_creation(machine: Instance, counts: bool) -> None:
    assert (vm(1) in seen(listing(machine)).failures) is counts


def test_a_failure_is_counted_once_and_still_when_its_machine_is_deleted() -> None:
    one, other = broken(1), broken(2)
    demand = seen(listing(one), listing(one, after=MIN), listing(other, after=2 * MIN), listing(after=3 * MIN))
    assert demand.failures.keys() == {vm(1), vm(2)}


def test_creating_stops_at_the_cap_and_until_fewer_have_failed_within_the_hour() -> None:
    failing = [listing(broken(each, NOW + each * MIN), after=each * MIN) for each in range(4)]
    assert creating_stops_until(seen(*failing[:2]), POLICY) is None
    assert creating_stops_until(seen(*failing[:3]), POLICY) == NOW + WINDOW
    assert creating_stops_until(seen(*failing), POLICY) == NOW + MIN + WINDOW


@pytest.mark.parametrize(("later", "stopped"), [(WINDOW - S, True), (WINDOW, False)])
def test_it_ends_by_itself_when_the_hour_is_over(later: timedelta, stopped: bool) -> None:
    three = [broken(each) for each in range(3)]
    every = [listing(*three, after=passed * MIN) for passed in range(0, 60, 10)]
    demand = seen(*every, listing(*three, after=later))
    assert (creating_stops_until(demand, POLICY) is not None) is stopped


def test_a_new_process_finds_the_evidence_and_stops_as_well() -> None:
    assert creating_stops_until(seen(listing(*(broken(each) for each in range(3)))), POLICY) == NOW + WINDOW


def test_it_ends_when_the_operator_has_deleted_the_evidence() -> None:
    three = listing(*(broken(each) for each in range(3)))
    assert seen(three, listing(broken(1), after=MIN)).failures.keys() == {vm(0), vm(1), vm(2)}
    assert seen(three, listing(after=MIN)).failures == {}


def test_a_listing_that_lacks_machines_is_not_the_operators_word() -> None:
    three = listing(*(broken(each) for each in range(3)))
    assert len(seen(three, listing(after=MIN), complete=False).failures) == 3


def test_without_a_cap_nothing_stops() -> None:
    free = Policy(capacity={SCALE_SET: Capacity(desired=9)})
    assert creating_stops_until(seen(listing(*(broken(each) for each in range(9))), policy=free), free) is None


def test_the_provisioner_creates_nothing_and_names_the_machines_to_look_at() -> None:
    three = tuple(broken(each) for each in range(3))
    stopped = plan(seen(listing(*three)), *three)
    assert stopped.steps == ()
    (refusal,) = stopped.refusals
    assert (refusal.why, refusal.alarm) == (Why.CREATIONS_FAIL, True)
    assert refusal.facts == {
        "scale_set": SCALE_SET,
        "failed": 3,
        "instance_ids": "0, 1, 2",
        "created_again_at": (NOW + WINDOW).isoformat(),
    }
    assert [step.why for step in plan(seen(listing(*three[:2])), *three[:2]).steps] == [Why.BELOW_DESIRED]


def test_the_alarm_is_there_where_the_failed_machines_hold_all_places() -> None:
    three, full = (
        tuple(broken(each) for each in range(3)),
        Policy(capacity={SCALE_SET: Capacity(desired=3, failure_cap=CAP)}),
    )
    assert [each.why for each in plan(seen(listing(*three), policy=full), *three, policy=full).refusals] == [
        Why.CREATIONS_FAIL
    ]


def test_new_machines_that_run_are_stopped_all_the_same() -> None:
    three, (new,) = tuple(broken(each) for each in range(3)), machines(RUNNING, 7, marked=False)
    assert plan(seen(listing(*three, new)), *three, new).asks == (Get(ref=new.ref, queue=SCALE_SET),)


# -- whole ticks, before an Azure in which every creation fails


class Failing(House):
    """Three controllers, every half minute."""

    def __init__(self, cap: int) -> None:
        super().__init__(Policy(capacity={NAME: Capacity(desired=2, failure_cap=cap)}))
        self.azure.script(Fault.CREATE_OTHER, times=None)
        self.ticks = [self.tick(name) for name in (Actor.PROVISIONER, Actor.RECONCILER, Actor.CLEANER)]

    def minutes(self, number: int) -> Counter[Why]:
        """What was held back with an alarm."""
        held = Counter[Why]()
        for _ in range(2 * number):
            self.later(seconds=30)
            for tick in self.ticks:
                held.update(each.why for each in tick.run().plan.refusals if each.alarm)
        return held

    @property
    def created(self) -> int:
        return sum(each.what is What.CREATED for each in self.azure.history)


def test_where_every_creation_fails_as_many_are_made_in_an_hour_as_the_cap_says() -> None:
    free, capped = Failing(cap=0), Failing(cap=5)
    free.minutes(55)
    held = capped.minutes(55)
    assert free.created >= 20
    assert capped.created in {5, 6}, "two are made at a time"
    assert held[Why.CREATIONS_FAIL] > 60
    assert len(capped.azure.vms) == 2, "the evidence"


def test_it_goes_on_when_the_evidence_is_deleted_and_the_cause_is_mended() -> None:
    house = Failing(cap=5)
    house.minutes(30)
    house.azure.clear_script()
    house.azure.order(OrderKind.DELETE, [each.instance_id for each in house.azure.vms], by="operator")
    house.minutes(20)
    assert sum(each.protected for each in house.azure.vms) == 2
    assert house.minutes(1)[Why.CREATIONS_FAIL] == 0


def test_it_goes_on_by_itself_after_the_hour() -> None:
    house = Failing(cap=5)
    house.minutes(30)
    house.azure.clear_script()
    house.minutes(60)
    assert [each.power for each in house.azure.vms] == [PowerState.DEALLOCATED] * 2


def test_the_evaluation_row_counts_failed_creations() -> None:
    house = Failing(cap=5)
    house.minutes(10)
    row = Evaluations("provisioner", house.policy).row(house.ticks[0].run(), 0)
    assert row is not None
    scale_sets = row[1]["scale_sets"]
    assert isinstance(scale_sets, dict)
    assert scale_sets[NAME]["failed_creations"] >= 2
