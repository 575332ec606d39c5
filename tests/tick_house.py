"""Whole ticks before emulated scale sets and a registry, all on one clock that a test moves."""

from collections.abc import Callable
from datetime import timedelta

from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.redis.memory import MemoryRegistry
from emulator.region import Profile
from emulator.scale_set import EmulatedScaleSet
from scaler.actuate import Ports
from scaler.model.edges import Actor
from scaler.model.instance import ScaleSetName
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row
from scaler.registry.reservations import Reservations
from scaler.tick import Decide, Tick

NAME = ScaleSetName("vmss-pixels")
EXACT = Behaviour(latencies=Latencies().exact())


class House:
    """Scale sets with consent and a registry. Latencies are exact; nothing goes wrong unless a test scripts it.

    `azure` and `face` are those of the first scale set. A test may put a registry or doors of its own in the place of
    these: the ticks that are made from then on use them.
    """

    def __init__(
        self, policy: Policy | None = None, *, behaviour: Behaviour = EXACT, profile: Profile | None = None
    ) -> None:
        self.policy = policy or Policy(capacity={NAME: Capacity(desired=2)})
        self.clock = ManualClock()
        self.azures = {
            name: EmulatedScaleSet(self.clock.now, name=name, seed=seed, behaviour=behaviour, profile=profile)
            for seed, name in enumerate(self.policy.capacity)
        }
        self.faces = {name: InProcessScaleSet(azure, self.clock) for name, azure in self.azures.items()}
        self.registry = MemoryRegistry(self.clock.now)
        self.azure, self.face = next(iter(self.azures.values())), next(iter(self.faces.values()))

    def doors[F: InProcessScaleSet](self, kind: Callable[[EmulatedScaleSet, ManualClock], F]) -> dict[ScaleSetName, F]:
        """From now on the ticks see the scale sets through doors of that kind."""
        made = {name: kind(azure, self.clock) for name, azure in self.azures.items()}
        self.faces = dict(made)
        return made

    def ports(self, name: Actor | Decide) -> Ports:
        """What a tick of that controller knows."""
        registry = None if name is Actor.PROVISIONER else self.registry
        return Ports(registry=registry, scale_sets=self.faces, clock=self.clock)

    def tick(self, name: Actor | Decide) -> Tick:
        """A tick of that controller, in a process that remembers nothing yet."""
        return Tick(name, self.ports(name), self.policy)

    def later(self, **duration: float) -> None:
        """Nothing but time."""
        self.clock.advance(timedelta(**duration))

    def run(self, times: int, *ticks: Tick, **every: float) -> None:
        """These ticks in turn, every half minute unless said otherwise."""
        for _ in range(times):
            self.later(**(every or {"seconds": 30}))
            for tick in ticks:
                tick.run()

    def rested(self, count: int = 1) -> "House":
        """So many machines in each scale set, made by the operator and at rest."""
        for azure in self.azures.values():
            azure.scale(Scale(capacity=count), by="operator")
        self.later(minutes=5)
        for azure in self.azures.values():
            azure.order(OrderKind.DEALLOCATE, [vm.instance_id for vm in azure.vms], by="operator")
        self.later(minutes=5)
        return self

    def offered(self) -> Reservations:
        """One machine in each scale set, at rest and Available, and the visitors' client."""
        self.rested()
        self.run(12, self.tick(Actor.RECONCILER))
        assert all(row.index for row in self.rows)
        return self.visitors

    @property
    def visitors(self) -> Reservations:
        """The queue manager's client."""
        return Reservations(self.registry.client, self.registry.keys)

    @property
    def rows(self) -> list[Row]:
        """What the index leads to."""
        return list(self.registry.read().rows.values())
