"""A queue manager that releases again, at once and once more long after, without another look."""

from scaler.model.instance import VmId
from simulator.chaos.crowd.manager import Errand
from simulator.chaos.crowd.naive import Naive
from simulator.chaos.crowd.steps import Steps, between
from simulator.queue_managers.paper import Paper

_LONG_AFTER = (120.0, 2400.0)
"""Seconds: its machine is being deleted by then, or gone, and its record with it."""


class Repeating(Naive):
    """Otherwise keeps the rules."""

    def __init__(self, errand: Errand) -> None:
        super().__init__(errand)
        self._last: Paper = {}

    def afterwards(self, vm_id: VmId) -> Steps[None]:
        """What it wrote last, as used."""
        for pause in (self._step(), between(self._errand.dice, _LONG_AFTER)):
            yield pause
            if self._last:
                self._write(vm_id, {**self._last, "used": True}, None)

    def _kept(self, paper: Paper) -> Paper:
        self._last = paper
        return paper
