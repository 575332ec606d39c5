"""S0, the Go scaler, bugs 1, 2, 7 and 8: harm to visitors with a reservation or a session."""

import pytest
from prior_art.process import Once, Process, doomed
from prior_art.scene import Scene

from emulator.behaviour import Fault
from emulator.history import What
from scaler.actuate import Result
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import VmId
from simulator.chaos.doors import Crash, Fate

SESSIONS = ("first", "second", "third")


@pytest.mark.parametrize("naive", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("effect", range(2))
def test_a_starter_that_dies_at_any_effect_loses_no_reservation(effect: int, when: str, naive: bool) -> None:
    """S0 1: reserved keys were popped, and whoever was not handled before the process ended was in no set any more."""
    scene = Scene(desired=3).ready()
    machines = [(scene.reserve_naively if naive else scene.reserve)(each) for each in SESSIONS]
    with pytest.raises(Crash):
        doomed(scene, effect, when).tick(Actor.STARTER)
    assert scene.registry.reserved() == set(machines)
    successor = Process(scene)
    for _ in scene.moments(5):
        successor.tick(Actor.STARTER)  # nobody else repairs anything
    assert [scene.stage_at(vm_id, each) for vm_id, each in zip(machines, SESSIONS, strict=True)] == ["open"] * 3
    assert all(map(scene.runs, machines))


def test_roll_outs_in_the_middle_of_every_tick_lose_no_reservation() -> None:
    """S0 1: it happened at every roll-out. Here each tick is the last one of its process, for two minutes."""
    scene = Scene(desired=3).ready()
    machines = [scene.reserve_naively(each) for each in SESSIONS]
    for number, _ in enumerate(scene.moments(2)):
        last = Process(scene, Fate(left=number % 3), Fate(left=2 - number % 3, after_the_last=True))
        for name in CONTROLLERS:
            try:
                last.tick(name)
            except Crash:
                continue
    scene.run(5)
    assert all(map(scene.runs, machines))
    assert [scene.stage_at(vm_id, each) for vm_id, each in zip(machines, SESSIONS, strict=True)] == ["open"] * 3


_TROUBLES = {
    "accepted, and failed for want of capacity": Fault.START_ALLOCATION,
    "accepted, and nothing happens": Fault.ORDER_SWALLOWED,
    "throttled": Fault.WRITE_THROTTLED,
    "refused: quota": Fault.START_REFUSED,
    "no answer, never arrived": Fault.ORDER_LOST,
}


@pytest.mark.parametrize("trouble", _TROUBLES)
def test_a_machine_is_not_open_before_it_runs_whatever_becomes_of_its_start(trouble: str) -> None:
    """S0 2: Unavailable was written before the start was ordered; when the start failed, only a log line knew."""
    scene = Scene(desired=1).ready()
    vm_id = scene.reserve_naively("me")
    scene.azure.script(_TROUBLES[trouble], times=None, instance_id=None)
    for _ in scene.moments(25):
        scene.process.tick(Actor.STARTER)
        assert scene.stage_at(vm_id, "me") != "open"
        if scene.stage_at(vm_id, "me") == "refused":
            break
        assert vm_id in scene.registry.reserved()
    row = scene.registry.read().rows[vm_id]
    assert scene.stage_at(vm_id, "me") == "refused"
    assert row.notes is not None
    assert row.notes.spent is not None
    assert row.notes.spent.reason


@pytest.mark.parametrize("trouble", ["accepted, and nothing happens", "throttled", "no answer, never arrived"])
def test_a_start_that_came_to_nothing_is_ordered_again(trouble: str) -> None:
    """S0 2: there was no retry."""
    scene = Scene(desired=1).ready()
    vm_id = scene.reserve_naively("me")
    scene.azure.script(_TROUBLES[trouble])
    scene.run(6)
    assert scene.stage_at(vm_id, "me") == "open"
    assert scene.runs(vm_id)


def test_a_session_whose_machine_cannot_be_allocated_goes_on_with_another_one() -> None:
    """S0 2: no reassignment. The queue manager asks by session, so it follows."""
    scene = Scene("vmss-first", "vmss-second", desired=1).ready()
    was = scene.reserve("me")
    sold_out = next(azure for azure in scene.azures.values() if azure.find(was) is not None)
    sold_out.script(Fault.START_ALLOCATION, times=None)
    scene.run(8)
    now = scene.machine_of("me")
    assert now != was
    assert scene.stage("me") == "open"
    assert scene.runs(now)
    assert was not in scene.available


def _planned(scene: Scene, name: Actor, meanwhile: str, vm_id: VmId, **fields: object) -> set[Result]:
    """A tick between whose reading and writing a queue manager writes."""
    overtaken = Process(scene, Once(meanwhile, lambda: scene.write(vm_id, **fields)))
    (report,) = overtaken.tick(name)
    return {each.result for each in report.outcomes if each.step.vm_id == vm_id}


def test_what_a_queue_manager_writes_between_our_reading_and_writing_is_not_overwritten() -> None:
    """S0 7: GET, change, SET of the whole record: a `used` or a `sessionId` written in between was gone."""
    scene = Scene(desired=2).ready()
    vm_id = scene.reserve_naively("me")
    scene.process.tick(Actor.STARTER)
    scene.later(120)
    assert _planned(scene, Actor.STARTER, "apply", vm_id, clientIp="203.0.113.7", used=True) == {Result.LOST_RACE}
    record = scene.record(vm_id)
    assert record is not None
    assert (record["clientIp"], record["used"], record["status"]) == ("203.0.113.7", True, "Reserved")
    scene.run(3)
    assert scene.machine(vm_id) is None  # the release was heard


def test_a_release_while_the_reconciler_writes_is_heard() -> None:
    """S0 7, of a session whose record the reconciler is repairing at that moment."""
    scene = Scene(desired=2).ready()
    vm_id = scene.opened("me")
    scene.write(vm_id, publicIp=None)  # which the reconciler puts right
    released = _planned(scene, Actor.RECONCILER, "apply", vm_id, used=True, extra="theirs")
    assert released == {Result.LOST_RACE}
    record = scene.record(vm_id)
    assert record is not None
    assert (record["used"], record["extra"]) == (True, "theirs")
    scene.run(3)
    assert scene.machine(vm_id) is None


def test_a_session_has_its_full_time_from_the_moment_it_was_let_in() -> None:
    """S0 8: the time was counted from the reservation, so that a cold start ate a fifth of it."""
    scene = Scene(desired=1).ready()
    vm_id = scene.reserve_naively("me")
    waited = 0
    while scene.stage_at(vm_id, "me") != "open":
        scene.run(1 / 6)
        waited += 10
    assert waited >= 90  # a cold start
    scene.run(60)  # SCALER_VM_RUNTIME
    assert scene.runs(vm_id)
    assert scene.stage_at(vm_id, "me") == "open"
    scene.run(4)
    assert scene.machine(vm_id) is None


@pytest.mark.parametrize("time", ["yesterday", "", "2026-13-45T99:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_nobody_can_read_keeps_no_machine_for_ever_and_ends_no_session(time: str) -> None:
    """S0 8: a record whose `updatedAt` could not be parsed was skipped, for ever."""
    scene = Scene(desired=1).ready()
    vm_id = scene.opened("me")
    scene.write(vm_id, updatedAt=time, createdAt=time)
    scene.run(50)
    assert scene.runs(vm_id)
    scene.run(15)
    assert scene.machine(vm_id) is None
    assert len(scene.events(What.DELETED, vm_id)) == 1


def test_a_reservation_that_nobody_can_serve_ends() -> None:
    """S0 8: Reserved had no end. Here Azure takes no start at all."""
    scene = Scene(desired=1).ready()
    vm_id = scene.reserve("me")
    scene.azure.script(Fault.WRITE_THROTTLED, times=None)
    scene.run(17)
    assert scene.stage("me") == "refused"
    assert vm_id not in scene.available
