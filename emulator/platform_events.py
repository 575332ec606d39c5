"""Events that happen to VMs without an order of the scaler: by the platform, the guest, or other people."""

from datetime import timedelta

from emulator.behaviour import PLATFORM_EVENTS, Fault
from emulator.delivery import Arrivals
from emulator.health.guest import Mood
from emulator.history import What
from emulator.machines import Machines
from emulator.orders import Given
from emulator.refusals import ArmError
from emulator.switches import Eviction
from emulator.vm import Vm
from emulator.world import World
from scaler.model.instance import FailureClass, PowerState, ProvisioningState

_HOUR = 3600.0
_MOODS = {Fault.GUEST_MUTE: Mood.MUTE, Fault.GUEST_LIES: Mood.LYING, Fault.GUEST_FLAPS: Mood.FLAPPING}


class PlatformEvents:
    """Platform events, injected for a VM or drawn by rate. Impossible events do not happen."""

    def __init__(self, world: World, machines: Machines, arrivals: Arrivals) -> None:
        self._world = world
        self._machines = machines
        self._arrivals = arrivals
        self._rolling = False

    def happen(self, event: Fault, vm: Vm) -> bool:
        """Let the event happen to a VM; False if impossible."""
        settled = vm.work is None
        match event:
            case Fault.EVICTED if vm.state.allocated and vm.state.provisioning is not ProvisioningState.DELETING:
                self._evict(vm)
            case Fault.GUEST_SHUT_DOWN if settled and vm.state.power is PowerState.RUNNING:
                self._world.write(What.SHUT_DOWN, vm, "guest")
                self._machines.arrive(vm, PowerState.STOPPED, "guest")
            case Fault.RESTARTED_ITSELF if settled and vm.state.power is PowerState.RUNNING:
                self._world.write(What.RESTARTED_ITSELF, vm, "guest")
                self._machines.flicker_off(vm, self._world.chance.within(self._world.latencies.restart_itself))
            case Fault.TURNED_FAILED if settled:
                vm.change(self._world.at, provisioning=ProvisioningState.FAILED, failure=FailureClass.OTHER)
                self._world.write(What.TURNED_FAILED, vm, "platform")
            case Fault.GUEST_MUTE | Fault.GUEST_LIES | Fault.GUEST_FLAPS if vm.health is not None and vm.health.running:
                lasts = self._world.chance.within(self._world.latencies.guest_spell)
                vm.health.misbehave(self._world.at, lasts, _MOODS[event])
                what = What.FELL_SILENT if event is Fault.GUEST_MUTE else What.LIED
                self._world.write(what, vm, "guest", detail=f"for {lasts.total_seconds():.0f} s")
            case Fault.UNPROTECTED if vm.state.protected:
                self._world.write(What.UNPROTECT_ORDERED, vm, "somebody")
                vm.change(self._world.at, protected=False, etag=vm.state.etag + 1)
            case Fault.DELETED_BY_SOMEBODY if vm.state.provisioning is not ProvisioningState.DELETING:
                return self._delete(vm)
            case _:
                return False
        return True

    def _delete(self, vm: Vm) -> bool:
        try:
            self._arrivals.delete([vm], Given(by="somebody", at=self._world.at, within=timedelta(0)))
        except ArmError:
            return False
        return True

    def _evict(self, vm: Vm) -> None:
        """Evict a VM without a warning; afterwards the VM is deallocated like any other VM, or gone."""

        def take() -> None:
            if vm.gone_at is not None or not vm.state.allocated or vm.state.provisioning is ProvisioningState.DELETING:
                return
            self._machines.interrupt(vm)
            self._world.write(What.EVICTED, vm, "platform")
            if self._world.switches.eviction is Eviction.DELETE:
                self._world.remove(vm, "platform", evicted=True)
            else:
                self._machines.arrive(vm, PowerState.DEALLOCATED, "platform")

        self._world.queue.after(self._world.chance.within(self._world.latencies.evict), take)

    def wake(self) -> None:
        """Roll the dice from now on, as long as any platform event has a rate."""
        if not self._rolling and self._likely():
            self._rolling = True
            self._world.queue.after(timedelta(seconds=self._world.chance.faults.platform_every), self._roll)

    def _likely(self) -> list[Fault]:
        rates = self._world.chance.faults.rates
        return [event for event in PLATFORM_EVENTS if rates.get(event, 0.0) > 0]

    def _roll(self) -> None:
        share = self._world.chance.faults.platform_every / _HOUR
        for event in self._likely():
            for vm in list(self._world.vms.values()):
                if self._world.chance.strikes(event, vm.state.instance_id, share=share):
                    self.happen(event, vm)
        self._rolling = False
        self.wake()
