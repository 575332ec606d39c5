"""A queue manager with a bug that writes into Redis what does not belong there, for its own machine or anybody's."""

from scaler.model.instance import VmId
from scaler.model.record import Status
from simulator.chaos.crowd.litter import no_key, no_record, odd_record
from simulator.chaos.crowd.naive import Naive
from simulator.happenings import Did
from simulator.queue_managers.paper import is_free


class Garbage(Naive):
    """Reserves as the rules say. It never says of a machine that it is Available: that would be a lie, not garbage."""

    def meanwhile(self, vm_id: VmId) -> None:
        """Now and then: into the sets, or over a record."""
        dice = self._errand.dice
        if dice.random() >= self._errand.habits.unasked:
            return
        if dice.random() < 0.3:
            self._litter(vm_id)
        else:
            self._spoil(dice.choice([vm_id, *self._anybodys()]))

    def _anybodys(self) -> list[VmId]:
        held = self._redis.smembers(self._keys.index(self._errand.dice.choice(list(Status))))
        return [vm_id for vm_id in map(self._keys.vm_id_of, sorted(held)) if vm_id is not None]

    def _litter(self, vm_id: VmId) -> None:
        """A member that is no key; or a key that is in another set already."""
        dice = self._errand.dice
        into = dice.choice(list(Status))
        own = self._keys.instance(vm_id).encode()
        member = own if dice.random() < 0.3 else no_key(self._keys, dice)
        about = vm_id if member == own else None
        self._errand.account.tell(Did.LITTERED, about, f"{member[:60]!r} into {into.lower()}")
        self._redis.sadd(self._keys.index(into), member)

    def _spoil(self, vm_id: VmId) -> None:
        """What is written over a free machine is not even in another spelling a record: nobody can be given it."""
        paper, dice = self._read(vm_id), self._errand.dice
        readable = paper is not None and not is_free(paper)
        text = odd_record(paper, dice) if readable and paper is not None and dice.random() < 0.5 else no_record(dice)
        self._overwrite(vm_id, text, None)
