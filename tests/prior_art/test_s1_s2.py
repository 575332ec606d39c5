"""S1, the 3D Streaming Toolkit's orchestrator, and S2, pixel streaming on Kubernetes: their scaling bugs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prior_art.process import Process
from prior_art.scene import Scene
from tick_house import EXACT

from emulator.behaviour import Fault, Latencies
from emulator.history import What
from scaler.actuate import Result, actuate
from scaler.model.edges import Actor
from scaler.model.instance import SessionId
from scaler.model.plan import Deallocate

SLOW = replace(EXACT, latencies=replace(Latencies().exact(), create=(1200.0, 1200.0)))


def test_what_was_decided_minutes_ago_is_not_done_any_more() -> None:
    """S1 a: a timer re-evaluated what it had captured five minutes before, and deleted what was in use by then."""
    scene = Scene(desired=1)
    scene.process.tick(Actor.PROVISIONER)
    scene.later(130)
    stale = Process(scene)
    plan = stale.ticks[Actor.PROVISIONER].plan().plan
    assert [type(each.order) for each in plan.steps] == [Deallocate]
    scene.ready()
    vm_id = scene.opened("me")
    assert plan.steps[0].vm_id == vm_id
    (outcome,) = actuate(plan, stale.ports[Actor.PROVISIONER], scene.policy)
    assert outcome.result is Result.EXPIRED
    scene.run(5)
    assert scene.runs(vm_id)


def test_a_machine_that_was_unfit_when_it_was_looked_at_and_is_reserved_since_is_not_condemned() -> None:
    """S1 a, of a decision about a record: it is compared with what stands there by now."""
    scene = Scene(desired=1).ready()
    (vm,) = scene.vms
    assert scene.azure.happen(Fault.TURNED_FAILED, vm.vm_id)
    stale = Process(scene)
    plan = stale.ticks[Actor.RECONCILER].plan().plan
    assert plan.steps
    vm_id = scene.reserve("me")
    outcomes = actuate(plan, stale.ports[Actor.RECONCILER], scene.policy)
    assert {each.result for each in outcomes} == {Result.LOST_RACE}
    assert vm_id in scene.registry.reserved()


def test_what_is_still_being_made_is_neither_idle_nor_superfluous() -> None:
    """S1 b: a set of machines that had none yet counted as idle and was deleted. Complaint +2: a loop of that."""
    scene = Scene(desired=3, behaviour=SLOW)
    scene.run(19)
    assert not scene.events(What.DELETE_ORDERED)
    scene.run(8)
    assert len(scene.available) == 3


def test_asking_again_while_machines_are_being_made_makes_no_more() -> None:
    """S1 c: every request above the threshold created another pool, for the first ones did not count yet."""
    scene = Scene(desired=8, behaviour=SLOW)
    others = [Process(scene) for _ in range(3)]
    for _ in scene.moments(15, step=5):
        for each in others:
            each.tick(Actor.PROVISIONER)
    assert [each.by for each in scene.events(What.CAPACITY_SET)] == ["scaler"]
    assert len(scene.vms) == scene.azure.capacity == 8


def test_a_machine_that_has_vanished_is_not_handed_out() -> None:
    """S2 a: dead streamers stayed in the matchmaker's map: users were matched to them, and they counted as free."""
    scene = Scene(desired=2).ready()
    dead = min(scene.available)
    assert scene.azure.happen(Fault.DELETED_BY_SOMEBODY, dead)
    scene.later(60)
    scene.process.tick(Actor.RECONCILER)
    assert dead not in scene.available
    assert scene.reserve("me") != dead
    scene.run(10)
    assert scene.record(dead) is None
    assert len(scene.vms) == 2  # another one was made


def test_who_was_refused_is_not_sent_to_the_same_machine_again() -> None:
    """S2 c: after an error the player went back into the queue, and was matched to the same bad server."""
    scene = Scene(desired=2).ready()
    bad = scene.reserve_naively("me")
    machine = scene.machine(bad)
    assert machine is not None
    scene.azure.script(Fault.START_OTHER, instance_id=machine.instance_id, times=None)
    scene.run(8)
    assert scene.stage_at(bad, "me") == "refused"
    assert scene.reserve("me") != bad
    scene.run(5)
    assert scene.stage("me") == "open"


def test_nor_while_there_is_no_other_machine() -> None:
    """S2 c, of a session that waited for another machine until its time was over."""
    scene = Scene(desired=1).ready()
    bad = scene.reserve("me")
    scene.azure.script(Fault.START_OTHER, times=None)
    for _ in scene.moments(20):
        scene.process.tick(Actor.STARTER)
    assert scene.stage("me") == "refused"
    assert scene.reservations.reserve(SessionId("me")) is None
    scene.azure.clear_script()
    scene.run(15)
    assert scene.reserve("me") != bad


@pytest.mark.parametrize("desired", [3, 1, 0])
def test_a_lower_number_ends_nobodys_session(desired: int) -> None:
    """S2 d: scaling in killed live sessions. Here a smaller fleet is reached by not replacing what was used."""
    scene = Scene(desired=4).ready()
    for number in range(4):
        scene.reserve(f"visitor-{number}")
    scene.run(4)
    scene.wants(desired)
    scene.run(30)
    assert not scene.events(What.DELETE_ORDERED)
    assert all(scene.stage(f"visitor-{number}") == "open" for number in range(4))
    for number in range(4):
        scene.release(f"visitor-{number}")
        scene.run(3)
    scene.run(15)
    assert scene.azure.capacity == len(scene.vms) == desired


def test_two_visitors_who_ask_at_the_same_moment_get_two_machines() -> None:
    """S2 b: the first one's offer was withdrawn before they counted as connected. Complaint 17: bursts."""
    scene = Scene(desired=12).ready()
    asked = [scene.reservations.reserve(SessionId(f"visitor-{number}")) for number in range(20)]
    given = [each.vm_id for each in asked if each is not None]
    assert len(given) == len(set(given)) == 12
    scene.run(6)
    opened = [number for number in range(20) if scene.stage(f"visitor-{number}") == "open"]
    assert len(opened) == 12
    assert scene.clock.now() - scene.events(What.RUNNING)[-1].at < timedelta(minutes=5)
