"""When an adoption goes on, when it waits, and when it gives up."""

import go_scaler
from go_scaler import Machine
from house import House

from emulator.behaviour import Fault, Faults
from emulator.orders import OrderKind
from emulator.redis.memory import MemoryRegistry
from scaler.cli.adopting import Handover, is_left
from scaler.errors import Throttled, Unreachable
from scaler.model.edges import Actor
from scaler.model.instance import ScaleSetName
from scaler.model.plan import Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Snapshot, Status
from scaler.report import Report

POLICY = Policy(capacity=dict.fromkeys(map(ScaleSetName, ("first", "second")), Capacity(desired=3)))
INSIDE = Machine(status=Status.UNAVAILABLE, session="inside", runs=True)


class Installation(House):
    """Two scale sets, the first with the given machines, and a registry."""

    def __init__(self, *machines: Machine) -> None:
        super().__init__(POLICY)
        for azure in self.azures.values():
            azure.tag()
        self.other = self.azures[ScaleSetName("second")]
        keyspace, keys = self.registry.keyspace, self.registry.keys
        self.placed = go_scaler.install(self.azure, keyspace, keys, machines, lambda: self.later(minutes=10))

    def rounds(self) -> list[Report]:
        """A whole adoption."""
        return list(Handover(self.ports(Actor.OPERATOR), self.policy).rounds())

    def seconds(self) -> float:
        """How long that takes."""
        before = self.clock.monotonic()
        self.rounds()
        return self.clock.monotonic() - before


def test_with_nothing_to_do_it_looks_once() -> None:
    (report,) = Installation(Machine()).rounds()
    assert not is_left(report)


def test_it_ends_when_azure_shows_the_marks_and_not_before() -> None:
    reports = Installation(INSIDE).rounds()
    assert [bool(each.outcomes) for each in reports] == [True, *[False] * (len(reports) - 1)]
    assert [is_left(each) for each in reports] == [*[True] * (len(reports) - 1), False]


def test_a_mark_that_azure_takes_and_never_shows_is_given_up() -> None:
    house = Installation(INSIDE)
    house.azure.script(Fault.ORDER_SWALLOWED, times=None)
    reports = house.rounds()
    orders = [each for report in reports for each in report.outcomes]
    assert len(orders) == POLICY.mark_attempts
    assert is_left(reports[-1])


def test_a_refused_mark_is_not_asked_for_again() -> None:
    house = Installation(INSIDE, INSIDE)
    refused = house.placed[0]
    house.azure.script(Fault.MARK_REFUSED, times=None, instance_id=refused.instance_id)
    orders = [each.step.vm_id for report in house.rounds() for each in report.outcomes]
    assert orders.count(refused.vm_id) == 1
    assert [vm.protected for vm in house.azure.vms] == [False, True]


def test_those_that_are_refused_do_not_stand_in_the_way_of_the_others() -> None:
    house = Installation(*[INSIDE] * (POLICY.max_marks + 5))
    for each in house.placed[: POLICY.max_marks]:
        house.azure.script(Fault.MARK_REFUSED, times=None, instance_id=each.instance_id)
    house.rounds()
    assert [vm.protected for vm in house.azure.vms] == [False] * POLICY.max_marks + [True] * 5


def test_what_is_on_its_way_is_waited_for() -> None:
    house = Installation(Machine(status=Status.RESERVED, session="waiting"))
    house.azure.order(OrderKind.START, [house.placed[0].instance_id], by="go-scaler")
    reports = house.rounds()
    assert [each.why for each in reports[0].plan.refusals] == [Why.UNSETTLED]
    assert not is_left(reports[-1])


def test_what_never_comes_to_rest_is_not_waited_for_for_ever() -> None:
    house = Installation(INSIDE)
    house.azure.script(Fault.POWER_STATE_MISSING, times=None)
    waited = house.seconds()
    assert POLICY.start_timeout.total_seconds() <= waited <= POLICY.start_timeout.total_seconds() + 60


def test_a_throttled_look_is_taken_when_azure_allows_it_and_is_told_meanwhile() -> None:
    house = Installation(INSIDE)
    house.azure.faults = Faults(retry_after=(40.0, 40.0))
    house.other.faults = Faults(retry_after=(40.0, 40.0))
    for each in house.azures.values():
        each.script(Fault.READ_THROTTLED)
    before = house.clock.monotonic()
    first, *_, last = house.rounds()
    assert [type(each) for each in first.errors] == [Throttled, Throttled]
    assert house.clock.monotonic() - before >= 40
    assert not is_left(last)


def test_throttled_marks_are_no_attempts() -> None:
    house = Installation(INSIDE)
    house.azure.faults = Faults(retry_after=(30.0, 30.0))
    house.azure.script(Fault.WRITE_THROTTLED, times=2 * POLICY.mark_attempts)
    assert not is_left(house.rounds()[-1])


def test_a_scale_set_that_stays_silent_is_not_taken_for_an_empty_one() -> None:
    house = Installation(INSIDE)
    house.other.script(Fault.READ_FAILED, times=None)
    last = house.rounds()[-1]
    assert [type(each) for each in last.errors] == [Unreachable]
    assert is_left(last)
    assert house.azure.vms[0].protected


def test_a_scale_set_that_is_silent_for_a_moment_is_asked_again() -> None:
    house = Installation()
    house.other.script(Fault.READ_FAILED, times=2)
    assert [is_left(each) for each in house.rounds()] == [True, True, False]


class Deaf(MemoryRegistry):
    """Redis does not answer the first so many times."""

    times = 0

    def read(self) -> Snapshot:
        self.times -= 1
        if self.times >= 0:
            raise Unreachable("Redis does not answer")
        return super().read()


def test_without_redis_nothing_is_begun_and_not_for_ever() -> None:
    house = Installation(INSIDE)
    house.registry = Deaf(house.clock.now)
    house.registry.times = 10_000
    waited = house.seconds()
    assert POLICY.start_timeout.total_seconds() <= waited <= POLICY.start_timeout.total_seconds() + 60
    assert not house.azure.vms[0].protected


def test_a_redis_that_is_silent_for_a_moment_is_asked_again() -> None:
    house = Installation(INSIDE)
    deaf = Deaf(house.clock.now)
    deaf.keyspace.restore_state(house.registry.keyspace.snapshot_state())
    deaf.times, house.registry = 2, deaf
    reports = house.rounds()
    assert [type(each) for each in reports[0].errors] == [Unreachable]
    assert not is_left(reports[-1])
