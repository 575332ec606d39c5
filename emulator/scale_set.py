"""One Uniform scale set that behaves like Azure's, on any clock, with any of its faults."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from emulator.arrivals import Arrivals
from emulator.behaviour import Behaviour
from emulator.budgets import Call, Meter
from emulator.delivery import Delivery
from emulator.observed import MANAGED, Observed
from emulator.operations import Operation
from emulator.orders import Given, OrderKind, Protection, Scale
from emulator.reading import Reading, number
from emulator.refusals import not_found
from emulator.vm import VmState
from emulator.world import SetState, World

SET = "scale-set"  # the budgets' name for the scale set itself

_CALLS = {
    OrderKind.START: (Call.START, Call.VM_ACTION),
    OrderKind.RESTART: (Call.RESTART, Call.VM_ACTION),
    OrderKind.POWER_OFF: (Call.POWER_OFF, Call.VM_DELETE),
    OrderKind.DEALLOCATE: (Call.DEALLOCATE, Call.VM_DELETE),
    OrderKind.DELETE: (Call.DELETE, Call.VM_DELETE),
}


def call_of(kind: OrderKind, *, single: bool) -> Call:
    """Which budget an order is charged to: the batch's, or the VM's own."""
    return _CALLS[kind][single]


class EmulatedScaleSet(Observed):
    """The behaviour, for callers: reads and orders show and suffer the faults, what `Observed` says is the truth.

    `now` is Azure's clock; the name, the tags and the capacity are those of a fresh and empty scale set.
    Safe for threads.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        name: str = "vmss-pixels",
        seed: int = 0,
        behaviour: Behaviour | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(now, seed, behaviour or Behaviour(), MANAGED if tags is None else tags)
        self.name = name
        self.meter = Meter(enforced=self.behaviour.metered, speed=self.behaviour.speed)
        self._arrivals = Arrivals(self._world, self._machines, self._scaling)
        self._delivery = Delivery(self._world)
        self._reading = Reading(self._world)

    def read_set(self) -> SetState:
        """GET of the scale set."""
        with self._read(Call.GET_SET, SET):
            return self._reading.scale_set()

    def read_listing(self, *, page_size: int | None = None) -> tuple[VmState, ...]:
        """All VMs, by instance id. With a page size it is charged as so many requests; else as one."""
        with self._read(Call.LIST, SET) as world:
            rows = self._reading.listing()
            for _ in range(page_size or len(rows) + 1, len(rows), page_size or 1):
                self.meter.charge(Call.LIST, SET, world.at)
            return rows

    def read_vm(self, instance_id: str) -> VmState:
        """GET of one VM; a 404 is an ArmError."""
        with self._read(Call.GET_VM, instance_id):
            found = self._reading.vm(number(instance_id))
            if found is None:
                raise not_found(f"virtualMachineScaleSets/{self.name}/virtualMachines/{instance_id}", "")
            return found

    def read_operation(self, operation_id: str) -> Operation:
        """GET of an operation's status."""
        with self._moment() as world:
            self.meter.charge(Call.GET_OPERATION, operation_id, world.at)
            operation = world.operations.find(operation_id)
            if operation is None:
                raise not_found(f"locations/operations/{operation_id}", "")
            return operation

    def order(
        self,
        kind: OrderKind,
        instance_ids: Sequence[str],
        *,
        by: str = "somebody",
        within: timedelta | None = None,
        single: bool = False,
    ) -> Operation:
        """Start, stop, restart or delete VMs. No ids, or "*", are all of them, as Azure has it.

        Raises ArmError, or NoAnswer where it may have arrived or may still, but not after `within`.
        `single`: charged to the VM's own budget, as the routes of one VM are.
        """
        with self._moment() as world:
            resource = instance_ids[0] if single else SET
            self.meter.charge(call_of(kind, single=single), resource, world.at)
            ids = self._meant(instance_ids)
            given = self._given(by, within)
            return self._delivery.send(given, lambda: self._arrivals.batch(kind, ids, given))

    def protect(
        self,
        instance_id: str,
        protection: Protection,
        *,
        if_match: str | None = None,
        by: str = "somebody",
        within: timedelta | None = None,
    ) -> Operation:
        """PUT of one VM's protectionPolicy: the mark."""
        with self._moment() as world:
            per_vm = world.switches.mark_bucket_per_vm
            self.meter.charge(Call.UPDATE_VM, instance_id if per_vm else SET, world.at)
            target = number(instance_id)
            given = self._given(by, within)
            return self._delivery.send(given, lambda: self._arrivals.protection(target, protection, if_match, given))

    def scale(
        self, scale: Scale, *, if_match: str | None = None, by: str = "somebody", within: timedelta | None = None
    ) -> Operation:
        """PATCH or PUT of the scale set."""
        with self._moment() as world:
            self.meter.charge(Call.UPDATE_SET, SET, world.at)
            given = self._given(by, within)
            return self._delivery.send(given, lambda: self._arrivals.scale(scale, if_match, given))

    def answer_time(self) -> timedelta:
        """How long ARM takes for its next answer; the faces let it pass, each in its own way."""
        with self._lock:
            return self._world.draw(self._world.latencies.accept)

    def budget_left(self, call: Call, resource: str) -> str:
        """The value of x-ms-ratelimit-remaining-resource."""
        with self._moment() as world:
            return self.meter.remaining(call, resource, world.at)

    @contextmanager
    def _read(self, call: Call, resource: str) -> Iterator[World]:
        with self._moment() as world:
            self.meter.charge(call, resource, world.at)
            self._reading.refuse()
            yield world

    def _meant(self, instance_ids: Sequence[str]) -> tuple[str, ...]:
        everything = list(instance_ids) == ["*"]
        if everything or (not instance_ids and self._world.switches.empty_ids_mean_all):
            return tuple(self._world.vms)
        return tuple(number(each) for each in instance_ids)

    def _given(self, by: str, within: timedelta | None) -> Given:
        bound = timedelta(seconds=self.faults.late_within) if within is None else within
        return Given(by=by, at=self._world.at, within=bound)
