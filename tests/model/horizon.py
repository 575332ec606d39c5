"""The one wait that is counted in seconds: how long ADMIT must wait for orders that may still arrive.

The other worlds of this model count in horizons of one length. Here a machine lives by the policy's real numbers, from
its predecessor behind the same instance id to its first visitor, in steps of five seconds.
"""

from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from scaler.model.policy import Policy

_STEP = timedelta(seconds=5)


class Numbers(NamedTuple):
    """Steps, as the policy has them. A wait is over when more than that has passed: two Dates may lie by a second."""

    lag: int  # of a targeted GET
    stop_lives: int  # from the sending of its GET until its call is given up
    order_lives: int  # the same, of a delete
    paused: int  # a process stopped between the last check of a stop and its sending
    admit_after: int  # since the mark was seen
    id_kept_for: int  # since the machine was seen behind its instance id


def numbers_of(policy: Policy) -> Numbers:
    """The numbers of a policy."""

    def steps(duration: timedelta) -> int:
        assert duration % _STEP == timedelta(0), "choose another step"
        return duration // _STEP

    return Numbers(
        lag=steps(policy.observation_lag),
        stop_lives=steps(policy.stop_horizon),
        order_lives=steps(policy.order_horizon),
        paused=steps(policy.pause_forgiven),
        admit_after=steps(policy.admit_after - policy.date_resolution),
        id_kept_for=steps(policy.id_kept_for - policy.date_resolution),
    )


class Life(NamedTuple):
    """One state: steps since something happened, or steps for which an order may still arrive; None: neither."""

    made: int | None = None  # since its predecessor behind the instance id was gone
    runs: bool = True
    ran_new: int = 0  # since it last ran unmarked: a GET of now may still show that
    marked: bool = False
    seen: int | None = None
    found: int | None = None
    stop: int | None = None
    delete: int | None = None  # an order to the predecessor
    restarts: int = 1  # how often it may yet run again by itself
    admitted: bool = False
    inside: bool = False


_CUT = "an order of ours cut a session short"
type Event = tuple[str, Life | None]  # None: a session was cut


class Horizon:
    """Every next state, with these numbers."""

    def __init__(self, numbers: Numbers) -> None:
        self._of = numbers

    def shortest_cut(self) -> tuple[str, ...] | None:
        """The events of a shortest way to a session cut short; None if there is no such way."""
        start = Life()
        came_from: dict[Life, tuple[Life, str] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            life = waiting.popleft()
            for name, after in self._events(life):
                if after is None:
                    return (*_way_to(life, came_from), name, _CUT)
                if after not in came_from:
                    came_from[after] = (life, name)
                    waiting.append(after)
        return None

    def _events(self, life: Life) -> Iterator[Event]:
        yield "five seconds pass", self._later(life)
        yield from self._orders(life)
        if life.made is None:
            yield "its predecessor is gone, it is made and runs", life._replace(made=0, ran_new=0)
        elif not life.admitted:
            yield from self._on_its_way(life)
        elif not life.inside:
            yield "a visitor reserves it, it is started and opened", life._replace(runs=True, inside=True)

    def _orders(self, life: Life) -> Iterator[Event]:
        of = self._of
        if life.made is None or life.made <= of.lag:
            yield "a GET shows its predecessor, and a delete is given", life._replace(delete=of.order_lives)
        if life.made is not None and life.ran_new <= of.lag:
            yield (
                "a GET shows it running and unmarked, and a stop is given",
                life._replace(stop=of.stop_lives + of.paused),
            )
        if life.stop is not None and life.runs:
            stopped = None if life.inside else life._replace(runs=False, stop=None)
            yield "the stop arrives", stopped
            yield "the stop arrives, and will again", stopped and stopped._replace(stop=life.stop)
        if life.delete is not None and life.inside:
            yield "the predecessor's delete arrives", None

    def _on_its_way(self, life: Life) -> Iterator[Event]:
        of = self._of
        if life.found is None:
            yield "it is seen behind its instance id", life._replace(found=0)
        if life.runs:
            return
        if not life.marked:
            yield "it is marked", life._replace(marked=True)
        elif life.seen is None:
            yield "its mark is seen", life._replace(seen=0)
        if life.restarts and not life.marked:
            yield "it runs again by itself", life._replace(runs=True, ran_new=0, restarts=life.restarts - 1)
        waited = life.seen is not None and life.seen > of.admit_after
        if waited and life.found is not None and life.found > of.id_kept_for:
            yield "ADMIT", life._replace(admitted=True)

    def _later(self, life: Life) -> Life:
        of = self._of
        return life._replace(
            made=_older(life.made, of.lag + 1),
            ran_new=0 if life.runs and not life.marked else min(life.ran_new + 1, of.lag + 1),
            seen=_older(life.seen, of.admit_after + 1),
            found=_older(life.found, of.id_kept_for + 1),
            stop=_shorter(life.stop),
            delete=_shorter(life.delete),
        )


def _older(age: int | None, most: int) -> int | None:
    return None if age is None else min(age + 1, most)


def _shorter(left: int | None) -> int | None:
    return None if left is None or left == 0 else left - 1


def _way_to(life: Life, came_from: dict[Life, tuple[Life, str] | None]) -> tuple[str, ...]:
    names: list[str] = []
    while (step := came_from[life]) is not None:
        life, name = step
        names.append(name)
    return tuple(reversed(names))
