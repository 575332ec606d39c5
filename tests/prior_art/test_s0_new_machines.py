"""S0, the Go scaler, bugs 5, 6, 11, 12, 14 and 15: what became of machines on their way to being Available."""

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from builders import SCALE_SET
from prior_art.process import Process, doomed
from prior_art.scene import Scene
from tick_house import EXACT

from emulator.behaviour import Fault
from emulator.history import What
from emulator.orders import Scale
from emulator.switches import Switches
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import PowerState, SessionId
from simulator.chaos.doors import Crash


@pytest.mark.parametrize("effect", range(3))
@pytest.mark.parametrize("when", ["before", "after"])
def test_new_machines_are_put_to_rest_whenever_a_provisioner_dies(effect: int, when: str) -> None:
    """S0 5: it waited for the creation; if it died or timed out meanwhile, its machines ran on, billed, for ever."""
    scene = Scene(desired=4, warm=1)
    assert _dies(scene, doomed(scene, effect, when))
    scene.later(3600)  # a deployment takes its time; the machines are "old" by then
    scene.run(8)
    assert Counter(vm.power for vm in scene.vms) == {PowerState.DEALLOCATED: 3, PowerState.STOPPED: 1}
    assert len(scene.available) == 4


def _dies(scene: Scene, process: Process) -> bool:
    for _ in scene.moments(10):
        try:
            process.tick(Actor.PROVISIONER)
        except Crash:
            return True
    return False


def _until_they_run(scene: Scene) -> None:
    """Ordered, made, and not yet stopped."""
    scene.process.tick(Actor.PROVISIONER)
    scene.later(130)
    assert {vm.power for vm in scene.vms} == {PowerState.RUNNING}


def test_one_failed_creation_does_not_keep_the_others_running() -> None:
    """S0 5: one failed instance ended the wait for all of them, before any was stopped."""
    scene = Scene(desired=4)
    scene.azure.script(Fault.CREATE_ALLOCATION)
    scene.run(8)
    assert Counter(vm.power for vm in scene.vms) == {PowerState.DEALLOCATED: 3, PowerState.UNKNOWN: 1}
    assert len(scene.available) == 3


@pytest.mark.parametrize(
    "trouble", [Fault.WRITE_THROTTLED, Fault.WRITE_FAILED, Fault.ORDER_LOST, Fault.ORDER_SWALLOWED]
)
def test_a_stop_that_came_to_nothing_is_ordered_again(trouble: Fault) -> None:
    """S0 5: a stop that failed was logged, and never ordered again."""
    scene = Scene(desired=2)
    _until_they_run(scene)
    scene.azure.script(trouble, times=3)
    scene.run(8)
    assert {vm.power for vm in scene.vms} == {PowerState.DEALLOCATED}


def test_a_machine_that_could_not_be_made_is_replaced() -> None:
    """S0 6: Failed ones counted, were never registered and never deleted: the set stayed short for ever."""
    scene = Scene(desired=3)
    scene.azure.script(Fault.CREATE_ALLOCATION)
    scene.run(8)
    (failed,) = (vm.vm_id for vm in scene.vms if vm.power is PowerState.UNKNOWN)
    scene.run(20)
    assert scene.azure.find(failed) is None
    assert len(scene.available) == 3


def test_where_the_region_is_sold_out_it_is_not_hammered() -> None:
    """S0 6, its cure's side effect: each replacement is another attempt, and fails as well."""
    scene = Scene(desired=3)
    scene.azure.script(Fault.CREATE_ALLOCATION, times=None)
    scene.run(60)
    assert 3 <= len(scene.events(What.CREATE_FAILED)) <= 18  # three each ten minutes
    scene.azure.clear_script()
    scene.run(30)
    assert len(scene.available) == 3


def test_every_visitor_is_told_the_address_of_their_own_machine() -> None:
    """S0 11: among two dozen machines, so that there is a 1, an 11 and a 21."""
    scene = Scene(desired=24, warm=24)
    scene.run(20)
    assert len(scene.available) == 24
    for number in range(24):
        scene.reserve(f"visitor-{number}")
    scene.run(4)
    told = set()
    for number in range(24):
        reservation = scene.reservations.look(SessionId(f"visitor-{number}")).reservation
        assert reservation is not None
        machine = scene.machine(reservation.vm_id)
        assert machine is not None
        assert (reservation.public_ip, reservation.private_ip) == (machine.public_ip, machine.private_ip)
        told.add(IPv4Address(reservation.private_ip or ""))
    assert len(told) == 24


@pytest.mark.parametrize("identified", [True, False])
def test_a_machine_that_does_not_say_who_it_is_yet_ends_no_tick(identified: bool) -> None:
    """S0 12: a machine in Creating had no vmId, and the whole process ended for it."""
    switches = Switches(vm_id_at_once=identified, deleting_rows_lose_id=not identified)
    scene = Scene(desired=2, behaviour=replace(EXACT, switches=switches))
    ticks = Counter[Actor]()
    for _ in scene.moments(8):
        for name in CONTROLLERS:
            ticks[name] += len(scene.process.tick(name))
    assert set(ticks.values()) == {48}
    assert len(scene.available) == 2


def test_a_machine_is_one_and_the_same_by_list_get_and_registry() -> None:
    """S0 12: one call filled the identity with the resource's id, the other one with its GUID."""
    scene = Scene(desired=2).ready()
    face = scene.process.faces[SCALE_SET]
    for listed in face.list_instances().instances:
        asked = face.get(listed.ref)
        assert asked.instance is not None
        assert asked.instance.ref == listed.ref
        assert listed.vm_id in scene.available


def test_new_machines_come_to_rest_whether_or_not_their_guest_helps() -> None:
    """S0 14: only a task inside the guest shut it down; where that was late, or past midnight, it never did."""
    scene = Scene(desired=2)
    scene.later(11 * 3600 + 59 * 60)  # a minute before midnight
    _until_they_run(scene)
    helped = scene.vms[0].vm_id
    scene.azure.happen(Fault.GUEST_SHUT_DOWN, helped)
    scene.run(6)
    assert len(scene.available) == 2


@pytest.mark.parametrize("step", [5, 15, 60])
def test_the_warm_share_is_not_overfilled_while_machines_boot(step: float) -> None:
    """S0 15: those still on their way to rest were not counted, so each tick let some more stay allocated."""
    scene = Scene(desired=6, warm=2)
    scene.azure.scale(Scale(capacity=2))
    scene.later(2)  # two waves: the second one runs while the first one is on its way to rest
    for _ in scene.moments(10, step=step):
        scene.process.tick()
        assert sum(vm.power in {PowerState.STOPPED, PowerState.STOPPING} for vm in scene.vms) <= 2
    assert Counter(vm.power for vm in scene.vms) == {PowerState.STOPPED: 2, PowerState.DEALLOCATED: 4}
