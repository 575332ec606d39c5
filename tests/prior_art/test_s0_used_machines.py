"""S0, the Go scaler, bugs 3, 4, 9 and 19: used machines that came back, records that vanished, two scalers at once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import SCALE_SET
from prior_art.process import Process
from prior_art.scene import Scene

from emulator.behaviour import Fault
from emulator.history import What
from emulator.in_process import InProcessScaleSet
from emulator.scale_set import EmulatedScaleSet
from emulator.world import MANAGED
from scaler.actuate import actuate
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import ProvisioningState, SessionId, VmId
from scaler.model.sighting import Pages

_TROUBLES = (Fault.WRITE_THROTTLED, Fault.WRITE_CONFLICT, Fault.WRITE_FAILED, Fault.ORDER_LOST, Fault.ORDER_SWALLOWED)


@pytest.mark.parametrize("trouble", _TROUBLES)
def test_a_used_machine_keeps_its_record_until_it_is_gone_whatever_becomes_of_its_delete(trouble: Fault) -> None:
    """S0 3: the record was deleted first; a delete that failed left a machine that nobody knew, running and billed."""
    scene = Scene(desired=1).ready()
    vm_id = scene.opened("me")
    scene.azure.script(trouble)
    scene.release("me")
    for _ in scene.moments(15):
        scene.process.tick()
        if scene.machine(vm_id) is None:
            break
        record = scene.record(vm_id)
        assert record is not None
        assert (record["status"], record["used"]) == ("Unavailable", True)
    assert scene.machine(vm_id) is None
    scene.run(3)
    assert scene.record(vm_id) is None


@pytest.mark.parametrize("trouble", [Fault.WRITE_THROTTLED, Fault.ORDER_SWALLOWED])
def test_a_used_machine_that_comes_to_rest_before_it_is_deleted_is_offered_to_nobody(trouble: Fault) -> None:
    """S0 3: its record was gone, its delete had failed; when it shut down, the reconciler took it for a new one."""
    scene = Scene(desired=2).ready()
    vm_id = scene.opened("me")
    scene.azure.script(trouble, times=None)
    scene.release("me")
    scene.process.tick(Actor.CLEANER)
    assert scene.azure.happen(Fault.GUEST_SHUT_DOWN, vm_id)
    for _ in scene.moments(10):
        scene.process.tick()
        assert vm_id not in scene.available
    scene.azure.clear_script()
    scene.run(70)
    assert scene.machine(vm_id) is None
    assert len(scene.available) == 2


def test_a_machine_that_was_shut_down_inside_is_not_resurrected_while_it_is_being_deleted() -> None:
    """S0 4: stopped when it was cleaned, without a record while its delete was under way: Available once more."""
    scene = Scene(desired=2).ready()
    vm_id = scene.opened("me")
    assert scene.azure.happen(Fault.GUEST_SHUT_DOWN, vm_id)
    scene.release("me")
    ordered = 0
    for _ in scene.moments(3, step=1):
        scene.process.tick(Actor.CLEANER, Actor.RECONCILER)
        ordered += bool(scene.events(What.DELETE_ORDERED, vm_id)) and scene.machine(vm_id) is not None
        assert vm_id not in scene.available
    assert ordered > 10  # it was deleted for a while under our eyes
    assert scene.machine(vm_id) is None


def test_the_same_with_listings_that_are_minutes_old() -> None:
    """S0 4, when the list still shows what is gone and the record has been retired."""
    scene = Scene(desired=2).ready()
    vm_id = scene.opened("me")
    assert scene.azure.happen(Fault.GUEST_SHUT_DOWN, vm_id)
    scene.later(150)  # nobody looks: from now on every old listing shows it at rest
    scene.release("me")
    scene.azure.script(Fault.LISTING_OLD, times=None)
    for _ in scene.moments(20, step=5):
        scene.process.tick()
        assert vm_id not in scene.available
    assert scene.machine(vm_id) is None


def _in_session(number: int) -> Scene:
    scene = Scene(desired=number).ready()
    for each in range(number):
        scene.reserve(f"visitor-{each}")
    scene.run(5)
    assert {scene.stage(f"visitor-{each}") for each in range(number)} == {"open"}
    return scene


def _unharmed(scene: Scene, number: int) -> None:
    assert {scene.stage(f"visitor-{each}") for each in range(number)} == {"open"}
    assert all(scene.runs(scene.machine_of(f"visitor-{each}")) for each in range(number))
    assert not scene.events(What.DELETE_ORDERED)
    assert not [each for each in scene.events(What.DEALLOCATE_ORDERED) if each.at > scene.clock.now() - WATCHED]


WATCHED = timedelta(minutes=10)


def test_the_empty_scale_set_of_another_resource_group_costs_no_record_and_no_session() -> None:
    """S0 9: each record that one listing lacked was deleted, Reserved and Unavailable ones too."""
    scene = _in_session(10)
    elsewhere = EmulatedScaleSet(scene.clock.now, name=SCALE_SET, seed=99)
    lost = Process(scene)
    lost.faces[SCALE_SET].emulated = elsewhere
    for _ in scene.moments(10):
        lost.tick()
    _unharmed(scene, 10)
    scene.run(2)
    _unharmed(scene, 10)


def test_records_of_a_scale_set_that_was_made_anew_go_once_nobodys_time_can_be_left() -> None:
    """S0 9, the other side: what is truly gone must not stay for ever either."""
    scene = _in_session(2)
    former = [scene.machine_of(f"visitor-{each}") for each in range(2)]
    scene.azure.make_anew()
    scene.azure.tag(**MANAGED)
    scene.run(55)
    assert all(scene.record(vm_id) is not None for vm_id in former)
    scene.run(10)
    assert not any(scene.record(vm_id) for vm_id in former)
    assert len(scene.available) == 2  # new ones


@pytest.mark.parametrize("shown", [0, 2])
def test_a_listing_that_lacks_most_machines_costs_no_record_and_no_session(shown: int) -> None:
    """S0 9: the list is empty, or pages are missing, and Azure does not say so."""

    class Short(InProcessScaleSet):
        def list_instances(self) -> Pages:
            pages = super().list_instances()
            return replace(pages, instances=pages.instances[:shown])

    scene = _in_session(10)
    scene.process = Process(scene, face=Short)
    scene.run(10)
    _unharmed(scene, 10)


def test_a_scaler_of_another_scale_set_on_the_same_redis_costs_no_record_and_no_session() -> None:
    """S0 9: it deleted every record that was not its own. (What is Available each takes out of the other's reach.)"""
    scene = _in_session(5)
    other = Scene("vmss-elsewhere", desired=2)
    other.clock = scene.clock
    other.azures = {name: EmulatedScaleSet(scene.clock.now, name=name, seed=99) for name in other.azures}
    other.registry = scene.registry
    other.process = Process(other)
    for number, _ in enumerate(scene.moments(20)):
        other.process.tick()
        if number > 60:  # at first it is alone with the records of the other one
            scene.process.tick()
    _unharmed(scene, 5)
    assert len(other.vms) == 2
    assert all(scene.record(VmId(vm.vm_id)) is not None for vm in other.vms)


@pytest.mark.parametrize("name", list(CONTROLLERS))
def test_two_scalers_that_decide_at_the_same_moment_do_everything_once(name: Actor) -> None:
    """S0 19: two container groups on one Redis created, started and deleted twice."""
    scene = Scene(desired=4).ready()
    scene.reserve("leaves")
    scene.run(4)
    scene.release("leaves")
    scene.reserve("comes")
    scene.wants(6)
    first, second = Process(scene), Process(scene)
    before = len(scene.azure.history)
    plans = [(each, each.ticks[name].plan().plan) for each in (first, second)]
    for process, plan in plans:
        actuate(plan, process.ports[name], scene.policy)
    events = list(scene.azure.history)[before:]
    orders = [(each.what, each.vm_id) for each in events if each.by == "scaler" and "ordered" in each.what]
    assert len(orders) == len(set(orders))
    assert scene.azure.capacity <= 6
    assert len([each for each in events if each.what is What.CAPACITY_SET]) <= 1


def test_two_scalers_side_by_side_serve_everybody_once() -> None:
    """S0 19, for two hours: never more machines than desired, none handed out twice, everything deleted once."""
    scene = Scene(desired=4).ready()
    second = Process(scene)
    served: dict[str, str] = {}
    for number, _ in enumerate(scene.moments(120, step=15)):
        (second if number % 2 else scene.process).tick()
        (scene.process if number % 2 else second).tick(*reversed(CONTROLLERS))
        if number % 12 == 0 and scene.available:
            session = f"visitor-{number}"
            vm_id = scene.reserve(session)
            assert served.setdefault(vm_id, session) == session
        for session in served.values():
            if scene.stage(session) == "open" and number % 5 == 0:
                scene.reservations.release(SessionId(session))
        assert len([vm for vm in scene.vms if vm.provisioning is not ProvisioningState.DELETING]) <= 4
    assert len(served) > 15
    deleted = [each.vm_id for each in scene.events(What.DELETE_ORDERED)]
    assert len(deleted) == len(set(deleted)) > 15
