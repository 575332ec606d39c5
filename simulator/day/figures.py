"""What a day under a policy comes to, beside a clairvoyant's cost.

A clairvoyant creates each machine so that it runs at the moment its visitor comes, and deletes it when the visitor
leaves: creation, stay and deletion at the full price, nothing else. Its hours are counted in the same window.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from emulator.behaviour import Latencies
from scaler.model.instance import PowerState
from scaler.model.policy import Price
from scaler.model.price import hourly
from scaler.model.waits import percentile
from simulator.day.demand import HOUR, Arrival
from simulator.day.machines import IDLE, State

PLAIN = Price(running=1.0, stopped=1.0, deallocated=0.05)
"""The price of a machine-hour where SCALER_PRICE says none."""
_BILLED: Mapping[State, PowerState] = {State.WARM: PowerState.STOPPED, State.COLD: PowerState.DEALLOCATED}
"""Where a machine is billed otherwise than running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The day at one moment."""

    hour: float  # since the day began
    machines: Mapping[State, int]
    present: int  # visitors in line, waiting, or in session


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """A day under a policy."""

    policy: str
    settings: Mapping[str, str]
    price: Price = PLAIN
    visitors: int
    at_once: int  # visitors who found a machine Available
    waits: Sequence[float]  # seconds from coming to being let in, or to the end
    hours: Mapping[State, float]  # of machines
    clairvoyant: float  # its cost
    creates: int
    cut: int  # sessions ended by the scaler
    refused: int  # reservations that the scaler gave up
    arm_calls_per_minute_most: int
    samples: Sequence[Sample] = ()
    seconds: float = 0.0  # that it took

    @property
    def label(self) -> str:
        """The policy, with its number of machines if it has one."""
        sizes = ("SCALER_POOL_CAPACITY", "SCALER_POOL_BUFFER")
        return " ".join((self.policy, *(self.settings[name] for name in sizes if name in self.settings)))

    @property
    def found_at_once(self) -> float:
        """The share of visitors for whom a machine was Available when they came."""
        return self.at_once / self.visitors if self.visitors else 1.0

    @property
    def cost(self) -> float:
        """Of all machine-hours."""
        billed = ((_BILLED.get(state, PowerState.RUNNING), hours) for state, hours in self.hours.items())
        return sum(hours * hourly(power, self.price) for power, hours in billed)

    def members(self) -> Mapping[str, float | int | None]:
        """The figures, by their names in the JSON line."""
        visitors = max(self.visitors, 1)
        waits = self.waits or [0.0]
        return {
            "found_at_once": round(self.found_at_once, 5),
            "wait_mean_s": round(fmean(waits), 2),
            "wait_p50_s": round(percentile(waits, 0.50) or 0.0, 2),
            "wait_p95_s": round(percentile(waits, 0.95) or 0.0, 2),
            "idle_hours_per_session": round(sum(self.hours[each] for each in IDLE) / visitors, 4),
            "cost_per_session": round(self.cost / visitors, 4),
            "ratio_to_clairvoyant": round(self.cost / self.clairvoyant, 3) if self.clairvoyant else None,
            "creates": self.creates,
            "sessions_cut": self.cut,
            "arm_calls_per_minute_most": self.arm_calls_per_minute_most,
        }


def clairvoyant_hours(arrivals: Iterable[Arrival], latencies: Latencies, begins: float, ends: float) -> float:
    """The clairvoyant's machine-hours between two moments, in seconds since the first arrival could come."""
    create, delete = fmean(latencies.create), fmean(latencies.delete)
    spans = ((max(each.at - create, begins), min(each.at + each.stay + delete, ends)) for each in arrivals)
    return sum(max(0.0, until - since) for since, until in spans) / HOUR
