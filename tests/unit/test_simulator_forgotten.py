"""What Redis forgot is nobody's fault; what the scaler does then is judged all the same."""

from datetime import timedelta

import pytest
from simulator_builders import OFFERED, azure, in_session, judged, look, looks, machine, second, told

from emulator.history import What
from scaler.model.instance import PowerState
from scaler.model.policy import Policy
from simulator.happenings import Did, Entry, Forgotten, Happening, Look, Manner
from simulator.observer.cut_short import CutShort
from simulator.observer.handed_out import HandedOut, SentElsewhere
from simulator.observer.lost import Lost
from simulator.observer.wrong import Kind

type History = list[Happening | list[Look]]
_GRACE = timedelta(seconds=1)


def _lost() -> Lost:
    return Lost(_GRACE, timedelta(seconds=5))


def _entry(at: float, session: str, did: Did, manner: Manner, whom: str | None = None) -> Entry:
    return Entry(at=second(at), session=session, did=did, vm_id="vm", manner=manner, whom=whom)


def test_a_promise_that_redis_forgot_is_not_lost() -> None:
    history: History = [told(0, "ann", Did.PROMISED), Forgotten(at=second(1)), looks(1, 10)]
    assert judged(_lost(), *history) == []


def test_what_redis_lost_of_one_machine_excuses_nothing_of_another() -> None:
    history: History = [told(0, "ann", Did.PROMISED), Forgotten(at=second(1), vm_id="other"), looks(1, 10)]
    assert [wrong.session for wrong in judged(_lost(), *history)] == ["ann"]


def test_a_promise_after_the_accident_counts() -> None:
    history: History = [Forgotten(at=second(0)), told(1, "ann", Did.PROMISED), looks(1, 10)]
    assert [wrong.kind for wrong in judged(_lost(), *history)] == [Kind.LOST]


def test_an_answer_that_was_on_its_way_when_redis_forgot_is_forgotten_too() -> None:
    took, accident = told(0, "ann", Did.TOOK), Forgotten(at=second(1))
    assert judged(_lost(), took, accident, told(2, "ann", Did.PROMISED), looks(2, 10)) == []


def test_who_asks_again_must_be_served_while_a_machine_is_free() -> None:
    taken, free = machine(PowerState.STOPPED, in_session("bob")), machine(PowerState.STOPPED, OFFERED)
    history: History = [told(0, "ann", Did.PROMISED), Forgotten(at=second(1)), told(2, "ann", Did.QUEUED)]
    assert judged(_lost(), *history, looks(2, 20, taken)) == [], "none is"
    wrongs = judged(_lost(), *history, looks(2, 20, free))
    assert [wrong.session for wrong in wrongs] == ["ann"]


def test_a_displaced_visitor_whom_the_registry_still_names_has_been_told() -> None:
    history: History = [
        told(0, "ann", Did.PROMISED),
        told(1, "ann", Did.DISPLACED),
        look(1, named=("ann",)),
        looks(2, 10),
    ]
    assert judged(_lost(), *history) == []


def test_a_displaced_visitor_whom_nobody_names_is_lost() -> None:
    history: History = [told(0, "ann", Did.PROMISED), told(1, "ann", Did.DISPLACED), looks(1, 10)]
    assert len(judged(_lost(), *history)) == 1


@pytest.mark.parametrize("manner", [Manner.TOO_LATE, Manner.GARBAGE])
def test_the_word_of_a_reckless_queue_manager_is_no_promise(manner: Manner) -> None:
    assert judged(_lost(), _entry(0, "ann", Did.PROMISED, manner), looks(0, 10)) == []


def test_whom_a_reckless_one_writes_over_is_not_the_scalers_to_answer_for() -> None:
    overwrote = _entry(1, "bob", Did.OVERWROTE, Manner.TOO_LATE, whom="ann")
    assert judged(_lost(), told(0, "ann", Did.PROMISED), overwrote, looks(1, 10)) == []


