"""`scaler metrics`: what the scaler is doing as Prometheus text, for the textfile collector of a node exporter."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaler.cli.environment import Exit, Operator
from scaler.cli.measures import Gauge, of_azure, of_controllers, of_registry
from scaler.cli.overview import Overview, look, look_at_redis
from scaler.cli.screen import Screen
from scaler.cli.streams import BOUNDS, Waits, of_refusals, of_streams, todays, waits_of
from scaler.model.history import SAMPLE_EVERY, Sample
from scaler.registry.rights import READER
from scaler.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

_Azure = Annotated[
    bool,
    typer.Option(
        "--azure",
        help="Look at Azure, too: machines by standing, capacity, cost. One listing of each scale set: once a minute"
        " at most.",
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        metavar="FILE",
        help="Write into this file, whole and then renamed, instead of stdout; its name ends in .prom.",
        dir_okay=False,
    ),
]


def metrics(context: typer.Context, azure: _Azure = False, output: _Output = None) -> None:
    """Print metrics for Prometheus: controllers, visitors waiting and inside, who has which machine, waits by tier.

    Asks Redis alone, so call it as often as you like.
    """
    operator: Operator = context.obj
    if output is not None and output.suffix != ".prom":
        raise typer.BadParameter(f"{output}: node_exporter reads only files whose names end in .prom")
    settings, registry, screen = operator.settings, operator.doors.registry, Screen()
    registry.check(READER)
    if azure:
        overview = look(operator.doors.ports("metrics"), registry, settings.policy, operator.doors.listings.store)
    else:
        overview = look_at_redis(registry, settings.policy)
    samples = todays(registry, overview.snapshot.now, SAMPLE_EVERY / settings.speed)
    collected = _collected(gauges(overview, settings, samples, azure=azure), waits_of(samples))
    if output is None:
        _print(screen, collected)
    else:
        _write(screen, collected, output)
    for error in overview.errors:
        screen.complain(f"not looked at: {error}")
    if overview.errors:
        raise typer.Exit(Exit.NOT_DONE)


def gauges(overview: Overview, settings: Settings, samples: Sequence[Sample], *, azure: bool) -> Iterator[Gauge]:
    """All gauges of a look, and the counters by the samples of the day."""
    yield from of_controllers(overview)
    yield from of_registry(overview, settings)
    yield from of_streams(overview, settings)
    yield of_refusals(samples)
    if azure:
        yield from of_azure(overview, settings)


class _Metrics:
    """The gauges and the histogram of the waits for the library that writes them."""

    def __init__(self, found: Iterable[Gauge], waits: Iterable[Waits]) -> None:
        self._found = tuple(found)
        self._waits = tuple(waits)

    def collect(self) -> "Iterator[Metric]":
        """The metrics."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415  (only needed here)

        for gauge in self._found:
            kind = CounterMetricFamily if gauge.counts else GaugeMetricFamily
            family = kind(gauge.name, gauge.text, labels=gauge.labels)
            for values, number in gauge.series.items():
                family.add_metric(values, number)
            yield family
        yield self._histogram()

    def _histogram(self) -> "Metric":
        from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415  (only this command needs it)

        text = "From reservation to open, since midnight UTC, by the tier of the machine that opened"
        family = HistogramMetricFamily("pixel_stream_wait_seconds", text, labels=("tier",))
        for waits in self._waits:
            buckets = zip((*map(str, BOUNDS), "+Inf"), map(float, waits.counts), strict=True)
            family.add_metric((waits.tier,), list(buckets), waits.total)
        return family


def _collected(found: Iterable[Gauge], waits: Iterable[Waits]) -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry  # noqa: PLC0415  (only this command needs it)

    registry = CollectorRegistry()
    registry.register(_Metrics(found, waits))
    return registry


def _print(screen: Screen, collected: "CollectorRegistry") -> None:
    from prometheus_client import generate_latest  # noqa: PLC0415  (only this command needs it)

    for line in generate_latest(collected).decode().splitlines():
        screen.line(line)


def _write(screen: Screen, collected: "CollectorRegistry", output: Path) -> None:
    """Write the file under another name and rename it: the collector never reads half of it."""
    from prometheus_client import write_to_textfile  # noqa: PLC0415  (only this command needs it)

    try:
        write_to_textfile(str(output), collected)
    except OSError as error:
        screen.complain(
            f"{output}: cannot be written ({error.strerror}); name a file in a folder that you may write to"
        )
        raise typer.Exit(Exit.NOT_DONE) from None
