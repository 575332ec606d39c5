"""The queue manager as it should be: every call is one atomic script."""

from redis import Redis

from scaler.model.instance import SessionId, VmId
from scaler.registry.keys import Keys
from scaler.registry.reservations import Reservations
from scaler.registry.sessions import Sight


class Atomic:
    """Implements QueueManager with the client that ships with the scaler."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._reservations = Reservations(client, keys)

    def reserve(self, session: SessionId) -> VmId | None:
        """A machine."""
        found = self._reservations.reserve(session, "192.0.2.1")
        return found.vm_id if found is not None else None

    def look(self, session: SessionId, vm_id: VmId) -> Sight:
        """How it stands."""
        return self._reservations.look(session, vm_id)

    def release(self, session: SessionId, vm_id: VmId) -> None:
        """Done."""
        self._reservations.release(session, vm_id)

    def cancel(self, session: SessionId, vm_id: VmId) -> None:
        """Given up; releases as well, if it was opened just now."""
        self._reservations.cancel(session, vm_id)
