"""What users of other scalers complain about most, where no bug of a relative is the same."""

from dataclasses import replace

import pytest
from prior_art.scene import Scene
from tick_house import EXACT

from emulator.behaviour import Fault
from emulator.history import What
from emulator.switches import Eviction, Overlap, SetOverlap, Switches
from scaler.errors import QuotaReached
from scaler.model.edges import Actor
from scaler.model.instance import PowerState, SessionId, VmId
from scaler.model.plan import Why


def test_what_is_being_worked_on_is_not_ordered_about() -> None:
    """Complaint 13: overlapping operations cancel each other, as OperationPreempted. Three hours of visitors."""
    switches = Switches(overlap=Overlap.PREEMPT, set_overlap=SetOverlap.CONFLICT)
    scene = Scene(desired=4, warm=1, behaviour=replace(EXACT, switches=switches))
    open_now: set[str] = set()
    for number, _ in enumerate(scene.moments(180, step=15)):
        scene.process.tick()
        if number % 14 == 0 and scene.available:
            scene.reserve(f"visitor-{number}")
            open_now.add(f"visitor-{number}")
        for session in sorted(open_now):
            if number % 23 == 0 and scene.stage(session) == "open":
                scene.release(session)
                open_now.remove(session)
    assert len(scene.events(What.DELETED)) > 20
    assert not scene.events(What.PREEMPTED)


@pytest.mark.parametrize("eviction", list(Eviction))
def test_an_eviction_ends_a_session_visibly_and_its_machine_is_replaced(eviction: Eviction) -> None:
    """Complaint 24: spot machines vanish, or the number falls, and nobody is told."""
    scene = Scene(desired=3, behaviour=replace(EXACT, switches=Switches(eviction=eviction)))
    scene.ready()
    vm_id = scene.opened("me")
    assert scene.azure.happen(Fault.EVICTED, vm_id)
    scene.run(15)
    assert scene.stage("me") in {"ended", "unknown"}
    assert scene.machine(vm_id) is None
    assert scene.azure.capacity == len(scene.available) == 3


def test_a_visitor_whose_machine_was_evicted_is_told_so() -> None:
    scene = Scene(desired=3).ready()
    assert scene.azure.happen(Fault.EVICTED, scene.opened("me"))
    told = set[tuple[str, str | None]]()
    for _ in scene.moments(5, step=10):
        scene.process.tick()
        sight = scene.reservations.look(SessionId("me"))
        told.add((sight.stage, sight.reason))
    assert told == {("open", None), ("ended", Why.EVICTED), ("unknown", None)}


@pytest.mark.parametrize("eviction", list(Eviction))
def test_evicted_idle_machines_are_refilled_at_once_and_no_visitor_gets_one_that_is_gone(eviction: Eviction) -> None:
    """Spot machines that rest cold hold nothing that could be evicted; warm ones do."""
    scene = Scene(desired=6, warm=6, behaviour=replace(EXACT, switches=Switches(eviction=eviction))).ready()
    evicted = {vm.vm_id for vm in scene.vms[:3]}
    assert all(scene.azure.happen(Fault.EVICTED, vm_id) for vm_id in evicted)
    gone_at: int | None = None
    for number, _ in enumerate(scene.moments(10, step=10)):
        scene.process.tick()
        living = {vm.vm_id for vm in scene.vms}
        assert scene.available <= living
        if gone_at is None and evicted - living:
            gone_at = number
            assert scene.azure.capacity == 6, "asked for in the tick that misses them"
    assert (gone_at is not None) is (eviction is Eviction.DELETE)
    assert len(scene.available) == (5 if eviction is Eviction.DEALLOCATE else 6), "one at a time is made warm again"
    assert {
        bool((scene.record(VmId(vm.vm_id)) or {})["warm"]) is (vm.power is PowerState.STOPPED)
        for vm in scene.vms
        if vm.vm_id in scene.available
    } == {True}


@pytest.mark.parametrize("eviction", list(Eviction))
def test_a_reservation_whose_machine_is_evicted_while_it_starts_is_served_all_the_same(eviction: Eviction) -> None:
    scene = Scene(desired=3, behaviour=replace(EXACT, switches=Switches(eviction=eviction))).ready()
    vm_id = scene.reserve("me")
    scene.run(0.5)
    assert scene.azure.happen(Fault.EVICTED, vm_id)
    scene.run(5)
    assert scene.events(What.EVICTED, vm_id)
    assert scene.stage("me") == "open"
    assert (scene.machine_of("me") == vm_id) is (eviction is Eviction.DEALLOCATE)


def test_a_quota_that_is_reached_is_said_in_that_very_tick_and_costs_nothing_that_is_there() -> None:
    """Complaint 11: a stock-out showed after a quarter of an hour, and ended more than what it was about."""
    scene = Scene(desired=2).ready()
    vm_id = scene.opened("me")
    cores = scene.azure.profile.cores
    scene.azure.limit(cores=3 * cores)
    scene.wants(6)
    (report,) = scene.process.tick(Actor.PROVISIONER)
    assert [type(each.error) for each in report.outcomes] == [QuotaReached]
    scene.run(10)
    assert scene.runs(vm_id)
    assert len(scene.available) == 2  # of the six that are wanted, what the quota has room for is made


def test_a_session_that_nobody_releases_ends_at_its_limit() -> None:
    """Complaint 15: the server stays allocated when the client vanishes."""
    scene = Scene(desired=2).ready()
    vm_id = scene.opened("me")
    scene.run(58)
    assert scene.runs(vm_id)
    scene.run(8)
    assert scene.machine(vm_id) is None
    assert scene.stage("me") in {"ended", "unknown"}
