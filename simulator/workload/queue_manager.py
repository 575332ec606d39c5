"""What a visitor needs of a queue manager, and what a queue manager needs of the world it works in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from emulator.redis.keyspace import Keyspace
from scaler.model.instance import SessionId, VmId
from scaler.registry.keys import Keys
from scaler.registry.reservations import Reservations, Stage
from simulator.happenings import PARTINGS, Did, Entry, Manner
from simulator.workload.habits import Habits, Steps, between


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Redis by both ways, the time, the machines, and the listener to the visitors' accounts.

    A call that raises Unreachable may have been carried out all the same.
    """

    keys: Keys
    keyspace: Keyspace  # for queue managers without scripts
    reservations: Reservations  # the client that ships with the scaler
    now: Callable[[], datetime]
    reachable: Callable[[VmId], bool]  # whether the machine truly runs
    tell: Callable[[Entry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a look says."""

    stage: Stage
    vm_id: VmId  # whose it is about: another one than asked for, if the session was moved
    why: str = ""
    addresses: tuple[str, ...] = ()
    moved_to: VmId | None = None  # the record points there, and the queue manager did not follow


class Ledger:
    """The holders of each machine, by what visitors were told: the promises, from which observers judge too."""

    def __init__(self) -> None:
        self._holders: dict[str, dict[str, None]] = {}
        self._takes: dict[str, str] = {}  # the latest machine whose key a session took, until it is promised one

    def enter(self, entry: Entry) -> None:
        """Enter a line of an account."""
        if entry.vm_id is None:
            return
        holders = self._holders.setdefault(entry.vm_id, {})
        if entry.did is Did.TOOK:
            self._takes[entry.session] = entry.vm_id
        elif entry.did is Did.PROMISED:
            self._takes.pop(entry.session, None)
            holders[entry.session] = None
        elif entry.did in PARTINGS:
            holders.pop(entry.session, None)

    def holders(self, vm_id: VmId) -> Iterable[str]:
        """Holders in the order of promises; then sessions with the key in hand and the SET still to come."""
        takers = (session for session, taken in self._takes.items() if taken == vm_id)
        return (*self._holders.get(vm_id, ()), *takers)


@dataclass(slots=True, kw_only=True)
class Session:
    """One session, and all that is needed to serve it. `vm_id`: the machine of the latest promise that still holds."""

    id: SessionId  # the name that the queue manager gave it
    manner: Manner
    access: Access
    ledger: Ledger
    dice: Random
    habits: Habits
    vm_id: VmId | None = None

    def tell(
        self,
        did: Did,
        vm_id: VmId | None = None,
        why: str = "",
        *,
        whom: str | None = None,
        addresses: tuple[str, ...] = (),
    ) -> None:
        """One line of the account of its visitor."""
        if did is Did.PROMISED:
            self.vm_id = vm_id
        elif did in PARTINGS and vm_id == self.vm_id:
            self.vm_id = None
        entry = Entry(
            at=self.access.now(),
            session=self.id,
            did=did,
            vm_id=vm_id,
            manner=self.manner,
            why=why,
            addresses=addresses,
            whom=whom,
        )
        self.ledger.enter(entry)
        self.access.tell(entry)

    def step(self) -> timedelta:
        """The pause between two steps of its queue manager."""
        return between(self.dice, self.habits.step)

    def rest(self) -> timedelta:
        """The pause until the queue manager asks again what was not answered."""
        return between(self.dice, self.habits.rest)

    def poll(self) -> timedelta:
        """The pause between two looks of its visitor."""
        return between(self.dice, self.habits.poll)


class QueueManager(Protocol):
    """Serves one visitor. Every call may raise Unreachable, and be made again; PROMISED is told by itself."""

    def reserve(self) -> Steps[VmId | None]:
        """A machine; None: none could be had this time."""
        ...

    def look(self, vm_id: VmId) -> Heard:
        """How it stands; one command."""
        ...

    def release(self, vm_id: VmId) -> Steps[bool]:
        """The visitor has left. False: nobody could be told."""
        ...

    def cancel(self, vm_id: VmId | None) -> Steps[bool]:
        """The visitor has given up; None: they do not know of what. False: nobody could be told."""
        ...

    def meanwhile(self, vm_id: VmId) -> None:
        """What it does unasked while its visitor waits or stays: nothing, as a rule."""
        return

    def afterwards(self, vm_id: VmId) -> Steps[None]:
        """What it does unasked once its visitor has left: nothing, as a rule."""
        yield from ()
