"""One queue manager's counter for a test: a registry in memory, a manual clock, a cable that can be cut, an account."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import builders as make
from clock import ManualClock

from emulator.redis.memory import MemoryRegistry
from scaler.errors import Unreachable
from scaler.model.edges import Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.row import OpenedNote, SpentNote, Status
from scaler.registry.keys import Keys
from scaler.registry.notes_json import encode_notes
from scaler.registry.record_json import encode_record
from scaler.registry.reservations import Reservations
from simulator.happenings import Did, Entry, Manner
from simulator.workload.crowd import KINDS
from simulator.workload.fields import Fields, parsed
from simulator.workload.habits import Habits, Steps
from simulator.workload.queue_manager import Access, Ledger, Session

ANN, BOB = SessionId("ann"), SessionId("bob")
A, B = make.vm(1), make.vm(2)
IMMORTAL = Habits(deaths=0.0)
MANY = 20_000


class Cable:
    """Any door; a call named in `lost` does not arrive, the answer of one named in `mute` does not. Once each."""

    def __init__(self, door: Any) -> None:
        self.lost: list[str] = []
        self.mute: list[str] = []
        self.away = False
        self._door = door

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found = getattr(self._door, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if self.away or self._told_off(self.lost, name):
                raise Unreachable("cut")
            answer = found(*args, **kwargs)
            if self._told_off(self.mute, name):
                raise Unreachable("cut, too late")
            return answer

        return call

    @staticmethod
    def _told_off(names: list[str], name: str) -> bool:
        if name not in names:
            return False
        names.remove(name)
        return True


def cable(door: Any) -> Any:
    """A cable that passes for the door."""
    return Cable(door)


@dataclass
class Counter:
    """`running`: the machines that answer."""

    habits: Habits = IMMORTAL
    clock: ManualClock = field(default_factory=ManualClock)
    entries: list[Entry] = field(default_factory=list)
    running: set[VmId] = field(default_factory=set)
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(self.clock.now, Keys())
        self.redis = self.registry.keyspace
        self.commands = cable(self.redis)
        self.client = cable(Reservations(self.registry.client, self.registry.keys))
        self.access = Access(
            keys=self.registry.keys,
            keyspace=self.commands,
            reservations=self.client,
            now=self.clock.now,
            reachable=lambda vm_id: vm_id in self.running,
            tell=self.entries.append,
        )

    # -- the scaler's side

    def offer(self, *vm_ids: VmId) -> None:
        """Fresh machines."""
        for vm_id in vm_ids:
            self.put(vm_id, Status.AVAILABLE)
            self.redis.sadd(self.registry.keys.index(Status.AVAILABLE), self.key(vm_id))

    def open_for(self, session: SessionId, vm_id: VmId) -> None:
        """What the starter's OPEN leaves in Redis; the machine runs."""
        self.put(vm_id, Status.UNAVAILABLE, session=session, private_ip="10.0.0.4")
        self.running.add(vm_id)

    def put(self, vm_id: VmId, status: Status, session: SessionId | None = None, **fields: Any) -> None:
        """A record, and the notes that go with it."""
        record = make.record(1, status, vm_id=vm_id, session_id=session, **fields)
        opened = status is Status.UNAVAILABLE and session is not None
        note = OpenedNote(session=session, at=self.clock.now(), record=record) if opened and session else None
        self.redis.set(self.key(vm_id), encode_record(record))
        self.redis.set(self.registry.keys.notes(vm_id), encode_notes(make.notes(1, opened=note)))

    def key(self, vm_id: VmId) -> str:
        """Of its record."""
        return self.registry.keys.instance(vm_id)

    def fields(self, vm_id: VmId) -> Fields:
        """Its record; empty where there is none."""
        return parsed(self.redis.get(self.key(vm_id))) or {}

    def change(self, vm_id: VmId, **fields: Any) -> None:
        """Write these fields into the machine's record, as a queue manager would."""
        self.redis.set(self.key(vm_id), json.dumps({**self.fields(vm_id), **fields}))

    def listed(self, vm_id: VmId) -> set[Status]:
        """The sets that its key is in."""
        keys = self.registry.keys
        return {status for status in Status if self.redis.sismember(keys.index(status), self.key(vm_id))}

    def move(self, session: SessionId, here: VmId, there: VmId) -> None:
        """What a MOVE of the starter's leaves in Redis."""
        self.put(here, Status.UNAVAILABLE, session=session, used=True, moved_to=there)
        spent = SpentNote(why=Edge.MOVE, at=self.clock.now())
        notes = make.notes(1, spent=spent, ended={session: Edge.MOVE})
        self.redis.set(self.registry.keys.notes(here), encode_notes(notes))
        self.put(there, Status.RESERVED, session=session, moved_from=here)
        self.redis.set(self.registry.keys.session(session), there)

    # -- the visitors' side

    def session(self, session: SessionId = ANN, manner: Manner = Manner.NAIVE, seed: int = 1) -> Session:
        """Of one session."""
        access, ledger, dice = self.access, self.ledger, Random(seed)
        return Session(id=session, manner=manner, access=access, ledger=ledger, dice=dice, habits=self.habits)

    def manager(self, manner: Manner, session: SessionId = ANN, seed: int = 1) -> Any:
        """The queue manager of that kind."""
        return KINDS[manner](self.session(session, manner, seed))

    @property
    def did(self) -> list[Did]:
        """All that was told."""
        return [each.did for each in self.entries]

    def all_told(self, did: Did) -> list[Entry]:
        """The lines of the account that say so."""
        return [each for each in self.entries if each.did is did]

    def wait(self, **duration: float) -> None:
        """Time passes."""
        self.clock.advance(timedelta(**duration))

    def all_steps[T](self, steps: Steps[T]) -> T:
        """To their end, each pause as long as it says."""
        for _ in range(MANY):
            try:
                self.clock.advance(next(steps))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
        raise AssertionError(f"it has not come to an end in {MANY} steps")

    def dies_after(self, pauses: int, steps: Steps[Any]) -> None:
        """In the pause of that number; if there are fewer, that is a mistake of the test."""
        for _ in range(pauses):
            self.clock.advance(next(steps))
        steps.close()


def offering(*vm_ids: VmId, habits: Habits = IMMORTAL) -> Counter:
    """A counter, and fresh machines."""
    counter = Counter(habits=habits)
    counter.offer(*vm_ids)
    return counter


def reserved(manner: Manner, seed: int = 1, habits: Habits = IMMORTAL) -> tuple[Counter, Any]:
    """A queue manager that has reserved A, with its counter."""
    counter = offering(A, habits=habits)
    manager = counter.manager(manner, seed=seed)
    assert counter.all_steps(manager.reserve()) == A
    return counter, manager
