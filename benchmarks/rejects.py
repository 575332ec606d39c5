"""Visitors whom a fixed pool turns away, beside the same visitors before a pool in which only Azure takes time.

In virtual time, with the real controllers and budgets. Such a pool is Erlang's loss system: a machine is busy from its
reservation through start, stay, deletion, creation and stop, and whoever finds all machines busy is turned away.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate, takewhile
from os import cpu_count

from benchmarks.production import Crowd, Production
from benchmarks.rows import Row
from benchmarks.slow import Slow
from emulator.behaviour import Latencies

POOL, ERLANG = 50, 44.4
A_MINUTE = 3
CYCLE = ERLANG / A_MINUTE * 60  # seconds
STEADY_AFTER, LASTS = 3600.0, 4 * 3600.0
REPETITIONS = 4


def of_azure(latencies: Latencies) -> float:
    """Seconds that a machine, used again and again, spends in Azure's hands each time, on average."""
    spans = (latencies.start_deallocated, latencies.delete, latencies.create, latencies.deallocate)
    return sum(sum(span) / 2 for span in spans)


def crowd(seed: int) -> Crowd:
    """Visitors whose stays fill the cycle."""
    stay = CYCLE - of_azure(Latencies())
    return Crowd(a_minute=A_MINUTE, stay=(0.8 * stay, 1.2 * stay), seed=seed)


def share_at_least(visitors: Crowd, taken: float) -> float:
    """Turned away where a machine is taken for so many seconds beyond the stay."""
    free_again: list[float] = []
    away = come = 0
    arrivals = accumulate(visitors, lambda before, visitor: (before[0] + visitor[0], visitor[1]))
    for at, stay in takewhile(lambda arrival: arrival[0] < STEADY_AFTER + LASTS, arrivals):
        while free_again and free_again[0] <= at:
            heappop(free_again)
        is_away = len(free_again) == POOL
        if not is_away:
            heappush(free_again, at + stay + taken)
        if at >= STEADY_AFTER:
            come += 1
            away += is_away
    return away / come


def shares(slow: Slow, seed: int) -> tuple[float, float]:
    """Of the visitors turned away: by the scaler's pool, and at least."""
    visitors = crowd(seed)
    production = Production(machines=POOL, page_size=POOL, crowd=visitors, latencies=slow.latencies)
    production.run(timedelta(seconds=STEADY_AFTER))
    production.count_anew()
    production.run(timedelta(seconds=LASTS))
    counts = production.counts
    ours = counts.turned_away / (counts.turned_away + counts.reserved)
    return ours, share_at_least(visitors, of_azure(slow.latencies))


def figures(slow: Slow) -> Iterator[Row]:
    """The mean of the repetitions."""
    with ProcessPoolExecutor(cpu_count()) as pool:
        both = zip(*pool.map(partial(shares, slow), range(REPETITIONS)), strict=True)
        ours, floor = (sum(each) / REPETITIONS * 100 for each in both)
    name = f"turned away by a fixed pool of {POOL}, cold, {ERLANG} Erlang"
    yield Row(name=name, unit="%", ours=ours, floor=floor, goal=1.5)
