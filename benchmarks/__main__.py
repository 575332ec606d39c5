"""python -m benchmarks: what the scaler costs beside its floors and goals, as one table; benchmarks/README.md explains.

A slow Redis, a slow ARM and small pages are options; their floors go the same slow way.
"""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from benchmarks import (
    calls,
    cold_start,
    killed,
    listing,
    production,
    redis_costs,
    rejects,
    simulated,
    starts,
    tick_costs,
)
from benchmarks.rows import Row, table
from benchmarks.slow import Slow, duration

PARTS: Mapping[str, Callable[[Slow], Iterator[Row]]] = {
    "redis": redis_costs.figures,
    "ticks": tick_costs.figures,
    "simulated": simulated.figures,
    "listing": listing.figures,
    "calls": calls.figures,
    "import": cold_start.figures,
    "kills": killed.figures,
    "starts": starts.figures,
    "made": production.figures,
    "rejects": rejects.figures,
}
"""In the order of the table. Those whose time is virtual come last."""


def measured(parts: Sequence[str], slow: Slow) -> list[Row]:
    """The rows of these parts, one part after the other: a machine that is busy with two would be slow in both."""
    told = Console(stderr=True)
    rows: list[Row] = []
    for name in parts:
        with told.status(f"measuring: {name}"):
            rows += PARTS[name](slow)
    return rows


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", dest="as_json", help="one more line at the end, for programs")
    parser.add_argument("--only", metavar="PART", nargs="+", choices=PARTS, default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw cost against N into that SVG, and nothing else")
    parser.add_argument("--rtt", metavar="20ms", type=duration, default=timedelta(0), help="to Redis and back")
    parser.add_argument("--arm", metavar="1s", type=duration, help="until ARM answers")
    parser.add_argument("--page", metavar="100", type=_number, help="machines on a page of a listing")
    return parser


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number of machines")
    return int(text)


def main(arguments: Sequence[str]) -> None:
    """Measure, and tell."""
    asked = _parser().parse_args(arguments)
    slow = Slow(rtt=asked.rtt, arm=asked.arm, page=asked.page)
    if asked.plot is not None:
        from benchmarks import plot  # noqa: PLC0415 (matplotlib is there after `make bench` alone)

        plot.draw(asked.plot, slow)
        return
    rows = measured(asked.only, slow)
    Console(width=110).print(f"{slow}\n", table(rows))
    if asked.as_json:
        print(json.dumps({"conditions": str(slow), "rows": [row.members for row in rows]}))


if __name__ == "__main__":
    main(sys.argv[1:])
