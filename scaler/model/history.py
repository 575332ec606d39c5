"""History: the work of a controller in one minute, for the charts of `scaler web`. No decision rests on a sample."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scaler.model.edges import Actor

SAMPLE_EVERY = timedelta(minutes=1)
"""The time of one sample; at SCALER_SPEED 20 a twentieth."""
SAMPLES = 2_880
"""Samples of a controller in Redis: two days."""
DAY = SAMPLES // 2
"""Samples of a day."""
SAMPLED = (Actor.RECONCILER, Actor.STARTER)
"""The controllers with samples: the reconciler tells of machines, the starter of visitors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A minute of a controller. `None` and empty: not known, or nothing happened."""

    controller: Actor
    at: datetime  # of the first tick in the minute, by Redis' clock
    machines: Mapping[str, int] = field(default_factory=dict)  # by standing, as of the first look of the minute
    wanted: int | None = None  # machines, by the provisioner of the same process
    cost: float | None = None  # per hour, in the operator's currency
    waits: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # seconds from RESERVE to OPEN, by tier
    refused: int = 0  # visitors whose machine could not be had

    @property
    def says_nothing(self) -> bool:
        """Whether the minute was empty."""
        return not (self.machines or self.waits or self.refused)
