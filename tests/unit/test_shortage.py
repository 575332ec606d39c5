"""Where Azure lately had no capacity: learnt from failed cold starts, forgotten when one succeeds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, POLICY, SCALE_SET, ago, fleet, notes, record, row

from scaler.model.instance import FailureClass, SessionId
from scaler.model.row import OpenedNote, Row, StartNote
from scaler.model.scarcity import Shortage, shortages

MINE = SessionId("mine")


def failed(failure: FailureClass | None, *, minutes: float = 5, warm: bool = False) -> Row:
    start = StartNote(session=MINE, at=ago(minutes=minutes), attempts=1, warm=warm, failure=failure)
    return row(1, record(), notes(1, start=start))


def opened(minutes: float) -> Row:
    start = StartNote(session=MINE, at=ago(minutes=minutes), attempts=1)
    inside = OpenedNote(session=MINE, at=NOW, record=record(2))
    return row(2, record(2), notes(2, start=start, opened=inside))


@pytest.mark.parametrize("failure", [FailureClass.ALLOCATION, FailureClass.QUOTA, FailureClass.SKU])
def test_a_cold_start_that_failed_for_want_of_capacity_is_remembered_as_long_as_its_class_says(
    failure: FailureClass,
) -> None:
    known = shortages([failed(failure)], {}, POLICY)
    assert known == {SCALE_SET: Shortage(since=ago(minutes=5), until=ago(minutes=5) + POLICY.unattractive[failure])}


@pytest.mark.parametrize("what", [failed(FailureClass.OTHER), failed(None), failed(FailureClass.ALLOCATION, warm=True)])
def test_any_other_failure_is_the_machines_own(what: Row) -> None:
    assert not shortages([what], {}, POLICY)


def test_it_is_remembered_when_the_notes_are_gone() -> None:
    known = shortages([failed(FailureClass.ALLOCATION)], {}, POLICY)
    assert shortages([], known, POLICY) == known


def test_the_latest_failure_counts() -> None:
    rows = [failed(FailureClass.ALLOCATION, minutes=9), failed(FailureClass.QUOTA, minutes=3)]
    for order in (rows, rows[::-1]):
        assert shortages(order, {}, POLICY)[SCALE_SET].since == ago(minutes=3)


@pytest.mark.parametrize(("minutes", "over"), [(4, True), (5, False), (6, False)])
def test_a_later_cold_start_that_succeeded_ends_it(minutes: float, over: bool) -> None:
    known = shortages([failed(FailureClass.ALLOCATION)], {}, POLICY)
    assert (not shortages([opened(minutes)], known, POLICY)) is over


@pytest.mark.parametrize(("seconds", "short"), [(-1, False), (0, False), (1, True)])
def test_a_fleet_knows_until_when(seconds: int, short: bool) -> None:
    until = Shortage(since=ago(hours=1), until=NOW + timedelta(seconds=seconds))
    joined = fleet()
    known = replace(joined, shortages={SCALE_SET: until})
    assert known.is_unattractive(SCALE_SET) is short
    assert not joined.is_unattractive(SCALE_SET)


def test_machines_without_notes_or_without_a_start_say_nothing() -> None:
    assert not shortages([row(1), row(2, record(2), notes(2))], {}, POLICY)
