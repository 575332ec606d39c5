"""Demand as `scaler metrics` tells it: which machine a session has, how long visitors waited, and who was refused.

A machine has one series while it is offered or a session has it, so the scale sets bound their number. What happened is
counted from midnight UTC on, by the history in Redis: to Prometheus the night is a counter's reset, as a restart is.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from scaler.cli.measures import Gauge
from scaler.cli.overview import TIERS, Overview, scale_set_of
from scaler.model.edges import Actor
from scaler.model.history import DAY, Sample
from scaler.model.instance import Tier
from scaler.model.machine import Machine
from scaler.model.row import Status
from scaler.model.standing import is_used
from scaler.registry.redis import RedisRegistry
from scaler.settings import Settings

BOUNDS = (1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 300.0, 600.0)
"""Upper bounds of the waits in a histogram, in seconds: a warm start takes 5 to 10, a cold one 90 to 110."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """A histogram of the waits of a tier: the number of waits up to each of `BOUNDS`, then all of them."""

    tier: str
    counts: Sequence[int]
    total: float  # seconds


def of_streams(overview: Overview, settings: Settings) -> Iterator[Gauge]:
    """Who has which machine, and the share of the machines that sessions have."""
    told = [(machine, has) for machine in overview.machines if (has := allocated(machine)) is not None]
    yield Gauge(
        name="pixel_stream_allocated",
        text="1 where a session has the machine, waiting or inside; 0 where it is free and offered; else no series",
        labels=("vm", "scale_set", "tier"),
        series={_labels(machine): float(has) for machine, has in told},
    )
    serving = Counter(scale_set_of(machine) for machine, _ in told)
    taken = Counter(scale_set_of(machine) for machine, has in told if has)
    yield Gauge(
        name="pixel_stream_allocated_ratio",
        text="The share of the machines offered or allocated that sessions have; no series where there is no machine",
        labels=("scale_set",),
        series={(name,): taken[name] / serving[name] for name in settings.scale_sets if serving[name]},
    )


def allocated(machine: Machine) -> bool | None:
    """Whether a session has the machine; None for a machine that is neither offered nor a session's."""
    record = machine.stored.readable
    if record is None or is_used(machine.stored):
        return None
    if record.status is not Status.AVAILABLE:
        return True
    return False if Status.AVAILABLE in machine.stored.index else None


def tier_in_words(machine: Machine) -> str:
    """The tier of a machine by its record, empty without one; hot where its session found the machine hot.

    After OPEN the record tells no more that a machine was hot, but the note of its start does.
    """
    record, start = machine.stored.readable, machine.notes_now.start
    if record is None:
        return ""
    return Tier.HOT if start is not None and start.hot else record.tier


def _labels(machine: Machine) -> tuple[str, ...]:
    return machine.vm_id, scale_set_of(machine), tier_in_words(machine)


def todays(registry: RedisRegistry, now: datetime, every: timedelta) -> Sequence[Sample]:
    """The starter's samples since midnight UTC, by Redis' clock. Raises ScalerError when Redis does not answer."""
    last = int(now.timestamp() // every.total_seconds())
    places = [(Actor.STARTER, number) for number in range(last - last % DAY, last + 1)]
    return tuple(registry.history(places).values())


def of_refusals(samples: Iterable[Sample]) -> Gauge:
    """How many visitors were refused."""
    return Gauge(
        name="pixel_stream_refused_visitors_total",
        text="Visitors since midnight UTC whose reserved machine could not be had, nor another one. Not those who found"
        " nothing to reserve: that leaves no trace in Redis",
        series={(): float(sum(sample.refused for sample in samples))},
        counts=True,
    )


def waits_of(samples: Sequence[Sample]) -> Iterator[Waits]:
    """The waits of each tier; the known tiers have a histogram before the first visitor of the day, too."""
    for tier in sorted({*TIERS.values(), *(tier for sample in samples for tier in sample.waits)}):
        waits = [wait for sample in samples for wait in sample.waits.get(tier, ())]
        found = Counter(bisect_left(BOUNDS, wait) for wait in waits)
        counts = tuple(accumulate(found[number] for number in range(len(BOUNDS) + 1)))
        yield Waits(tier=tier, counts=counts, total=round(sum(waits), 1))
