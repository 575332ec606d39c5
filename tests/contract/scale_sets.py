"""Every implementation of ports.ScaleSet, each in front of the same emulated Azure; time passes only when told to."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from azure.core.credentials import AccessToken
from clock import ManualClock

from emulator.behaviour import Behaviour
from emulator.in_process import InProcessScaleSet
from emulator.latencies import Latencies
from emulator.orders import OrderKind, Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire.server import serve
from emulator.wire.site import Site
from scaler.model.instance import Instance, InstanceId, InstanceRef, VmId
from scaler.ports import ScaleSet
from scaler.vmss.client import connect
from scaler.vmss.gates import Budget, Gates
from scaler.vmss.scale_set import ArmScaleSet

EXACT = Behaviour(latencies=Latencies().exact())  # answers at once: nothing in these tests waits
A_WHILE = timedelta(minutes=5)  # longer than anything takes


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A scale set as the scaler sees it, and as it is."""

    scale_set: ScaleSet
    emulated: EmulatedScaleSet
    clock: ManualClock

    def with_machines(self, count: int) -> tuple[InstanceRef, ...]:
        """Running ones, made without the scaler."""
        self.emulated.scale(Scale(capacity=count), by="operator")
        self.later()
        return tuple(self.ref(each) for each in self.emulated.vms)

    def with_resting_machines(self, count: int) -> tuple[InstanceRef, ...]:
        """Deallocated ones."""
        refs = self.with_machines(count)
        self.emulated.order(OrderKind.DEALLOCATE, [each.instance_id for each in refs], by="operator")
        self.later()
        return refs

    def ref(self, state: VmState) -> InstanceRef:
        """How the scaler addresses it."""
        name, instance_id = self.scale_set.name, InstanceId(state.instance_id)
        return InstanceRef(scale_set=name, instance_id=instance_id, vm_id=VmId(state.vm_id))

    def later(self, by: timedelta = A_WHILE) -> None:
        """Let time pass, here and in Azure."""
        self.clock.advance(by)

    def seen(self) -> dict[VmId, Instance]:
        """A listing, by identity."""
        return {each.vm_id: each for each in self.scale_set.list_instances().instances}


@contextmanager
def in_process(behaviour: Behaviour = EXACT, page_size: int = 100) -> Iterator[House]:
    """The emulator behind the port itself."""
    clock = ManualClock()
    emulated = EmulatedScaleSet(clock.now, behaviour=behaviour)
    yield House(scale_set=InProcessScaleSet(emulated, clock, page_size=page_size), emulated=emulated, clock=clock)


@contextmanager
def over_the_wire(behaviour: Behaviour = EXACT, page_size: int = 100) -> Iterator[House]:
    """The emulator behind HTTP, the SDK, and the scaler's door."""
    clock = ManualClock()
    emulated = EmulatedScaleSet(clock.now, behaviour=behaviour)
    site = Site(page_size=page_size, stall=0.0)
    with serve(emulated, site=site) as server:
        client = connect(site.place.subscription, _Token(), endpoint=server.url)
        gates = Gates(clock, replace(Budget(), pages_a_minute=1000))
        with closing(client.sdk):
            scale_set = ArmScaleSet(client, site.place.resource_group, emulated.name, clock=clock, gates=gates)
            yield House(scale_set=scale_set, emulated=emulated, clock=clock)


IMPLEMENTATIONS = {"in process": in_process, "over the wire": over_the_wire}


class _Token:
    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        return AccessToken("a-token", 4_000_000_000)
