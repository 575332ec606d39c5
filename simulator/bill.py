"""The bill of a run: what all machines cost by the prices of the settings, by Azure's truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from scaler.model.capacity import billed_as
from scaler.model.instance import PowerState, ProvisioningState, ScaleSetName
from scaler.model.policy import Price
from scaler.model.price import hourly
from scaler.model.row import Status
from simulator.happenings import Look, Seen

_HOUR = 3600.0
_TAKEN = {Status.RESERVED, Status.UNAVAILABLE}


@dataclass(slots=True, kw_only=True)
class Bill:
    """Adds up costs from look to look, in the currency of the prices and in hours of the emulated world."""

    prices: Mapping[ScaleSetName, Price | None]
    speed: float = 1.0
    currency: str = ""
    total: float = 0.0
    per_hour: float = 0.0
    idle_per_hour: float = 0.0  # machines that are allocated, and neither reserved nor handed out
    _at: datetime | None = None

    def see(self, look: Look) -> None:
        """Add the time since the look before, at the cost of that look."""
        if self._at is not None:
            self.total += self.per_hour * (look.at - self._at).total_seconds() * self.speed / _HOUR
        self._at = look.at
        self.per_hour = sum(map(self._cost, look.machines))
        self.idle_per_hour = sum(self._cost(each) for each in look.machines if _is_idle(each))

    def in_words(self, visitors: int) -> str:
        """The costs for people, and their share for each visitor who was let in; empty without prices."""
        if not any(self.prices.values()):
            return ""
        unit = f" {self.currency}" if self.currency else ""
        each = f", {self.total / visitors:.2f} per visitor" if visitors else ""
        return f"{self.per_hour:.2f}{unit} per hour, {self.idle_per_hour:.2f} idle; {self.total:.2f} so far{each}"

    def _cost(self, seen: Seen) -> float:
        price = self.prices.get(ScaleSetName(seen.scale_set))
        return hourly(_billed(seen), price) if price is not None else 0.0


def _billed(seen: Seen) -> PowerState:
    return billed_as(seen.state.power, failed=seen.state.provisioning is ProvisioningState.FAILED)


def _is_idle(seen: Seen) -> bool:
    taken = seen.published is not None and seen.published.status in _TAKEN
    return _billed(seen) is not PowerState.DEALLOCATED and not taken
