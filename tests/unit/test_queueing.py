"""Closed forms of queueing theory against values computed elsewhere, and against visitors counted one by one."""

from bisect import bisect_right
from random import Random

import pytest

from scaler.model.queueing import erlang_b, erlang_c, fixed_pool, in_line, none_ready


@pytest.mark.parametrize(
    ("machines", "load", "refused"),
    [(5, 3, 0.1100543478), (20, 15, 0.0455932156), (200, 180, 0.0103249952), (0, 3, 1.0)],
)
def test_erlang_b(machines: int, load: float, refused: float) -> None:
    assert erlang_b(machines, load) == pytest.approx(refused, abs=1e-10)


@pytest.mark.parametrize(
    ("machines", "load", "waiting"), [(5, 3, 0.2361516035), (50, 40, 0.0869525495), (3, 3, 1.0), (3, 9, 1.0)]
)
def test_erlang_c(machines: int, load: float, waiting: float) -> None:
    assert erlang_c(machines, load) == pytest.approx(waiting, abs=1e-10)


@pytest.mark.parametrize(("load", "refused"), [(3, 0.11), (15, 0.0456), (180, 0.0104), (180, 0.01), (0.5, 0.9)])
def test_a_fixed_pool_is_the_smallest_that_refuses_no_more(load: float, refused: float) -> None:
    machines = fixed_pool(load, refused)
    assert erlang_b(machines, load) <= refused < erlang_b(machines - 1, load)


@pytest.mark.parametrize(
    ("spare", "a_minute", "lead", "review", "share"),
    [(5, 1, 180, 0, 0.18473676), (10, 2, 180, 60, 0.17426449), (0, 1, 180, 60, 1.0), (1, 1, 0, 0, 0.0)],
)
def test_the_share_of_visitors_for_whom_no_machine_is_ready(
    spare: int, a_minute: float, lead: float, review: float, share: float
) -> None:
    assert none_ready(spare, a_minute / 60, lead, review) == pytest.approx(share, abs=1e-8)


def counted(spare: int, per_second: float, lead: float, review: float) -> tuple[float, float]:
    """The same for 60,000 visitors one by one: the share that finds none ready, and their mean wait in line."""
    dice, now, came = Random(5), 0.0, list[float]()
    for _ in range(60_000):
        now += dice.expovariate(per_second)
        came.append(now)
    made = [(at // review + 1) * review + lead for at in came]  # for each visitor another machine is ordered
    missed = sum(number - bisect_right(made, at) >= spare for number, at in enumerate(came))
    waits = (max(made[number - spare] - at, 0.0) if number >= spare else 0.0 for number, at in enumerate(came))
    return missed / len(came), sum(waits) / len(came)


@pytest.mark.parametrize("spare", [4, 10])
def test_visitors_who_are_counted_one_by_one_wait_as_the_formulas_say(spare: int) -> None:
    missed, wait = counted(spare, 2 / 60, 180, 60)
    assert none_ready(spare, 2 / 60, 180, 60) == pytest.approx(missed, rel=0.05)
    assert in_line(spare, 2 / 60, 180, 60) / (2 / 60) == pytest.approx(wait, rel=0.05)
