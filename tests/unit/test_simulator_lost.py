"""An acknowledged reservation that is nowhere any more, and everything that only looks like it."""

from datetime import timedelta

import pytest
from simulator_builders import OFFERED, judged, look, looks, machine, second, told

from scaler.model.instance import PowerState
from simulator.happenings import Did
from simulator.observer.lost import Lost
from simulator.observer.wrong import Kind

FREE = machine(PowerState.STOPPED, OFFERED)


def lost() -> Lost:
    return Lost(grace=timedelta(seconds=1), in_vain=timedelta(seconds=1))


def test_a_promised_session_that_nothing_names_is_lost_and_counted_once() -> None:
    (wrong,) = judged(lost(), told(0, "ann", Did.PROMISED), looks(1, 5))
    assert (wrong.kind, wrong.session, wrong.vm_id, wrong.at) == (Kind.LOST, "ann", "vm", second(2))


def test_a_session_is_lost_even_if_its_visitor_has_noticed_and_thinks_what_to_do() -> None:
    history = (told(0, "ann", Did.PROMISED), told(0.5, "ann", Did.DISPLACED), looks(1, 5))
    assert [each.session for each in judged(lost(), *history)] == ["ann"]


def test_a_promised_session_that_something_names_waits() -> None:
    assert judged(lost(), told(0, "ann", Did.PROMISED), looks(1, 60, named=("ann",))) == []


def test_a_session_that_is_missing_from_single_looks_is_not_lost() -> None:
    flickering = [each for at in range(20) for each in (look(at), look(at + 0.5, named=("ann",)))]
    assert judged(lost(), told(0, "ann", Did.PROMISED), *flickering) == []


@pytest.mark.parametrize("outcome", [Did.OPENED, Did.REFUSED, Did.GAVE_UP])
def test_a_session_that_got_its_answer_may_be_forgotten(outcome: Did) -> None:
    assert judged(lost(), told(0, "ann", Did.PROMISED), told(0.5, "ann", outcome), looks(1, 60)) == []


def test_a_session_that_was_never_promised_anything_cannot_be_lost() -> None:
    history = (told(0, "ann", Did.ARRIVED, None), told(0, "ann", Did.QUEUED, None), looks(1, 60, FREE))
    assert judged(lost(), *history) == []


def test_what_redis_itself_lost_is_not_lost_by_the_scaler() -> None:
    assert judged(lost(), told(0, "ann", Did.PROMISED), look(1, forgot=True), looks(1.5, 60)) == []


def test_what_was_promised_after_redis_forgot_can_be_lost_again() -> None:
    history = (told(0, "ann", Did.PROMISED), look(1, forgot=True), told(2, "ann", Did.PROMISED), looks(3, 9))
    assert [each.session for each in judged(lost(), *history)] == ["ann"]


def test_after_redis_forgot_asking_again_must_give_a_machine_while_one_is_free() -> None:
    forgotten = (told(0, "ann", Did.PROMISED), look(1, forgot=True), told(2, "ann", Did.QUEUED, None))
    assert [each.session for each in judged(lost(), *forgotten, looks(3, 9, FREE))] == ["ann"]
    assert judged(lost(), *forgotten, looks(3, 9)) == []
    assert (
        judged(lost(), *forgotten, look(3, FREE), told(3.5, "ann", Did.PROMISED), looks(4, 9, FREE, named=("ann",)))
        == []
    )
