"""What takes time, as a generator: each yield is a pause before the next step, in which anything may happen."""

from collections.abc import Callable, Generator
from datetime import timedelta
from random import Random

from scaler.errors import Unreachable

type Steps[T] = Generator[timedelta, None, T]


class Died(Exception):
    """The process that was taking these steps is no more; what it had done remains."""


def mortal[T](steps: Steps[T], dice: Random, deaths: float) -> Steps[T]:
    """The same steps, taken by a process that may die in every pause."""
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
    """Asked again until it is answered."""
    while True:
        try:
            return ask()
        except Unreachable:
            yield rest


def between(dice: Random, span: tuple[float, float]) -> timedelta:
    """A pause of so many seconds."""
    return timedelta(seconds=dice.uniform(*span))
