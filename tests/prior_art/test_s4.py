"""S4, a VM scaler for render farms: how it lost its goal, its counts and its patience."""

import ast
from collections import Counter
from pathlib import Path

import pytest
from prior_art.process import Once, Process
from prior_art.scene import Scene

import scaler
from emulator.behaviour import Fault
from emulator.history import What
from emulator.orders import Scale
from scaler.actuate import Result
from scaler.model.edges import Actor

_AWAY = (Fault.READ_THROTTLED, Fault.READ_FAILED)


@pytest.mark.parametrize("trouble", _AWAY)
def test_whatever_azure_answers_the_goal_stays_as_the_operator_set_it(trouble: Fault) -> None:
    """S4 a: on any error the goal was taken to be 0, and 0 was written where the operator had put it."""
    scene = Scene(desired=3).ready()
    vm_id = scene.opened("me")
    tags, before = scene.azure.set_state.tags, Counter(each.what for each in scene.azure.history)
    scene.azure.script(trouble, times=None)
    scene.run(20)
    assert Counter(each.what for each in scene.azure.history) == before
    assert (scene.azure.capacity, scene.azure.set_state.tags) == (3, tags)
    scene.azure.clear_script()
    scene.release("me")
    scene.run(15)
    assert scene.machine(vm_id) is None
    assert len(scene.available) == 3


def test_a_delete_that_arrives_twice_costs_one_machine() -> None:
    """S4 b: the count fell with each message, and a message came twice when the delete behind it had failed."""
    scene = Scene(desired=3).ready()
    vm_id = scene.opened("me")
    scene.azure.script(Fault.ORDER_DOUBLED, times=None)
    scene.release("me")
    scene.run(2)
    scene.azure.clear_script()
    scene.run(15)
    assert [each.vm_id for each in scene.events(What.DELETED)] == [vm_id]
    assert scene.azure.capacity == len(scene.available) == 3


@pytest.mark.parametrize("theirs", [4, 8])
def test_a_number_that_somebody_sets_while_we_decide_is_not_overwritten(theirs: int) -> None:
    """S4 c, d: a tag and a whole scale set were written back as they had been read: stale capacity and all.

    Complaint 1: a cached size, too small by one, was written, and 197 nodes were deleted.
    """
    scene = Scene(desired=2).ready()
    scene.wants(5)
    process = Process(scene, Once("set_capacity", lambda: scene.azure.scale(Scale(capacity=theirs), by="them")))
    (report,) = process.tick(Actor.PROVISIONER)
    assert [each.result for each in report.outcomes] == [Result.LOST_RACE]
    assert [each.by for each in scene.events(What.CAPACITY_SET)][-1] == "them"
    assert scene.azure.capacity >= theirs


def test_a_number_that_is_already_higher_is_left_alone() -> None:
    """Complaint 1: nothing of ours ever lowers it; S4 f: and it is never rounded up."""
    scene = Scene(desired=3).ready()
    assert scene.azure.capacity == 3
    scene.azure.scale(Scale(capacity=7), by="operator")
    scene.run(30)
    assert scene.azure.capacity == len(scene.vms) == 7


def test_a_scaler_that_has_nothing_to_do_writes_nothing_to_azure() -> None:
    """S4 h: a tag was written for each scale set and minute, which by itself reached the limit of requests."""
    scene = Scene("vmss-first", "vmss-second", desired=2).ready()
    scene.process = Process(scene)
    scene.run(60)
    calls = sum((face.calls for face in scene.process.faces.values()), Counter[str]())
    assert calls.keys() == {"view", "list", "group"}  # three ways to read


def test_a_start_that_was_accepted_and_failed_is_not_a_start() -> None:
    """S4 i: what ended as failed was logged as complete, and tried again each minute, on the same machine."""
    scene = Scene(desired=3).ready()
    scene.azure.script(Fault.START_ALLOCATION, times=None)
    machine = scene.reserve_naively("me")
    scene.run(5)
    assert scene.stage_at(machine, "me") == "refused"
    assert len(scene.events(What.START_ORDERED, machine)) <= 3


def test_nothing_that_is_deployed_handles_signals() -> None:
    """S4 j: every signal ended the scaler, even the signal of the Go runtime's scheduler."""
    sources = Path(scaler.__file__).parent.rglob("*.py")
    imported = {
        alias.name
        for source in sources
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert "json" in imported
    assert "signal" not in imported
