"""Closed forms of queueing theory, for sizes before any machine exists. Pure; loads are in Erlang: arrivals × time.

Source: Erlang's loss and delay formulas; base stock with Poisson demand, reviewed from time to time.
"""

from collections.abc import Iterator
from itertools import accumulate, count, islice
from math import exp, lgamma, log


def erlang_b(machines: int, load: float) -> float:
    """The share of refused visitors at a fixed number of machines: a visitor without a free machine leaves at once."""
    return next(islice(_blocked(load), machines, None))


def fixed_pool(load: float, refused: float) -> int:
    """The smallest fixed number of machines with at most this share of refused visitors."""
    return next(number for number, blocked in enumerate(_blocked(load)) if blocked <= refused)


def _blocked(load: float) -> Iterator[float]:
    """Erlang B for 0, 1, 2, … machines."""
    blocked = 1.0
    for number in count(1):
        yield blocked
        blocked = load * blocked / (number + load * blocked)


def erlang_c(machines: int, load: float) -> float:
    """The share of visitors in line, where a visitor without a free machine waits; 1 at a load beyond the machines."""
    if load >= machines:
        return 1.0
    blocked = erlang_b(machines, load)
    return blocked / (1 - load / machines * (1 - blocked))


def none_ready(spare: int, per_second: float, lead: float, review: float = 0.0) -> float:
    """The share of visitors without a ready machine: all spare machines are taken, or still being made.

    `lead`: seconds from the order of a machine to its offer; `review`: seconds between two chances to order.
    """
    return 1 - sum(_shares(spare, per_second, lead, review))


def in_line(spare: int, per_second: float, lead: float, review: float = 0.0) -> float:
    """The average number of visitors in line for a machine; divided by `per_second`: the mean wait of a visitor."""
    on_the_way = per_second * (lead + review / 2)
    shares = _shares(spare, per_second, lead, review)
    return on_the_way - spare + sum((spare - number) * share for number, share in enumerate(shares))


def _shares(most: int, per_second: float, lead: float, review: float) -> list[float]:
    """The shares of the time in which 0, 1, … (below `most`) machines are on the way, or to be ordered at a review.

    The time since the review is uniform, and the integral of a Poisson probability over its mean is a difference of
    two distribution functions.
    """
    low, high = per_second * lead, per_second * (lead + review)
    if high - low < 1e-9:
        return [_probability(number, low) for number in range(most)]
    sums = [list(accumulate([_probability(number, mean) for number in range(most)])) for mean in (low, high)]
    return [(up_to_low - up_to_high) / (high - low) for up_to_low, up_to_high in zip(*sums, strict=True)]


def _probability(number: int, mean: float) -> float:
    if mean <= 0:
        return 1.0 if number == 0 else 0.0
    return exp(number * log(mean) - mean - lgamma(number + 1))
