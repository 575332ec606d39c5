"""What a visitor needs of a queue manager in virtual time."""

from dataclasses import dataclass
from random import Random
from typing import Protocol

from scaler.model.instance import SessionId, VmId
from scaler.registry.sessions import Stage
from simulator.chaos.crowd.account import Account, Ledger
from simulator.chaos.crowd.desk import Desk
from simulator.chaos.crowd.habits import Habits
from simulator.chaos.crowd.steps import Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a look says."""

    stage: Stage
    vm_id: VmId  # whose it is about: another one than asked for, if the session was moved
    why: str = ""
    addresses: tuple[str, ...] = ()
    moved_to: VmId | None = None  # the record points there, and the queue manager did not follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One session, and all that is needed to serve it."""

    desk: Desk
    ledger: Ledger
    account: Account
    dice: Random
    habits: Habits

    @property
    def session(self) -> SessionId:
        """Whose errand it is."""
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
        """What it does unasked while its visitor waits or stays."""
        ...

    def afterwards(self, vm_id: VmId) -> Steps[None]:
        """What it does unasked once its visitor has left."""
        ...
