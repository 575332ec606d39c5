"""What a visitor needs of a queue manager."""

from typing import Protocol

from redis import RedisError

from scaler.errors import ScalerError
from scaler.model.instance import SessionId, VmId
from scaler.registry.sessions import Sight

AWAY = (RedisError, ScalerError)
"""What every call may raise: Redis does not answer; ask again."""


class QueueManager(Protocol):
    """Each call may be made again when it was not answered."""

    def reserve(self, session: SessionId) -> VmId | None:
        """A machine, acknowledged; None when none is free."""
        ...

    def look(self, session: SessionId, vm_id: VmId) -> Sight:
        """How it stands."""
        ...

    def release(self, session: SessionId, vm_id: VmId) -> None:
        """The visitor has left the machine."""
        ...

    def cancel(self, session: SessionId, vm_id: VmId) -> None:
        """The visitor gave up before being let in, as far as they know."""
        ...
