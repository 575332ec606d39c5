"""A queue manager that takes several machines at once, all for one visitor, who goes to the first."""

from scaler.model.instance import VmId
from simulator.chaos.crowd.manager import Errand
from simulator.chaos.crowd.naive import Naive, Taken
from simulator.chaos.crowd.steps import Steps
from simulator.happenings import Did

_TIDY = 0.5
"""The chance that it releases the others too."""


class Greedy(Naive):
    """Otherwise keeps the rules."""

    def __init__(self, errand: Errand) -> None:
        super().__init__(errand)
        self._spare: list[VmId] = []

    def reserve(self) -> Steps[VmId | None]:
        """All keys first, then one machine after the other."""
        keys: list[Taken] = []
        for _ in range(self._errand.dice.randint(2, 4)):
            taken = self._take()
            keys += [taken] if taken is not None else []
            yield self._step()
        for each in keys:
            yield from self._make_theirs(each)
        return self._errand.account.vm_id

    def afterwards(self, vm_id: VmId) -> Steps[None]:
        """Perhaps it remembers what else it took."""
        if self._errand.dice.random() < _TIDY:
            for each in self._spare:
                yield from self.release(each)

    def _promise(self, vm_id: VmId) -> None:
        if self._errand.account.vm_id is None:
            super()._promise(vm_id)
        else:
            self._spare.append(vm_id)
            self._errand.account.tell(Did.HELD, vm_id, "one more for the same visitor")
