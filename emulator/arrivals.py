"""Orders at their destination: checked against the world as it is when they arrive, and begun."""

from collections.abc import Sequence

from emulator.faults import Fault
from emulator.machines import Machines
from emulator.operations import Operation
from emulator.orders import Given, OrderKind, Protection, Scale
from emulator.refusals import etag_mismatch
from emulator.scaling import Scaling
from emulator.setbacks import admit_starts
from emulator.world import World


class Arrivals:
    """Each raises ArmError and then has changed nothing, or returns the operation that began."""

    def __init__(self, world: World, machines: Machines, scaling: Scaling) -> None:
        self._world = world
        self._machines = machines
        self._scaling = scaling

    def batch(self, kind: OrderKind, instance_ids: Sequence[str], given: Given) -> Operation:
        """One order to several VMs; one that cannot take it refuses it for all."""
        vms = self._world.named(instance_ids)
        for each in vms:
            self._machines.check(each, kind)
        if kind is OrderKind.START:
            admit_starts(self._world, [each.state for each in vms])
        if kind is OrderKind.DELETE:
            return self._scaling.delete(vms, given)
        operation = self._world.begin(len(vms))
        for each in vms:
            self._machines.begin(each, kind, given, operation)
        return operation

    def protection(self, instance_id: str, protection: Protection, if_match: str | None, given: Given) -> Operation:
        """A PUT of the instance's protectionPolicy."""
        (vm,) = self._world.named([instance_id])
        self._match(if_match, vm.state.etag)
        self._machines.check_protection(vm)
        now = Protection(from_scale_in=vm.state.protected, from_actions=vm.state.protected_from_actions)
        if protection == now:
            return self._world.begin(0)
        operation = self._world.begin(1)
        self._machines.protect(vm, protection, given, operation)
        return operation

    def scale(self, scale: Scale, if_match: str | None, given: Given) -> Operation:
        """A PATCH or PUT of the scale set."""
        self._match(if_match, self._world.set_state.etag)
        return self._scaling.change(scale, given)

    def _match(self, if_match: str | None, etag: int) -> None:
        check_etag(if_match, etag)
        if if_match not in {None, "*"} and self._world.chance.strikes(Fault.ETAG_CHANGED):
            raise etag_mismatch(str(if_match), quoted(etag))


def check_etag(if_match: str | None, etag: int) -> None:
    """Raises the 412 of an If-Match that names another etag."""
    if if_match not in {None, "*", str(etag), quoted(etag)}:
        raise etag_mismatch(str(if_match), quoted(etag))


def quoted(etag: int) -> str:
    """An etag as headers and bodies carry it."""
    return f'"{etag}"'
