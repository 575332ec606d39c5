"""Machine-hours by state, from Azure's history; what is billed, and what of that waits for a visitor."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from emulator.history import Event, What
from scaler.model.edges import Actor, Edge
from scaler.report import Report, Result


class State(StrEnum):
    """What a machine does, in the order of its life."""

    MADE = "being made"  # until it rests for the first time
    WARM = "warm"  # at rest, its allocation kept
    COLD = "cold"  # deallocated
    STARTED = "starting"
    HOT = "hot"  # started for no session: it runs, or is on the way, or is being warmed
    SERVES = "in session"  # runs, until its deletion is ordered
    LEAVES = "being deleted"


IDLE = (State.WARM, State.HOT)
"""Billed at the full price, and nobody's."""
_NEXT: Mapping[What, State] = {
    What.CREATED: State.MADE,
    What.STOPPED: State.WARM,
    What.DEALLOCATED: State.COLD,
    What.START_ORDERED: State.STARTED,
    What.DELETE_ORDERED: State.LEAVES,
}


class Machines:
    """Listens to one scale set. Hours are counted from the latest `count_anew` on."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.made = 0  # machines
        self._now = now
        self._hours: Counter[State] = Counter()
        self._states: dict[str, tuple[State, datetime]] = {}  # by vm id: the state, and since when

    def hear(self, event: Event) -> None:
        """Note an event."""
        vm_id = event.vm_id
        if vm_id is None:
            return
        self.made += event.what is What.CREATED
        state, since = self._states.get(vm_id, (State.MADE, event.at))
        if event.what is What.DELETED:
            self._spend(state, since, event.at)
            self._states.pop(vm_id, None)
            return
        then = _NEXT.get(event.what)
        if event.what is What.START_ORDERED and event.by == Actor.RECONCILER:
            then = State.HOT
        elif event.what is What.RUNNING and state is State.STARTED:
            then = State.SERVES
        if then is not None and state is not State.LEAVES:
            self._spend(state, since, event.at)
            self._states[vm_id] = then, event.at

    def opened(self, _: Actor, report: Report) -> None:
        """Note the hot machines that a tick has opened."""
        for outcome in report.outcomes:
            state, since = self._states.get(outcome.step.vm_id or "", (None, self._now()))
            if outcome.step.edge == Edge.OPEN.name and outcome.result is Result.DONE and state is State.HOT:
                assert outcome.step.vm_id is not None
                self._spend(state, since, self._now())
                self._states[outcome.step.vm_id] = State.SERVES, self._now()

    def _spend(self, state: State, since: datetime, until: datetime) -> None:
        self._hours[state] += (until - since).total_seconds() / 3600  # type: ignore[assignment]

    def count_anew(self) -> None:
        """Forget what was counted; machines that are there count from now on."""
        now = self._now()
        self.made = 0
        self._hours.clear()
        self._states = {vm_id: (state, now) for vm_id, (state, _) in self._states.items()}

    def hours(self) -> Mapping[State, float]:
        """Machine-hours in each state, up to now."""
        found = dict.fromkeys(State, 0.0) | dict(self._hours)
        for state, since in self._states.values():
            found[state] += (self._now() - since).total_seconds() / 3600
        return found

    def counts(self) -> Mapping[State, int]:
        """How many machines are in each state now."""
        return Counter(state for state, _ in self._states.values())
