"""A change by hand and an adoption, round by round: when another round follows, when one waits, when it gives up."""

import json

import go_scaler
import pytest
import typer
from builders import NOW, notes, record
from builders import POLICY as CHANGES
from clock import ManualClock
from go_scaler import Machine
from tick_house import House

from emulator.behaviour import Fault, Faults
from emulator.orders import OrderKind
from emulator.redis.memory import MemoryRegistry
from scaler.actuate import Ports
from scaler.cli.adopting import Handover, is_left
from scaler.cli.by_hand import ByHand
from scaler.cli.environment import Exit
from scaler.cli.screen import Screen
from scaler.controllers import by_hand
from scaler.errors import Throttled, Unreachable
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.lifecycle import Change
from scaler.model.plan import Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Record, Row, Snapshot, Status
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


# -- a change by hand beside somebody who writes

SAID = record().vm_id


class Writer:
    """The machine's queue manager: after each of the first `times` looks it changes what the scaler reads of it."""

    def __init__(self, times: int) -> None:
        self.registry = MemoryRegistry(lambda: NOW)
        self.times = times
        self.looks = 0
        change = Change(row=Row(vm_id=SAID), edge=None, record=record(), notes=notes(), index=Status.AVAILABLE)
        assert self.registry.apply([change]) != (None,)

    def look(self) -> Report:
        """What distrust would do, a moment before somebody writes."""
        snapshot = self.registry.read()
        plan = by_hand.distrust(Fleet.join(snapshot, Cloud(), CHANGES), CHANGES)
        self.looks += 1
        if self.looks <= self.times:
            self._write(snapshot.rows[SAID].before.record or b"")
        return Report(plan=plan)

    def _write(self, text: bytes) -> None:
        said = json.loads(text) | {"region": f"region {self.looks}"}
        self.registry.keyspace.set(self.registry.keys.instance(VmId(SAID)), json.dumps(said))

    @property
    def record(self) -> Record | None:
        """What is published now."""
        return self.registry.read().rows[SAID].readable

    def spend(self) -> None:
        """`scaler distrust --yes`."""
        ports = Ports(registry=self.registry, scale_sets={}, clock=ManualClock())
        change = ByHand(title="distrust", question="", look=self.look, ports=ports, policy=CHANGES)
        change.run(Screen(), yes=True, as_json=False)


@pytest.mark.parametrize("times", [0, 1, 4])
def test_a_lost_race_is_run_again_until_it_is_won(times: int, capsys: pytest.CaptureFixture[str]) -> None:
    writer = Writer(times)
    writer.spend()
    assert writer.record is not None
    assert (writer.record.status, writer.record.used) == (Status.UNAVAILABLE, True)
    assert "lost race" not in capsys.readouterr().out


def test_who_is_always_faster_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    writer = Writer(1000)
    with pytest.raises(typer.Exit) as ended:
        writer.spend()
    assert ended.value.exit_code == Exit.NOT_DONE
    said = capsys.readouterr()
    assert "lost race" in said.out
    assert "1 step left: somebody else changed the machines meanwhile; run it again" in said.err
