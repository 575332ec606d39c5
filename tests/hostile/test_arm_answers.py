"""Whole ticks before an Azure that talks nonsense: they end in time, and none of it is believed, obeyed or leaked."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from time import monotonic

import pytest
from clock import ManualClock
from contract.registries import House, memory_house
from hostile.conftest import Connections, footprint
from hostile.spoils import ANSWERS, ELSEWHERE, LOOKS
from hostile.world import TOKEN, Spoil, World, a_world
from wire.scripted_arm import Asked, Said

from emulator.orders import OrderKind, Protection
from emulator.vm import VmState
from scaler.model.edges import CONTROLLERS, Actor, Edge
from scaler.model.instance import InstanceId, ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Notes, Record, SpentNote, Status
from scaler.report import Report
from scaler.vmss.client import Bounds

HURRY = Bounds(read=timedelta(seconds=0.3), listing=timedelta(seconds=0.5), page_bytes=4 * 1024 * 1024)
PATIENT = Bounds(page_bytes=HURRY.page_bytes)  # for looks that are answered properly
POLICY = replace(Policy().at_speed(75), capacity={ScaleSetName("vmss-pixels"): Capacity(desired=6)})
ORDER = POLICY.order_horizon  # 0.6 s at that speed
GRACE = timedelta(
    seconds=20
)  # for a machine that is busy with other tests; without bounds the slow answers take minutes
TICK = 3 * HURRY.listing + 5 * ORDER + GRACE
MEGS = 250
CASES = [(name, False) for name in (*ANSWERS, *LOOKS)] + [(name, True) for name in ANSWERS]
"""Spoilt are all answers, or those to orders only."""


def plant(world: World) -> None:
    """Work for everybody: a machine to stop, one to mark, one to start, one to delete."""
    runs, _, reserved, used = world.machines(4)
    world.emulated.order(OrderKind.START, [runs.instance_id], by="operator")
    for each in (reserved, used):
        world.emulated.protect(each.instance_id, Protection(from_scale_in=True), by="operator")
    world.later()
    now = world.house.registry.read().now
    know(world, reserved, Status.RESERVED)
    know(world, used, Status.UNAVAILABLE, SpentNote(why=Edge.RELEASE, at=now))


def know(world: World, machine: VmState, status: Status, spent: SpentNote | None = None) -> None:
    """The registry has this machine."""
    vm_id, instance_id, session = VmId(machine.vm_id), InstanceId(machine.instance_id), SessionId("s")
    (row,) = world.house.registry.read_also([vm_id]).values()
    now = world.house.registry.read().now
    notes = Notes(
        scale_set=world.door.name,
        unique_id=world.emulated.set_state.unique_id,
        instance_id=instance_id,
        mark_asked_at=now,
        mark_seen_at=now,
        admitted_at=now,
        ended={session: Edge.RELEASE} if spent is not None else {},
        spent=spent,
    )
    used = spent is not None
    record = Record(vm_id=vm_id, instance_id=instance_id, status=status, used=used, session_id=session)
    world.house.registry.apply([Change(row=row, edge=None, record=record, notes=notes, index=status)])


def used_ones(house: House) -> set[str]:
    """Whose records say used."""
    return {row.vm_id for row in house.registry.read().rows.values() if row.readable is not None and row.readable.used}


def only_orders(spoil: Spoil) -> Spoil:
    """Looks are answered properly: so there is something to order."""

    def spoilt(asked: Asked, said: Said) -> Said | Iterable[bytes]:
        return said if asked.method == "GET" else spoil(asked, said)

    return spoilt


def ticks_again(world: World, controller: Actor) -> bool:
    """Whether one of the next ticks gets through. A look may meet a kept connection that ARM has closed meanwhile.

    The pool notices a closed connection only if the end has arrived; a failed look drops the connection.
    """
    return any(isinstance(world.tick(controller), Report) for _ in range(5))


# Of an answer with a broken head urllib3 closes the connection, and the garbage collector what is left of it.
@pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize(("name", "orders"), CASES)
def test_no_answer_of_arm_s_ends_a_tick_or_leads_it_astray(
    name: str, orders: bool, clock: ManualClock, connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bounds = PATIENT if orders else HURRY
    with (
        connections.watched() as opened,
        a_world(memory_house(clock), clock, bounds, POLICY) as world,
    ):
        plant(world)
        there = {each.vm_id for each in world.emulated.vms}
        world.between.spoil = only_orders(ANSWERS[name]) if orders else (ANSWERS | LOOKS)[name]
        for each in CONTROLLERS:
            began = monotonic()
            with footprint() as memory:
                report = world.tick(each)
            assert monotonic() - began < TICK.total_seconds(), each
            assert memory.peak < MEGS, each
            assert isinstance(report, Report) or not orders or ticks_again(world, each)
        world.between.spoil = None
        clock.advance(timedelta(hours=1, minutes=1))  # the longest throttle that we bear
        assert ticks_again(world, Actor.PROVISIONER)
        assert there - {each.vm_id for each in world.emulated.vms} <= used_ones(world.house)
        assert world.emulated.set_state.capacity in {5, 6}  # 5: the used one was deleted
        world.assert_tidy(caplog)
    assert ELSEWHERE not in str(opened)
    assert not [line for line in caplog.records if TOKEN in line.getMessage() or TOKEN in str(vars(line))]
