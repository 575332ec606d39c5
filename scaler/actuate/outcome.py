"""One step and what became of it, and the doors that a plan goes through."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from scaler.errors import ScalerError
from scaler.model.instance import ScaleSetName
from scaler.model.plan import Step
from scaler.ports import Clock, Confirmation, Registry, ScaleSet, Together, one_by_one


class Result(StrEnum):
    """What became of a step."""

    DONE = "done"  # the change is written, the order accepted; what Azure makes of it the next look shows
    LOST_RACE = "lost race"  # somebody changed the row meanwhile: not an error, the next tick decides anew
    EXPIRED = "expired"  # the look it rests on is older than the order horizon: not given
    FAILED = "failed"  # refused, or nobody answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One step and what became of it."""

    step: Step
    result: Result
    error: ScalerError | None = None
    confirmation: Confirmation | None = None  # of a start's note

    @property
    def arrived(self) -> bool:
        """Whether Azure has the order, or may have."""
        return self.result is Result.DONE or (self.error is not None and not self.error.uncounted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The doors a plan goes through. The provisioner has no registry at all."""

    registry: Registry | None
    scale_sets: Mapping[ScaleSetName, ScaleSet]
    clock: Clock
    together: Together = one_by_one  # how targeted GETs are made
