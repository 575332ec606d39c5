"""A machine that the registry forgot while it runs, or keeps for a session that will never come."""

import pytest
from simulator_builders import OFFERED, USED, in_session, judged, look, machine, second, told

from scaler.model.instance import PowerState, ProvisioningState
from scaler.model.policy import Moves
from simulator.happenings import Did, Entry, Forgotten, Manner, Published
from simulator.observer.leaked import ForNobody
from simulator.observer.wrong import Kind

RUNS = PowerState.RUNNING


@pytest.mark.parametrize("published", [USED, in_session("ann")])
def test_a_record_that_is_deleted_before_its_machine_is_told_once(published: Published) -> None:
    gone = (look(2, machine(RUNS)), look(3, machine(RUNS)))
    (wrong,) = judged(ForNobody(Moves.ATOMIC), look(1, machine(RUNS, published)), *gone)
    assert (wrong.kind, wrong.at, wrong.vm_id) == (Kind.LEAKED, second(2), "vm")


def test_a_record_may_go_when_its_machine_is_going_or_gone() -> None:
    going = machine(RUNS, provisioning=ProvisioningState.DELETING)
    assert judged(ForNobody(Moves.ATOMIC), look(1, machine(RUNS, USED)), look(2, going)) == []
    assert judged(ForNobody(Moves.ATOMIC), look(1, machine(RUNS, USED)), look(2)) == []


def test_a_fresh_machine_may_be_forgotten_on_the_word_of_two_old_listings() -> None:
    assert judged(ForNobody(Moves.ATOMIC), look(1, machine(RUNS, OFFERED)), look(2, machine(RUNS))) == []


def test_what_redis_itself_forgot_is_nobodys_fault() -> None:
    before, after = look(1, machine(RUNS, USED)), look(2, machine(RUNS))
    assert judged(ForNobody(Moves.ATOMIC), before, Forgotten(at=second(1.5)), after) == []
    assert judged(ForNobody(Moves.ATOMIC), before, Forgotten(at=second(1.5), vm_id="vm"), after) == []
    assert len(judged(ForNobody(Moves.ATOMIC), before, Forgotten(at=second(1.5), vm_id="other"), after)) == 1
    assert judged(ForNobody(Moves.ATOMIC), before, look(1.5, machine(RUNS), forgot=True), after) == []


def test_a_machine_opened_for_a_session_that_was_refused_another_is_for_nobody() -> None:
    refused = told(1, "ann", Did.REFUSED, "first")
    (wrong,) = judged(ForNobody(Moves.ATOMIC), refused, look(2, machine(RUNS, in_session("ann"))))
    assert (wrong.kind, wrong.session) == (Kind.LEAKED, "ann")


def test_the_machine_that_it_was_refused_on_is_only_used() -> None:
    refused = told(1, "ann", Did.REFUSED)
    assert judged(ForNobody(Moves.ATOMIC), refused, look(2, machine(RUNS, in_session("ann")))) == []
    assert judged(ForNobody(Moves.ATOMIC), told(1, "ann", Did.REFUSED, "first"), look(2, machine(RUNS, USED))) == []


def test_a_session_moved_behind_its_queue_managers_back_is_told_at_once() -> None:
    (wrong,) = judged(ForNobody(Moves.ATOMIC), told(1, "ann", Did.LEFT_BEHIND))
    assert (wrong.kind, wrong.vm_id, wrong.session) == (Kind.LEAKED, "vm", "ann")


def test_where_the_operator_says_that_everybody_follows_it_is_not_the_scalers_fault() -> None:
    assert judged(ForNobody(Moves.ALWAYS), told(1, "ann", Did.LEFT_BEHIND)) == []


def test_who_made_the_registry_forget_their_first_machine_may_be_refused_another() -> None:
    refused = Entry(at=second(1), session="ann", did=Did.REFUSED, vm_id="second", manner=Manner.GARBAGE)
    assert judged(ForNobody(Moves.ATOMIC), refused, look(2, machine(RUNS, in_session("ann")))) == []
