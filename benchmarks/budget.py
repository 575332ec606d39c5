"""Whether six list pages a minute feed four controllers: pools of 100, 500 and 1,000 machines, 1 to 4 pages a listing.

python -m benchmarks.budget [--json]: the real controllers and gates under the production schedules, three hours of
virtual time a row; what is printed is of the last hour. `--json` adds one line for programs at the end.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from os import cpu_count

from benchmarks.production import Counts, Production
from scaler.model.edges import CONTROLLERS
from scaler.settings.table import SETTINGS

HOUR = timedelta(hours=1)
WORLDS: Mapping[tuple[int, int], tuple[int, ...]] = {
    (1_000, 4): (8,),
    (1_000, 2): (2,),
    (1_000, 1): (1,),
    (500, 4): (4,),
    (500, 2): (8,),
    (500, 1): (2,),
    (100, 1): (1, 8),
    (100, 2): (2, 8),
    (100, 4): (1, 2, 4, 8),
}
"""Visitors a minute, by machines and pages a listing, the slowest first: a large pool takes minutes of CPU a row."""
_UNITS = {"m": 60, "s": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One world, and what was counted in its last hour."""

    machines: int
    pages: int
    visitors: int
    minutes: float
    counts: Counts

    @property
    def list_pages_a_minute(self) -> float:
        """All controllers together."""
        return self.counts.pages / self.minutes

    @property
    def is_fed(self) -> bool:
        """Within five percent of what is wanted, and what one provisioner interval of visitors takes."""
        enough = 0.95 * self.machines - self.visitors
        return self.counts.mean_pool >= enough and self.list_pages_a_minute <= 6

    def __str__(self) -> str:
        wanted, got = self.counts.wanted, self.counts.got
        listings = "".join(f"{f'{got[name]}/{wanted[name]}':>13}" for name in CONTROLLERS)
        pool = f"{self.machines:>9}{self.pages:>7}{self.visitors:>10}{self.counts.mean_pool:>9.1f}"
        return f"{pool}{self.list_pages_a_minute:>8.2f}{listings}{self.counts.served:>8}{self.counts.turned_away:>8}"

    @property
    def for_programs(self) -> Mapping[str, float]:
        """As a JSON object."""
        return {
            "machines": self.machines,
            "pages": self.pages,
            "visitors_per_minute": self.visitors,
            "wanted": self.machines,
            "pool": round(self.counts.mean_pool, 1),
            "list_pages_per_minute": round(self.list_pages_a_minute, 3),
        }


def run(world: tuple[int, int, int]) -> Row:
    """Machines, pages, visitors a minute: three hours of it."""
    machines, pages, visitors = world
    page_size = -(-machines // pages)
    production = Production(
        machines=machines, page_size=page_size, visitors_a_minute=visitors, watches=default_watches()
    )
    production.run(2 * HOUR)
    production.count_anew()
    production.run(HOUR)
    # the later pages of a listing are a debt that waiting pays: the wait for it belongs to the time
    minutes = (HOUR + production.until_next_listing) / timedelta(minutes=1)
    return Row(machines=machines, pages=pages, visitors=visitors, minutes=minutes, counts=production.counted)


def default_watches() -> Mapping[str, timedelta]:
    """The defaults of the settings `SCALER_…_WATCH`."""
    texts = {each.name: each.default or "0s" for each in SETTINGS}
    return {name: _span(texts[f"SCALER_{name.upper()}_WATCH"]) for name in CONTROLLERS}


def _span(text: str) -> timedelta:
    return timedelta(seconds=float(text[:-1]) * _UNITS[text[-1]])


def rows() -> Iterator[Row]:
    """Every world: two at a time where there are two cores."""
    worlds = [(*world, each) for world, visitors in WORLDS.items() for each in visitors]
    with ProcessPoolExecutor(cpu_count()) as pool:
        yield from pool.map(run, worlds)


def main() -> None:
    """The table; exits 1 where a row starves."""
    heads = "".join(f"{name:>13}" for name in CONTROLLERS)
    print("listings of each controller: had/asked for, in the last of three hours; pool: the mean number of machines")
    print(f"{'machines':>9}{'pages':>7}{'visitors':>10}{'pool':>9}{'pages/m':>8}{heads}{'served':>8}{'away':>8}")
    found = []
    for row in rows():
        found.append(row)
        print(row, "" if row.is_fed else "  starves", flush=True)
    if "--json" in sys.argv[1:]:
        print(json.dumps({"rows": [each.for_programs for each in found]}))
    if not all(each.is_fed for each in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
