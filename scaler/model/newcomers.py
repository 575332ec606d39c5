"""New machines, followed by a process from creation to mark: so every step comes as early as possible.

A hint: without it a step waits for the next listing. Nothing is decided by it but when to look.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from scaler.model.instance import Instance, InstanceRef, PowerState, ProvisioningState
from scaler.model.policy import Policy


class Phase(StrEnum):
    """Where a new machine was at the last look: what is waited for decides how often it pays to look again."""

    MADE = "made"  # not running yet
    BOOTS = "boots"  # runs, and is not Healthy yet, where that is asked for
    RUNS = "runs"  # to be stopped
    STOPS = "stops"  # on its way to rest, within seconds
    DEALLOCATES = "deallocates"  # the same, within a minute
    RESTS = "rests"  # at rest, and unmarked
    MARKED = "marked"  # and not offered yet, as far as Azure can tell


def phase_of(instance: Instance, *, boots: bool = False) -> Phase:
    """The phase of a machine that is, or lately was, unmarked. `boots`: to run until Healthy."""
    if instance.marked:
        return Phase.MARKED
    if boots:
        return Phase.BOOTS
    if instance.at_rest:
        return Phase.RESTS
    if instance.runs:
        return Phase.RUNS if not instance.busy else Phase.STOPS
    if instance.provisioning is ProvisioningState.CREATING or instance.power is PowerState.UNKNOWN:
        return Phase.MADE
    return Phase.DEALLOCATES if instance.power is PowerState.DEALLOCATING else Phase.STOPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """One of them, by the process's own clock."""

    ref: InstanceRef
    phase: Phase
    since: float  # when the phase began, as far as is known
    looked: float

    def due(self, policy: Policy) -> float:
        """When another look may show the next phase: the looks cost a fixed share of what Azure takes for the phase."""
        waited = timedelta(seconds=self.looked - self.since)
        wait = max(policy.follow_every, waited * policy.follow_share)
        if self.phase is Phase.BOOTS:  # for minutes: ARM grants 12 GETs of one machine a minute
            wait = max(policy.look_every, wait)
        if self.phase is Phase.RESTS:
            wait = max(policy.mark_shows, waited * policy.rest_share)
        begins = {Phase.MADE: policy.follow_made_after, Phase.DEALLOCATES: policy.follow_deallocated_after}
        wait = max(wait, begins.get(self.phase, waited) - waited)
        return self.looked + wait.total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A newcomer as a tick knows it: how far it was, and how soon another look is due (zero or less: now)."""

    ref: InstanceRef
    phase: Phase
    due_in: timedelta

    @property
    def is_due(self) -> bool:
        return self.due_in <= timedelta(0)
