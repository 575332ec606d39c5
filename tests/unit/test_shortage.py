"""Where Azure lately had no room: for a start, until one succeeds; for a larger scale set, by figures or by halves."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from builders import NOW, POLICY, SCALE_SET, ago, cloud, fleet, instance, notes, record, row, sighting

from scaler.controllers import provisioner
from scaler.model.instance import FailureClass, ProvisioningState, SessionId
from scaler.model.plan import Plan, SetCapacity, Why
from scaler.model.policy import Capacity
from scaler.model.row import OpenedNote, Row, StartNote
from scaler.model.scarcity import Ceiling, Shortage, ceiling_after, shortages
from scaler.model.sighting import Sighting

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


SECOND = timedelta(seconds=1)


TEN = replace(POLICY, capacity={SCALE_SET: Capacity(desired=10)})


def refusal(
    look: Sighting, capacity: int, room: Fraction | None = None, failure: FailureClass = FailureClass.QUOTA
) -> Ceiling | None:
    order = SetCapacity(scale_set=SCALE_SET, capacity=capacity, etag=None, rests_on=look)
    return ceiling_after(order, failure, room, "Azure said so", TEN)


def plan(look: Sighting, ceiling: Ceiling | None, *leaving: int) -> Plan:
    machines = [instance(each, provisioning=ProvisioningState.DELETING) for each in leaving]
    known = {SCALE_SET: ceiling} if ceiling is not None else {}
    return provisioner.decide(replace(cloud(*machines, look=look), ceilings=known), TEN)


def asked(look: Sighting, ceiling: Ceiling | None) -> list[int]:
    return [step.order.capacity for step in plan(look, ceiling).steps if isinstance(step.order, SetCapacity)]


@pytest.mark.parametrize(
    ("left", "asks"), [(72, [2]), (71, [1]), (35, []), (0, []), (359, [9]), (360, [5]), (999, [5])]
)
def test_it_asks_for_what_the_quota_has_room_for(left: int, asks: list[int]) -> None:
    look = sighting(capacity=0)
    assert (
        asked(look, refusal(look, 10, Fraction(left, 360))) == asks
    )  # more room than was asked for: no figure to trust


def test_without_figures_it_halves_until_one_more_is_refused() -> None:
    """Azure has room for three of ten: 10, 5, 2 (taken), 3 of the five that are left, 1 (taken), and no more."""
    capacity, room, ceiling, tried = 0, 3, None, []
    for _ in range(8):
        look = sighting(capacity=capacity)
        wanted = asked(look, ceiling)
        if not wanted:
            break
        tried += wanted
        if wanted[0] <= room:
            capacity = wanted[0]
        else:
            ceiling = refusal(look, wanted[0])
    assert (capacity, tried) == (3, [10, 5, 2, 3, 4])


@pytest.mark.parametrize(("later", "asks"), [(-SECOND, []), (timedelta(0), [10]), (SECOND, [10])])
def test_after_the_hold_it_asks_for_all_of_it_again(later: timedelta, asks: list[int]) -> None:
    ceiling = refusal(sighting(capacity=2), 3)
    assert asked(sighting(capacity=2, at=NOW + TEN.refused_hold + later), ceiling) == asks


def test_a_machine_that_is_deleted_is_replaced_at_once_and_not_before_its_cores_are_free() -> None:
    full = sighting(capacity=2, listed=2)
    ceiling = refusal(full, 3, Fraction(0))
    assert asked(full, ceiling) == []
    assert asked(sighting(capacity=1, listed=2), ceiling) == []  # the capacity falls first, the cores are still used
    assert asked(sighting(capacity=1, listed=1), ceiling) == [2]


def test_somebody_who_grew_it_further_proves_the_refusal_wrong() -> None:
    ceiling = refusal(sighting(capacity=2), 3)
    assert asked(sighting(capacity=3), ceiling) == [10]


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (FailureClass.QUOTA, Why.QUOTA_TOO_SMALL),
        (FailureClass.ALLOCATION, Why.SOLD_OUT),
        (FailureClass.SKU, Why.SOLD_OUT),
    ],
)
def test_an_alarm_names_what_is_missing_and_until_when_no_more_is_asked_for(failure: FailureClass, why: Why) -> None:
    look = sighting(capacity=0)
    (alarm,) = plan(look, refusal(look, 10, failure=failure)).refusals
    assert (alarm.why, alarm.alarm) == (why, True)
    until = (NOW + TEN.refused_hold).isoformat()
    assert alarm.facts == {
        "scale_set": SCALE_SET,
        "capacity": 0,
        "wanted": 10,
        "asked_again_at": until,
        "azure": "Azure said so",
    }


def test_there_is_no_alarm_while_as_many_as_wanted_are_there() -> None:
    ceiling = refusal(sighting(capacity=10), 11)
    assert plan(sighting(capacity=10), ceiling) == Plan()


def test_a_refusal_of_the_capacity_that_is_there_says_nothing_about_room() -> None:
    assert refusal(sighting(capacity=4), 4) is None
