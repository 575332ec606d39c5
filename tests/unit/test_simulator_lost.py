"""A promised session that is nowhere any more, waits too long, or has a machine that never ran; and what is none."""

from datetime import timedelta

import pytest
from simulator_builders import OFFERED, USED, azure, in_session, judged, look, looks, machine, second, told

from emulator.history import What
from scaler.model.instance import PowerState
from simulator.happenings import Did, Entry, Forgotten, Happening, Look, Manner
from simulator.observer.lost import Lost, Unserved, Unstarted
from simulator.observer.wrong import Kind

FREE = machine(PowerState.STOPPED, OFFERED)
ACCIDENTS = [Forgotten(at=second(1)), look(1, forgot=True)]


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


def test_a_session_that_was_named_and_is_named_no_more_is_lost() -> None:
    named = looks(1, 5, named=("ann",))
    assert [each.at for each in judged(lost(), told(0, "ann", Did.PROMISED), named, looks(6, 9))] == [second(7)]


def test_a_session_that_is_missing_from_single_looks_is_not_lost() -> None:
    flickering = [each for at in range(20) for each in (look(at), look(at + 0.5, named=("ann",)))]
    assert judged(lost(), told(0, "ann", Did.PROMISED), *flickering) == []


@pytest.mark.parametrize("outcome", [Did.OPENED, Did.REFUSED, Did.GAVE_UP])
def test_a_session_that_got_its_answer_may_be_forgotten(outcome: Did) -> None:
    assert judged(lost(), told(0, "ann", Did.PROMISED), told(0.5, "ann", outcome), looks(1, 60)) == []


def test_a_session_that_was_never_promised_anything_cannot_be_lost() -> None:
    history = (told(0, "ann", Did.ARRIVED, None), told(0, "ann", Did.QUEUED, None), looks(1, 60, FREE))
    assert judged(lost(), *history) == []


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_what_redis_itself_lost_is_not_lost_by_the_scaler(accident: Happening) -> None:
    assert judged(lost(), told(0, "ann", Did.PROMISED), accident, looks(1.5, 60)) == []


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_what_was_promised_after_redis_forgot_can_be_lost_again(accident: Happening) -> None:
    history = (told(0, "ann", Did.PROMISED), accident, told(2, "ann", Did.PROMISED), looks(3, 9))
    assert [each.session for each in judged(lost(), *history)] == ["ann"]


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_after_redis_forgot_asking_again_must_give_a_machine_while_one_is_free(accident: Happening) -> None:
    forgotten = (told(0, "ann", Did.PROMISED), accident, told(2, "ann", Did.QUEUED, None))
    taken = machine(PowerState.STOPPED, in_session("bob"))
    assert [each.session for each in judged(lost(), *forgotten, looks(3, 9, FREE))] == ["ann"]
    assert judged(lost(), *forgotten, looks(3, 9)) == judged(lost(), *forgotten, looks(3, 9, taken)) == []
    taken_again = [each for at in range(3, 9) for each in (look(at, FREE), look(at + 0.5, taken))]
    assert judged(lost(), *forgotten, *taken_again) == []
    served = (look(3, FREE), told(3.5, "ann", Did.PROMISED), looks(4, 9, FREE, named=("ann",)))
    assert judged(lost(), *forgotten, *served) == []


type History = list[Happening | list[Look]]


def _entry(at: float, session: str, did: Did, manner: Manner, whom: str | None = None) -> Entry:
    return Entry(at=second(at), session=session, did=did, vm_id="vm", manner=manner, whom=whom)


def test_what_redis_lost_of_one_machine_excuses_nothing_of_another() -> None:
    history: History = [told(0, "ann", Did.PROMISED), Forgotten(at=second(1), vm_id="other"), looks(1, 10)]
    assert [wrong.session for wrong in judged(lost(), *history)] == ["ann"]


def test_an_answer_that_was_on_its_way_when_redis_forgot_is_forgotten_too() -> None:
    took, accident = told(0, "ann", Did.TOOK), Forgotten(at=second(1))
    assert judged(lost(), took, accident, told(2, "ann", Did.PROMISED), looks(2, 10)) == []


def test_a_displaced_visitor_whom_the_registry_still_names_has_been_told() -> None:
    history: History = [
        told(0, "ann", Did.PROMISED),
        told(1, "ann", Did.DISPLACED),
        look(1, named=("ann",)),
        looks(2, 10),
    ]
    assert judged(lost(), *history) == []


