"""A tick of the campaigns that is interrupted after it had decided, and then goes on."""

import builders as make
from clock import ManualClock

from emulator.redis.memory import MemoryRegistry
from scaler.actuate import Ports, Result
from scaler.model.edges import Actor
from scaler.model.lifecycle import note
from scaler.model.plan import Plan, Step, Why
from scaler.model.row import Row
from scaler.registry.keys import Keys
from scaler.report import Report
from simulator.chaos.hosts import Host, Late


def test_of_two_parts_that_want_the_same_machine_the_second_loses_the_race() -> None:
    clock = ManualClock()
    registry = MemoryRegistry(clock.now, Keys())
    step = Step(why=Why.NOTED, vm_id=make.vm(), change=note(Row(vm_id=make.vm()), make.notes()))
    part = Report(plan=Plan(steps=(step,)))
    ports = Ports(registry=registry, scale_sets={}, clock=clock)
    late = Late(host=object.__new__(Host), name=Actor.STARTER, parts=(part, part), ports=ports, policy=make.POLICY)
    assert len(late.report.plan.steps) == 2
    assert [each.result for each in late.finish().outcomes] == [Result.DONE, Result.LOST_RACE]
