"""Whole ticks over a Redis full of what is none of ours: they end, nobody else notices, and nothing of it gets out."""

import json
import logging
from itertools import cycle, product

import pytest
from clock import ManualClock
from contract.registries import House
from hostile.conftest import Connections
from hostile.values import MEMBERS, NOTES, RECORDS
from hostile.world import World, a_world

from emulator.orders import OrderKind, Protection
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import VmId
from scaler.model.row import Status
from scaler.report import Report

CROWD = 1_000
SMALL = 20_000  # bytes; what is larger is there once, not forty times


def ghost(number: int) -> VmId:
    """A machine that Azure does not have."""
    return VmId(f"{number:08x}-dead-4000-8000-000000000000")


def plant(house: House, vm_id: VmId, record: bytes | None, notes: bytes | None, status: Status | None) -> None:
    """One hostile row."""
    mine = f'"vm_id": "{vm_id}"'.encode()
    if record is not None:
        house.redis.set(house.keys.instance(vm_id), record)
    if notes is not None:
        house.redis.set(house.keys.notes(vm_id), notes.replace(b'"vm_id": "a"', mine))
    if status is not None:
        house.redis.sadd(house.keys.index(status), house.keys.instance(vm_id))


def plant_crowd(house: House) -> None:
    """A thousand rows: every hostile record and note, in every set; and every hostile member."""
    records = [raw for raw in RECORDS.values() if len(raw) < SMALL]
    notes = [raw for raw in NOTES.values() if len(raw) < SMALL]
    rows = zip(range(CROWD), cycle([*records, None]), cycle([*notes, None]), cycle(Status), strict=False)
    for number, record, note, status in rows:
        plant(house, ghost(number), record, note, status)
    large = [(raw, None) for raw in RECORDS.values()] + [(None, raw) for raw in NOTES.values()]
    for number, (record, note) in enumerate(large, start=CROWD):
        plant(house, ghost(number), record, note, list(Status)[number % 3])
    for status, member in product(Status, MEMBERS.values()):
        house.redis.sadd(house.keys.index(status), member)


def test_a_good_machine_beside_a_thousand_hostile_rows_is_served(
    house: House, clock: ManualClock, connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    plant_crowd(house)
    with connections.watched() as opened, a_world(house, clock) as world:
        world.serves_a_visitor()
        world.tick_all()
        world.assert_tidy(caplog)
    assert {each[0] for each in opened if isinstance(each, tuple)} <= {"127.0.0.1"}


@pytest.mark.parametrize("name", RECORDS)
def test_a_hostile_record_of_a_machine_that_is_there_ends_no_tick(
    name: str, real_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with a_world(real_house) as world:
        attacked(world, RECORDS[name], None)
        world.assert_tidy(caplog)


@pytest.mark.parametrize("name", NOTES)
def test_hostile_notes_of_a_machine_that_is_there_end_no_tick(
    name: str, real_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with a_world(real_house) as world:
        attacked(world, None, NOTES[name])
        world.assert_tidy(caplog)


def attacked(world: World, record: bytes | None, notes: bytes | None) -> None:
    """Three real machines, one in each set, two of them running and one of them marked, are given this value."""
    machines = world.machines(3)
    world.emulated.protect(machines[0].instance_id, Protection(from_scale_in=True), by="operator")
    world.later()  # a start would be refused while the mark is being carried out
    world.emulated.order(OrderKind.START, [each.instance_id for each in machines[:2]], by="operator")
    world.later()
    for machine, status in zip(machines, Status, strict=True):
        usual = json.dumps({"status": status, "sessionId": "s"}).encode()
        plant(world.house, VmId(machine.vm_id), record if record is not None else usual, notes, status)
    for _ in range(3):
        for name in CONTROLLERS:
            assert isinstance(world.tick(name), Report)
        world.later()
