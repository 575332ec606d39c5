"""A session ended by the scaler before its time, and everything that only looks like it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from simulator_builders import azure, in_session, judged, look, machine, second, told

from emulator.history import What
from scaler.model.instance import PowerState
from scaler.model.policy import Policy
from simulator.happenings import Did, Manner, Published, Seen
from simulator.observer.cut_short import CutShort
from simulator.observer.wrong import Kind

LIMIT = 100.0
POLICY = Policy(session_limit=timedelta(seconds=LIMIT), presumed_limit=timedelta(seconds=50))
UNLIMITED = replace(POLICY, session_limit=timedelta(0))
HURTS = [What.STOP_ORDERED, What.DEALLOCATE_ORDERED, What.RESTART_ORDERED, What.DELETE_ORDERED]
OPENED = told(10, "ann", Did.OPENED)


@pytest.mark.parametrize("what", HURTS)
def test_an_order_that_hurts_a_machine_with_a_visitor_on_it_is_wrong(what: What) -> None:
    (wrong,) = judged(CutShort(POLICY), OPENED, azure(20, what), azure(21, what))
    assert (wrong.kind, wrong.vm_id, wrong.session, wrong.at) == (Kind.CUT_SHORT, "vm", "ann", second(20))


@pytest.mark.parametrize(("at", "wrongs"), [(LIMIT - 1, 1), (LIMIT, 0), (LIMIT + 1, 0)])
def test_at_its_limit_a_session_may_be_ended(at: float, wrongs: int) -> None:
    assert len(judged(CutShort(POLICY), OPENED, azure(10 + at, What.DELETE_ORDERED))) == wrongs


@pytest.mark.parametrize("departure", [Did.LEAVING, Did.CUT_OFF, Did.EXPIRED, Did.VANISHED])
def test_whoever_has_left_is_not_hurt(departure: Did) -> None:
    assert judged(CutShort(POLICY), OPENED, told(20, "ann", departure), azure(20, What.DELETE_ORDERED)) == []


def test_an_order_is_judged_by_when_it_arrived_even_if_it_is_heard_of_later() -> None:
    history = (OPENED, told(20, "ann", Did.LEAVING), azure(19.9, What.DELETE_ORDERED))
    assert [each.session for each in judged(CutShort(POLICY), *history)] == ["ann"]


@pytest.mark.parametrize("by", ["platform", "guest", "somebody", "arm"])
def test_what_others_do_is_not_the_scalers_fault(by: str) -> None:
    assert judged(CutShort(POLICY), OPENED, azure(20, What.DELETE_ORDERED, by=by)) == []


@pytest.mark.parametrize("what", [What.START_ORDERED, What.PROTECT_ORDERED, What.RUNNING])
def test_what_does_not_hurt_is_not_wrong(what: What) -> None:
    assert judged(CutShort(POLICY), OPENED, azure(20, what, by="starter")) == []


def test_whoever_waits_for_a_machine_is_not_on_it_yet() -> None:
    assert judged(CutShort(POLICY), told(1, "ann", Did.PROMISED), azure(2, What.DELETE_ORDERED)) == []


def test_a_visitor_is_on_the_machine_as_soon_as_the_record_says_so() -> None:
    opened = look(2, machine(PowerState.RUNNING, in_session("ann")))
    history = (told(1, "ann", Did.PROMISED), opened, azure(3, What.DELETE_ORDERED))
    assert [each.session for each in judged(CutShort(POLICY), *history)] == ["ann"]


def test_a_record_that_names_somebody_who_has_given_up_lets_nobody_in() -> None:
    opened = look(3, machine(PowerState.RUNNING, in_session("ann")))
    history = (told(1, "ann", Did.PROMISED), told(2, "ann", Did.GAVE_UP), opened, azure(4, What.DELETE_ORDERED))
    assert judged(CutShort(POLICY), *history) == []


def test_without_a_session_limit_a_session_may_never_be_ended() -> None:
    assert len(judged(CutShort(UNLIMITED), OPENED, azure(99_999, What.DELETE_ORDERED))) == 1


@pytest.mark.parametrize(("at", "wrongs"), [(69.0, 1), (70.0, 0)])
def test_without_a_session_limit_a_presumed_one_ends_at_its_own(at: float, wrongs: int) -> None:
    presumed = look(21, machine(PowerState.RUNNING, Published(presumed_since=second(20))))
    assert len(judged(CutShort(UNLIMITED), OPENED, presumed, azure(at, What.DELETE_ORDERED))) == wrongs


@pytest.mark.parametrize(("manner", "wrongs"), [(Manner.GARBAGE, 0), (Manner.TOO_LATE, 1), (Manner.LOSSY, 1)])
def test_only_garbage_over_a_record_can_say_that_somebody_has_left(manner: Manner, wrongs: int) -> None:
    overwrote = replace(told(15, "bob", Did.OVERWROTE), manner=manner, whom="ann")
    assert len(judged(CutShort(POLICY), OPENED, overwrote, azure(20, What.DELETE_ORDERED))) == wrongs


def test_an_order_to_a_machine_at_rest_cuts_nobody_short() -> None:
    history = (
        azure(0, What.RUNNING, "starter"),
        told(1, "ann", Did.OPENED),
        azure(2, What.SHUT_DOWN, "guest"),
        azure(3, What.DELETE_ORDERED, "cleaner"),
    )
    assert judged(CutShort(POLICY), *history) == []


def test_but_one_that_runs_again_by_itself_still_has_its_visitor() -> None:
    history = (
        told(1, "ann", Did.OPENED),
        azure(2, What.STOPPED, "guest"),
        azure(3, What.RUNNING, "guest"),
        azure(4, What.DELETE_ORDERED, "cleaner"),
    )
    assert [wrong.session for wrong in judged(CutShort(POLICY), *history)] == ["ann"]


LIED = azure(20, What.LIED, "guest")
DELETED = azure(100, What.DELETE_ORDERED)
ENDED = machine(PowerState.RUNNING, Published(ended_by_health=True))
NOT_ENDED = machine(PowerState.RUNNING, Published())
LONG = replace(POLICY, session_limit=timedelta(hours=2))


def test_a_guest_that_lies_about_itself_may_end_its_own_session() -> None:
    assert judged(CutShort(LONG), OPENED, LIED, DELETED, look(101, ENDED)) == []


def test_a_session_that_ends_by_health_with_somebody_inside_is_wrong_unless_the_guest_lied() -> None:
    silent = azure(20, What.FELL_SILENT, "guest")
    assert [each.session for each in judged(CutShort(LONG), OPENED, silent, DELETED, look(101, ENDED))] == ["ann"]
    other = replace(LIED, vm_id="another")
    assert [each.session for each in judged(CutShort(LONG), OPENED, other, DELETED, look(101, ENDED))] == ["ann"]


@pytest.mark.parametrize("seen", [[NOT_ENDED], []])
def test_a_lie_excuses_nothing_but_an_end_by_health(seen: list[Seen]) -> None:
    (wrong,) = judged(CutShort(LONG), OPENED, LIED, DELETED, look(101, *seen), look(102, *seen))
    assert (wrong.session, wrong.at) == ("ann", second(100))


@pytest.mark.parametrize(("later", "wrongs"), [(599, 0), (600, 1)])
def test_an_old_lie_excuses_nothing(later: float, wrongs: int) -> None:
    deleted = azure(20 + later, What.DELETE_ORDERED)
    assert len(judged(CutShort(LONG), OPENED, LIED, deleted, look(21 + later, ENDED))) == wrongs
