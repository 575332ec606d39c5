"""Without consent a tick changes nothing in Azure and says what it would do; the same while it is paused."""

import logging
from collections.abc import Mapping
from datetime import timedelta

import pytest
from builders import notes, record, row
from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from emulator.world import MANAGED
from scaler.actuate import Ports
from scaler.model.edges import Actor, Edge
from scaler.model.instance import InstanceId, ScaleSetName
from scaler.model.lifecycle import Change
from scaler.model.plan import Mark, SetCapacity, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row, Status
from scaler.model.sighting import Pause
from scaler.report import Report
from scaler.telemetry import Telemetry, read
from scaler.tick import Tick

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
POLICY = Policy(capacity={FIRST: Capacity(desired=2), SECOND: Capacity(desired=2)})
PAUSED = {**MANAGED, "scaler:paused": "true"}


class House:
    """Two scale sets and a registry on one clock; each has one machine at rest."""

    def __init__(self, first: Mapping[str, str], second: Mapping[str, str]) -> None:
        self.clock = ManualClock()
        behaviour = Behaviour(latencies=Latencies().exact())
        self.azures = {
            name: EmulatedScaleSet(self.clock.now, name=name, behaviour=behaviour, seed=seed)
            for seed, name in enumerate((FIRST, SECOND))
        }
        self.registry = MemoryRegistry(self.clock.now)
        for azure, tags in zip(self.azures.values(), (first, second), strict=True):
            azure.scale(Scale(capacity=1), by="operator")
            self.later(minutes=5)
            azure.order(OrderKind.DEALLOCATE, ["0"], by="operator")
            self.later(minutes=5)
            azure.tag(**tags)

    def tick(self, name: Actor) -> Tick:
        faces = {each: InProcessScaleSet(azure, self.clock) for each, azure in self.azures.items()}
        registry = None if name is Actor.PROVISIONER else self.registry
        return Tick(name, Ports(registry=registry, scale_sets=faces, clock=self.clock), POLICY)

    def write(self, known: Row) -> None:
        assert self.registry.apply(
            [
                Change(
                    row=Row(vm_id=known.vm_id), edge=None, record=known.readable, notes=known.notes, index=known.status
                )
            ]
        ) != (None,)

    def later(self, **duration: float) -> None:
        self.clock.advance(timedelta(**duration))


def grown(report: Report) -> set[str]:
    return {str(each.step.facts["scale_set"]) for each in report.outcomes if isinstance(each.step.order, SetCapacity)}


def would_grow(report: Report) -> set[str]:
    return {str(each.facts["scale_set"]) for each in report.would if isinstance(each.order, SetCapacity)}


@pytest.mark.parametrize("tags", [{}, {"scaler:managed": "somebody-else"}, PAUSED])
def test_the_provisioner_says_of_the_one_what_it_does_to_the_other(tags: Mapping[str, str]) -> None:
    house = House(first=MANAGED, second=tags)
    report = house.tick(Actor.PROVISIONER).run()
    assert (grown(report), would_grow(report)) == ({FIRST}, {SECOND})
    assert [azure.capacity for azure in house.azures.values()] == [2, 1]


@pytest.mark.parametrize("tags", [{}, PAUSED])
def test_the_reconciler_marks_only_where_it_may_though_both_have_the_same_instance_id(tags: Mapping[str, str]) -> None:
    house = House(first=MANAGED, second=tags)
    report = house.tick(Actor.RECONCILER).run()
    house.later(minutes=1)
    assert [vm.protected for azure in house.azures.values() for vm in azure.vms] == [True, False]
    (would,) = report.would
    assert isinstance(would.order, Mark)
    assert would.order.ref.scale_set == SECOND


def test_where_all_is_allowed_nothing_is_only_said() -> None:
    assert House(first=MANAGED, second=MANAGED).tick(Actor.RECONCILER).run().would == ()


@pytest.mark.parametrize("how", [Pause.ORDERS, Pause.ALL])
def test_the_registrys_pause_halts_the_reconciler_in_every_scale_set_and_not_the_provisioner(how: Pause) -> None:
    house = House(first=MANAGED, second=MANAGED)
    house.registry.pause(how)
    report = house.tick(Actor.RECONCILER).run()
    assert report.outcomes == ()
    assert {each.order.ref.scale_set for each in report.would if isinstance(each.order, Mark)} == {FIRST, SECOND}
    assert {each.why for each in report.plan.refusals} == {Why.PAUSED}
    assert grown(house.tick(Actor.PROVISIONER).run()) == {FIRST, SECOND}


def of_nobody_knows_where(status: Status, **noted: object) -> Row:
    """A record of a machine in no scale set, and notes that do not say where it was."""
    where = {"scale_set": ScaleSetName(""), "unique_id": "", "instance_id": InstanceId("")}
    return row(7, record(7, status, used=status is Status.UNAVAILABLE), notes(7, **{**where, **noted}))


@pytest.mark.parametrize(
    ("name", "status", "edge"),
    [(Actor.RECONCILER, Status.AVAILABLE, Edge.FORGET), (Actor.CLEANER, Status.UNAVAILABLE, Edge.RETIRE)],
)
def test_a_record_that_would_go_if_all_had_consented_is_told(name: Actor, status: Status, edge: Edge) -> None:
    house = House(first=MANAGED, second={})
    house.write(of_nobody_knows_where(status, missed_at=house.clock.now()))
    house.later(minutes=1)
    report = house.tick(name).run()
    assert edge not in {each.step.change.edge for each in report.outcomes if each.step.change is not None}
    assert edge in {each.change.edge for each in report.would if each.change is not None}


@pytest.mark.parametrize(
    ("name", "status"), [(Actor.RECONCILER, Status.AVAILABLE), (Actor.CLEANER, Status.UNAVAILABLE)]
)
def test_so_is_the_first_witness_of_its_absence(name: Actor, status: Status) -> None:
    house = House(first=MANAGED, second={})
    house.write(of_nobody_knows_where(status))
    assert Why.MISSED in {each.why for each in house.tick(name).run().would}


def test_what_would_be_done_is_said_once_for_as_long_as_it_stays_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House(first=MANAGED, second={})
    telemetry, tick = Telemetry("reconciler"), house.tick(Actor.RECONCILER)
    for _ in range(3):
        telemetry.report(tick.run())
        house.later(seconds=30)
    said = [read(line.getMessage()) for line in caplog.records]
    would = [(sentence, facts["order"]) for sentence, facts in said if facts["event"] == "would"]
    assert would == [(f"would: {Why.NEW_AT_REST}", "Mark")]
