"""All judges of the four wrongs at once; and judges of what some campaigns promise beside: deletes, and surplus."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

from emulator.history import Event, What
from scaler.model.edges import Actor
from scaler.model.policy import Policy
from simulator.happenings import DEPARTURES, Did, Entry, Happening, Look
from simulator.observer.cut_short import CutShort
from simulator.observer.handed_out import HandedOut, SentElsewhere
from simulator.observer.leaked import ForNobody, Leaked
from simulator.observer.lost import Lost, Unserved
from simulator.observer.patience import Patience
from simulator.observer.wrong import Kind, Wrong

LOOK_TWICE = timedelta(seconds=1)
"""A look asks several questions in turn; what several looks in a row show is true."""


class Judge(Protocol):
    """A judge of one kind of wrong."""

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows; happenings come in the order of time."""
        ...


class Observer:
    """All judges together; remembers the wrongs."""

    def __init__(
        self,
        policy: Policy,
        patience: Patience,
        in_vain: timedelta = LOOK_TWICE,
        waits: timedelta | None = None,
    ) -> None:
        """`in_vain`: how soon a forgotten session must get a free machine by asking again.

        `waits`: how long a visitor with a promise may wait; None: as long as by the policy.
        """
        self.judges: list[Judge] = [
            Lost(LOOK_TWICE, in_vain),
            Unserved(waits or policy.reservation_timeout + policy.start_timeout),
            HandedOut(),
            SentElsewhere(),
            CutShort(policy),
            Leaked(patience),
            ForNobody(policy.moves),
        ]
        self.wrongs: list[Wrong] = []

    def see(self, happening: Happening) -> tuple[Wrong, ...]:
        """The wrongs that the next happening shows."""
        found = tuple(wrong for judge in self.judges for wrong in judge.see(happening))
        self.wrongs += found
        return found

    def count(self, kind: Kind) -> int:
        """How many of one kind so far."""
        return sum(each.kind is kind for each in self.wrongs)


class AtOnce:
    """Too many at once: one tick begins to delete more machines than the policy's share of the fleet.

    For campaigns without overlaps, in which no order is late or doubled: deletes of one moment are of one tick.

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


class TakenBack:
    """A machine is taken back as surplus though a queue manager has just taken it: its session is refused for nothing.

    For campaigns in which Redis forgets nothing. A key that a queue manager took and made no use of is put back after
    `repair_after`: from then on, the machine is free.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._taken: dict[str, Entry] = {}  # by vm id

    def see(self, happening: Happening) -> None:
        """Note who has taken a machine, and who is gone; happenings come in the order of time."""
        if isinstance(happening, Entry) and happening.vm_id is not None:
            if happening.did is Did.TOOK:
                self._taken[happening.vm_id] = happening
            elif happening.did in DEPARTURES:
                self._taken.pop(happening.vm_id, None)

    def spent(self, vm_id: str, at: datetime) -> Iterator[str]:
        """The sentence about a machine that was taken back at that time, if a queue manager had just taken it."""
        taken = self._taken.get(vm_id)
        if taken is not None and at - taken.at < self._policy.repair_after:
            ago = (at - taken.at).total_seconds()
            yield f"{vm_id} was taken back as surplus, and {taken.session} had taken it {ago:.0f} s ago"
