"""A start refused because of another operation on the machine waits for the end of that operation alone."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from clock import ManualClock

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.history import What
from emulator.in_process import InProcessScaleSet
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from scaler.actuate import Ports
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import ScaleSetName, SessionId, VmId
from scaler.model.policy import Capacity, Policy
from scaler.registry.reservations import Reservations
from scaler.tick import Tick

NAME = ScaleSetName("vmss-pixels")
POLICY = Policy(capacity={NAME: Capacity(desired=1)})


class House:
    """A machine that is deallocated and offered."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.azure = EmulatedScaleSet(self.clock.now, behaviour=Behaviour(latencies=Latencies().exact()))
        self.registry = MemoryRegistry(self.clock.now)
        face = InProcessScaleSet(self.azure, self.clock)
        self.ticks = {
            name: Tick(
                name,
                Ports(
                    registry=None if name is Actor.PROVISIONER else self.registry,
                    scale_sets={NAME: face},
                    clock=self.clock,
                ),
                POLICY,
            )
            for name in CONTROLLERS
        }
        self._offer()

    def _offer(self) -> None:
        while not self.registry.reserved():
            for name in CONTROLLERS:
                self.ticks[name].run()
            self.clock.advance(timedelta(seconds=20))
            Reservations(self.registry.client, self.registry.keys).reserve(SessionId("me"), "192.0.2.1")

    def starter(self) -> Iterator[timedelta | None]:
        """Ticks as the watch would: each when the one before said."""
        while True:
            again = self.ticks[Actor.STARTER].run().plan.look_again
            yield again
            self.clock.advance(again or POLICY.order_horizon)

    @property
    def starts(self) -> int:
        return sum(each.what is What.START_ORDERED for each in self.azure.history)

    def attempts(self, vm_id: VmId) -> int:
        notes = self.registry.read_also([vm_id])[vm_id].notes
        assert notes is not None
        return notes.start.attempts if notes.start is not None else 0


@pytest.mark.parametrize("fault", [Fault.VM_BUSY, Fault.WRITE_CONFLICT])
def test_a_start_that_overlaps_is_tried_again_within_seconds_and_counts_for_nothing(fault: Fault) -> None:
    house = House()
    (vm,) = house.azure.vms
    house.azure.script(fault, times=5)
    ticks = house.starter()
    for _ in range(5):
        assert next(ticks) == POLICY.look_every
        assert (house.starts, house.attempts(VmId(vm.vm_id))) == (0, 0)
    assert next(ticks) == POLICY.first_look_cold
    assert (house.starts, house.attempts(VmId(vm.vm_id))) == (1, 1)
