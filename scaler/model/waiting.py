"""A state in which something waits: for what, how long at most, who ends it then, and how that reads in the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from scaler.model.edges import Actor
from scaler.model.instance import FailureClass
from scaler.model.plan import Why
from scaler.model.policy import Policy
from scaler.model.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One row. `after`: the policy's durations that add up to the wait; none: at once, or whenever `ender` likes."""

    state: str
    standing: Standing | None  # None: it is about a whole scale set
    waits_for: str
    after: tuple[str, ...] = ()
    ender: Actor
    then: str
    why: Why | None = None  # of the step that ends it; None: it is no step of ours

    def lasts(self, policy: Policy) -> timedelta:
        """How long it lasts at most."""
        return sum((_duration(policy, name) for name in self.after), timedelta(0))


def _duration(policy: Policy, name: str) -> timedelta:
    """A duration of the policy by its name, or by `name.class` where it has one for each class of failure."""
    field, _, failure = name.partition(".")
    value: timedelta | Mapping[FailureClass, timedelta] = getattr(policy, field)
    return value if isinstance(value, timedelta) else value[FailureClass(failure)]
