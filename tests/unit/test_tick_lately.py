"""One tick, continued: what is remembered from one listing to the next, and how often nobody is asked in vain."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import pytest
from unit.test_tick import NAME, POLICY, House

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from scaler.actuate import Ports
from scaler.errors import Unreachable
from scaler.model.edges import Actor
from scaler.model.instance import ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.plan import Delete
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row, Status
from scaler.registry.reservations import Reservations, Stage
from scaler.tick import Tick

SESSION = SessionId("s")


class RegistryThatDropsAWrite(MemoryRegistry):
    """Redis was away for a moment, right when something was to be written."""

    drops = 0

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        if self.drops:
            self.drops -= 1
            raise Unreachable("Redis does not answer")
        return super().apply(changes, good_until=good_until)


def test_a_key_that_died_with_its_machine_is_found_though_its_first_note_was_lost() -> None:
    house = House()
    registry = house.registry = RegistryThatDropsAWrite(house.clock.now)
    tick = house.tick(Actor.RECONCILER)
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


def reserved_machine() -> tuple[House, Reservations]:
    """A visitor waits for a machine; nobody has begun to start it."""
    house = House()
    house.azure.scale(Scale(capacity=1), by="operator")
    house.later(minutes=5)
    house.azure.order(OrderKind.DEALLOCATE, ["0"], by="operator")
    tick = house.tick(Actor.RECONCILER)
    for _ in range(12):
        house.later(seconds=30)
        tick.run()
    visitors = Reservations(house.registry.client, house.registry.keys)
    assert visitors.reserve(SESSION) is not None
    return house, visitors


def test_a_visitor_hears_of_a_machine_that_vanished_while_its_set_was_lost_and_no_process_remembers_it() -> None:
    house, visitors = reserved_machine()
    house.azure.happen(Fault.DELETED_BY_SOMEBODY, house.azure.vms[0].vm_id)
    house.later(minutes=10)
    assert not house.azure.vms
    house.registry.keyspace.delete(house.registry.keys.index(Status.RESERVED))
    ticks = [house.tick(Actor.RECONCILER), house.tick(Actor.STARTER), house.tick(Actor.CLEANER)]
    stages = []
    for _ in range(60):
        for tick in ticks:
            tick.run()
        stages.append(visitors.look(SESSION).stage)
        house.later(seconds=30)
    assert stages[0] is Stage.RESERVED
    assert Stage.REFUSED in stages
    assert not any(key.startswith(b"vmss:instance:") for key in house.registry.keyspace.snapshot_state().strings)


def test_what_the_cleaner_has_ordered_deleted_is_gone_from_redis_though_nothing_leads_to_it_any_more() -> None:
    house, visitors = reserved_machine()
    house.tick(Actor.STARTER).run()
    visitors.cancel(SESSION)
    cleaner = house.tick(Actor.CLEANER)
    while not any(isinstance(outcome.step.order, Delete) for outcome in cleaner.run().outcomes):
        house.later(seconds=30)
    house.later(minutes=10)
    assert not house.azure.vms
    for status in Status:
        house.registry.keyspace.delete(house.registry.keys.index(status))
    house.later(days=8)
    left = [key for key in house.registry.keyspace.snapshot_state().strings if house.registry.keyspace.get(key)]
    assert left == []


class RegistryThatCountsQuestions(MemoryRegistry):
    """Remembers how many machines it was asked for in addition to those that its index names."""

    asked_for = 0

    def read_also(self, vm_ids: Iterable[VmId]) -> Mapping[VmId, Row]:
        wanted = list(vm_ids)
        self.asked_for = len(wanted)
        return super().read_also(wanted)


def test_while_a_scale_set_is_away_what_comes_and_goes_in_the_other_is_not_remembered_for_ever() -> None:
    house, away = House(), ScaleSetName("vmss-second")
    registry = RegistryThatCountsQuestions(house.clock.now)
    other = EmulatedScaleSet(house.clock.now, name=away, behaviour=Behaviour(latencies=Latencies().exact()), seed=1)
    other.script(Fault.READ_FAILED, times=None)
    faces = {NAME: house.face, away: InProcessScaleSet(other, house.clock)}
    policy = Policy(capacity=dict.fromkeys(faces, Capacity(desired=0)))
    tick = Tick(Actor.RECONCILER, Ports(registry=registry, scale_sets=faces, clock=house.clock), policy)
    for _ in range(20):
        house.azure.scale(Scale(capacity=1), by="operator")
        house.later(minutes=5)
        tick.run()
        house.azure.happen(Fault.DELETED_BY_SOMEBODY, house.azure.vms[0].vm_id)
        house.later(minutes=5)
        tick.run()
    assert registry.asked_for <= 1
