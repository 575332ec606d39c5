"""How this Azure behaves: its latencies, its faults, and the answers to what nobody knows."""

from dataclasses import dataclass, field, replace

from emulator.faults import Faults
from emulator.latencies import Latencies
from emulator.switches import Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The default is an Azure with real latencies and without faults."""

    latencies: Latencies = field(default_factory=Latencies)
    faults: Faults = field(default_factory=Faults)
    switches: Switches = field(default_factory=Switches)
    page_size: int = 100  # rows on one page of a listing: Azure's number is not known
    metered: bool = False  # whether ARM's request budgets are enforced
    speed: float = 1.0  # how much faster than real the budgets refill

    def at_speed(self, speed: float) -> "Behaviour":
        """The same Azure in a world that runs `speed` times faster."""
        return replace(
            self,
            latencies=self.latencies.at_speed(speed),
            faults=self.faults.at_speed(speed),
            speed=self.speed * speed,
        )
