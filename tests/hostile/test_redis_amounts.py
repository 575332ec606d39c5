"""A Redis full of hostile things costs a tick bounded work and bounded memory, and no good machine its turn.

Work is counted, in commands or beside a floor: the time that it takes is the machine's.
"""

import json
import logging
from time import process_time
from typing import Any

import pytest
from contract.registries import House, fake_house
from hostile.conftest import footprint
from hostile.values import MEGABYTES, notes, record
from hostile.world import a_world

from scaler.model.edges import CONTROLLERS
from scaler.model.instance import SessionId, VmId
from scaler.model.row import Before, Status
from scaler.registry.notes_json import decode_notes
from scaler.registry.reading import SMALL, row_of
from scaler.registry.record_json import decode_record
from scaler.report import Report

FILL = """
for first = 1, tonumber(ARGV[2]), 5000 do
  local members = {}
  for number = first, first + 4999 do members[#members + 1] = ARGV[1] .. string.format('%08x', number) end
  redis.call('SADD', KEYS[1], unpack(members))
end
"""
MILLION, MOST = 1_000_000, 4_000
COMMANDS, MEGS = (
    15 * len(Status) * MOST,
    150,
)  # of a reconciler's tick 107,000 and 51; a million members alone were more


def commands_of(redis: Any) -> int:
    """Commands that the server has run since it started, those in scripts among them."""
    return int(redis.info("stats")["total_commands_processed"])


def test_a_million_members_cost_bounded_work_and_memory_and_keep_nobody_waiting(
    real_house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are well-formed, with nothing behind them: each is worth a row, and a step. A third of what is looked at
    otherwise, because a slow machine must have written its steps 10 s after its reading."""
    monkeypatch.setattr("scaler.registry.reading.MAX_MEMBERS", MOST)
    caplog.set_level(logging.INFO)
    redis = real_house.redis
    for status, number in zip(Status, (MILLION, MOST + 5_000, MOST + 5_000), strict=True):
        redis.eval(FILL, 1, real_house.keys.index(status), "vmss:instance:", number)
    with a_world(real_house) as world:
        for name in CONTROLLERS:
            sent, lines = commands_of(redis), len(caplog.records)
            with footprint() as memory:
                report = world.tick(name)
            assert isinstance(report, Report)
            assert commands_of(redis) - sent < COMMANDS
            assert memory.peak < MEGS
            assert len(caplog.records) - lines < 2_500
        assert redis.scard("vmss:status:available") <= MILLION - MOST  # they are cleared away, so many at a time
        redis.delete("vmss:status:available")  # a visitor finds one machine among thousands, not among a million
        redis.eval(FILL, 1, "vmss:status:reserved", "vmss:instance:", MOST)
        world.serves_a_visitor()


@pytest.mark.parametrize("values", [{"record": True}, {"notes": True}, {"record": True, "notes": True}], ids=str)
def test_hundreds_of_values_of_a_megabyte_are_not_fetched(real_house: House, values: dict[str, bool]) -> None:
    for number in range(400):
        vm_id = VmId(f"{number:08x}")
        if "record" in values:
            real_house.redis.set(real_house.keys.instance(vm_id), b"x" * 1_000_000)
        if "notes" in values:
            real_house.redis.set(real_house.keys.notes(vm_id), b"x" * 1_000_000)
        real_house.redis.sadd("vmss:status:available", real_house.keys.instance(vm_id))
    real_house.admit("good")
    with footprint() as memory:
        snapshot = real_house.registry.read()
    assert memory.peak < 50
    assert snapshot.rows[VmId("good")].readable is not None
    assert len(snapshot.complaints) == 400 * len(values)


def test_members_of_megabytes_are_not_fetched(real_house: House) -> None:
    for number in range(8):
        real_house.redis.sadd("vmss:status:reserved", f"vmss:instance:{number}".encode().ljust(MEGABYTES, b"a"))
    with footprint() as memory:
        snapshot = real_house.registry.read()
        assert real_house.registry.reserved() == frozenset()
    assert memory.peak < 50
    assert len(snapshot.complaints) == 8


def test_a_value_that_is_always_read_and_one_byte_more(real_house: House) -> None:
    for length in (0, 1, SMALL - 1, SMALL, SMALL + 1, 2 * SMALL):
        real_house.plant("a", b"x" * length, Status.AVAILABLE)
        assert real_house.row("a").before == Before(record=b"x" * length)
    real_house.redis.delete("vmss:instance:a")
    assert real_house.row("a").before == Before()


def test_reading_the_same_value_twice_does_not_keep_it() -> None:
    with footprint() as memory:
        for number in range(500):
            vm_id = VmId(f"m{number}")
            assert row_of(vm_id, Before(record=record(x=f"{number:060000}"), notes=notes(x=f"{number:060000}")))
    assert memory.peak < 20


def test_values_that_are_hard_to_read_cost_little_more_than_their_json() -> None:
    hard = b'{"status":"Available","x":[' + b"[],[]," * 11_000 + b"1]}"
    began = process_time()
    for _ in range(200):
        json.loads(hard)
    floor = process_time() - began
    for number in range(200):
        decode_record(VmId(f"m{number}"), hard)
        decode_notes(hard)
    assert process_time() - began - floor < 8 * floor  # of which two are their json


@pytest.mark.parametrize("hostile", [1_000, 4_000])
@pytest.mark.parametrize("make", [fake_house, None], ids=["fakeredis", "redis-server"])
def test_a_visitor_gets_the_one_good_machine_among_thousands_of_bad_ones(
    real_house: House, make: Any, hostile: int
) -> None:
    house = make() if make is not None else real_house
    for number in range(hostile):
        house.redis.sadd("vmss:status:available", house.keys.instance(VmId(f"bad{number}")))
    for number in range(0, hostile, 2):
        house.redis.set(house.keys.instance(VmId(f"bad{number}")), record(createdAt="2020-01-01T00:00:00Z"))
    house.admit("good")
    found = house.reservations.reserve(SessionId("s"))
    assert found is not None
    assert found.vm_id == "good"
