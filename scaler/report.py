"""The report of one tick: the machines seen, the plan, and the outcomes."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from scaler.errors import ScalerError, Throttled
from scaler.model.fleet import Cloud, Fleet
from scaler.model.plan import Plan, Step
from scaler.model.row import Complaint
from scaler.ports import Confirmation


class Result(StrEnum):
    """The result of a step."""

    DONE = "done"  # the change is written, the order accepted; what Azure makes of it the next look shows
    LOST_RACE = "lost race"  # somebody changed the row meanwhile: not an error, the next tick decides anew
    EXPIRED = "expired"  # the look it rests on is older than the order horizon: not given
    UNCONFIRMED = "unconfirmed"  # no replica of Redis answered: not written, or written and nothing else done
    FAILED = "failed"  # refused, or nobody answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A step and its result."""

    step: Step
    result: Result
    error: ScalerError | None = None
    confirmation: Confirmation | None = None  # of a start's note
    refused_together: ScalerError | None = None  # why an order for several machines was given again for each alone

    @property
    def arrived(self) -> bool:
        """Whether Azure has the order, or may have."""
        return self.result is Result.DONE or (self.error is not None and not self.error.never_sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`errors`: failed looks beside successful looks. `fleet`: `cloud` joined with Redis; None without a registry."""

    plan: Plan
    would: tuple[Step, ...] = ()  # what only a missing consent, or a pause, keeps from being done
    outcomes: tuple[Outcome, ...] = ()
    errors: tuple[ScalerError, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    cloud: Cloud = field(default_factory=Cloud)
    fleet: Fleet | None = None

    @property
    def look_again(self) -> timedelta | None:
        """How soon another tick would find news, or an open gate; None: at the timer."""
        errors = (*self.errors, *(outcome.error for outcome in self.outcomes))
        waits = [error.retry_after for error in errors if isinstance(error, Throttled)]
        waits += [self.plan.look_again] if self.plan.look_again is not None else []
        return min(waits, default=None)
