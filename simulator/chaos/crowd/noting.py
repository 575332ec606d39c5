"""Queue managers that note in the record, every second, that their visitor is still there."""

from scaler.model.instance import VmId
from simulator.chaos.crowd.atomic import Atomic
from simulator.chaos.crowd.manager import Errand
from simulator.chaos.crowd.naive import Naive
from simulator.queue_managers.paper import is_of, parsed, written


def _note(errand: Errand, vm_id: VmId) -> None:
    """GET, change a field of their own and `updatedAt`, SET; nobody comes in between."""
    key, now = errand.desk.keys.instance(vm_id), errand.desk.now().isoformat()
    paper = parsed(errand.desk.keyspace.get(key))
    if paper is not None and is_of(paper, errand.session):
        errand.desk.keyspace.set(key, written({**paper, "lastSeen": now, "updatedAt": now}))


class Noting(Naive):
    """Otherwise keeps the rules."""

    def meanwhile(self, vm_id: VmId) -> None:
        """A heartbeat."""
        _note(self._errand, vm_id)


class NotingAtomic(Atomic):
    """Otherwise as it should be."""

    def meanwhile(self, vm_id: VmId) -> None:
        """A heartbeat."""
        _note(self._errand, vm_id)
