"""A policy is a set of SCALER_ settings, read by the scaler's own `load`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from scaler.settings import Settings, load
from scaler.settings.table import PRESETS
from simulator.day.demand import Day

_MOST = "1000"  # machines: no policy is to be limited by anything but itself
_HOUSE = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000",
    "AZURE_RESOURCE_GROUP": "rg-pixels",
    "AZURE_VMSS_NAME": "vmss-pixels",
    "REDIS_URL": "redis://localhost",
    "SCALER_VM_RUNTIME": "0",  # visitors stay as long as they like
    "SCALER_POOL_MAX": _MOST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPolicy:
    """A named policy. `sized`: the setting that hindsight chooses; None where nothing is to be chosen."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    sized: str | None = None
    has_calendar: bool = False

    def on(self, day: Day, peak: float) -> "DayPolicy":
        """The policy with the announced event of the day in the calendar, if the policy has one."""
        if not self.has_calendar:
            return self
        calendar = f"[{day.announced.replace('%', str(round(day.crowd * peak)))}]" if day.announced else ""
        return replace(self, settings={**self.settings, "SCALER_CALENDAR": calendar})

    def of_size(self, size: int) -> "DayPolicy":
        """The policy with that number of machines for `sized`; of a fixed number all are warm."""
        if self.sized is None:
            return self
        chosen = {self.sized: str(size)}
        if self.settings.get("SCALER_CAPACITY") == "fixed":
            chosen["SCALER_WARMPOOL_SIZE"] = str(size)
        return replace(self, settings={**self.settings, **chosen})

    def load(self, more: Mapping[str, str]) -> Settings:
        """The settings. Raises InvalidSettings."""
        return load({**_HOUSE, **self.settings, **more})


_ALL_WARM = {"SCALER_WARMPOOL_SIZE": "all"}
POLICIES: Mapping[str, DayPolicy] = {
    each.name: each
    for each in (
        DayPolicy(name="fixed", settings={"SCALER_CAPACITY": "fixed"}, sized="SCALER_POOL_CAPACITY"),
        DayPolicy(name="buffer", settings={"SCALER_CAPACITY": "buffer", **_ALL_WARM}, sized="SCALER_POOL_BUFFER"),
        DayPolicy(name="auto", settings={"SCALER_CAPACITY": "auto", **_ALL_WARM}),
        DayPolicy(
            name="auto+calendar+warm",
            settings={"SCALER_CAPACITY": "auto", "SCALER_WARMPOOL_SIZE": "auto"},
            has_calendar=True,
        ),
        *(DayPolicy(name=preset, settings={"SCALER_PRESET": preset}) for preset in PRESETS),
    )
}
COMPARED = tuple(name for name in POLICIES if name not in PRESETS)
"""All machines of the first three are warm, as in the facts that they are compared with."""
