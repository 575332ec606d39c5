"""The smallest fixed number, or buffer, that finds as many visitors a machine at once as a target says.

A guess by arithmetic begins, and days under the real controllers decide: sizes are tried until one reaches the target
and the next smaller one does not. Nothing is kept between runs.
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from simulator.day.demand import Arrival
from simulator.day.figures import DayResult

_LEAD = 160.0  # seconds from the need of a machine to its offer, about
_CEILING = 1000


def guess_of_buffer(arrivals: Sequence[Arrival], target: float) -> int:
    """Base stock: a visitor finds one of B machines if fewer than B came within the lead time before."""
    return _share(sorted(came_before(arrivals, _LEAD)), target)


def came_before(arrivals: Sequence[Arrival], seconds: float) -> list[int]:
    """How many visitors came within so many seconds before each."""
    first, found = 0, []
    for number, each in enumerate(arrivals):
        while arrivals[first].at < each.at - seconds:
            first += 1
        found.append(number - first)
    return found


def guess_of_fixed(arrivals: Sequence[Arrival], target: float) -> int:
    """The same where a machine is taken from the visitor's coming until its successor is offered."""
    taken: list[float] = []
    busy = []
    for each in arrivals:
        while taken and taken[0] <= each.at:
            heappop(taken)
        busy.append(len(taken))
        heappush(taken, each.at + each.stay + _LEAD)
    return _share(sorted(busy), target)


def _share(ranked: Sequence[int], target: float) -> int:
    """One more than this share of the numbers do not exceed."""
    return ranked[min(int(target * len(ranked)), len(ranked) - 1)] + 1 if ranked else 0


def smallest(day: Callable[[int], DayResult], target: float, guess: int) -> DayResult:
    """The day with the smallest size that reaches the target, tried from the guess on in growing steps, then halves.

    Where no size reaches the target, the day with the largest size that was tried.
    """
    too_small, enough, size, step = -1, _CEILING + 1, min(guess, _CEILING), 1
    found: DayResult | None = None
    while True:
        result = day(size)
        if result.found_at_once >= target:
            found, enough = result, size
        else:
            too_small = size
        if enough - too_small <= 1 or too_small >= _CEILING:
            return found or result
        if too_small < 0:
            size = max(0, enough - step)
        elif found is None:
            size = min(too_small + step, _CEILING)
        else:
            size = (too_small + enough) // 2
        step *= 2
