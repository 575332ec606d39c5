"""How long a machine may be billed for nothing, or stay as it is: derived from the policy, Azure and the timers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from emulator.behaviour import Latencies, Span
from emulator.vm import VmState
from scaler.model.edges import Actor
from scaler.model.instance import FailureClass, ProvisioningState
from scaler.model.policy import Policy
from scaler.model.row import Status
from simulator.happenings import Published

_SECOND = timedelta(seconds=1)  # whole seconds of Date headers and of NCRONTAB schedules
_UNDER_WAY = frozenset({ProvisioningState.CREATING, ProvisioningState.UPDATING, ProvisioningState.DELETING})


def under_way(state: VmState) -> bool:
    """Whether Azure is at work on a machine: creating, starting, stopping, marking or deleting."""
    return state.provisioning in _UNDER_WAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The intervals of the controllers' timers."""

    every: Mapping[Actor, timedelta]

    def rounds(self, name: Actor, machines: int, at_once: int) -> timedelta:
        """How long a controller needs for so many machines, a few per firing."""
        return self.every[name] * (ceil(machines / at_once) + 1)

    @property
    def slowest(self) -> timedelta:
        """The longest interval of a controller that deals with machines without visitors."""
        return max(every for name, every in self.every.items() if name is not Actor.STARTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """`idle`: for how long a machine may be billed without a visitor and without work on the machine."""

    idle: timedelta
    policy: Policy

    @classmethod
    def of(cls, policy: Policy, latencies: Latencies, pace: Pace) -> "Patience":
        """The longest of a machine's steps, with the waiting for its turn, and the longest order on top."""
        fleet = _fleet(policy)
        steps = (
            _most(latencies.create),
            _most(latencies.start_deallocated),
            pace.rounds(Actor.PROVISIONER, fleet, policy.max_gets) + _most(latencies.deallocate),
            pace.rounds(Actor.RECONCILER, fleet, policy.max_marks) + policy.look_after_mark + policy.admit_after,
            pace.rounds(Actor.CLEANER, fleet, policy.share(policy.max_deletes, fleet))
            + policy.ripening
            + _most(latencies.delete),
        )
        margin = policy.order_horizon + policy.observation_lag + pace.slowest + _SECOND
        return cls(idle=max(steps) + margin, policy=policy)

    def unchanged(self, state: VmState, published: Published | None, deletes: int) -> timedelta:
        """For how long a machine may stay unchanged, billed or not, that is neither offered nor a visitor's."""
        return self.idle + self._hold(state, published, deletes)

    def _hold(self, state: VmState, published: Published | None, deletes: int) -> timedelta:
        policy = self.policy
        if under_way(state):
            return policy.creating_timeout
        if state.provisioning is ProvisioningState.FAILED:
            return policy.failed_hold[state.failure or FailureClass.OTHER]
        if not state.protected:
            return policy.order_horizon * policy.mark_attempts
        if published is None:
            return policy.flush_hold
        if published.status is Status.AVAILABLE:
            return policy.repair_after
        return min(policy.delete_retry * (1 << min(deletes, 16)), policy.delete_retry_most)


def _most(span: Span) -> timedelta:
    return timedelta(seconds=span[1])


def _fleet(policy: Policy) -> int:
    return max(1, sum(each.desired for each in policy.capacity.values()))
