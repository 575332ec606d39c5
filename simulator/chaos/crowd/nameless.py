"""A queue manager that writes no session id: as the seed's four fields have it, or with the Go struct's empty texts."""

from scaler.model.instance import VmId
from scaler.model.record import Status
from simulator.chaos.crowd.manager import Errand
from simulator.chaos.crowd.naive import Naive
from simulator.queue_managers.paper import NO_SESSION, SEED, Paper, known

_NAMES_IT_LATER = 0.3
"""The share that learns its visitor's session id while they wait, and writes it then."""


class Nameless(Naive):
    """Keeps the rules; to compare the session is to find that the record names none."""

    def __init__(self, errand: Errand) -> None:
        super().__init__(errand)
        self._name = NO_SESSION
        self._four_fields = errand.dice.random() < 0.5
        self._names_it_later = not self._four_fields and errand.dice.random() < _NAMES_IT_LATER

    def meanwhile(self, vm_id: VmId) -> None:
        """Read, change, write: while it waits, and its record names nobody."""
        text = self._text(vm_id)
        paper = known(self._read(vm_id) or {})
        waits = paper.get("status") == Status.RESERVED and not paper.get("used") and not paper.get("sessionId")
        if not (self._names_it_later and waits and self._errand.dice.random() < 0.5):
            return
        self._name, self._names_it_later = self._errand.session, False
        self._write(vm_id, {**paper, "sessionId": self._name}, text)

    def _kept(self, paper: Paper) -> Paper:
        """As a struct is marshalled: no unknown fields."""
        return {name: paper.get(name) for name in SEED} if self._four_fields else known(paper)
