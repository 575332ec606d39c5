"""A queue manager as there are some: SPOP, GET, SET of the fields it knows, SADD; it may die between any two."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from stateful.guests import Guests

from scaler.model.instance import SessionId, VmId
from scaler.model.row import Status
from simulator.chaos.world import World
from simulator.happenings import Forgotten, Happening

PROMISE = timedelta(minutes=2)  # what we ask of it: so long at most from SPOP to SET


@dataclass(slots=True, kw_only=True)
class _Underway:
    session: SessionId
    vm_id: VmId
    text: str
    popped_at: datetime
    was_set: bool = False


class NaiveQueueManager:
    """Takes one step of each reservation at a time, with anything in between."""

    def __init__(self, world: World, guests: Guests) -> None:
        self._world = world
        self._guests = guests
        self._underway: list[_Underway] = []
        self._forgot_at: datetime | None = None
        world.hearers.append(self._hear)

    def begin(self, session: SessionId, at: int) -> None:
        """SPOP and GET: `at` chooses the member."""
        keys, space = self._world.registry.keys, self._world.registry.keyspace
        member = space.spop(keys.index(Status.AVAILABLE), at=at)
        text = space.get(member) if member is not None else None
        vm_id = keys.vm_id_of(member) if member is not None else None
        if vm_id is not None and text is not None:
            now = self._world.clock.now()
            self._underway.append(_Underway(session=session, vm_id=vm_id, text=text.decode(), popped_at=now))

    def go_on(self, dice: Random) -> None:
        """Each may take its next step, or die."""
        self._underway = [each for each in self._underway if dice.random() > 0.02 and self._goes_on(each, dice)]

    def _goes_on(self, underway: _Underway, dice: Random) -> bool:
        if dice.random() < 0.6:
            return True
        if underway.was_set:
            self.sadd(underway.vm_id)
            return False
        if self._world.clock.now() - underway.popped_at <= PROMISE:
            self._excuse(underway)
            self.set(underway.vm_id, underway.session, underway.text)
            # a failover may have forgotten the SPOP: then the key was offered again, and a later SET wins
            self._excuse(underway)
            underway.was_set = True
            return True
        return False

    def _hear(self, happening: Happening) -> None:
        if isinstance(happening, Forgotten) and happening.vm_id is None:
            self._forgot_at = happening.at

    def _excuse(self, underway: _Underway) -> None:
        """A blind SET after an SPOP that a failover forgot: the later owner of the machine loses to Redis."""
        if self._forgot_at is not None and underway.popped_at <= self._forgot_at:
            self._world.tell(Forgotten(at=self._world.clock.now(), vm_id=underway.vm_id))

    def set(self, vm_id: VmId, session: SessionId, text: str) -> None:
        """SET of what it knows, over whatever is there by now; its visitor is told to wait."""
        known = json.loads(text)
        written = {name: known.get(name) for name in ("vmId", "instanceId", "used")}
        written |= {"status": "Reserved", "sessionId": session}
        self._world.registry.keyspace.set(self._world.registry.keys.instance(vm_id), json.dumps(written))
        self._guests.acknowledged(session, vm_id, naive=True)

    def sadd(self, vm_id: VmId) -> None:
        """SADD."""
        keys = self._world.registry.keys
        self._world.registry.keyspace.sadd(keys.index(Status.RESERVED), keys.instance(vm_id))
