"""A machine within reach of two sessions, or a visitor sent to another machine than their own."""

from dataclasses import replace

import pytest
from simulator_builders import azure, judged, look, machine, second, told

from emulator.history import What
from scaler.model.instance import PowerState
from scaler.model.row import Status
from simulator.happenings import Did, Forgotten, Published
from simulator.observer.handed_out import HandedOut, SentElsewhere
from simulator.observer.wrong import Kind


def test_a_machine_opened_for_a_second_session_is_wrong_and_counted_once() -> None:
    history = (told(1, "ann", Did.OPENED), told(9, "bob", Did.OPENED), told(10, "bob", Did.CONNECTED))
    (wrong,) = judged(HandedOut(), *history)
    assert (wrong.kind, wrong.vm_id, wrong.session) == (Kind.HANDED_OUT, "vm", "bob")


def test_it_is_wrong_long_after_the_first_session_has_left() -> None:
    history = (told(1, "ann", Did.OPENED), told(2, "ann", Did.LEAVING), told(9999, "bob", Did.CONNECTED))
    assert [each.session for each in judged(HandedOut(), *history)] == ["bob"]


@pytest.mark.parametrize("departure", [Did.GAVE_UP, Did.REFUSED, Did.DISPLACED])
def test_a_machine_that_came_up_for_a_session_that_never_went_in_is_used_all_the_same(departure: Did) -> None:
    history = (
        told(1, "ann", Did.PROMISED),
        azure(2, What.RUNNING, by="starter"),
        told(3, "ann", departure),
        told(9, "bob", Did.OPENED),
    )
    assert [each.session for each in judged(HandedOut(), *history)] == ["bob"]


def test_a_machine_that_was_heated_came_up_for_nobody() -> None:
    promised = (azure(0, What.START_ORDERED, by="reconciler"), told(1, "ann", Did.PROMISED))
    given_back = (azure(2, What.RUNNING, by="reconciler"), told(3, "ann", Did.GAVE_UP), told(9, "bob", Did.OPENED))
    assert judged(HandedOut(), *promised, *given_back) == []
    again = azure(1.5, What.START_ORDERED, by="starter")
    assert [each.session for each in judged(HandedOut(), *promised, again, *given_back)] == ["bob"]
    inside = (*promised, azure(2, What.RUNNING), told(3, "ann", Did.OPENED), told(9, "bob", Did.OPENED))
    assert [each.session for each in judged(HandedOut(), *inside)] == ["bob"]


def test_a_machine_given_back_before_it_came_up_is_fresh() -> None:
    history = (
        told(1, "ann", Did.PROMISED),
        told(2, "ann", Did.GAVE_UP),
        told(3, "bob", Did.PROMISED),
        azure(4, What.RUNNING, by="starter"),
        told(5, "bob", Did.OPENED),
    )
    assert judged(HandedOut(), *history) == []


def test_a_machine_that_ran_before_anybody_was_promised_it_is_fresh() -> None:
    history = (azure(0, What.RUNNING, by="provisioner"), azure(1, What.STOPPED, by="provisioner"))
    assert judged(HandedOut(), *history, told(2, "ann", Did.PROMISED), told(3, "ann", Did.OPENED)) == []


def test_one_session_may_come_and_go_on_its_machine() -> None:
    history = [told(at, "ann", did) for at, did in enumerate((Did.OPENED, Did.CONNECTED, Did.CONNECTED))]
    assert judged(HandedOut(), *history) == []


def test_a_promise_of_somebody_elses_machine_is_not_yet_wrong() -> None:
    history = (told(1, "ann", Did.OPENED), told(2, "bob", Did.PROMISED), told(3, "bob", Did.DISPLACED))
    assert judged(HandedOut(), *history) == []


def test_a_machine_that_the_notes_open_for_a_second_session_is_wrong_though_its_visitor_never_hears_of_it() -> None:
    opened = [Published(status=Status.UNAVAILABLE, opened_for=name) for name in ("ann", "ann", "bob")]
    looks = (look(at, machine(PowerState.RUNNING, each)) for at, each in enumerate(opened))
    assert [each.session for each in judged(HandedOut(), *looks)] == ["bob"]


def wrongs(*addresses: str, power: PowerState = PowerState.RUNNING) -> int:
    there = machine(power, private_ip="10.0.0.6", public_ip="198.18.0.1")
    opened = replace(told(2, "ann", Did.OPENED), addresses=addresses)
    return len(judged(SentElsewhere(), look(1, there), opened))


@pytest.mark.parametrize(("address", "found"), [("10.0.0.6", 0), ("198.18.0.1", 0), ("10.0.0.7", 1), ("198.18.0.2", 1)])
def test_an_address_is_its_own_or_it_is_a_wrong(address: str, found: int) -> None:
    assert wrongs(address) == found


def test_what_was_evicted_meanwhile_has_no_address_to_compare_with() -> None:
    assert wrongs("198.18.0.9", power=PowerState.DEALLOCATED) == 0


def test_a_visitor_who_is_told_no_address_goes_nowhere() -> None:
    assert wrongs() == 0


def test_who_was_forgotten_is_not_in_reach_of_what_comes_up_later() -> None:
    promised, runs = told(0, "ann", Did.PROMISED), azure(2, What.RUNNING)
    opened = told(3, "bob", Did.OPENED)
    assert len(judged(HandedOut(), promised, runs, opened)) == 1
    assert judged(HandedOut(), promised, Forgotten(at=second(1)), runs, opened) == []
