"""A quota that is smaller than what is wanted: the pool gets what fits, and whoever looks is told why it is no more."""

from datetime import timedelta

import pytest
from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind
from emulator.redis.memory import MemoryRegistry
from emulator.region import Profile, Region
from emulator.scale_set import EmulatedScaleSet
from scaler.actuate import Ports
from scaler.model.edges import Actor
from scaler.model.instance import FailureClass, ScaleSetName
from scaler.model.plan import Why
from scaler.model.policy import Capacity, Policy
from scaler.model.scarcity import Ceiling
from scaler.tick import Tick

NAME = ScaleSetName("vmss-pixels")
CORES = 36


class House:
    """One process: its provisioner and its reconciler, once a minute."""

    def __init__(self, *, wanted: int, room: int) -> None:
        self.clock = ManualClock()
        self.azure = EmulatedScaleSet(
            self.clock.now,
            behaviour=Behaviour(latencies=Latencies().exact()),
            profile=Profile(cores=CORES, region=Region(cores=room * CORES)),
        )
        self.registry = MemoryRegistry(self.clock.now)
        self.policy = Policy(capacity={NAME: Capacity(desired=wanted)})
        self.refusals = 0
        ceilings: dict[ScaleSetName, Ceiling] = {}
        face = InProcessScaleSet(self.azure, self.clock)
        self._ticks = [
            Tick(name, Ports(registry=registry, scale_sets={NAME: face}, clock=self.clock), self.policy, ceilings)
            for name, registry in ((Actor.PROVISIONER, None), (Actor.RECONCILER, self.registry))
        ]

    def minutes(self, number: int) -> list[Why]:
        """What was held back in them."""
        held: list[Why] = []
        for _ in range(number):
            self.clock.advance(timedelta(minutes=1))
            for tick in self._ticks:
                report = tick.run()
                self.refusals += sum(each.error is not None for each in report.outcomes)
                held += [each.why for each in report.plan.refusals if each.alarm]
        return held


def test_a_quota_with_room_for_two_of_four_gives_two_and_one_refusal_in_ten_minutes() -> None:
    house = House(wanted=4, room=2)
    held = house.minutes(10)
    assert (house.azure.capacity, house.refusals) == (2, 1)
    assert set(held) == {Why.QUOTA_TOO_SMALL}


def test_a_machine_that_was_used_and_deleted_is_replaced_though_the_quota_is_full() -> None:
    house = House(wanted=4, room=2)
    house.minutes(6)
    house.azure.order(OrderKind.DELETE, [house.azure.vms[0].instance_id])
    house.minutes(4)
    assert house.azure.capacity == 2


def test_more_quota_is_noticed_within_the_hold() -> None:
    house = House(wanted=4, room=2)
    house.minutes(5)
    house.azure.limit()
    house.minutes(round(house.policy.refused_hold / timedelta(minutes=1)))
    assert house.azure.capacity == 4
    assert house.minutes(1) == []


def test_the_reconciler_writes_down_what_the_provisioner_was_refused_for_as_long_as_it_holds() -> None:
    house = House(wanted=4, room=2)
    house.minutes(2)
    (ceiling,) = house.registry.ceilings().values()
    assert (ceiling.refused, ceiling.failure) == (3, FailureClass.QUOTA)
    assert "Current Limit: 72" in ceiling.said
    house.clock.advance(house.policy.refused_hold)
    assert house.registry.ceilings() == {}


@pytest.mark.parametrize("room", [1, 2, 3, 5, 9, 10])
def test_any_room_is_used_up_to_the_last_machine(room: int) -> None:
    house = House(wanted=10, room=room)
    house.minutes(6)
    assert house.azure.capacity == room
