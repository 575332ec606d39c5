"""The queue manager as it should be: every call is one script, and is made again until it is answered."""

from scaler.model.instance import VmId
from scaler.registry.reservations import Leaving, Reservation
from simulator.happenings import Did
from simulator.workload.habits import Steps
from simulator.workload.queue_manager import Heard, QueueManager, Session

_FORGETFUL = 0.3
"""The share of queue managers that keep no vm id; and the share that make each call twice."""


class Atomic(QueueManager):
    """Uses the client that ships with the scaler."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._client = session.access.reservations
        self._forgetful = session.dice.random() < _FORGETFUL
        self._repeats = session.dice.random() < _FORGETFUL

    def reserve(self) -> Steps[VmId | None]:
        """Asked again with the same session id, it gives the same machine again."""
        found = self._client.reserve(self._session.id, "192.0.2.7")
        if found is None:
            return None
        self._session.tell(Did.TOOK, found.vm_id)
        yield self._session.step()  # the answer is on its way
        self._session.tell(Did.PROMISED, found.vm_id)
        return found.vm_id

    def look(self, vm_id: VmId) -> Heard:
        """Look at the session, on whatever machine."""
        sight = self._client.look(self._session.id, self._named(vm_id))
        now_at = sight.reservation.vm_id if sight.reservation is not None else vm_id
        return Heard(stage=sight.stage, vm_id=now_at, why=sight.reason or "", addresses=_addresses(sight.reservation))

    def release(self, vm_id: VmId) -> Steps[bool]:
        """Until Redis knows the session: a late write may be under repair (docs/redis-contract.md)."""
        until = self._session.access.now() + self._session.habits.repair_after
        said = self._release(vm_id)
        while said in {Leaving.UNKNOWN, Leaving.RESERVED} and self._session.access.now() < until:
            yield self._session.poll()
            said = self._release(vm_id)
        if self._repeats:
            self._release(vm_id)
        return (yield from self.cancel(vm_id)) if said is Leaving.RESERVED else said is not Leaving.UNKNOWN

    def cancel(self, vm_id: VmId | None) -> Steps[bool]:
        """Wherever the session is."""
        yield self._session.step()
        said = self._cancel(vm_id)
        if self._repeats:
            self._cancel(vm_id)
        return said is not Leaving.UNKNOWN

    def _release(self, vm_id: VmId) -> Leaving:
        return self._client.release(self._session.id, self._named(vm_id))

    def _cancel(self, vm_id: VmId | None) -> Leaving:
        return self._client.cancel(self._session.id, self._named(vm_id))

    def _named(self, vm_id: VmId | None) -> VmId | None:
        return None if self._forgetful else vm_id


def _addresses(reservation: Reservation | None) -> tuple[str, ...]:
    if reservation is None:
        return ()
    return tuple(each for each in (reservation.private_ip, reservation.public_ip) if each is not None)
