"""The command line `python -m simulator chaos`, called by `make chaos`."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from simulator.chaos.breaks import PLANTED
from simulator.chaos.campaign import settle_bound
from simulator.chaos.explaining import explained
from simulator.chaos.options import ALL, BadUsage, Options, read
from simulator.chaos.runs import Budget, Trial, results, trials
from simulator.chaos.summary import Result, Summary, many
from simulator.chaos.weather import WEATHERS
from simulator.chaos.world import POLICY
from simulator.summary import in_words

_SHRINKING = 20.0  # seconds that may be spent on making a failure small


def main(words: Sequence[str]) -> int:
    """0: all went well, or the planted bug was caught; 1: something was wrong, or was not caught; 2: bad usage."""
    try:
        options = read(words, datetime.now(UTC).date())
    except BadUsage as mistake:
        print(mistake, end="", file=sys.stderr)
        return 2
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
        return _told_of_the_bug(options, summary, failure)
    if failure is not None:
        print("\n".join(explained(Trial(weather=failure.weather, seed=failure.seed), failure, seconds=_SHRINKING)))
    print("\n".join(summary.as_lines()))
    if options.json:
        print(summary.as_json())
    return 1 if failure is not None else 0


def _first_failure(options: Options, summary: Summary) -> Result | None:
    """The first failure; None if all campaigns went well."""
    began = monotonic()
    budget = Budget(seeds=options.seeds, seconds=options.seconds)
    under_way = results(budget.of(trials(options.weathers, options.first, options.planted)), options.jobs)
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


def _told_of_the_bug(options: Options, summary: Summary, failure: Result | None) -> int:
    planted, seeds = PLANTED[options.planted or ""], many(summary.figures.campaigns, "seed")
    print(f"{planted.name}: {planted.what}")
    if failure is None:
        print(f"NOT CAUGHT in {seeds} and {summary.seconds:.1f} s")
        return 1
    how = in_words(failure.wrongs[0]) if failure.wrongs else f"not settled: {failure.amiss[0]}"
    print(f"caught after {seeds} and {summary.seconds:.1f} s, by seed {failure.seed} in {failure.weather!r}: {how}")
    return 0
