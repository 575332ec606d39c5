"""What may be asked of the campaigns: words in, an Options or a clear mistake out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from os import process_cpu_count
from re import fullmatch

from simulator.chaos.breaks import PLANTED
from simulator.chaos.weather import WEATHERS

_FLAGS = frozenset({"--list", "--json", "--help", "-h"})
_VALUED = frozenset({"--seeds", "--for", "--seed", "--weather", "--break", "--jobs"})
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
ALL = "all"
"""Every bug there is, each in the weathers that it prefers."""
MANY = 500
"""Seeds, where neither their number nor a time is given."""
HELP = f"""\
usage: python -m simulator chaos [--seeds {MANY}] [--for 60s] [--seed N] [--weather NAME] [--break NAME] [--jobs N]
       [--json]
   or: python -m simulator chaos --list

Everything breaks on purpose, in virtual time: each seed is one campaign in one weather, and the same seed in the same
weather is the same campaign again. The first that fails ends it all: it is made small, and its story is told.

  --seeds N       so many campaigns, over all weathers in turn ({MANY}, where --for is not given either)
  --for 60s       as many as fit into that time (s, m or h); with --seeds: whichever is over first
  --seed N        begin with this seed; without --seeds and --for: only this one (else with the first seed of the day,
                  which is printed; planted bugs begin with 0)
  --weather NAME  only this weather; a part of the name is enough
  --break NAME    plant this bug, and stop at the first seed that catches it; all: each of them, one after the other
  --jobs N        so many processes (one for each processor)
  --list          name the weathers and the bugs, and do nothing else
  --json          a line of figures at the end

exit status: 0 all was well, or the planted bug was caught · 1 something was wrong, did not settle, or was not caught
· 2 bad usage
"""


class BadUsage(ValueError):
    """What was typed cannot be meant; the message says what can."""


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
    help: bool = False


def read(words: Sequence[str], today: date) -> Options:
    """Raises BadUsage. Where no seed is given, each day brings other campaigns."""
    given, flags = _sorted(words)
    number = _number("--seed", given["--seed"], least=0) if "--seed" in given else None
    seconds = _seconds(given["--for"]) if "--for" in given else None
    seeds = _number("--seeds", given["--seeds"]) if "--seeds" in given else None
    if seeds is None and seconds is None:
        seeds = MANY if number is None else 1
    planted = _named("--break", given["--break"], (ALL, *PLANTED)) if "--break" in given else None
    return Options(
        weathers=_weathers(given.get("--weather"), planted, number if seeds == 1 else None),
        seeds=seeds,
        seconds=seconds,
        first=number if number is not None else 0 if planted is not None else seed_of(today),
        planted=planted,
        jobs=_number("--jobs", given["--jobs"]) if "--jobs" in given else process_cpu_count() or 1,
        json="--json" in flags,
        listing="--list" in flags,
        help=bool(flags & {"--help", "-h"}),
    )


def seed_of(day: date) -> int:
    """The first of that day's seeds; there is room for 1,000."""
    return int(f"{day:%Y%m%d}") * 1000


def _sorted(words: Sequence[str]) -> tuple[dict[str, str], frozenset[str]]:
    """Options with their values, and flags."""
    given: dict[str, str] = {}
    flags = set()
    left = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    while left:
        word = left.pop(0)
        if word in _FLAGS:
            flags.add(word)
        elif word not in _VALUED:
            raise BadUsage(f"{word}: not understood; there are {', '.join(sorted(_VALUED | _FLAGS))}")
        elif not left:
            raise BadUsage(f"{word} needs a value after it")
        else:
            given[word] = left.pop(0)
    return given, frozenset(flags)


def _weathers(asked: str | None, planted: str | None, alone: int | None) -> tuple[str, ...]:
    """One by its name; those a bug prefers; the one that a single seed has its turn in; else all."""
    everything = tuple(WEATHERS)
    if asked is not None:
        return (_named("--weather", asked, everything),)
    preferred = PLANTED[planted].weathers if planted is not None and planted != ALL else ()
    chosen = preferred or everything
    return chosen if alone is None else (chosen[alone % len(chosen)],)


def _named(option: str, asked: str, there: Sequence[str]) -> str:
    """A name, or the part of one that no other has."""
    wanted = asked.lower()
    whole = [each for each in there if each.lower() == wanted]
    found = whole or [each for each in there if wanted in each.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        names = "\n  ".join(found)
        raise BadUsage(f"{option} {asked}: which of these?\n  {names}")
    names = "\n  ".join(there)
    raise BadUsage(f"{option} {asked}: there is none of that name; there are\n  {names}")


def _number(option: str, text: str, least: int = 1) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < least:
        raise BadUsage(f"{option} {text}: a whole number of at least {least} is wanted")
    return int(text)


def _seconds(text: str) -> float:
    found = fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None or not float(found[1]):
        raise BadUsage(f"--for {text}: a time like 60s, 5m or 1h is wanted")
    return float(found[1]) * _UNITS[found[2]]
