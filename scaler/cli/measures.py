"""The gauges of `scaler metrics`: names and units by Prometheus' conventions.

No label names a session, and none here a machine: the number of series stays what it is, however many visitors come.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from scaler.cli import alive
from scaler.cli.overview import TIERS, Overview, scale_set_of, tier_of
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import ScaleSetName, Tier
from scaler.model.price import cost_of
from scaler.model.row import Record, Status
from scaler.model.sighting import Pause, strictest
from scaler.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A metric: text for people, names of labels, and values by the values of the labels."""

    name: str
    text: str
    labels: tuple[str, ...] = ()
    series: Mapping[tuple[str, ...], float]
    counts: bool = False  # a counter: its name ends in _total


_COUNTED: tuple[tuple[str, str, Callable[[Record], bool]], ...] = (
    (
        "scaler_reservations",
        "Visitors who wait for a machine that they have reserved",
        lambda record: record.status is Status.RESERVED and not record.used,
    ),
    (
        "scaler_sessions",
        "Visitors who were let in",
        lambda record: record.status is Status.UNAVAILABLE and not record.used,
    ),
    ("scaler_used_machines", "Machines that are never offered again, and not deleted yet", lambda record: record.used),
)
"""What is counted by a machine's record."""


def of_controllers(overview: Overview) -> Iterator[Gauge]:
    """Whether the controllers tick, by their signs of life."""
    signs, now = overview.signs, overview.snapshot.now
    known = [(name, signs[name]) for name in CONTROLLERS if name in signs]
    silent = [(name, alive.is_silent(name, signs)) for name in CONTROLLERS]
    yield Gauge(
        name="scaler_build_info",
        text="1; the label names the version that a controller runs",
        labels=("controller", "version"),
        series={(name, sign.version): 1.0 for name, sign in known},
    )

    def of(name: str, text: str, numbers: Iterable[tuple[str, float]]) -> Gauge:
        return _by("controller", name, text, numbers)

    ticked = ((name, (now - sign.ago).timestamp()) for name, sign in known)
    yield of("scaler_last_tick_timestamp_seconds", "When a controller ticked last, by the clock of Redis", ticked)
    late = ((name, is_late) for name, is_late in silent if is_late is not None)
    text = "1 where two firings of a controller's timer and a minute passed without a tick"
    yield of("scaler_controller_late", text, late)
    failing = ((name, sign.failing.total_seconds()) for name, sign in known)
    yield of("scaler_controller_failing_seconds", "For how long no tick of a controller has been fine", failing)
    alarms = ((name, len(sign.alarms) if not sign.late else 0) for name, sign in known)
    yield of("scaler_alarms", "Alarms of the last two minutes; scaler status has their texts", alarms)


def of_registry(overview: Overview, settings: Settings) -> Iterator[Gauge]:
    """Machines and visitors of each scale set, by Redis and the signs alone."""
    paused = strictest(settings.policy.pause, overview.snapshot.pause) is not Pause.NONE
    text = "1 where an operator has paused the scaler by Redis or by a setting"
    yield Gauge(name="scaler_paused", text=text, series={(): float(paused)})
    stored = [(machine, record) for machine in overview.machines if (record := machine.stored.readable) is not None]
    offered = Counter(
        (scale_set_of(machine), record.tier) for machine, record in stored if Status.AVAILABLE in machine.stored.index
    )
    tiers = (*TIERS.values(), *{Tier.HOT for _, tier in offered if tier is Tier.HOT})
    yield Gauge(
        name="scaler_offered_machines",
        text="Machines that a visitor may reserve, warm and cold (and hot, where there are any)",
        labels=("scale_set", "tier"),
        series={(name, tier): float(offered[name, tier]) for name in settings.scale_sets for tier in tiers},
    )
    for name, text, holds in _COUNTED:
        numbers = Counter(scale_set_of(machine) for machine, record in stored if holds(record))
        yield _by("scale_set", name, text, ((place, numbers[place]) for place in settings.scale_sets))
    text = "The longest that a visitor has waited for the machine that they have reserved"
    longest = ((place, _longest_wait(overview, place)) for place in settings.scale_sets)
    yield _by("scale_set", "scaler_oldest_reservation_seconds", text, longest)
    wanted = ((place, want.machines) for place, want in overview.running.items())
    yield _by("scale_set", "scaler_wanted_machines", "Machines that the running scaler wants", wanted)


def of_azure(overview: Overview, settings: Settings) -> Iterator[Gauge]:
    """Machines and cost of each scale set that this look has shown."""
    seen = overview.views

    def of(name: str, text: str, numbers: Iterable[tuple[str, float]]) -> Gauge:
        return _by("scale_set", name, text, numbers)

    up = ((place, place in seen) for place in settings.scale_sets)
    yield of("scaler_azure_up", "1 where Azure told of a scale set", up)
    capacity = ((place, view.capacity) for place, view in seen.items())
    yield of("scaler_capacity_machines", "The capacity that Azure shows", capacity)
    warm = ((place, overview.warm[place]) for place in seen)
    yield of("scaler_wanted_warm_machines", "How many of the ready machines stay allocated, by this look alone", warm)
    counted = Counter(
        (scale_set_of(machine), str(machine.standing), str(tier_of(machine) or "")) for machine in overview.machines
    )
    yield Gauge(
        name="scaler_machines",
        text="Machines by standing (docs/lifecycle.md); warm or cold at rest, hot where they wait running",
        labels=("scale_set", "standing", "tier"),
        series={key: float(number) for key, number in counted.items() if key[0] in seen},
    )
    costs = [(place, cost) for place in seen if (cost := cost_of(overview.demand[place])) is not None]
    text = "What the machines cost per hour, by SCALER_PRICE and in its currency"
    yield of("scaler_cost_per_hour", text, ((place, round(cost.per_hour, 4)) for place, cost in costs))
    text = "The part of it for allocated machines without a visitor"
    yield of("scaler_idle_cost_per_hour", text, ((place, round(cost.idle_per_hour, 4)) for place, cost in costs))


def _by(label: str, name: str, text: str, numbers: Iterable[tuple[str, float]]) -> Gauge:
    return Gauge(name=name, text=text, labels=(label,), series={(key,): float(number) for key, number in numbers})


def _longest_wait(overview: Overview, place: ScaleSetName) -> float:
    waits = (machine.reserved_for for machine in overview.machines if scale_set_of(machine) == place)
    return max((round(wait.total_seconds()) for wait in waits if wait is not None), default=0)
