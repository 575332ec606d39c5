"""A machine that Azure lists and never identifies holds a place in the capacity: the operator hears of it."""

from datetime import timedelta

import pytest
from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches
from scaler.actuate import Ports
from scaler.model.edges import Actor
from scaler.model.instance import ScaleSetName
from scaler.model.plan import Refusal, Why
from scaler.model.policy import Capacity, Policy
from scaler.tick import Tick

NAME = ScaleSetName("vmss-pixels")
POLICY = Policy(capacity={NAME: Capacity(desired=3)})
SECOND = timedelta(seconds=1)


class House:
    """Three machines that take two hours to be made, and say who they are only then."""

    def __init__(self, hours: float = 2) -> None:
        self.clock = ManualClock()
        latencies = Latencies(create=(hours * 3600, hours * 3600)).exact()
        behaviour = Behaviour(latencies=latencies, switches=Switches(vm_id_at_once=False))
        azure = EmulatedScaleSet(self.clock.now, behaviour=behaviour)
        face = InProcessScaleSet(azure, self.clock)
        self.tick = Tick(Actor.PROVISIONER, Ports(registry=None, scale_sets={NAME: face}, clock=self.clock), POLICY)
        self.tick.run()

    def after(self, later: timedelta) -> tuple[Refusal, ...]:
        self.clock.advance(later)
        return self.tick.run().plan.refusals


@pytest.mark.parametrize(("later", "told"), [(-SECOND, 0), (timedelta(0), 1), (SECOND, 1)])
def test_an_alarm_names_them_once_nothing_can_still_be_making_them(later: timedelta, told: int) -> None:
    house = House()
    assert house.after(SECOND) == ()  # the first listing that shows them
    alarms = house.after(POLICY.creating_timeout + later)
    assert len(alarms) == told
    for each in alarms:
        assert (each.why, each.alarm) == (Why.NO_IDENTITY, True)
        assert each.facts == {"scale_set": NAME, "machines": 3, "instance_ids": "0, 1, 2"}


def test_who_says_who_they_are_meanwhile_is_not_told_of() -> None:
    house = House(hours=0.1)
    assert house.after(SECOND) == ()
    assert house.after(POLICY.creating_timeout) == ()
    assert house.after(POLICY.creating_timeout) == ()


def test_the_time_of_another_row_under_the_same_id_begins_anew() -> None:
    house = House(hours=0.4)
    assert house.after(SECOND) == ()
    assert house.after(timedelta(hours=0.5)) == ()
    assert house.after(timedelta(hours=0.5)) == ()
