"""What one tick saw, wanted and got."""

from dataclasses import dataclass

from scaler.actuate import Outcome
from scaler.errors import ScalerError
from scaler.model.plan import Plan, Step
from scaler.model.row import Complaint


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`errors`: looks that failed while others succeeded. `machines`: how many either side knows."""

    plan: Plan
    would: tuple[Step, ...] = ()  # what only a missing consent, or a pause, keeps from being done
    outcomes: tuple[Outcome, ...] = ()
    errors: tuple[ScalerError, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    machines: int = 0
