"""A queue manager with a struct of a few fields and a cache of its own: what it read once it writes again and again."""

from scaler.model.instance import VmId
from simulator.chaos.crowd.manager import Errand
from simulator.chaos.crowd.naive import Naive
from simulator.chaos.crowd.steps import Steps
from simulator.queue_managers.paper import Paper, known


class Lossy(Naive):
    """Breaks rules 4 and 5: drops what it does not know, and undoes what the scaler wrote meanwhile."""

    def __init__(self, errand: Errand) -> None:
        super().__init__(errand)
        self._cached: Paper = {}

    def meanwhile(self, vm_id: VmId) -> None:
        """A sign of life: the record as it was when it was reserved."""
        if self._cached and self._errand.dice.random() < self._errand.habits.unasked:
            self._write(vm_id, self._cached, None)

    def release(self, vm_id: VmId) -> Steps[bool]:
        """SET used, on what it has in its cache."""
        yield self._step()
        self._write(vm_id, {**self._cached, "used": True}, None)
        return True

    def _kept(self, paper: Paper) -> Paper:
        self._cached = known(paper)
        return self._cached
