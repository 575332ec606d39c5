"""What may be asked of the campaigns: words in, an Options or a clear mistake out."""

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from os import process_cpu_count
from typing import NoReturn

from simulator.chaos.breaks import PLANTED
from simulator.chaos.weather import WEATHERS
from simulator.options import seconds_of

ALL = "all"
"""All planted bugs, each in the preferred weathers."""
MANY = 500
"""Seeds, where neither their number nor a time is given."""
_DESCRIPTION = """\
Everything breaks on purpose, in virtual time: each seed is one campaign in one weather, and the same seed in the same
weather is the same campaign again. The first that fails ends it all: it is made small, and its story is told.
"""
_STATUS = """\
exit status: 0 all was well, or the planted bug was caught · 1 something was wrong, did not settle, or was not caught
· 2 bad usage
"""


class BadUsage(ValueError):
    """The words cannot be used; the message names the mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run."""

    weathers: tuple[str, ...] = field(default_factory=lambda: tuple(WEATHERS))
    seeds: int | None = MANY
    seconds: float | None = None
    first: int = 0
    planted: str | None = None
    jobs: int = 1
    json: bool = False
    listing: bool = False


def read(words: Sequence[str], today: date) -> Options:
    """Raises BadUsage, and SystemExit once help was given. Where no seed is given, each day brings other campaigns."""
    given = _parser().parse_args(words)
    number, seeds = given.seed, given.seeds
    if seeds is None and given.rounds is None and given.seconds is None:
        seeds = MANY if number is None else 1
    weathers = _weathers(given.weather, given.planted, number if seeds == 1 else None)
    if given.rounds is not None:
        seeds = given.rounds * len(weathers)
    return Options(
        weathers=weathers,
        seeds=seeds,
        seconds=given.seconds,
        first=number if number is not None else 0 if given.planted is not None else seed_of(today),
        planted=given.planted,
        jobs=given.jobs or process_cpu_count() or 1,
        json=given.json,
        listing=given.list,
    )


def seed_of(day: date) -> int:
    """The first of that day's seeds; there is room for 1,000."""
    return int(f"{day:%Y%m%d}") * 1000


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadUsage(f"{message}\n\n{self.format_help()}")


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="python -m simulator chaos",
        description=_DESCRIPTION,
        epilog=_STATUS,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    much = parser.add_mutually_exclusive_group()
    much.add_argument(
        "--seeds", metavar="N", type=_number(1), help=f"so many campaigns ({MANY}, where nothing else says how many)"
    )
    much.add_argument("--rounds", metavar="N", type=_number(1), help="so many campaigns in every weather")
    add(
        "--for",
        metavar="60s",
        type=_seconds,
        dest="seconds",
        help="as many as fit into that time (s, m or h); with --seeds: until either is over",
    )
    add(
        "--seed",
        metavar="N",
        type=_number(0),
        help="begin with this seed; without --seeds, --rounds and --for: only this one (else with the first seed of "
        "the day, which is printed; planted bugs begin with 0)",
    )
    add("--weather", metavar="NAME", type=_named(tuple(WEATHERS)), help="only this weather; part of a name is enough")
    add(
        "--break",
        metavar="NAME",
        type=_named((ALL, *PLANTED)),
        dest="planted",
        help="plant this bug, and stop at the first seed that catches it; all: each of them, one after the other",
    )
    add("--jobs", metavar="N", type=_number(1), help="so many processes (one for each processor)")
    add("--list", action="store_true", help="name the weathers and the bugs, and do nothing else")
    add("--json", action="store_true", help="a line of figures at the end")
    return parser


def _weathers(asked: str | None, planted: str | None, alone: int | None) -> tuple[str, ...]:
    """The named weather, the preferred weathers of a bug, the weather whose turn a single seed is, or all."""
    everything = tuple(WEATHERS)
    if asked is not None:
        return (asked,)
    preferred = PLANTED[planted].weathers if planted is not None and planted != ALL else ()
    chosen = preferred or everything
    return chosen if alone is None else (chosen[alone % len(chosen)],)


def _named(there: Sequence[str]) -> Callable[[str], str]:
    """A name, given in full or by a part that is unique."""

    def named(asked: str) -> str:
        whole = [each for each in there if each.lower() == asked.lower()]
        found = whole or [each for each in there if asked.lower() in each.lower()]
        if len(found) == 1:
            return found[0]
        names = "\n  ".join(found or there)
        raise ArgumentTypeError(f"{asked}: {'which of these?' if found else 'there is none of that name:'}\n  {names}")

    return named


def _number(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or int(text) < least:
            raise ArgumentTypeError(f"{text}: a whole number of at least {least} is wanted")
        return int(text)

    return number


def _seconds(text: str) -> float:
    found = seconds_of(text)
    if found is None:
        raise ArgumentTypeError(f"{text}: a time like 60s, 5m or 1h is wanted")
    return found
