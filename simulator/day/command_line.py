"""The command line `python -m simulator day`."""

import json
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from os import process_cpu_count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scaler.model.plan import counted
from scaler.settings import InvalidSettings
from scaler.settings.capacity import PRICE_EXPECTED, price_of
from simulator.day.demand import DAYS
from simulator.day.figures import DayResult
from simulator.day.hindsight import guess_of_buffer, guess_of_fixed, smallest
from simulator.day.policies import COMPARED, POLICIES, DayPolicy
from simulator.day.run import Trial, run

_DESCRIPTION = """\
A day in virtual time: made visitors before the real controllers, gates and emulated Azure, one policy beside another.
The same seed brings the same visitors. Found at once: a machine was Available when the visitor came.
"""
_EPILOG = """\
days
{days}

policies
  fixed       SCALER_POOL_CAPACITY, in use or not; the smallest that finds as much at once as auto, or --fixed
  buffer      SCALER_POOL_BUFFER beyond those in use; the smallest that finds as much at once as auto, or --buffer
  auto        as installed, all machines warm like those of the two above
  auto+calendar+warm
              as installed, a cold stock: as many of it warm as 9 of 10 visitors need (SCALER_WARMPOOL_SIZE=auto); and
              the event of the day in SCALER_CALENDAR
  thrifty, balanced, instant
              the presets of SCALER_PRESET, only where they are named
"""
_RATE = re.compile(r"([0-9]{1,4})(/h)?")
_ALIKE = "auto"
"""The policy whose found-at-once the best fixed number and the best buffer must reach."""
_GUESSES = {"fixed": guess_of_fixed, "buffer": guess_of_buffer}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run."""

    trial: Trial
    policies: tuple[str, ...]
    sizes: Mapping[str, int]  # given by the user, by policy
    found: float | None  # the target of hindsight; None: what auto finds
    plot: Path | None
    jobs: int
    json: bool


def read(words: Sequence[str]) -> Options:
    """Raises SystemExit as argparse does."""
    given = _parser().parse_args(words)
    trial = Trial(
        day=given.day,
        peak=given.peak,
        seed=given.seed,
        hours=given.hours,
        page_size=given.page,
        marks_per_machine=given.marks == "machine",
        settings={**dict(given.set or ()), **({"SCALER_PRICE": given.price} if given.price else {})},
    )
    sizes = {name: size for name, size in (("fixed", given.fixed), ("buffer", given.buffer)) if size is not None}
    return Options(
        trial=trial,
        policies=tuple(dict.fromkeys(given.policy or COMPARED)),
        sizes=sizes,
        found=given.found,
        plot=given.plot,
        jobs=given.jobs or process_cpu_count() or 1,
        json=given.json,
    )


def _parser() -> ArgumentParser:
    days = "\n".join(f"  {name:<11} {day.what}" for name, day in DAYS.items())
    parser = ArgumentParser(
        prog="python -m simulator day",
        description=_DESCRIPTION,
        epilog=_EPILOG.format(days=days),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--day", choices=tuple(DAYS), default="taxi", help="which day (taxi)")
    add("--peak", metavar="200/h", type=_rate, default=200.0, help="sessions an hour at the peak (200/h)")
    add("--seed", metavar="N", type=_whole, default=1, help="another one brings other visitors (1)")
    add("--hours", metavar="H", type=_whole, default=24, help="how long, from a Monday's midnight on (24)")
    add("--policy", metavar="NAME", nargs="+", action="extend", choices=tuple(POLICIES), help="only these")
    add("--fixed", metavar="N", type=_whole, help="so many machines, and no search")
    add("--buffer", metavar="N", type=_whole, help="so many spare machines, and no search")
    add("--found", metavar="99%", type=_percent, help="what the two are to find at once (what auto finds)")
    add("--set", metavar="SCALER_…=…", nargs="+", action="extend", type=_setting, help="settings, for every policy")
    add("--price", metavar="1.20/1.20/0.05", type=_price, help="an hour running/stopped/deallocated (1/1/0.05)")
    add(
        "--marks",
        choices=("machine", "scale-set"),
        default="machine",
        help="whose request budget a mark is charged to: nobody knows. scale-set: four marks and capacities a minute",
    )
    add("--page", metavar="N", type=_whole, default=100, help="machines on a page of a listing (100)")
    add(
        "--plot",
        metavar="FILE",
        type=_picture,
        help="draw machines by state and visitors: .svg or .png",
    )
    add("--jobs", metavar="N", type=_whole, help="so many processes (one for each processor)")
    add("--json", action="store_true", help="a line of figures at the end")
    return parser


def _rate(text: str) -> float:
    match = _RATE.fullmatch(text)
    if match is None or not int(match[1]):
        raise ArgumentTypeError(f"{text}: sessions an hour are wanted, such as 200/h")
    return float(match[1])


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) <= 1000:
        raise ArgumentTypeError(f"{text}: a whole number from 1 to 1000 is wanted")
    return int(text)


def _percent(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,2}(\.[0-9]+)?%", text) is None:
        raise ArgumentTypeError(f"{text}: a share is wanted, such as 99%")
    return float(text[:-1]) / 100


def _price(text: str) -> str:
    if price_of(text) is None:
        raise ArgumentTypeError(f"{text}: expected {PRICE_EXPECTED}")
    return text


def _picture(text: str) -> Path:
    if Path(text).suffix not in {".svg", ".png"}:
        raise ArgumentTypeError(f"{text}: a name that ends in .svg or .png is wanted")
    if not Path(text).parent.is_dir():
        raise ArgumentTypeError(f"{text}: there is no folder {Path(text).parent}")
    if find_spec("matplotlib") is None:
        raise ArgumentTypeError(
            "matplotlib, which draws it, is not installed: `make bench` or `pip install -r requirements-bench.txt` does"
        )
    return Path(text)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.startswith("SCALER_"):
        raise ArgumentTypeError(f"{text}: a setting is wanted, such as SCALER_FOUND_AT_ONCE=99.5%")
    return name, value


# -- the days


def main(words: Sequence[str]) -> int:
    """0; or 2 where the settings cannot be used."""
    options = read(words)
    try:
        for name in options.policies:
            POLICIES[name].on(DAYS[options.trial.day], options.trial.peak).of_size(options.sizes.get(name, 1)).load(
                options.trial.settings
            )
    except InvalidSettings as invalid:
        print(invalid, file=sys.stderr)
        return 2
    results = _results(options)
    Console(width=140).print(*_told(options, results), sep="\n")
    if options.plot is not None:
        from simulator.day import plot  # noqa: PLC0415 (matplotlib is there after `make bench` alone)

        plot.draw(options.plot, _title(options.trial), results)
        print(f"drawn: {options.plot}", file=sys.stderr)
    if options.json:
        print(json.dumps({"policies": {each.policy: each.members() for each in results}}))
    return 0


def _results(options: Options) -> list[DayResult]:
    """The days in the order of the policies: those that need no hindsight first, for theirs is the target."""
    searched = [name for name in options.policies if name in _GUESSES and name not in options.sizes]
    trial, pool = options.trial, ProcessPoolExecutor(options.jobs)
    with pool:
        first = [name for name in options.policies if name not in searched]
        if searched and options.found is None and _ALIKE not in first:
            first.append(_ALIKE)
        chosen = {name: POLICIES[name].of_size(options.sizes.get(name, 0)) for name in first}
        running = {name: pool.submit(day, trial, policy) for name, policy in chosen.items()}
        found = {name: future.result() for name, future in running.items()}
        target = options.found if options.found is not None else found[_ALIKE].found_at_once if searched else 0.0
        looking = {name: pool.submit(best, trial, POLICIES[name], target) for name in searched}
        found |= {name: future.result() for name, future in looking.items()}
    return [found[name] for name in options.policies]


def day(trial: Trial, policy: DayPolicy) -> DayResult:
    """Run one day, and tell its progress on standard error."""
    what = policy.name if policy.sized is None else f"{policy.name} {policy.settings[policy.sized]}"
    result = run(trial, policy, partial(_tell, what, trial.hours))
    print(f"{what}: {result.found_at_once:.2%} found at once, in {result.seconds:.0f} s", file=sys.stderr, flush=True)
    return result


def best(trial: Trial, policy: DayPolicy, target: float) -> DayResult:
    """The day with the smallest size that reaches the target."""
    guess = _GUESSES[policy.name](trial.arrivals(), target)
    return smallest(lambda size: day(trial, policy.of_size(size)), target, guess)


def _tell(what: str, hours: float, hour: float) -> None:
    if hour % 6 == 0 and hour < hours:
        print(f"{what}: {hour:.0f} of {hours:g} hours", file=sys.stderr, flush=True)


# -- what is told


def _title(trial: Trial) -> str:
    return (
        f"{trial.day}, {counted(trial.hours, 'hour')}, {trial.peak:g} sessions an hour at the peak, seed {trial.seed}"
    )


def _told(options: Options, results: Sequence[DayResult]) -> Iterator[Table | str]:
    table = Table(title=f"{_title(options.trial)}: {counted(results[0].visitors, 'visitor')}", title_justify="left")
    table.add_column("policy")
    for name in (
        "found\nat once",
        "wait, s\nmean",
        "\np50",
        "\np95",
        "idle h\na session",
        "cost\na session",
        "× clair-\nvoyant",
        "machines\ncreated",
        "sessions\ncut",
        "ARM calls\na minute, most",
    ):
        table.add_column(name, justify="right")
    for each in results:
        table.add_row(each.label, *(_shown(name, value) for name, value in each.members().items()))
    yield table
    price = results[0].price
    yield (
        f"idle: allocated, and nobody's · cost: machine-hours, {price.running:g} running, {price.stopped:g} stopped and"
        f" {price.deallocated:g} deallocated"
    )
    for each in results:
        if each.refused:
            yield f"{each.policy}: {each.refused} reservations were given up, and made again"


def _shown(name: str, value: float | int | None) -> str:
    if value is None:
        return "–"
    if name == "found_at_once":
        return f"{value:.2%}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if name.startswith("wait") else f"{value:.3f}"
