"""The command line `python -m simulator chaos`, called by `make chaos`."""

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from os import process_cpu_count
from time import monotonic

from simulator.chaos.breaks import PLANTED
from simulator.chaos.campaign import settle_bound
from simulator.chaos.runs import Trial, results, trials, within
from simulator.chaos.story import explained
from simulator.chaos.summary import Result, Summary, many
from simulator.chaos.weather import WEATHERS
from simulator.chaos.world import POLICY
from simulator.figures import in_words
from simulator.options import seconds_of

ALL = "all"
"""All planted bugs, each in the preferred weathers."""
_SHRINKING = 20.0  # seconds that may be spent on making a failure small
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run."""

    weathers: tuple[str, ...]
    seeds: int | None
    seconds: float | None
    first: int
    planted: str | None
    jobs: int
    json: bool
    listing: bool


def read(words: Sequence[str], today: date) -> Options:
    """Raises SystemExit as argparse does. Where no seed is given, each day brings other campaigns."""
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


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
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


# -- the campaigns


def main(words: Sequence[str]) -> int:
    """0: all went well, or the planted bug was caught; 1: something was wrong, or was not caught."""
    options = read(words, datetime.now(UTC).date())
    if options.listing:
        print("\n".join(_listing()))
        return 0
    return _every_bug(options) if options.planted == ALL else _run(options)


def _listing() -> Iterator[str]:
    yield "weathers"
    yield from (f"  {name}" for name in WEATHERS)
    yield "bugs to plant"
    yield from (f"  {name:32} {each.what}" for name, each in PLANTED.items())


def _run(options: Options) -> int:
    """Until the first failure. A Ctrl-C is the end of the budget."""
    summary = Summary(bound=settle_bound(POLICY))
    failure = None
    if options.planted is None:
        print(f"the first seed is {options.first}: --seed {options.first} brings the same campaigns again", flush=True)
    with suppress(KeyboardInterrupt):
        failure = _first_failure(options, summary)
    if options.planted is not None:
        return _told_of_the_bug(options.planted, summary, failure)
    if failure is not None:
        print("\n".join(explained(Trial(weather=failure.weather, seed=failure.seed), failure, seconds=_SHRINKING)))
    print("\n".join(summary.as_lines()))
    if options.json:
        print(summary.as_json())
    return 1 if failure is not None else 0


def _first_failure(options: Options, summary: Summary) -> Result | None:
    """The first failure; None if all campaigns went well."""
    began = monotonic()
    wanted = trials(options.weathers, options.first, options.planted)
    under_way = results(within(wanted, options.seeds, options.seconds), options.jobs)
    try:
        for result in under_way:
            summary.add(result)
            if result.failed:
                return result
    finally:
        summary.seconds = monotonic() - began
        under_way.close()
    return None


def _every_bug(options: Options) -> int:
    """Plant every bug in turn, in the weathers of the bug unless the user chose a weather. Ctrl-C ends all."""
    caught = 0
    with suppress(KeyboardInterrupt):
        for name, planted in PLANTED.items():
            summary = Summary(bound=settle_bound(POLICY))
            own = planted.weathers if options.weathers == tuple(WEATHERS) else ()
            chosen = replace(options, planted=name, weathers=own or options.weathers)
            failure = _first_failure(chosen, summary)
            caught += failure is not None
            print(f"{name:32} {_in_short(failure, summary)}", flush=True)
    print(f"{caught} of {len(PLANTED)} planted bugs are caught")
    return 0 if caught == len(PLANTED) else 1


def _in_short(failure: Result | None, summary: Summary) -> str:
    seeds = summary.figures.campaigns
    if failure is None:
        return f"NOT CAUGHT in {many(seeds, 'seed')}"
    how = failure.wrongs[0].kind.value.replace("_", " ") if failure.wrongs else "not settled"
    return f"{many(seeds, 'seed'):>9}  {how}"


def _told_of_the_bug(name: str, summary: Summary, failure: Result | None) -> int:
    seeds = many(summary.figures.campaigns, "seed")
    print(f"{name}: {PLANTED[name].what}")
    if failure is None:
        print(f"NOT CAUGHT in {seeds} and {summary.seconds:.1f} s")
        return 1
    how = in_words(failure.wrongs[0]) if failure.wrongs else f"not settled: {failure.amiss[0]}"
    print(f"caught after {seeds} and {summary.seconds:.1f} s, by seed {failure.seed} in {failure.weather!r}: {how}")
    return 0
