"""A configured scale set that Azure says is not there: nobody is promised a machine of it, and no record goes."""

from datetime import timedelta

import pytest
from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from emulator.world import MANAGED
from scaler.actuate import Ports
from scaler.errors import Missing
from scaler.model.edges import Actor
from scaler.model.instance import ScaleSetName
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row, Status
from scaler.model.sighting import Pages, ScaleSetView
from scaler.telemetry import Telemetry
from scaler.tick import Tick
from scaler.watch import Watch

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")


class Vanishing(InProcessScaleSet):
    """Somebody deleted it; or ARM says so for a while. `listed`: its own GET is still answered."""

    gone = False
    listed = False

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        if self.gone and not self.listed:
            raise Missing("404 ResourceNotFound: there is no such scale set")
        return super().view(no_older_than=no_older_than)

    def list_instances(self) -> Pages:
        if self.gone:
            raise Missing("404 ParentResourceNotFound: there is no such scale set")
        return super().list_instances()


class House:
    """Scale sets of one machine each, Available."""

    def __init__(self, *names: ScaleSetName, settled: bool = True) -> None:
        self.clock, self.faces = ManualClock(), dict[ScaleSetName, Vanishing]()
        for seed, name in enumerate(names):
            behaviour = Behaviour(latencies=Latencies().exact())
            azure = EmulatedScaleSet(self.clock.now, name=name, seed=seed, behaviour=behaviour)
            azure.tag(**MANAGED)
            azure.scale(Scale(capacity=1), by="operator")
            self.later(minutes=5)
            azure.order(OrderKind.DEALLOCATE, ["0"], by="operator")
            self.faces[name] = Vanishing(azure, self.clock)
        self.later(minutes=5)
        self.registry = MemoryRegistry(self.clock.now)
        policy = Policy(capacity=dict.fromkeys(names, Capacity(desired=1)))
        ports = Ports(registry=self.registry, scale_sets=self.faces, clock=self.clock)
        self.reconciler = Tick(Actor.RECONCILER, ports, policy)
        self.ticks(8 if settled else 0)

    def later(self, **duration: float) -> None:
        self.clock.advance(timedelta(**duration))

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.later(seconds=30)
            self.reconciler.run()

    @property
    def rows(self) -> list[Row]:
        return list(self.registry.read().rows.values())

    def offered(self) -> set[str]:
        """In which scale sets somebody could be given a machine."""
        return {each.notes.scale_set for each in self.rows if each.notes and each.index == {Status.AVAILABLE}}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("names", [(FIRST,), (FIRST, SECOND)])
def test_its_keys_leave_available_at_first_sight(names: tuple[ScaleSetName, ...], listed: bool) -> None:
    house = House(*names)
    assert house.offered() == set(names)
    house.faces[FIRST].gone, house.faces[FIRST].listed = True, listed
    report = house.reconciler.run()
    assert [type(each) for each in report.errors] == [Missing]
    assert house.offered() == set(names) - {FIRST}


@pytest.mark.parametrize("names", [(FIRST,), (FIRST, SECOND)])
def test_no_record_goes_for_it_and_all_of_them_come_back(names: tuple[ScaleSetName, ...]) -> None:
    house = House(*names)
    before = {each.vm_id: each.record for each in house.rows}
    house.faces[FIRST].gone = True
    house.ticks(40)
    assert {each.vm_id: each.record for each in house.rows} == before
    house.faces[FIRST].gone = False
    house.ticks(8)
    assert house.offered() == set(names)


@pytest.mark.parametrize("names", [(FIRST,), (FIRST, SECOND)])
def test_the_invocation_fails_at_its_end_and_the_other_scale_sets_work_goes_on(names: tuple[ScaleSetName, ...]) -> None:
    house = House(*names, settled=False)
    house.faces[FIRST].gone = True
    for _ in range(8):
        house.later(seconds=30)
        with pytest.raises(Missing, match="404"):
            Watch(house.reconciler, Telemetry("reconciler"), house.clock).run(timedelta(seconds=25))
    assert house.offered() == set(names) - {FIRST}
    house.faces[FIRST].gone = False
    Watch(house.reconciler, Telemetry("reconciler"), house.clock).run(timedelta(seconds=25))