@pytest.mark.parametrize("manner", [Manner.TOO_LATE, Manner.GARBAGE])
def test_the_word_of_a_reckless_queue_manager_is_no_promise(manner: Manner) -> None:
    assert judged(lost(), _entry(0, "ann", Did.PROMISED, manner), looks(0, 10)) == []


def test_whom_a_reckless_one_writes_over_is_not_the_scalers_to_answer_for() -> None:
    overwrote = _entry(1, "bob", Did.OVERWROTE, Manner.TOO_LATE, whom="ann")
    assert judged(lost(), told(0, "ann", Did.PROMISED), overwrote, looks(1, 10)) == []


def test_so_is_whom_it_writes_over_before_they_were_told() -> None:
    took = told(0, "ann", Did.TOOK)
    overwrote = _entry(1, "bob", Did.OVERWROTE, Manner.TOO_LATE, whom="ann")
    assert judged(lost(), took, overwrote, told(2, "ann", Did.PROMISED), looks(2, 10)) == []


def test_whom_an_orderly_one_writes_over_is_lost_unless_redis_let_it_down() -> None:
    promised, took = told(0, "ann", Did.PROMISED), told(0, "bob", Did.TOOK)
    overwrote = _entry(2, "bob", Did.OVERWROTE, Manner.NAIVE, whom="ann")
    assert len(judged(lost(), promised, took, overwrote, looks(2, 10))) == 1
    let_down: History = [took, Forgotten(at=second(1)), told(1, "ann", Did.PROMISED), overwrote]
    assert judged(lost(), *let_down, looks(2, 10)) == []


def test_who_was_promised_the_machine_after_redis_forgot_was_not_let_down() -> None:
    accident, took, promised = Forgotten(at=second(0)), told(1, "bob", Did.TOOK), told(1, "bob", Did.PROMISED)
    overwrote = _entry(3, "bob", Did.OVERWROTE, Manner.NAIVE, whom="ann")
    history: History = [accident, took, promised, told(2, "ann", Did.PROMISED), overwrote]
    assert [wrong.session for wrong in judged(lost(), *history, looks(3, 10, named=("bob",)))] == ["ann"]


def test_who_writes_over_another_answers_for_their_own_promise_still() -> None:
    took, accident = told(0, "bob", Did.TOOK), Forgotten(at=second(1))
    promised = [told(2, "ann", Did.PROMISED), told(3, "bob", Did.PROMISED, "second")]
    overwrote = _entry(4, "bob", Did.OVERWROTE, Manner.NAIVE, whom="ann")
    assert judged(lost(), took, accident, *promised, overwrote, looks(4, 10)) == []
    again = told(5, "bob", Did.PROMISED)
    wrongs = judged(lost(), took, accident, *promised, again, overwrote, looks(6, 10))
    assert [wrong.session for wrong in wrongs] == ["bob"]


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


PROMISE = told(0, "ann", Did.PROMISED)


def unstarted() -> Unstarted:
    return Unstarted(timedelta(seconds=10))


@pytest.mark.parametrize(("last", "wrongs"), [(9, 0), (10, 0), (11, 1), (60, 1)])
def test_a_start_is_to_be_ordered_so_long_after_the_promise(last: float, wrongs: int) -> None:
    found = judged(unstarted(), PROMISE, looks(0, last, RESTS, named=("ann",), every=1))
    assert [(each.kind, each.session, each.vm_id) for each in found] == [(Kind.LOST, "ann", "vm")] * wrongs


def test_when_it_is_ordered_in_time_the_machine_may_take_as_long_as_it_likes() -> None:
    history = (PROMISE, azure(9, What.START_ORDERED), looks(10, 300, RESTS, named=("ann",)))
    assert judged(unstarted(), *history) == []


@pytest.mark.parametrize("outcome", [Did.OPENED, Did.GAVE_UP, Did.DISPLACED])
def test_a_session_that_got_another_answer_needs_no_start(outcome: Did) -> None:
    history = (PROMISE, told(5, "ann", outcome), looks(6, 60, RESTS, named=("ann",)))
    assert judged(unstarted(), *history) == []


def test_a_start_that_was_ordered_before_the_promise_was_told_counts() -> None:
    history = (azure(0, What.START_ORDERED), told(1, "ann", Did.PROMISED), looks(2, 60, RESTS, named=("ann",)))
    assert judged(unstarted(), *history) == []
