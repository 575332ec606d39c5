"""Any order of ticks, visits, crashes, late and doubled orders, a failover, a flush, time and faults.

After every step: nobody's promise is lost, no used machine is handed out, no session is cut short. In the end, when
the accidents stop, every machine is fresh, at rest and offered again: nothing leaks and nothing waits for ever.
"""

import os
from dataclasses import fields
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from stateful.guests import Guests
from stateful.naive import NaiveQueueManager

from emulator.behaviour import PLATFORM_EVENTS, Behaviour, Fault
from emulator.switches import Switches, values_of
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import SessionId
from simulator.chaos.hosts import Late
from simulator.chaos.world import MINUTE, World
from simulator.observer.wrong import Wrong

# what somebody does to the scale set by hand is not the scaler's to make good: a stop of a machine that somebody
# unprotected under its visitor is the provisioner doing its duty
_EVENTS = [each for each in PLATFORM_EVENTS if each not in {Fault.UNPROTECTED, Fault.DELETED_BY_SOMEBODY}]
# nothing that Azure lists as somebody's address says when it was: an old one of a reused id is told to its next visitor
_FAULTS = [each for each in Fault if each not in {*PLATFORM_EVENTS, Fault.ADDRESSES_OLD}]
_LAST_WORD = 5 * 60 * MINUTE

_DRAWN = [each.name for each in fields(Switches) if each.name != "mark_on_deallocated"]  # refused marks never settle
SWITCHES = st.fixed_dictionaries(
    {name: st.sampled_from(sorted(set(values_of(name).values()), key=str)) for name in _DRAWN}
).map(lambda drawn: Switches(**drawn))  # type: ignore[arg-type]


class River(RuleBasedStateMachine):
    """Rules are what may happen; each may happen at any time."""

    @initialize(seed=st.integers(0, 2**16), switches=SWITCHES, ready=st.booleans())
    def begin(self, seed: int, switches: Switches, ready: bool) -> None:
        """An empty scale set; mostly with its first machines already Available."""
        self.world = World(seed=seed, behaviour=Behaviour(switches=switches))
        self.sessions = 0
        self.guests = Guests(self.world)
        self.world.turns.append(self.guests.poll)
        self.naive = NaiveQueueManager(self.world, self.guests)
        self.accidents = 2
        self.late: list[Late] = []
        if ready:
            self.world.run(400)

    def _session(self) -> SessionId:
        self.sessions += 1
        return SessionId(f"session-{self.sessions}")

    # -- the scaler

    @rule(name=st.sampled_from(CONTROLLERS))
    def tick(self, name: Actor) -> None:
        """One controller ticks."""
        self.world.tick(name)

    @rule(name=st.sampled_from(CONTROLLERS), dies_after=st.integers(0, 3), after_the_last=st.booleans())
    def tick_and_die(self, name: Actor, dies_after: int, after_the_last: bool) -> None:
        """The process dies between any two effects."""
        self.world.tick(name, dies_after=dies_after, after_the_last=after_the_last)

    @rule(name=st.sampled_from(CONTROLLERS))
    def begin_a_tick(self, name: Actor) -> None:
        """A tick is interrupted after it has decided."""
        begun = self.world.hosts[0].begin(name)
        if begun is not None and begun.report.plan.steps:
            self.late.append(begun)

    @rule()
    def end_an_interrupted_tick(self) -> None:
        """And goes on, however much later."""
        if self.late:
            self.world.carry_out(self.late.pop(0))

    # -- time

    @rule(seconds=st.sampled_from([1, 5, 10, 31, 46, 60, 130]))
    def pass_time(self, seconds: int) -> None:
        """Nothing but time."""
        self.world.pass_time(seconds)

    @rule(seconds=st.sampled_from([30, 60, 120, 300]))
    def run(self, seconds: int) -> None:
        """All controllers for a while."""
        self.world.run(seconds)

    # -- visitors

    @rule()
    def reserve(self) -> None:
        """With our client."""
        self.guests.reserve(self._session())

    @rule()
    def poll(self) -> None:
        """Whoever waits asks."""
        self.guests.poll()

    @precondition(lambda self: self.guests.inside())
    @rule(which=st.integers(0, 3))
    def leave(self, which: int) -> None:
        """A session ends."""
        inside = self.guests.inside()
        self.guests.leave(inside[which % len(inside)])

    @precondition(lambda self: self.guests.waiting())
    @rule(which=st.integers(0, 3))
    def give_up(self, which: int) -> None:
        """A waiting visitor gives up."""
        waiting = self.guests.waiting()
        self.guests.give_up(waiting[which % len(waiting)])

    # -- a naive queue manager: SPOP, GET, SET, SADD, with anything in between

    @rule(at=st.integers(0, 3))
    def naive_begin(self, at: int) -> None:
        """SPOP, and GET."""
        self.naive.begin(self._session(), at)

    @rule(dice=st.integers(0, 2**16))
    def naive_go_on(self, dice: int) -> None:
        """Whatever is under way may take its next step, or die."""
        self.naive.go_on(Random(dice))

    # -- accidents

    @rule(fault=st.sampled_from(_FAULTS))
    def fault(self, fault: Fault) -> None:
        """Azure has this fault at the next occasion."""
        self.world.azure.script(fault)

    @rule(event=st.sampled_from(_EVENTS), which=st.integers(0, 5))
    def platform_event(self, event: Fault, which: int) -> None:
        """To one of the machines."""
        vms = self.world.azure.vms
        if vms:
            self.world.azure.happen(event, vms[which % len(vms)].vm_id)
            self.world.look()

    @precondition(lambda self: self.accidents == 2)
    @rule(back=st.integers(0, 10))
    def fail_over(self, back: int) -> None:
        """Redis loses its last seconds; once."""
        self.accidents -= 1
        self.world.fail_over(back)

    @precondition(lambda self: self.accidents == 2)
    @rule()
    def flush(self) -> None:
        """Redis loses everything; once."""
        self.accidents -= 1
        self.world.flush()

    # -- the judgement

    @invariant()
    def no_wrong_is_done(self) -> None:
        """After every step."""
        assert not self._wrongs()

    def _wrongs(self) -> list[Wrong]:
        world = getattr(self, "world", None)
        return world.wrongs if world is not None else []

    def teardown(self) -> None:
        """The accidents stop; everything settles."""
        world = getattr(self, "world", None)
        if world is None or world.wrongs:
            return
        world.clear_up()
        for visitor in self.guests.inside():
            self.guests.leave(visitor)
        ends = world.clock.now() + _LAST_WORD
        while world.unsettled() and world.clock.now() < ends:
            world.run(180, step=30)
        assert not world.wrongs
        assert not world.unsettled(), world.unsettled()


_SETTINGS = settings(
    max_examples=int(os.environ.get("EXAMPLES", "12")),
    stateful_step_count=int(os.environ.get("STEPS", "40")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=not {"EXAMPLES", "HUNT"} & set(os.environ),
    # shrinking replays hours of simulated time: SHRINK=1 when a failure is to be understood
    phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if os.environ.get("SHRINK") else [])],
    print_blob=True,
)
TestRiver = River.TestCase
TestRiver.settings = _SETTINGS


@pytest.mark.long
class TestRiverForLong(River.TestCase):  # type: ignore[misc, valid-type]
    """The same, oftener."""


TestRiverForLong.settings = settings(_SETTINGS, max_examples=int(os.environ.get("EXAMPLES", "60")))
