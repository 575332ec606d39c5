"""One tick, continued: what is remembered from one listing to the next, and how often nobody is asked in vain."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from unit.test_tick import POLICY, House

from emulator.faults import Fault
from emulator.orders import OrderKind, Scale
from scaler.errors import Unreachable
from scaler.model.lifecycle import Change
from scaler.model.record import Status
from scaler.model.row import Row
from scaler.registry.memory import MemoryRegistry
from scaler.tick import Name


class RegistryThatDropsAWrite(MemoryRegistry):
    """Redis was away for a moment, right when something was to be written."""

    drops = 0

    def apply(self, changes: Sequence[Change]) -> tuple[Row | None, ...]:
        if self.drops:
            self.drops -= 1
            raise Unreachable("Redis does not answer")
        return super().apply(changes)


def test_a_key_that_died_with_its_machine_is_found_though_its_first_note_was_lost() -> None:
    house = House()
    registry = house.registry = RegistryThatDropsAWrite(house.clock.now)
    tick = house.tick(Name.RECONCILER)
    house.azure.scale(Scale(capacity=1), by="operator")
    house.later(minutes=5)
    house.azure.order(OrderKind.DEALLOCATE, ["0"], by="operator")
    for _ in range(12):
        house.later(seconds=30)
        tick.run()
    keys, space = registry.keys, registry.keyspace
    assert space.spop(keys.index(Status.AVAILABLE)) is not None  # and the queue manager dies
    house.azure.happen(Fault.DELETED_BY_SOMEBODY, house.azure.vms[0].vm_id)
    house.later(minutes=2)
    registry.drops = 1
    with pytest.raises(Unreachable):
        tick.run()
    for _ in range(6):
        house.later(seconds=30)
        tick.run()
    assert not space.snapshot_state().strings
    assert POLICY.evidence < timedelta(minutes=3)
