"""A promised machine that nobody starts."""

from datetime import timedelta

import pytest
from simulator_builders import azure, judged, looks, machine, told

from emulator.history import What
from scaler.model.instance import PowerState
from simulator.happenings import Did
from simulator.observer.unserved import Unstarted
from simulator.observer.wrong import Kind

RESTS = machine(PowerState.STOPPED)
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
