"""An emulated scale set on a clock that a test moves: what the unit tests of the emulator begin with."""

from datetime import timedelta

from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import OrderKind, Scale
from emulator.region import Profile
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches
from emulator.vm import VmState
from scaler.model.instance import PowerState, ProvisioningState

EXACT = Latencies().exact()


class Azure:
    """A scale set whose VMs have come; latencies are exact unless a test says otherwise."""

    def __init__(
        self,
        capacity: int = 1,
        switches: Switches | None = None,
        *,
        behaviour: Behaviour | None = None,
        profile: Profile | None = None,
        seed: int = 0,
    ) -> None:
        self.clock = ManualClock()
        behaviour = behaviour or Behaviour(latencies=EXACT, switches=switches or Switches())
        self.emulated = EmulatedScaleSet(self.clock.now, seed=seed, behaviour=behaviour, profile=profile)
        if capacity:
            self.scale(capacity)

    def wait(self, seconds: float = 600) -> None:
        """Let time pass: longer than anything takes, if nobody says how long."""
        self.clock.advance(timedelta(seconds=seconds))

    def scale(self, capacity: int) -> None:
        """Set the capacity, and wait until all VMs have come and gone."""
        self.emulated.scale(Scale(capacity=capacity))
        self.wait()

    def order(self, kind: OrderKind, *instance_ids: str) -> None:
        """Order the named VMs, or the first one."""
        self.emulated.order(kind, instance_ids or ("0",))

    def at_rest(self, kind: OrderKind) -> "Azure":
        """This scale set, once its first VM has been stopped by such an order."""
        self.order(kind)
        self.wait()
        return self

    @property
    def vm(self) -> VmState:
        """The first VM as it is."""
        return self.emulated.vms[0]

    @property
    def ids(self) -> list[str]:
        """The instance ids of the living."""
        return [each.instance_id for each in self.emulated.vms]

    @property
    def look(self) -> tuple[PowerState, ProvisioningState]:
        """The states of the first VM."""
        return self.vm.power, self.vm.provisioning
