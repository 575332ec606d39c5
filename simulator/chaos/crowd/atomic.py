"""The queue manager as it should be: every call is one script, and is made again until it is answered."""

from datetime import timedelta

from scaler.model.instance import VmId
from scaler.registry.sessions import Leaving, Reservation
from simulator.chaos.crowd.manager import Errand, Heard
from simulator.chaos.crowd.steps import Steps, between
from simulator.happenings import Did

_UNDER_REPAIR = timedelta(minutes=2)
"""So long a release is tried again that finds nobody: a late write may be under repair (docs/redis-contract.md)."""
_FORGETFUL = 0.3
"""The share that keeps no vm id and asks by session alone; and that says everything twice."""


class Atomic:
    """Implements QueueManager with the client that ships with the scaler."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._client = errand.desk.reservations
        self._forgetful = errand.dice.random() < _FORGETFUL
        self._repeats = errand.dice.random() < _FORGETFUL

    def reserve(self) -> Steps[VmId | None]:
        """Asked again with the same session id, it gives the same machine again."""
        found = self._client.reserve(self._errand.session, "192.0.2.7")
        if found is None:
            return None
        self._errand.account.tell(Did.TOOK, found.vm_id)
        yield self._step()  # the answer is on its way
        self._errand.account.tell(Did.PROMISED, found.vm_id)
        return found.vm_id

    def look(self, vm_id: VmId) -> Heard:
        """Follows the session, wherever it was moved."""
        sight = self._client.look(self._errand.session, self._named(vm_id))
        now_at = sight.reservation.vm_id if sight.reservation is not None else vm_id
        return Heard(stage=sight.stage, vm_id=now_at, why=sight.reason or "", addresses=_addresses(sight.reservation))

    def release(self, vm_id: VmId) -> Steps[bool]:
        """Until somebody knows of it."""
        until = self._errand.desk.now() + _UNDER_REPAIR
        said = self._release(vm_id)
        while said in {Leaving.UNKNOWN, Leaving.RESERVED} and self._errand.desk.now() < until:
            yield between(self._errand.dice, self._errand.habits.poll)
            said = self._release(vm_id)
        if self._repeats:
            self._release(vm_id)
        return (yield from self.cancel(vm_id)) if said is Leaving.RESERVED else said is not Leaving.UNKNOWN

    def cancel(self, vm_id: VmId | None) -> Steps[bool]:
        """Wherever the session is."""
        yield self._step()
        said = self._cancel(vm_id)
        if self._repeats:
            self._cancel(vm_id)
        return said is not Leaving.UNKNOWN

    def meanwhile(self, vm_id: VmId) -> None:
        """Nothing."""

    def afterwards(self, vm_id: VmId) -> Steps[None]:
        """Nothing."""
        yield from ()

    def _release(self, vm_id: VmId) -> Leaving:
        return self._client.release(self._errand.session, self._named(vm_id))

    def _cancel(self, vm_id: VmId | None) -> Leaving:
        return self._client.cancel(self._errand.session, self._named(vm_id))

    def _named(self, vm_id: VmId | None) -> VmId | None:
        return None if self._forgetful else vm_id

    def _step(self) -> timedelta:
        return between(self._errand.dice, self._errand.habits.step)


def _addresses(reservation: Reservation | None) -> tuple[str, ...]:
    if reservation is None:
        return ()
    return tuple(each for each in (reservation.private_ip, reservation.public_ip) if each is not None)
