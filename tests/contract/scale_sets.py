"""Every implementation of ports.ScaleSet, each in front of the same emulated Azure; time passes only when told to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from azure.core.credentials import AccessToken
from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.region import Orchestration, Profile
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire.server import RunningServer, serve
from emulator.wire.site import Site
from scaler.model.instance import Addresses, Instance, InstanceId, InstanceRef, VmId
from scaler.ports import ScaleSet, one_by_one
from scaler.vmss.client import ArmClient, Bounds, connect
from scaler.vmss.flexible import FlexibleScaleSet
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
    server: RunningServer | None = None  # None: in process

    def with_machines(self, count: int) -> tuple[InstanceRef, ...]:
        """Running ones, made without the scaler."""
        self.emulated.scale(Scale(capacity=count), by="operator")
        self.later()
        return tuple(self.ref(each) for each in self.emulated.vms)

    def with_resting_machines(self, count: int) -> tuple[InstanceRef, ...]:
        """Deallocated ones."""
        refs = self.with_machines(count)
        self.order(OrderKind.DEALLOCATE, *refs)
        self.later()
        return refs

    def order(self, kind: OrderKind, *refs: InstanceRef) -> None:
        """Give an operator's orders, one machine each: every orchestration mode takes those."""
        for each in refs:
            self.emulated.order(kind, [each.instance_id], by="operator", single=True)

    @property
    def lists(self) -> int:
        """How many lists a look at the machines takes."""
        return 2 if isinstance(self.scale_set, FlexibleScaleSet) else 1

    def ref(self, state: VmState) -> InstanceRef:
        """How the scaler addresses it."""
        name, instance_id = self.scale_set.name, InstanceId(state.instance_id)
        return InstanceRef(scale_set=name, instance_id=instance_id, vm_id=VmId(state.vm_id))

    def addresses(self, *refs: InstanceRef) -> Mapping[VmId, Addresses | None]:
        """What the scaler is told of where they are, without a failure."""
        found, errors = self.scale_set.addresses(refs, one_by_one)
        assert not errors
        return found

    def later(self, by: timedelta = A_WHILE) -> None:
        """Let time pass, here and in Azure."""
        self.clock.advance(by)

    def seen(self) -> dict[VmId, Instance]:
        """A listing, by identity."""
        return {each.vm_id: each for each in self.scale_set.list_instances().instances}


@dataclass(frozen=True, slots=True, kw_only=True)
class Orchestrated:
    """One orchestration, and the door that the scaler opens to it."""

    profile: Profile
    door: type[ArmScaleSet]

    @contextmanager
    def in_process(
        self, behaviour: Behaviour = EXACT, page_size: int = 100, *, public_ips: bool = True
    ) -> Iterator[House]:
        """The emulator behind the port itself."""
        clock = ManualClock()
        profile = replace(self.profile, public_ips=public_ips)
        emulated = EmulatedScaleSet(clock.now, behaviour=behaviour, profile=profile)
        face = InProcessScaleSet(emulated, clock, page_size=page_size)
        yield House(scale_set=face, emulated=emulated, clock=clock)

    @contextmanager
    def over_the_wire(self, behaviour: Behaviour = EXACT, page_size: int = 100, **further: Any) -> Iterator[House]:
        """The emulator behind HTTP, the SDK, and the scaler's door."""
        names = ("vmss-pixels",)
        with self.several_over_the_wire(*names, behaviour=behaviour, page_size=page_size, **further) as (house,):
            yield house

    @contextmanager
    def several_over_the_wire(
        self,
        *names: str,
        behaviour: Behaviour = EXACT,
        page_size: int = 100,
        public_ips: bool = True,
        bounds: Bounds | None = None,
    ) -> Iterator[tuple[House, ...]]:
        """Scale sets side by side in one resource group, each behind a door of its own."""
        clock = ManualClock()
        profile = replace(self.profile, public_ips=public_ips)
        sets = [
            EmulatedScaleSet(clock.now, name=name, seed=seed, behaviour=behaviour, profile=profile)
            for seed, name in enumerate(names)
        ]
        site = Site(page_size=page_size, stall=0.0)
        with serve(sets, site=site) as server:
            client = connect(site.place.subscription, _Token(), endpoint=server.url, bounds=bounds)
            with closing(client.sdk):
                yield tuple(
                    House(
                        scale_set=self._door_to(each.name, client, site, clock),
                        emulated=each,
                        clock=clock,
                        server=server,
                    )
                    for each in sets
                )

    def _door_to(self, name: str, client: ArmClient, site: Site, clock: ManualClock) -> ScaleSet:
        gates = Gates(clock, replace(Budget(), pages_a_minute=1000))
        return self.door(client, site.place.resource_group, name, clock=clock, gates=gates)


type Open = Callable[..., House]
type Implementations = dict[str, Callable[..., AbstractContextManager[House]]]

UNIFORM = Orchestrated(profile=Profile(), door=ArmScaleSet)
FLEXIBLE = Orchestrated(profile=Profile(orchestration=Orchestration.FLEXIBLE), door=FlexibleScaleSet)
UNIFORM_ONES: Implementations = {
    "in process": UNIFORM.in_process,
    "over the wire": UNIFORM.over_the_wire,
}
IMPLEMENTATIONS: Implementations = {
    **UNIFORM_ONES,
    "flexible, in process": FLEXIBLE.in_process,
    "flexible, over the wire": FLEXIBLE.over_the_wire,
}


class _Token:
    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        return AccessToken("a-token", 4_000_000_000)
