"""Too many at once: one tick begins to delete more machines than the policy's share of the fleet."""

from collections.abc import Iterator
from datetime import datetime

from emulator.history import Event, What
from scaler.model.edges import Actor
from scaler.model.policy import Policy
from simulator.happenings import Happening, Look


class AtOnce:
    """For campaigns without overlaps, in which no order is late or doubled: deletes of one moment are of one tick.

    A wrong decision shall show before it is complete. None of the four wrongs: nobody is hurt as long as it was right.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._machines = 0
        self._begun: set[str] = set()  # vm ids: a delete that is ordered again has a quota of its own
        self._moment: datetime | None = None
        self._deletes = 0  # begun in that moment

    def see(self, happening: Happening) -> Iterator[str]:
        """One happening after the other; a sentence for each moment with too many deletes."""
        if isinstance(happening, Look):
            self._machines = len(happening.machines)
        elif isinstance(happening, Event) and happening.what is What.DELETE_ORDERED and happening.by == Actor.CLEANER:
            yield from self._count(happening.vm_id, happening.at)

    def _count(self, vm_id: str | None, at: datetime) -> Iterator[str]:
        if vm_id is None or vm_id in self._begun:
            return
        self._begun.add(vm_id)
        self._deletes = self._deletes + 1 if at == self._moment else 1
        self._moment = at
        most = self._policy.share(self._policy.max_deletes, self._machines)
        if self._deletes == most + 1:
            yield f"more than {most} of {self._machines} machines began to be deleted at once, the last of them {vm_id}"
