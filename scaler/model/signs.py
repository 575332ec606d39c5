"""Signs of life: the results of a controller's latest ticks, for operators and probes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scaler.model.capacity import Wanted
from scaler.model.edges import Actor
from scaler.model.instance import ScaleSetName

SIGN_EVERY = timedelta(seconds=10)
"""How often a controller leaves a sign while nothing changes."""
ALARM_KEPT = timedelta(minutes=2)
"""How long an alarm stands in signs after the tick that raised it: not every tick looks at Azure."""
_A_TICK = timedelta(minutes=1)  # may take that long


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedOrder:
    """The latest failure of a kind of order at a scale set; `said` is a sentence for the operator."""

    scale_set: ScaleSetName
    order: str
    said: str
    ago: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A sign of life of a controller. Durations are told by Redis' clock."""

    controller: Actor
    version: str  # of the scaler
    at: datetime  # of the latest tick, by the clock of its host: how far that clock is off shows beside `ago`
    ago: timedelta  # since the latest tick
    every: timedelta | None  # the longest time between two firings of the timer; None: days, or unknown
    failure: str  # why the latest tick failed, or could not look at a part of Azure; empty: the tick was fine
    failing: timedelta  # for how long no tick has been fine; zero: the latest tick was
    wanted: Mapping[ScaleSetName, Wanted] = field(default_factory=dict)  # by the provisioner's memory of the demand
    alarms: tuple[str, ...] = ()  # of the ticks of the last two minutes
    failed_orders: tuple[FailedOrder, ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)  # steps held back in the last two minutes, by reason
    knows_provisioner: bool = True  # False: a reconciler in whose process no provisioner has ticked

    @property
    def late(self) -> bool:
        """Whether two firings of the timer, and a minute, passed without a tick."""
        return self.every is not None and self.ago > 2 * self.every + _A_TICK
