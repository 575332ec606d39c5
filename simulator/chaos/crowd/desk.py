"""What a crowd needs of the world it is in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scaler.model.instance import SessionId, VmId
from scaler.registry.keys import Keys
from scaler.registry.keyspace import Members, Text
from scaler.registry.sessions import Leaving, Reservation, Sight
from simulator.happenings import Entry


class Commands(Protocol):
    """Redis, for who has no scripts. A command that raises Unreachable may have been carried out all the same."""

    def get(self, key: Text) -> bytes | None:
        """GET."""
        ...

    def set(self, key: Text, value: Text) -> None:
        """SET."""
        ...

    def smembers(self, key: Text) -> Members:
        """SMEMBERS."""
        ...

    def sadd(self, key: Text, *members: Text) -> None:
        """SADD."""
        ...

    def spop(self, key: Text, *, at: int = 0) -> bytes | None:
        """SPOP of the member that `at` chooses, counted round."""
        ...


class Client(Protocol):
    """The client that ships with the scaler. Raises Unreachable as Commands do."""

    def reserve(self, session: SessionId, client_ip: str | None = None) -> Reservation | None:
        """A machine."""
        ...

    def look(self, session: SessionId, vm_id: VmId | None = None) -> Sight:
        """How it stands."""
        ...

    def release(self, session: SessionId, vm_id: VmId | None = None) -> Leaving:
        """The session has ended."""
        ...

    def cancel(self, session: SessionId, vm_id: VmId | None = None) -> Leaving:
        """The visitor gave up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Redis by both ways, the time, the machines themselves, and who listens to the visitors' account."""

    keys: Keys
    keyspace: Commands
    reservations: Client
    now: Callable[[], datetime]
    reachable: Callable[[VmId], bool]  # whether the machine truly runs
    tell: Callable[[Entry], None]
