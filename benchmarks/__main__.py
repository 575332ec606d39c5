"""python -m benchmarks [--json]: what the scaler costs beside its floors, as one table, or as one line of JSON."""

import json
from argparse import ArgumentParser

from rich.console import Console

from benchmarks import redis_costs, tick_costs
from benchmarks.rows import table


def main(*, as_json: bool) -> None:
    """Measure everything, and tell."""
    rows = [*redis_costs.figures(), *tick_costs.figures()]
    if as_json:
        print(json.dumps({"rows": [row.members for row in rows]}))
    else:
        Console(width=100).print(table(rows))


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", dest="as_json", help="one line for programs")
    main(**vars(parser.parse_args()))
