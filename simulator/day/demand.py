"""The visitors of a day, drawn from a seed.

The rate is peak · shape(time) · D(day) · G(hour) · M(10 minutes): D is lognormal and G gamma, both first-order
autoregressive, M is gamma without memory; all have the mean 1. Visitors come as a Poisson process of that rate and stay
for exponential times. The numbers of `taxi` and `night` reproduce recorded traces: taxi rides round the clock, and
requests to a service with dead nights. The other days are made up.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil, exp, floor, sqrt
from random import Random

HOUR = 3600.0  # seconds
MEAN_STAY = 20 * 60.0  # seconds
_PIECES = 6  # of an hour
_PIECE = HOUR / _PIECES  # seconds of one rate
_LEAST, _MOST = 0.004, 1.5  # of the peak: the ends of the characters' logarithmic scale, 0 to z
_TAXI = (
    "qnkijlqtuuttuuuutuvvvvusqnkiilqtuuuuuuuutuvwwwvuromjjlquvuuuuuuutuwwwwwusqnlklqtuuuuuuuutuvwwwwvurpnllqtuuuuuuuu"
    "tuwwwwwwwvusqmmoqtuvvvvvuvwwwvwwwvutqmlnprtuvvvuuuvuuuts"
)
_NIGHT = (
    "skmmjefd73400004hqrhlssttnnoihcb71500003krsjmttttlnnjdebc3100001irskmtstunnokffd61000005lrsinutuvnlkighhd9000004"
    "gnpilqrsrljkhedb71100001emngiooppjijicec71000001hprhmsss"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How much days, hours and pieces of ten minutes differ, and how much each is like the one before (0 to 1)."""

    day: float  # standard deviation of the logarithm
    day_like: float
    hour: float  # variance
    hour_like: float
    piece: float  # variance


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One kind of day."""

    shape: Callable[[float], float]  # the share of the peak at a time, in hours since a Monday's midnight
    noise: Noise
    what: str  # for people
    announced: str = ""  # the event of a calendar, as JSON; % stands for how many visitors it brings
    crowd: float = 0.0  # so many times the peak of an hour


@dataclass(frozen=True, slots=True)
class Arrival:
    """One visitor, in seconds: when, from the beginning of the day, and for how long from being let in."""

    at: float
    stay: float


def _by_hour(profile: str, hour: float) -> float:
    """The share of the peak in an hour of the week, by a profile of 168 characters of base 36."""
    return float(_LEAST * (_MOST / _LEAST) ** (int(profile[floor(hour) % 168], 36) / 35))


def _museum(hour: float) -> float:
    """Open from ten to six; nobody comes in the last half hour."""
    open_for = hour % 24 - 10
    if not 0 <= open_for < 7.5:
        return 0.0
    return (0.5, 0.9, 1.0, 0.8, 0.9, 1.0, 0.7, 0.4)[int(open_for)]


def _event(hour: float) -> float:
    """Few visitors, and at eight in the evening half an hour's worth of the peak within twelve minutes."""
    return 2.5 if 20 <= hour % 24 < 20.2 else 0.05


def _launch(hour: float) -> float:
    """A quarter of the peak; from two in the afternoon on, within ten minutes, four times as many for three hours."""
    since = hour % 24 - 14
    return 0.25 * (1 + 3 * min(since * 6, 1.0)) if 0 <= since < 3 else 0.25


_CALM = Noise(day=0.1, day_like=0.0, hour=0.01, hour_like=0.5, piece=0.01)
_OF_TAXI = Noise(day=0.105, day_like=0.66, hour=0.008, hour_like=0.84, piece=0.002)
_OF_NIGHT = Noise(day=0.479, day_like=0.76, hour=0.091, hour_like=0.48, piece=0.086)

DAYS: Mapping[str, Day] = {
    "taxi": Day(shape=partial(_by_hour, _TAXI), noise=_OF_TAXI, what="round the clock, by a trace of taxi rides"),
    "night": Day(shape=partial(_by_hour, _NIGHT), noise=_OF_NIGHT, what="crowds by day, a dead night in the middle"),
    "museum": Day(shape=_museum, noise=_CALM, what="open from ten to half past five"),
    "event": Day(
        shape=_event,
        noise=_CALM,
        what="a crowd at eight in the evening, within twelve minutes",
        announced='{"name": "event", "at": "2026-01-01T20:00:00Z", "within": "12m", "visitors": %}',
        crowd=0.5,
    ),
    "launch": Day(shape=_launch, noise=_CALM, what="four times as many visitors from two o'clock on, unannounced"),
}


def rates(day: Day, peak: float, seed: int, pieces: int) -> Iterator[float]:
    """Visitors an hour at the peak of the shape, for each piece of ten minutes: `peak` with the noise of the day."""
    noise, dice = day.noise, Random(f"rates {seed}")
    by_day, by_hour = _lognormal(noise.day, noise.day_like, dice), _gamma(noise.hour, noise.hour_like, dice)
    of_day, of_hour = next(by_day), next(by_hour)
    for number in range(pieces):
        hour, piece = divmod(number, _PIECES)
        if piece == 0 and hour:
            of_hour = next(by_hour)
        if piece == 0 and hour and hour % 24 == 0:
            of_day = next(by_day)
        yield peak * of_day * of_hour * dice.gammavariate(1 / noise.piece, noise.piece)


def arrivals(day: Day, peak: float, seed: int, hours: float, begins: float = 0.0) -> list[Arrival]:
    """The visitors of so many hours, the same for the same arguments. `peak`: visitors an hour.

    `begins`: hours since a Monday's midnight; the times of the arrivals are seconds since then.
    """
    dice, highest, found = Random(f"arrivals {seed}"), _highest(day), list[Arrival]()
    for number, rate in enumerate(rates(day, peak, seed, ceil(hours * _PIECES))):
        at, ends = number * _PIECE, min((number + 1) * _PIECE, hours * HOUR)
        while (at := at + dice.expovariate(rate * highest / HOUR)) < ends:
            if dice.random() * highest < day.shape(begins + at / HOUR):
                found.append(Arrival(at, dice.expovariate(1 / MEAN_STAY)))
    return found


def _highest(day: Day) -> float:
    """The most of the shape in a week, looked at every minute."""
    return max(day.shape(minute / 60) for minute in range(168 * 60))


def _lognormal(deviation: float, like: float, dice: Random) -> Iterator[float]:
    """An autoregressive series: lognormal, mean 1, of that deviation of the logarithm."""
    level = dice.gauss(0, deviation)
    while True:
        yield exp(level - deviation**2 / 2)
        level = like * level + dice.gauss(0, deviation * sqrt(1 - like**2))


def _gamma(variance: float, like: float, dice: Random) -> Iterator[float]:
    """An autoregressive series: gamma, mean 1, of that variance.

    A beta-distributed share of each value is carried over (the beta-gamma process of Lewis, McKenzie and Hugus, 1989).
    """
    shape = 1 / variance
    level = dice.gammavariate(shape, variance)
    while True:
        yield level
        kept = dice.betavariate(shape * like, shape * (1 - like)) if like else 0.0
        level = kept * level + dice.gammavariate(shape * (1 - like), variance)
