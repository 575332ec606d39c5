"""Steps that take time, as a generator: each yield is a pause before the next step."""

from collections.abc import Callable, Generator
from datetime import timedelta
from random import Random

from scaler.errors import Unreachable

type Steps[T] = Generator[timedelta, None, T]


class Died(Exception):
    """The process that took the steps died; the steps taken remain."""


def mortal[T](steps: Steps[T], dice: Random, deaths: float) -> Steps[T]:
    """The same steps, by a process that may die in every pause."""
    while True:
        try:
            pause = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield pause
        if dice.random() < deaths:
            steps.close()
            raise Died


def persistent[T](ask: Callable[[], T], rest: timedelta) -> Steps[T]:
    """Ask again until there is an answer."""
    while True:
        try:
            return ask()
        except Unreachable:
            yield rest


def between(dice: Random, span: tuple[float, float]) -> timedelta:
    """A pause of so many seconds."""
    return timedelta(seconds=dice.uniform(*span))
