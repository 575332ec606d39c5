"""Visitors whose queue manager writes no session id, before the observer: Redis knows them by their machine's name."""

from dataclasses import replace
from datetime import timedelta

import pytest
from simulator_builders import azure, in_session, judged, look, looks, machine, told

from emulator.history import What
from scaler.model.instance import PowerState
from scaler.model.policy import Policy
from simulator.happenings import Did, Entry, Manner, Published
from simulator.observer.cut_short import CutShort
from simulator.observer.handed_out import HandedOut
from simulator.observer.lost import Lost, Unserved
from simulator.observer.wrong import Kind, Wrong

SECOND = timedelta(seconds=1)


def nameless(at: float, session: str, did: Did) -> Entry:
    return replace(told(at, session, did), manner=Manner.NAMELESS)


PROMISED = nameless(0, "ann", Did.PROMISED)
OVERWRITTEN = replace(told(3, "bob", Did.OVERWROTE), manner=Manner.TOO_LATE, whom="ann")
UP = azure(2, What.RUNNING, by="starter")


@pytest.mark.parametrize(("named", "wrongs"), [("vm", []), ("ann", []), ("another", ["ann"])])
def test_it_is_lost_when_neither_its_id_nor_its_machine_is_named(named: str, wrongs: list[str]) -> None:
    found = judged(Lost(grace=SECOND, in_vain=SECOND), PROMISED, looks(1, 5, named=(named,)))
    assert [each.session for each in found] == wrongs


def test_one_that_has_an_id_is_lost_though_its_machine_is_named() -> None:
    found = judged(Lost(grace=SECOND, in_vain=SECOND), told(0, "ann", Did.PROMISED), looks(1, 5, named=("vm",)))
    assert [each.session for each in found] == ["ann"]


def test_it_waits_no_longer_than_any_other() -> None:
    found = judged(Unserved(patience=10 * SECOND), PROMISED, looks(1, 60, machine(PowerState.STOPPED), named=("vm",)))
    assert [(each.kind, each.session) for each in found] == [(Kind.LOST, "ann")]


def test_it_is_inside_as_soon_as_its_record_says_so() -> None:
    opened = look(5, machine(PowerState.RUNNING, in_session("vm")))
    found = judged(CutShort(Policy()), PROMISED, opened, azure(6, What.DELETE_ORDERED))
    assert [(each.kind, each.session) for each in found] == [(Kind.CUT_SHORT, "ann")]


def shared(*history: Entry) -> list[Wrong]:
    return judged(HandedOut(), PROMISED, UP, *history)


def test_its_machine_is_another_ones_who_has_written_an_id_into_its_record_before_anybody_was_let_in() -> None:
    assert shared(OVERWRITTEN, told(4, "bob", Did.OPENED)) == []


def test_but_then_it_must_not_be_let_in_itself() -> None:
    found = shared(OVERWRITTEN, told(4, "bob", Did.OPENED), nameless(5, "ann", Did.OPENED))
    assert [(each.kind, each.session) for each in found] == [(Kind.HANDED_OUT, "ann")]


def test_nor_the_other_when_it_was_in_already() -> None:
    found = shared(nameless(2.5, "ann", Did.OPENED), OVERWRITTEN, told(4, "bob", Did.OPENED))
    assert [each.session for each in found] == ["bob"]


def test_two_without_an_id_on_one_machine_are_two_strangers_on_one_machine() -> None:
    found = shared(nameless(3, "ann", Did.OPENED), nameless(4, "bob", Did.OPENED))
    assert [each.session for each in found] == ["bob"]


@pytest.mark.parametrize("name", ["vm", "ann"])
def test_once_the_scaler_has_opened_it_nobody_else_may_have_it_whatever_is_written_over_its_record(name: str) -> None:
    opened = look(2.5, machine(PowerState.RUNNING, Published(opened_for=name)))
    found = judged(HandedOut(), PROMISED, UP, opened, OVERWRITTEN, told(4, "bob", Did.OPENED))
    assert [each.session for each in found] == ["bob"]