def test_so_is_whom_it_writes_over_before_they_were_told() -> None:
    took = told(0, "ann", Did.TOOK)
    overwrote = _entry(1, "bob", Did.OVERWROTE, Manner.TOO_LATE, whom="ann")
    assert judged(_lost(), took, overwrote, told(2, "ann", Did.PROMISED), looks(2, 10)) == []


def test_whom_an_orderly_one_writes_over_is_lost_unless_redis_let_it_down() -> None:
    promised, took = told(0, "ann", Did.PROMISED), told(0, "bob", Did.TOOK)
    overwrote = _entry(2, "bob", Did.OVERWROTE, Manner.NAIVE, whom="ann")
    assert len(judged(_lost(), promised, took, overwrote, looks(2, 10))) == 1
    let_down: History = [took, Forgotten(at=second(1)), told(1, "ann", Did.PROMISED), overwrote]
    assert judged(_lost(), *let_down, looks(2, 10)) == []


def test_who_was_promised_the_machine_after_redis_forgot_was_not_let_down() -> None:
    accident, took, promised = Forgotten(at=second(0)), told(1, "bob", Did.TOOK), told(1, "bob", Did.PROMISED)
    overwrote = _entry(3, "bob", Did.OVERWROTE, Manner.NAIVE, whom="ann")
    history: History = [accident, took, promised, told(2, "ann", Did.PROMISED), overwrote]
    assert [wrong.session for wrong in judged(_lost(), *history, looks(3, 10, named=("bob",)))] == ["ann"]


def test_who_writes_over_another_answers_for_their_own_promise_still() -> None:
    took, accident = told(0, "bob", Did.TOOK), Forgotten(at=second(1))
    promised = [told(2, "ann", Did.PROMISED), told(3, "bob", Did.PROMISED, "second")]
    overwrote = _entry(4, "bob", Did.OVERWROTE, Manner.NAIVE, whom="ann")
    assert judged(_lost(), took, accident, *promised, overwrote, looks(4, 10)) == []
    again = told(5, "bob", Did.PROMISED)
    wrongs = judged(_lost(), took, accident, *promised, again, overwrote, looks(6, 10))
    assert [wrong.session for wrong in wrongs] == ["bob"]


def test_who_was_forgotten_is_not_in_reach_of_what_comes_up_later() -> None:
    promised, runs = told(0, "ann", Did.PROMISED), azure(2, What.RUNNING)
    opened = told(3, "bob", Did.OPENED)
    assert len(judged(HandedOut(), promised, runs, opened)) == 1
    assert judged(HandedOut(), promised, Forgotten(at=second(1)), runs, opened) == []


def test_an_order_to_a_machine_at_rest_cuts_nobody_short() -> None:
    history: History = [
        azure(0, What.RUNNING, "starter"),
        told(1, "ann", Did.OPENED),
        azure(2, What.SHUT_DOWN, "guest"),
        azure(3, What.DELETE_ORDERED, "cleaner"),
    ]
    assert judged(CutShort(Policy()), *history) == []


def test_but_one_that_runs_again_by_itself_still_has_its_visitor() -> None:
    history: History = [
        told(1, "ann", Did.OPENED),
        azure(2, What.STOPPED, "guest"),
        azure(3, What.RUNNING, "guest"),
        azure(4, What.DELETE_ORDERED, "cleaner"),
    ]
    assert [wrong.session for wrong in judged(CutShort(Policy()), *history)] == ["ann"]


def test_one_who_is_sent_to_another_machines_address_is_a_wrong() -> None:
    seen = look(0, machine(PowerState.RUNNING, in_session("ann"), private_ip="10.0.0.4", public_ip=None))

    def opened(*addresses: str) -> Entry:
        return Entry(at=second(1), session="ann", did=Did.OPENED, vm_id="vm", addresses=addresses)

    assert judged(SentElsewhere(), seen, opened("10.0.0.4")) == []
    assert judged(SentElsewhere(), seen, opened()) == [], "told no address"
    (wrong,) = judged(SentElsewhere(), seen, opened("10.0.0.5"))
    assert wrong.kind is Kind.HANDED_OUT
