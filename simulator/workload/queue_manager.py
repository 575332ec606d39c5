"""What a visitor needs of a queue manager, and what a queue manager needs of the world it works in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Protocol

from emulator.redis.keyspace import Keyspace
from scaler.model.instance import SessionId, VmId
from scaler.registry.keys import Keys
from scaler.registry.reservations import Reservations, Stage
from simulator.happenings import Entry
from simulator.workload.account import Account, Ledger
from simulator.workload.habits import Habits
from simulator.workload.steps import Steps


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session, and all that is needed to serve it."""

    access: Access
    ledger: Ledger
    account: Account
    dice: Random
    habits: Habits

    @property
    def id(self) -> SessionId:
        """The name that the queue manager gave the session."""
        return self.account.session


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
