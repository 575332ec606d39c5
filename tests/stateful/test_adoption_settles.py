"""A running installation is adopted, allowed, managed: no session lost, no machine handed out twice, nothing leaked.

The adoption may die at any of its effects, before or after it, and is then begun again.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random

import go_scaler
import pytest
from go_scaler import Machine, Placed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stateful.guests import Guests, Visitor
from stateful.naive import NaiveQueueManager

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.switches import Switches
from scaler.actuate import Ports, Result, actuate
from scaler.cli.adopting import Handover, is_left
from scaler.model.edges import Edge
from scaler.model.instance import PowerState, SessionId, VmId
from scaler.model.policy import Capacity
from scaler.model.row import Row, Status
from scaler.registry.reservations import Leaving, Stage
from simulator.chaos.doors import Crash, Door, Fate
from simulator.chaos.world import POLICY, SCALE_SET, World
from simulator.observer.wrong import Kind

A, R, U = Status.AVAILABLE, Status.RESERVED, Status.UNAVAILABLE
MACHINES = {
    "in session": Machine(status=U, session="inside", runs=True),
    "in session, naive": Machine(status=U, session="naive", runs=True),
    "in session, who is not known": Machine(status=U, runs=True),
    "its start was never given": Machine(status=U, session="unlucky"),
    "reserved": Machine(status=R, session="waiting"),
    "reserved, lost by a dying starter": Machine(status=R, session="forgotten", indexed=False),
    "reserved, and it runs": Machine(status=R, session="arriving", runs=True),
    "reserved without a session": Machine(status=R),
    "reserved, gave up": Machine(status=R, session="tired", used=True),
    "used": Machine(status=U, session="gone", used=True),
    "used, and it runs": Machine(status=U, session="going", used=True, runs=True),
    "available": Machine(status=A),
    "available, and it runs": Machine(status=A, runs=True),
    "unrecorded": Machine(),
    "unrecorded, and it runs": Machine(runs=True),
}
PATIENCE = timedelta(hours=5)


def _nothing() -> None:
    """Nobody else does anything."""


class Installation:
    """The machines above, or others, and their visitors."""

    def __init__(
        self, named: Mapping[str, Machine] = MACHINES, *, seed: int = 1, switches: Switches | None = None
    ) -> None:
        policy = replace(POLICY, capacity={SCALE_SET: Capacity(desired=len(named), warm=1)})
        behaviour = Behaviour(latencies=Latencies().exact(), switches=switches or Switches())
        self.world = World(seed=seed, behaviour=behaviour, policy=policy)
        self.fate = Fate()
        self.guests = Guests(self.world)
        self.world.turns.append(self.guests.poll)
        registry, machines = self.world.registry, list(named.values())
        later = partial(self.world.pass_time, 600)
        placed = go_scaler.install(self.world.azure, registry.keyspace, registry.keys, machines, later)
        self.placed = dict(zip(named, placed, strict=True))
        for each in placed:
            self._welcome(each)

    def _welcome(self, placed: Placed) -> None:
        """Tell the guests about an adopted machine: a waiting visitor, a visitor inside, or a visitor who has left."""
        machine = placed.machine
        if machine.used or (machine.status is U and not machine.runs and not machine.session):
            self.guests.was_inside(SessionId(f"before {placed.vm_id}"), placed.vm_id)
        if not machine.session or machine.used:
            return
        if machine.status is U:
            self.guests.is_inside(placed.session, placed.vm_id)
        else:
            self.guests.acknowledged(placed.session, placed.vm_id, naive=True)

    def handover(self) -> Handover:
        """A new process."""
        face = InProcessScaleSet(self.world.azure, self.world.clock, caller="scaler-adopt")
        ports = Ports(
            registry=Door(self.world.registry, [self.fate]),
            scale_sets={SCALE_SET: Door(face, [self.fate])},
            clock=self.world.clock,
        )
        return Handover(ports, self.world.policy)

    def adopt(
        self, dies_after: int | None = None, *, after_the_last: bool = False, meanwhile: Callable[[], None] = _nothing
    ) -> int:
        """Until it ends or dies; how many of its steps were taken. `meanwhile`: between two of its rounds."""
        fate, taken = self.fate, 0
        fate.left, fate.after_the_last = dies_after, after_the_last
        try:
            for report in self.handover().rounds():
                taken += len(report.outcomes)
                self.world.look()
                meanwhile()
        except Crash:
            taken = -1
        fate.left = None
        self.world.look()
        return taken

    def allow(self) -> None:
        """The operator sets the tag."""
        self.world.azure.tag(**{"scaler:managed": "true"})

    def row(self, name: str) -> Row:
        """What Redis holds."""
        vm_id = self.placed[name].vm_id
        return self.world.registry.read_also([vm_id])[vm_id]

    def visitor(self, name: str) -> Visitor:
        """Whoever has that machine."""
        return self.guests.visitors[self.placed[name].session]

    def runs(self, name: str) -> bool:
        """Whether that machine truly runs."""
        state = self.world.azure.find(self.placed[name].vm_id)
        return state is not None and state.power is PowerState.RUNNING

    def settles(self) -> None:
        """Everybody goes home; in the end all machines are fresh and offered, and nothing is wrong or left over."""
        world = self.world
        ends = world.clock.now() + PATIENCE
        while world.unsettled() and world.clock.now() < ends:
            for visitor in self.guests.inside():
                self.guests.leave(visitor)
            world.run(180, step=30)
        assert not world.wrongs
        assert not world.unsettled(), world.unsettled()


def test_once_adopted_nothing_is_left_and_the_same_again_does_nothing() -> None:
    installation = Installation()
    assert is_left(installation.handover().look())
    adopted = len(MACHINES) - 2  # the two that go the normal way
    assert installation.adopt() == adopted
    assert not is_left(installation.handover().look())
    before = installation.world.registry.keyspace.snapshot_state()
    assert installation.adopt() == 0
    assert installation.world.registry.keyspace.snapshot_state() == before


def test_after_the_tag_sessions_go_on_and_reservations_are_opened() -> None:
    installation = Installation()
    installation.adopt()
    installation.allow()
    installation.world.run(300)
    for name in ("in session", "in session, naive"):
        assert installation.visitor(name).done is None
        assert installation.runs(name)
    for name in ("reserved", "reserved, lost by a dying starter", "reserved, and it runs"):
        assert installation.visitor(name).entered_at is not None, name
    for name in ("in session, who is not known", "available, and it runs", "unrecorded, and it runs"):
        assert installation.runs(name), "perhaps somebody's"
    assert installation.visitor("its start was never given").done == "refused"
    installation.settles()


def test_the_session_in_the_record_can_be_released_by_either_client() -> None:
    installation = Installation()
    installation.adopt()
    ours, naive = installation.placed["in session"], installation.visitor("in session, naive")
    assert installation.world.reservations.look(ours.session).stage is Stage.OPEN
    assert installation.world.reservations.release(ours.session) is Leaving.RELEASED
    installation.guests.leave(naive)
    installation.allow()
    installation.world.run(120)
    alive = {each.vm_id for each in installation.world.azure.vms}
    assert not alive & {ours.vm_id, naive.vm_id}, "deleted while they ran: their own sessions had ended"


def test_whoever_gives_up_an_adopted_reservation_may_do_so() -> None:
    installation = Installation()
    installation.adopt()
    reservations = installation.world.reservations
    assert reservations.cancel(SessionId("waiting")) is Leaving.CANCELLED
    assert reservations.cancel(SessionId("arriving")) is Leaving.ABANDONED
    installation.guests.vanish()
    installation.allow()
    installation.settles()


def test_used_machines_go_at_rest_and_what_runs_goes_at_the_presumed_limit() -> None:
    installation = Installation()
    installation.adopt()
    installation.allow()
    installation.world.run(300)
    used = installation.row("used")
    assert (used.record, used.notes) == (None, None), "deleted, and its record retired"
    running = installation.row("used, and it runs")
    assert running.notes is not None
    assert running.notes.spent is not None
    assert running.notes.spent.why is Edge.CONDEMN
    assert installation.runs("used, and it runs")
    installation.world.run(POLICY.limit_of_presumed.total_seconds() + 120)
    assert not installation.runs("used, and it runs")


def test_what_was_used_is_never_offered_again() -> None:
    installation = Installation()
    installation.adopt()
    installation.allow()
    fresh = {installation.placed[name].vm_id for name in ("available", "unrecorded")}
    old = {each.vm_id for each in installation.placed.values()} - fresh
    offered: set[VmId] = set()
    for _ in range(20):
        installation.world.run(60)
        keys, space = installation.world.registry.keys, installation.world.registry.keyspace
        offered |= {VmId(each.decode().rpartition(":")[2]) for each in space.smembers(keys.index(A))}
    assert fresh <= offered
    assert not offered & old


@pytest.mark.long
@pytest.mark.parametrize("after_the_last", [False, True])
@pytest.mark.parametrize("dies_after", range(14))
def test_it_may_die_at_any_effect_and_goes_on_where_it_was(dies_after: int, after_the_last: bool) -> None:
    installation = Installation(seed=dies_after)
    assert installation.adopt(dies_after, after_the_last=after_the_last) == -1
    installation.adopt()
    assert not is_left(installation.handover().look())
    installation.allow()
    installation.world.run(240)
    for name in ("in session", "in session, naive", "reserved", "reserved, and it runs"):
        visitor = installation.visitor(name)
        assert visitor.entered_at is not None, name
        assert visitor.done is None, name
    installation.settles()


@pytest.mark.long
@pytest.mark.parametrize("dies_after", range(0, 14, 3))
def test_a_tag_set_too_early_costs_no_session_that_was_marked(dies_after: int) -> None:
    installation = Installation(seed=dies_after)
    installation.adopt(dies_after)
    marked = {each.vm_id for each in installation.world.azure.vms if each.protected}
    installation.allow()
    installation.world.run(600)
    assert not [each for each in installation.world.wrongs if each.vm_id in marked]
    lost = [each for each in installation.world.wrongs if each.kind in {Kind.LOST, Kind.HANDED_OUT}]
    assert not lost, "what is not marked may be stopped, but nobody gets it and nobody waits in vain"


@pytest.mark.parametrize(
    "switches",
    [Switches(), Switches(mark_makes_updating=False), Switches(vm_etags=False), Switches(ragged_listings=True)],
)
def test_it_takes_azure_as_it_is(switches: Switches) -> None:
    installation = Installation(switches=switches)
    installation.adopt()
    assert not is_left(installation.handover().look())
    installation.allow()
    installation.settles()


FAULTS = [
    Fault.READ_THROTTLED,
    Fault.WRITE_THROTTLED,
    Fault.WRITE_FAILED,
    Fault.WRITE_CONFLICT,
    Fault.ORDER_LATE,
    Fault.ORDER_DOUBLED,
    Fault.ORDER_LOST,
    Fault.ORDER_SWALLOWED,
    Fault.ANSWER_LOST,
    Fault.POWER_STATE_MISSING,
    Fault.LISTING_OLD,
    Fault.LISTING_SHORT,
    Fault.MARK_CONFLICT,
]


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_cost_time_and_nothing_else(fault: Fault) -> None:
    installation = Installation()
    installation.world.azure.script(fault, times=3)
    installation.adopt()
    installation.world.azure.clear_script()
    assert not is_left(installation.handover().look())
    installation.allow()
    installation.settles()


def test_what_azure_refuses_to_mark_is_named_and_keeps_nothing_else_from_being_adopted() -> None:
    installation = Installation()
    refused = installation.placed["in session"]
    installation.world.azure.script(Fault.MARK_REFUSED, times=None, instance_id=refused.instance_id)
    installation.adopt()
    left = installation.handover().look().plan
    assert {each.vm_id for each in left.steps} | {each.vm_id for each in left.refusals} == {refused.vm_id}
    installation.world.azure.clear_script()
    installation.world.pass_time(60)
    installation.adopt()
    installation.allow()
    installation.settles()


def test_a_queue_manager_that_goes_on_meanwhile_is_not_contradicted() -> None:
    installation = Installation()
    world = installation.world
    handover = installation.handover()
    plan = handover.look().plan  # decided on what the records said
    installation.guests.leave(installation.visitor("in session, naive"))  # and then one of them changed
    ports = Ports(
        registry=world.registry, scale_sets={SCALE_SET: InProcessScaleSet(world.azure, world.clock)}, clock=world.clock
    )
    outcomes = {each.step.vm_id: each.result for each in actuate(plan, ports, world.policy)}
    raced = installation.placed["in session, naive"].vm_id
    assert outcomes.pop(raced) is Result.LOST_RACE
    assert set(outcomes.values()) == {Result.DONE}
    assert installation.row("in session, naive").notes is None
    installation.adopt()
    known = installation.row("in session, naive").notes
    assert known is not None
    assert known.opened is None
    assert known.spent is not None


def _machine(status: Status | None, has_session: bool, used: bool, runs: bool, indexed: bool) -> Machine:
    recorded = status is not None
    named = recorded and status is not A and has_session
    return Machine(status=status, session="theirs" if named else "", used=recorded and used, runs=runs, indexed=indexed)


ANY = st.builds(
    _machine,
    status=st.sampled_from([None, A, R, U]),
    has_session=st.booleans(),
    used=st.booleans(),
    runs=st.booleans(),
    indexed=st.booleans(),
)


@pytest.mark.long
@settings(max_examples=int(os.environ.get("EXAMPLES", "60")), suppress_health_check=list(HealthCheck), database=None)
@given(machines=st.lists(ANY, min_size=1, max_size=8), seed=st.integers(0, 2**16), dies_after=st.integers(0, 12))
def test_any_installation_is_adopted_whatever_its_queue_manager_does_meanwhile(
    machines: list[Machine], seed: int, dies_after: int
) -> None:
    named = {
        str(number): replace(each, session=f"theirs-{number}" if each.session else "")
        for number, each in enumerate(machines)
    }
    installation, dice = Installation(named, seed=seed), Random(seed)
    world = installation.world
    guests = installation.guests
    naive = NaiveQueueManager(world, guests)

    def meanwhile() -> None:
        """Visitors come, wait, go in, leave and give up, as they please."""
        naive.begin(SessionId(f"new-{len(guests.visitors)}-{dice.random()}"), dice.randrange(4))
        naive.go_on(dice)
        guests.poll()
        for visitor in [*guests.inside(), *guests.waiting()]:
            if dice.random() < 0.1:
                guests.leave(visitor) if visitor.entered_at is not None else guests.give_up(visitor)

    installation.adopt(dies_after, after_the_last=dice.random() < 0.5, meanwhile=meanwhile)
    installation.adopt(meanwhile=meanwhile)
    installation.allow()
    world.run(300)
    installation.settles()
