"""How many machines are kept warm where their number follows the visitors: listings in, a number out."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import MIN, NOW, POLICY, SCALE_SET, instance, sighting

from scaler.model.fleet import Cloud
from scaler.model.in_force import with_numbers
from scaler.model.instance import Instance, PowerState
from scaler.model.policy import Capacity, Mode, Policy
from scaler.model.sighting import Pages, ScaleSetView

HOUR = timedelta(hours=1)
AUTO = Capacity(mode=Mode.AUTO, warm_follows=True, most=50)


def watched(policy: Policy, *listings: tuple[timedelta, tuple[Instance, ...]]) -> int:
    """The number after these listings; each is so long after NOW."""
    cloud = Cloud()
    for after, machines in listings:
        look = sighting(capacity=len(machines))
        view = ScaleSetView(
            name=SCALE_SET,
            unique_id=look.unique_id,
            capacity=len(machines),
            etag=None,
            managed_by="true",
            at=NOW,
            sent=0.0,
        )
        pages = Pages(scale_set=SCALE_SET, instances=machines, unidentified=0, requests=1, at=NOW + after, sent=0.0)
        cloud = cloud.with_listing(view, pages, policy)
    return cloud.warm(SCALE_SET, policy)


def warm_of(capacity: Capacity, *listings: tuple[timedelta, tuple[Instance, ...]]) -> int:
    return watched(replace(POLICY, capacity={SCALE_SET: capacity}), *listings)


def visited(comers: int) -> list[tuple[timedelta, tuple[Instance, ...]]]:
    """Twenty minutes of listings, in which so many visitors come, one after the other."""
    found = []
    for minute in range(21):
        came = min(minute, comers)
        running = tuple(instance(number, PowerState.RUNNING) for number in range(came))
        found.append((minute * MIN, running + tuple(instance(number) for number in range(came, 40))))
    return found


@pytest.mark.parametrize(("comers", "warm"), [(1, 1), (6, 3), (20, 8)])
def test_as_many_as_nine_of_ten_visitors_need_until_the_next_one_is_made(comers: int, warm: int) -> None:
    """The Poisson quantile of 90 % over 310 s: of 0.26, 1.55 and 5.17 visitors in the mean."""
    assert warm_of(AUTO, *visited(comers)) == warm


def test_never_more_than_the_most_machines() -> None:
    assert warm_of(replace(AUTO, most=5), *visited(20)) == 5


@pytest.mark.parametrize(("minutes", "warm"), [(59, 1), (60, 0)])
def test_one_stays_warm_for_an_hour_after_the_last_visitor_and_then_none(minutes: int, warm: int) -> None:
    busy, idle = (instance(1, PowerState.RUNNING),), (instance(1),)
    quiet = [(minute * MIN, idle) for minute in range(1, minutes + 1)]
    assert warm_of(AUTO, (0 * MIN, busy), *quiet) == warm


def test_where_nobody_was_seen_none_is_warm() -> None:
    assert warm_of(AUTO, (0 * MIN, (instance(1),)), (MIN, (instance(1),))) == 0


def test_a_number_of_settings_calendar_or_tag_is_kept() -> None:
    assert warm_of(replace(AUTO, warm=3, warm_follows=False), *visited(20)) == 3
    assert with_numbers(AUTO, {"warm": 2}) == replace(AUTO, warm=2, warm_follows=False)
    assert with_numbers(AUTO, {"least": 2}).warm_follows
