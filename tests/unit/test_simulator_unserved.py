"""A session that waits too long, is let in to a machine that never ran, or has a machine that is not started."""

from datetime import timedelta

import pytest
from simulator_builders import USED, azure, in_session, judged, look, looks, machine, second, told

from emulator.history import What
from scaler.model.instance import PowerState
from simulator.happenings import Did, Forgotten
from simulator.observer.lost import Unserved, Unstarted
from simulator.observer.wrong import Kind

RESTS = machine(PowerState.STOPPED)


def unserved() -> Unserved:
    return Unserved(patience=timedelta(seconds=10))


@pytest.mark.parametrize(("last", "wrongs"), [(9, 0), (10, 0), (11, 1)])
def test_a_session_may_wait_so_long_and_no_longer(last: float, wrongs: int) -> None:
    history = (told(0, "ann", Did.PROMISED), looks(0, last, RESTS, named=("ann",), every=1))
    assert len(judged(unserved(), *history)) == wrongs


def test_a_session_that_waits_too_long_is_told_once() -> None:
    (wrong,) = judged(unserved(), told(0, "ann", Did.PROMISED), looks(0, 60, named=("ann",)))
    assert (wrong.kind, wrong.session, wrong.vm_id) == (Kind.LOST, "ann", "vm")


def test_a_moved_session_has_waited_all_the_time() -> None:
    history = (told(0, "ann", Did.PROMISED), told(8, "ann", Did.PROMISED, "other"), looks(9, 11, named=("ann",)))
    assert [each.vm_id for each in judged(unserved(), *history)] == ["other"]


@pytest.mark.parametrize("did", [Did.OPENED, Did.REFUSED, Did.GAVE_UP, Did.DISPLACED])
def test_a_session_that_got_its_answer_waits_no_more(did: Did) -> None:
    history = (told(0, "ann", Did.PROMISED), told(5, "ann", did), looks(6, 60, named=("ann",)))
    assert judged(unserved(), *history) == []


def test_an_answer_that_nobody_has_fetched_is_an_answer() -> None:
    let_in = machine(PowerState.RUNNING, in_session("ann"))
    history = (told(0, "ann", Did.PROMISED), look(5, let_in, named=("ann",)), looks(6, 60, named=("ann",)))
    assert judged(unserved(), *history) == []
    refused = (told(0, "ann", Did.PROMISED), look(5, machine(PowerState.STOPPED, USED), named=("ann",)))
    assert judged(unserved(), *refused, looks(6, 60, named=("ann",))) == []


def test_what_redis_forgot_begins_anew() -> None:
    history = (told(0, "ann", Did.PROMISED), Forgotten(at=second(8)), looks(9, 18, named=("ann",)))
    assert judged(unserved(), *history) == []
    assert len(judged(unserved(), *history, looks(18.5, 19, named=("ann",)))) == 1


def test_nobody_is_let_in_to_a_machine_that_has_not_run_since_its_mark() -> None:
    history = (azure(0, What.STOPPED, "provisioner"), azure(1, What.PROTECT_ORDERED, "reconciler"))
    (wrong,) = judged(unserved(), *history, told(2, "ann", Did.PROMISED), told(3, "ann", Did.OPENED))
    assert (wrong.kind, wrong.session, wrong.vm_id) == (Kind.LOST, "ann", "vm")


def test_a_machine_that_has_run_since_its_mark_may_have_stopped_before_anybody_came() -> None:
    marked = (azure(0, What.STOPPED, "provisioner"), azure(1, What.PROTECT_ORDERED, "reconciler"))
    history = (*marked, azure(2, What.RUNNING, "starter"))
    stopped = (azure(3, What.SHUT_DOWN, "guest"), azure(3, What.STOPPED, "guest"))
    assert judged(unserved(), *history, *stopped, told(4, "ann", Did.OPENED)) == []


def test_a_machine_that_was_marked_while_it_ran_was_handed_over_with_its_visitor_on_it() -> None:
    adopted = (azure(0, What.RUNNING, "somebody"), azure(1, What.PROTECT_ORDERED, "somebody"))
    assert judged(unserved(), *adopted, told(2, "ann", Did.OPENED)) == []


PROMISED = told(0, "ann", Did.PROMISED)


def unstarted() -> Unstarted:
    return Unstarted(timedelta(seconds=10))


@pytest.mark.parametrize(("last", "wrongs"), [(9, 0), (10, 0), (11, 1), (60, 1)])
def test_a_start_is_to_be_ordered_so_long_after_the_promise(last: float, wrongs: int) -> None:
    found = judged(unstarted(), PROMISED, looks(0, last, RESTS, named=("ann",), every=1))
    assert [(each.kind, each.session, each.vm_id) for each in found] == [(Kind.LOST, "ann", "vm")] * wrongs


def test_when_it_is_ordered_in_time_the_machine_may_take_as_long_as_it_likes() -> None:
    history = (PROMISED, azure(9, What.START_ORDERED), looks(10, 300, RESTS, named=("ann",)))
    assert judged(unstarted(), *history) == []


@pytest.mark.parametrize("outcome", [Did.OPENED, Did.GAVE_UP, Did.DISPLACED])
def test_a_session_that_got_another_answer_needs_no_start(outcome: Did) -> None:
    history = (PROMISED, told(5, "ann", outcome), looks(6, 60, RESTS, named=("ann",)))
    assert judged(unstarted(), *history) == []


def test_a_start_that_was_ordered_before_the_promise_was_told_counts() -> None:
    history = (azure(0, What.START_ORDERED), told(1, "ann", Did.PROMISED), looks(2, 60, RESTS, named=("ann",)))
    assert judged(unstarted(), *history) == []
