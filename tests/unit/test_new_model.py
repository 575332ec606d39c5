"""A new model of the scale set, in virtual time through the real controllers, beside visitors."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from random import Random

import pytest

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import Scale
from emulator.switches import Switches
from scaler.actuate import Ports
from scaler.controllers import by_name
from scaler.controllers.by_name import Renewed
from scaler.model.edges import Actor, Edge
from scaler.model.instance import VmId
from scaler.model.policy import Capacity, Mode, Policy
from scaler.model.row import Status
from scaler.report import Report
from scaler.tick import Tick
from simulator.chaos.world import SCALE_SET, World
from simulator.figures import Figures
from simulator.happenings import Manner
from simulator.workload.crowd import Crowd
from simulator.workload.habits import Habits

POLICY = Policy(capacity={SCALE_SET: Capacity(mode=Mode.BUFFER, buffer=37, most=80)})
STEP = 10  # seconds
STEADY = Habits(
    per_minute=0.1,
    stay=600,
    longest_stay=1200,
    most=100,
    deaths=0,
    fickleness=0,
    impatient=0,
    overstaying=0,
    rush=0.3,
    party=9,
    shares={Manner.ATOMIC: 1.0},
)


@dataclass
class Site:
    """Controllers that tick about as often as in production, on machines that are exactly as fast as Azure's."""

    world: World
    crowd: Crowd | None = None

    def run(self, **duration: float) -> None:
        for step in range(int(timedelta(**duration).total_seconds() / STEP)):
            self.world.pass_time(STEP)
            if self.crowd is not None:
                self.crowd.go_on()
            self.world.tick(Actor.STARTER)
            if step % 3 == 0:
                self.world.tick(Actor.RECONCILER)
                self.world.tick(Actor.CLEANER)
            if step % 6 == 0:
                self.world.tick(Actor.PROVISIONER)

    @property
    def machines(self) -> set[str]:
        return {vm.vm_id for vm in self.world.vms}

    def new_model(self) -> None:
        self.world.azure.scale(Scale(image="/images/2"), by="operator")


def site(policy: Policy = POLICY, *, mark_keeps: bool = True) -> Site:
    """A scale set whose machines are ready."""
    switches = Switches(mark_keeps_latest_model=mark_keeps)
    behaviour = Behaviour(latencies=Latencies().exact(), switches=switches)
    made = Site(World(seed=1, behaviour=behaviour, policy=policy))
    made.run(minutes=40)
    return made


def small(**fields: object) -> Policy:
    return replace(POLICY, capacity={SCALE_SET: Capacity(mode=Mode.BUFFER, **{"buffer": 4, **fields})})  # type: ignore[arg-type]


def ready_after_spends(world: World) -> list[int]:
    """How many machines are Available after each tick that has spent one, as the list grows."""
    found = list[int]()

    def note(_host: object, _name: Actor, report: Report) -> None:
        if any(outcome.step.edge == Edge.SPEND.name for outcome in report.outcomes):
            found.append(len(world.registry.members(Status.AVAILABLE)))

    world.readers.append(note)
    return found


def visited(*, new_model: bool) -> tuple[Site, Figures, set[str], list[int]]:
    """Hours of visitors; and the machines that were there when, perhaps, a new model appeared."""
    busy, figures = site(), Figures()
    busy.world.hearers.append(figures.see)
    busy.crowd = Crowd(busy.world.access, Random(5), STEADY)
    busy.run(minutes=60)
    before, ready = busy.machines, ready_after_spends(busy.world)
    if new_model:
        busy.new_model()
    busy.run(minutes=150)
    return busy, figures, before, ready


@pytest.mark.long
def test_forty_machines_are_replaced_under_load_no_visitor_waits_longer_and_no_session_is_cut() -> None:
    rolled, waits, before, ready = visited(new_model=True)
    _, usual, _, _ = visited(new_model=False)
    assert len(before) >= 40
    assert not before & rolled.machines
    assert all(vm.latest_model for vm in rolled.world.vms)
    assert rolled.world.wrongs == []
    assert len(ready) == rolled.world.edges[Edge.SPEND.name] >= 10
    assert min(ready) >= 37
    assert len(waits.waits) == len(usual.waits) >= 25
    assert max(waits.waits) <= max(usual.waits)


@pytest.mark.long
def test_where_nobody_comes_every_machine_is_replaced_and_as_many_as_before_are_ready_all_the_time() -> None:
    quiet, before, least = site(small()), set[str](), list[int]()
    quiet.world.hearers.append(lambda _: least.append(len(quiet.world.registry.members(Status.AVAILABLE))))
    before = quiet.machines
    quiet.new_model()
    quiet.run(minutes=60)
    assert not before & quiet.machines
    assert (min(least), len(quiet.machines)) == (4, 4)
    assert quiet.world.edges[Edge.SPEND.name] == 4
    quiet.run(minutes=60)
    assert quiet.world.edges[Edge.SPEND.name] == 4


@pytest.mark.long
def test_a_mark_that_turns_the_flag_false_makes_one_machine_too_many_and_throws_none_away_but_that() -> None:
    quiet = site(small(), mark_keeps=False)
    quiet.new_model()
    quiet.run(hours=2)
    assert quiet.world.edges[Edge.SPEND.name] <= 1
    spent = quiet.world.edges[Edge.SPEND.name]
    quiet.run(hours=1)
    assert (quiet.world.edges[Edge.SPEND.name], len(quiet.machines)) == (spent, 4)


def test_at_the_most_the_first_one_goes_by_an_operators_word_and_the_others_follow() -> None:
    """No machine can be made to see whether the flag can be trusted; then one less is ready meanwhile."""
    full = site(small(most=4))
    before, world = full.machines, full.world
    full.new_model()
    full.run(minutes=30)
    assert full.machines == before
    which = Renewed(named=frozenset({VmId(min(before))}))
    ports = Ports(registry=world.registry, scale_sets={}, clock=world.clock)
    Tick(partial(by_name.renew, which=which), ports, world.policy).run()
    full.run(minutes=60)
    assert not before & full.machines
    assert len(full.machines) == 4
