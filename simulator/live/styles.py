"""How the same things look everywhere on the screen: rich's names of styles."""

from collections.abc import Mapping

from scaler.model.record import Status
from simulator.figures import Tier

WRONG = "bold white on red"
OF_STATUS: Mapping[str, str] = {
    Status.AVAILABLE: "green",
    Status.RESERVED: "bold yellow",
    Status.UNAVAILABLE: "cyan",
    "used": "dim",
}
OF_POWER: Mapping[str, str] = {"running": "bold", "failed": "bold red", "deallocated": "dim"}
OF_TIER: Mapping[Tier | None, str] = {Tier.WARM: "yellow", Tier.COLD: "blue"}
