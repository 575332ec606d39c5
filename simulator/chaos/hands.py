"""Somebody at Azure's portal: evicts, starts, stops, protects, unprotects and deletes by hand."""

from collections.abc import Callable
from contextlib import suppress
from random import Random

from emulator.behaviour import Fault
from emulator.orders import OrderKind, Protection
from emulator.refusals import ArmError, NoAnswer
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from scaler.model.instance import PowerState, ProvisioningState
from simulator.chaos.world import World

type Action = Callable[[EmulatedScaleSet, VmState], object]
_WHO = "somebody"
_AT_REST = frozenset({PowerState.STOPPED, PowerState.DEALLOCATED})


def _event(fault: Fault) -> Action:
    return lambda azure, vm: azure.happen(fault, vm.vm_id)


def _order(kind: OrderKind) -> Action:
    return lambda azure, vm: azure.order(kind, [vm.instance_id], by=_WHO, single=True)


def _protect(azure: EmulatedScaleSet, vm: VmState) -> object:
    return azure.protect(vm.instance_id, Protection(from_scale_in=True), by=_WHO)


def _unprotect(azure: EmulatedScaleSet, vm: VmState) -> object:
    """At rest: the stop of a machine that somebody unprotected under its visitor is the provisioner doing its duty."""
    return azure.happen(Fault.UNPROTECTED, vm.vm_id) if vm.power in _AT_REST else None


ACTIONS: dict[str, Action] = {
    "evicted": _event(Fault.EVICTED),
    "stopped from inside": _event(Fault.GUEST_SHUT_DOWN),
    "started by hand": _order(OrderKind.START),
    "stopped by hand": _order(OrderKind.POWER_OFF),
    "deallocated by hand": _order(OrderKind.DEALLOCATE),
    "restarted by hand": _order(OrderKind.RESTART),
    "protected by hand": _protect,
    "unprotected by hand": _unprotect,
    "deleted by hand": _event(Fault.DELETED_BY_SOMEBODY),
}


class Hands:
    """One action at a time, to any machine."""

    def __init__(self, world: World, dice: Random) -> None:
        self._world = world
        self._dice = dice

    def turn(self) -> None:
        """Azure may refuse it, as it refuses everybody."""
        azure = self._world.azure_region.choose(self._dice)
        if not azure.vms:
            return
        name = self._dice.choice(list(ACTIONS))
        self._world.counts[name] += 1
        with suppress(ArmError, NoAnswer):
            ACTIONS[name](azure, self._dice.choice(azure.vms))

    def delete_and_hang(self) -> None:
        """A deletion of any machine, which Azure accepts and never finishes."""
        azure = self._world.azure_region.choose(self._dice)
        sound = [vm for vm in azure.vms if vm.identified and vm.provisioning is ProvisioningState.SUCCEEDED]
        if sound:
            self._world.counts["deletions by hand that hang"] += 1
            vm = self._dice.choice(sound)
            azure.script(Fault.ORDER_ENDLESS, instance_id=vm.instance_id)
            with suppress(ArmError, NoAnswer):
                azure.order(OrderKind.DELETE, [vm.instance_id], by=_WHO, single=True)
