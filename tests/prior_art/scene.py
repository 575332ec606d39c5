"""An installation in which failures of other scalers are played again: whole ticks, an emulated Azure, a registry."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from builders import SCALE_SET
from prior_art.process import Process
from tick_house import EXACT, House

from emulator.behaviour import Behaviour
from emulator.history import Event, What
from emulator.vm import VmState
from scaler.model.instance import PowerState, ScaleSetName, SessionId, VmId
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Status


class Scene:
    """`azure` is the first scale set. Latencies are exact; nothing goes wrong unless a test scripts it."""

    def __init__(
        self, *names: str, desired: int = 3, warm: int = 0, behaviour: Behaviour = EXACT, **policy: Any
    ) -> None:
        scale_sets = [ScaleSetName(name) for name in names] or [SCALE_SET]
        capacity = {name: Capacity(desired=desired, warm=warm) for name in scale_sets}
        house = House(Policy(capacity=capacity, **policy), behaviour=behaviour)
        self.policy, self.clock, self.registry = house.policy, house.clock, house.registry
        self.azures, self.azure, self.reservations = house.azures, house.azure, house.visitors
        self.process = Process(self)

    # -- time

    def later(self, seconds: float) -> None:
        """Nothing but time."""
        self.clock.advance(timedelta(seconds=seconds))

    def run(self, minutes: float, *, step: float = 10) -> None:
        """All four controllers, every few seconds."""
        for _ in self.moments(minutes, step=step):
            self.process.tick()

    def moments(self, minutes: float, *, step: float = 10) -> Iterator[None]:
        """One after the other, for so long."""
        for _ in range(round(60 * minutes / step)):
            self.later(step)
            yield

    def ready(self) -> "Scene":
        """Until every machine is offered."""
        self.run(10)
        assert len(self.available) == len(self.vms) > 0
        return self

    # -- what is

    @property
    def vms(self) -> tuple[VmState, ...]:
        """All machines, as they truly are."""
        return tuple(vm for azure in self.azures.values() for vm in azure.vms)

    @property
    def available(self) -> set[VmId]:
        """Whom a queue manager could pop now."""
        members = self.registry.keyspace.smembers(self.registry.keys.index(Status.AVAILABLE))
        return {VmId(member.decode().rpartition(":")[2]) for member in members}

    def machine(self, vm_id: VmId) -> VmState | None:
        """The VM with a vm id; None for a VM that is gone."""
        return next((vm for vm in self.vms if vm.vm_id == vm_id), None)

    def runs(self, vm_id: VmId) -> bool:
        """Whether it truly runs."""
        vm = self.machine(vm_id)
        return vm is not None and vm.power is PowerState.RUNNING

    def record(self, vm_id: VmId) -> Mapping[str, Any] | None:
        """What a GET shows."""
        text = self.registry.keyspace.get(self.registry.keys.instance(vm_id))
        return json.loads(text) if text is not None else None

    def events(self, what: What, vm_id: VmId | None = None) -> list[Event]:
        """What happened so far."""
        history = [event for azure in self.azures.values() for event in azure.history]
        return [each for each in history if each.what is what and vm_id in {None, each.vm_id}]

    def stage(self, session: str) -> str:
        """What a polling visitor is told."""
        return str(self.reservations.look(SessionId(session)).stage)

    def stage_at(self, vm_id: VmId, session: str) -> str:
        """The same for one who knows the machine only, as a naive queue manager does."""
        return str(self.reservations.look(SessionId(session), vm_id).stage)

    def machine_of(self, session: str) -> VmId:
        """The machine a session has."""
        reservation = self.reservations.look(SessionId(session)).reservation
        assert reservation is not None
        return reservation.vm_id

    # -- what others do

    def reserve(self, session: str) -> VmId:
        """By our own client."""
        reservation = self.reservations.reserve(SessionId(session))
        assert reservation is not None
        return reservation.vm_id

    def reserve_naively(self, session: str) -> VmId:
        """SPOP, GET, SET, SADD, as the queue manager of S0."""
        keys, space = self.registry.keys, self.registry.keyspace
        member = space.spop(keys.index(Status.AVAILABLE))
        assert member is not None
        vm_id = VmId(member.decode().rpartition(":")[2])
        self.write(vm_id, status="Reserved", sessionId=session)
        space.sadd(keys.index(Status.RESERVED), member)
        return vm_id

    def write(self, vm_id: VmId, **fields: object) -> None:
        """GET and SET without looking left or right."""
        record = {**(self.record(vm_id) or {"vmId": vm_id}), **fields}
        self.registry.keyspace.set(self.registry.keys.instance(vm_id), json.dumps(record))

    def opened(self, session: str) -> VmId:
        """A session that is in."""
        vm_id = self.reserve(session)
        self.run(4)
        assert self.stage(session) == "open"
        return vm_id

    def release(self, session: str) -> None:
        """The visitor has left."""
        assert self.reservations.release(SessionId(session)) == "released"

    def wants(self, desired: int) -> None:
        """The operator deploys another number: a new process."""
        capacity = {name: replace(each, desired=desired) for name, each in self.policy.capacity.items()}
        self.policy = replace(self.policy, capacity=capacity)
        self.process = Process(self)
