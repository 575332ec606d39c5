"""What a tick has decided is written soon, under the time at which it was decided, or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest
from unit.test_tick import NAME, POLICY, House

from emulator.orders import OrderKind, Scale
from scaler.actuate import Ports, Result, actuate
from scaler.model.edges import Actor
from scaler.model.instance import InstanceRef
from scaler.model.plan import Mark
from scaler.model.sighting import Pages
from scaler.tick import Tick

SECOND = timedelta(seconds=1)


def house_with_a_new_machine() -> House:
    house = House()
    house.azure.scale(Scale(capacity=1), by="operator")
    house.later(minutes=5)
    house.azure.order(OrderKind.DEALLOCATE, ["0"], by="operator")
    house.later(minutes=5)
    return house


@pytest.mark.parametrize(("seconds", "result"), [(-1, Result.DONE), (0, Result.DONE), (1, Result.LOST_RACE)])
def test_a_plan_that_was_held_up_is_not_carried_out(seconds: int, result: Result) -> None:
    house = house_with_a_new_machine()
    plan = house.tick(Actor.RECONCILER).plan().plan
    house.clock.advance(POLICY.plan_kept + seconds * SECOND)
    ports = Ports(registry=house.registry, scale_sets={NAME: house.face}, clock=house.clock)
    (outcome,) = actuate(plan, ports, POLICY)
    assert outcome.result is result
    assert isinstance(outcome.step.order, Mark)
    assert (house.face.calls["mark"] == 1) is (result is Result.DONE)


class _Slow:
    """A face whose listing takes its time."""

    def __init__(self, house: House, takes: timedelta) -> None:
        self._house = house
        self._takes = takes

    def __getattr__(self, name: str) -> object:
        return getattr(self._house.face, name)

    def list_instances(self) -> Pages:
        """Listed, and then the answer is on its way for long."""
        pages = self._house.face.list_instances()
        self._house.clock.advance(self._takes)
        return pages


@pytest.mark.parametrize("takes", [1, 31, 40])
def test_what_is_noted_after_a_slow_look_bears_the_time_after_it(takes: int) -> None:
    house = house_with_a_new_machine()
    slow = Ports(registry=house.registry, scale_sets={NAME: _Slow(house, takes * SECOND)}, clock=house.clock)  # type: ignore[dict-item]
    began = house.clock.now()
    (outcome,) = Tick(Actor.RECONCILER, slow, POLICY).run().outcomes
    assert outcome.result is Result.DONE
    assert isinstance(outcome.step.order, Mark)
    noted = house.registry.read_also([outcome.step.order.ref.vm_id])[outcome.step.order.ref.vm_id].notes
    assert noted is not None
    assert noted.mark_asked_at is not None
    assert noted.mark_asked_at - began >= takes * SECOND


def test_the_provisioner_has_no_registry_to_be_late_for() -> None:
    house = House()
    plan = house.tick(Actor.PROVISIONER).plan().plan
    assert plan.good_until is None
    ports = Ports(registry=None, scale_sets={NAME: house.face}, clock=house.clock)
    (outcome,) = actuate(replace(plan), ports, POLICY)
    assert outcome.result is Result.DONE
    assert not isinstance(getattr(outcome.step.order, "ref", None), InstanceRef)
