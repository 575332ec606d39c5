"""Whole ticks without consent, or paused: what is withheld in one scale set is said, and done in the other."""

import logging
from collections.abc import Mapping
from dataclasses import replace

import pytest
from builders import notes, record, row, vm
from tick_house import House

from emulator.in_process import InProcessScaleSet
from emulator.world import MANAGED
from scaler.errors import Garbled
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import InstanceId, InstanceRef, ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.plan import Listing, Mark, Plan, SetCapacity, Step, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row, Status
from scaler.model.sighting import Answer, Pause
from scaler.report import Report
from scaler.telemetry import Telemetry
from scaler.telemetry.lines import read

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
POLICY = Policy(capacity={FIRST: Capacity(desired=2), SECOND: Capacity(desired=2)})
PAUSED = {**MANAGED, "scaler:paused": "true"}


class Two(House):
    """Two scale sets of one machine at rest each, the first with consent."""

    def __init__(self, second: Mapping[str, str] = MANAGED, policy: Policy = POLICY) -> None:
        super().__init__(policy)
        self.rested()
        self.azures[SECOND].tag(**second)

    def write(self, known: Row) -> None:
        """Such a row in the registry."""
        empty = Row(vm_id=known.vm_id)
        change = Change(row=empty, edge=None, record=known.readable, notes=known.notes, index=known.status)
        assert self.registry.apply([change]) != (None,)


def grown(report: Report) -> set[str]:
    return {str(each.step.facts["scale_set"]) for each in report.outcomes if isinstance(each.step.order, SetCapacity)}


def would_grow(report: Report) -> set[str]:
    return {str(each.facts["scale_set"]) for each in report.would if isinstance(each.order, SetCapacity)}


@pytest.mark.parametrize("tags", [{}, {"scaler:managed": "somebody-else"}, PAUSED])
def test_the_provisioner_says_of_the_one_what_it_does_to_the_other(tags: Mapping[str, str]) -> None:
    house = Two(tags)
    report = house.tick(Actor.PROVISIONER).run()
    assert (grown(report), would_grow(report)) == ({FIRST}, {SECOND})
    assert [azure.capacity for azure in house.azures.values()] == [2, 1]


@pytest.mark.parametrize("tags", [{}, PAUSED])
def test_the_reconciler_marks_only_where_it_may_though_both_have_the_same_instance_id(tags: Mapping[str, str]) -> None:
    house = Two(tags)
    report = house.tick(Actor.RECONCILER).run()
    house.later(minutes=1)
    assert [vm.protected for azure in house.azures.values() for vm in azure.vms] == [True, False]
    (would,) = report.would
    assert isinstance(would.order, Mark)
    assert would.order.ref.scale_set == SECOND


def test_where_all_is_allowed_nothing_is_only_said() -> None:
    assert Two().tick(Actor.RECONCILER).run().would == ()


@pytest.mark.parametrize("how", [Pause.ORDERS, Pause.ALL])
def test_the_registrys_pause_halts_the_reconciler_in_every_scale_set_and_not_the_provisioner(how: Pause) -> None:
    house = Two()
    house.registry.pause(how)
    report = house.tick(Actor.RECONCILER).run()
    assert not [each for each in report.outcomes if each.step.order is not None]
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
    house = Two({})
    house.write(of_nobody_knows_where(status, missed_at=house.clock.now()))
    house.later(minutes=1)
    report = house.tick(name).run()
    assert edge not in {each.step.change.edge for each in report.outcomes if each.step.change is not None}
    assert edge in {each.change.edge for each in report.would if each.change is not None}


@pytest.mark.parametrize(
    ("name", "status"), [(Actor.RECONCILER, Status.AVAILABLE), (Actor.CLEANER, Status.UNAVAILABLE)]
)
def test_so_is_the_first_witness_of_its_absence(name: Actor, status: Status) -> None:
    house = Two({})
    house.write(of_nobody_knows_where(status))
    assert Why.MISSED in {each.why for each in house.tick(name).run().would}


def test_what_would_be_done_is_said_once_for_as_long_as_it_stays_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = Two({})
    telemetry, tick = Telemetry("reconciler"), house.tick(Actor.RECONCILER)
    for _ in range(3):
        telemetry.report(tick.run())
        house.later(seconds=30)
    said = [read(line.getMessage()) for line in caplog.records]
    would = [(sentence, facts["order"]) for sentence, facts in said if facts["event"] == "would"]
    assert would == [(f"would: {Why.NEW_AT_REST}", "Mark")]


def test_what_was_done_or_allowed_meanwhile_is_said_again_when_it_is_withheld_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    telemetry, withheld = Telemetry("reconciler"), Step(why=Why.NEW_AT_REST, vm_id=vm(1))
    for would in ((withheld,), (withheld,), (), (withheld,), *[()] * 20, (withheld,)):  # a tick need not look at Azure
        telemetry.report(Report(plan=Plan(), would=would))
    said = [read(line.getMessage()) for line in caplog.records]
    assert [sentence for sentence, facts in said if facts["event"] == "would"] == [f"would: {Why.NEW_AT_REST}"] * 2


def test_only_what_is_withheld_is_said_to_be_withheld() -> None:
    """A plan with full permission may differ for the allowed scale set too: only a withheld step is said."""
    house = Two({})
    ours, theirs = (VmId(azure.vms[0].vm_id) for azure in house.azures.values())
    would = Plan(steps=tuple(Step(why=Why.NOTED, vm_id=each) for each in (ours, theirs)))

    def decide(fleet: Fleet, _: Policy) -> Plan:
        return would if fleet.cloud.listings and not fleet.cloud.withheld else Plan(asks=(Listing(),))

    assert [each.vm_id for each in house.tick(decide).plan().would] == [theirs]


@pytest.mark.parametrize("pause", [Pause.ORDERS, Pause.ALL])
@pytest.mark.parametrize("name", [Actor.PROVISIONER, Actor.RECONCILER])
def test_the_setting_halts_whoever_ticks(name: Actor, pause: Pause) -> None:
    report = Two(policy=replace(POLICY, pause=pause)).tick(name).run()
    assert {each.why for each in report.plan.refusals} == {Why.PAUSED}
    assert [each for each in report.plan.steps if each.order is not None] == []


class Nonsense(InProcessScaleSet):
    """Answers no targeted GET."""

    def get(self, ref: InstanceRef) -> Answer:
        self.calls["tried"] += 1
        raise Garbled("nonsense")


def test_the_starter_does_not_ask_again_what_nobody_answered() -> None:
    house = House(POLICY)
    assert house.offered().reserve(SessionId("me")) is not None
    doors = house.doors(Nonsense)
    house.tick(Actor.STARTER).run()
    assert sum(door.calls["tried"] for door in doors.values()) == 1
