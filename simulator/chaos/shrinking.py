"""A failure made small: less trouble and a shorter time in which it still shows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from simulator.chaos.figures import Result
from simulator.chaos.runs import Trial, run, weather_of

_SHORTEST = timedelta(minutes=1)


def shrunk(trial: Trial, found: Result, seconds: float) -> tuple[Trial, Result]:
    """The smallest trial found in that time that fails in the same way, and what comes of it."""
    until = monotonic() + seconds
    best, result = trial, found
    tried: set[Trial] = set()
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(best):
            if monotonic() > until:
                return best, result
            if smaller in tried:
                continue
            tried.add(smaller)
            came_to = run(smaller)
            if _alike(came_to, found):
                best, result, progress = smaller, came_to, True
                break
    return best, result


def _smaller(trial: Trial) -> Iterator[Trial]:
    """Half the time first: every further attempt is then quicker."""
    if trial.length >= 2 * _SHORTEST:
        yield replace(trial, length=trial.length / 2)
    for trouble in weather_of(trial).troubles:
        yield replace(trial, without=(*trial.without, trouble))
    if trial.length * 0.8 >= _SHORTEST:
        yield replace(trial, length=trial.length * 0.8)


def _alike(one: Result, other: Result) -> bool:
    if bool(one.wrongs) != bool(other.wrongs):
        return False
    if not one.wrongs:
        return bool(one.amiss) and bool(other.amiss)
    return one.wrongs[0].kind is other.wrongs[0].kind
