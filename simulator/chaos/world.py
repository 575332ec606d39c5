"""One moment of everything: scale sets, a Redis that can forget, hosts that can die, visitors, and the observer."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from emulator.behaviour import Behaviour
from emulator.vm import VmState
from scaler.actuate import Result
from scaler.errors import ScalerError
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import PowerState, ScaleSetName, VmId
from scaler.model.policy import Capacity, Policy
from scaler.model.sighting import Pause
from scaler.report import Report
from simulator.chaos.azure import NO_SKEWS, Azure, Skews
from simulator.chaos.breaks import NOTHING, Planted
from simulator.chaos.doors import Crash, Door
from simulator.chaos.hosts import Host, Late, Surroundings
from simulator.chaos.redis_server import Line, Lines, RedisServer
from simulator.clock import SkewedClock, VirtualClock
from simulator.happenings import Did, Entry, Forgotten, Happening
from simulator.looking import looked, unsettled
from simulator.observer.judges import Observer
from simulator.observer.patience import Patience
from simulator.observer.wrong import Wrong
from simulator.presence import Presence
from simulator.workload.queue_manager import Access

SCALE_SET, SECOND = ScaleSetName("vmss-pixels"), ScaleSetName("vmss-second")
MINUTE = timedelta(minutes=1)
POLICY = Policy(
    capacity={SCALE_SET: Capacity(desired=3, warm=1)},
    session_limit=12 * MINUTE,
    presumed_limit=12 * MINUTE,
    creating_timeout=10 * MINUTE,
    reservation_timeout=10 * MINUTE,
    flush_hold=4 * MINUTE,
    refusal_kept=2 * MINUTE,
    surplus_kept=MINUTE,
    warm_surplus_kept=timedelta(0),
)
"""Real numbers, but for the longest: so that a session, a refusal and their ends fit into one campaign."""
_ENDLESS = Patience(idle=timedelta(days=365), policy=POLICY)  # while everything breaks; what leaks shows at the end

_IN_VAIN = 10 * MINUTE  # they ask every few seconds, through a line that may be cut, and naively in several steps


class World:
    """A world in virtual time, which moves by `pass_time` and by waiting alone."""

    def __init__(
        self,
        *,
        seed: int,
        behaviour: Behaviour,
        policy: Policy = POLICY,
        skews: Skews = NO_SKEWS,
        planted: Planted = NOTHING,
        waits: timedelta | None = None,
    ) -> None:
        """`waits`: how long a visitor may be left waiting at most; None: as long as the policy has it."""
        self.policy = policy
        self.clock = VirtualClock()
        self.skews = skews
        metered = replace(behaviour, metered=True)  # ARM's request budgets are those of Azure, and so are the gates
        self.azure_region = Azure(self.clock, policy.capacity, seed=seed, behaviour=metered, skews=skews)
        self.azures = self.azure_region.scale_sets
        self.azure = self.azures[SCALE_SET]
        self._presence = Presence(self.azures.values())
        self.registry = RedisServer(SkewedClock(self.clock, skews.redis), Random(f"redis {seed}"))
        self.reservations = planted.reservations(self.registry.client, self.registry.keys)
        around = Surroundings(clock=self.clock, azure=self.azure_region, redis=self.registry, planted=planted)
        self.hosts = [Host(f"host {number}", around, policy, ahead) for number, ahead in enumerate(skews.hosts, 1)]
        self.queue_managers_line = Line(self.registry, self.clock)
        self.lines = [*(each.line for each in self.hosts), self.queue_managers_line]  # everybody's ways to Redis
        self.observer = Observer(policy, _ENDLESS, _IN_VAIN, waits)
        self.wrongs: Sequence[Wrong] = self.observer.wrongs  # so far
        self.littered = False  # records were written of machines that were gone, or never were
        self.counts: Counter[str] = Counter()
        self.edges: Counter[str] = Counter()
        self.turns: list[Callable[[], None]] = []
        self.hearers: list[Callable[[Happening], None]] = []
        self.readers: list[Callable[[Host, Actor, Report], None]] = []
        self.azure_region.listen(self.tell)

    # -- what is there

    @property
    def vms(self) -> list[VmState]:
        """The machines of all scale sets."""
        return self.azure_region.vms

    def find(self, vm_id: VmId) -> VmState | None:
        """A machine by vm id; None once the machine is gone."""
        return self.azure_region.find(vm_id)

    @property
    def access(self) -> Access:
        """The access of queue managers, by a line of their own."""
        keyspace: Any = Door(self.registry.keyspace, [self.queue_managers_line])
        reservations: Any = Door(self.reservations, [self.queue_managers_line])
        return Access(
            keys=self.registry.keys,
            keyspace=keyspace,
            reservations=reservations,
            now=self.clock.now,
            reachable=lambda vm_id: (vm := self.find(vm_id)) is not None and vm.power is PowerState.RUNNING,
            tell=self.tell,
        )

    def tell(self, happening: Happening) -> None:
        """Tell the observer and all other listeners."""
        if isinstance(happening, Entry) and happening.did in {Did.OVERWROTE, Did.LITTERED}:
            self.littered = True
        self._presence.see(happening)
        self.observer.see(happening)
        for hear in self.hearers:
            hear(happening)

    def look(self, *, forgot: bool = False) -> None:
        """The observer looks at both sides. `forgot`: Redis lost writes since the last look."""
        both = looked(self.registry, tuple(self.azures.values()), self.clock.now(), self.registry.clock.truly)
        self.tell(replace(both, forgot=True) if forgot else both)

    # -- the scaler

    def tick(self, name: Actor, *, host: int = 0, dies_after: int | None = None, after_the_last: bool = False) -> None:
        """One tick; a dead process starts again without memory."""
        chosen = self.hosts[host]
        chosen.fate.left, chosen.fate.after_the_last = dies_after, after_the_last
        try:
            report = chosen.run(name)
        except Crash:
            self.counts["kills"] += 1
            report = None
        if report is not None:
            self._read(chosen, name, report)
        if report is None or report.outcomes:
            self.look()

    def carry_out(self, late: Late) -> None:
        """Carry out the second half of a tick."""
        try:
            report = late.finish()
        except ScalerError:
            return
        self._read(late.host, late.name, report)
        self.look()

    def _read(self, host: Host, name: Actor, report: Report) -> None:
        for outcome in report.outcomes:
            change = outcome.step.change
            if change is not None and change.edge is not None and outcome.result is not Result.LOST_RACE:
                self.edges[change.edge.name] += 1
        for read in self.readers:
            read(host, name, report)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(seconds=seconds))
        self.registry.replicate()
        self.look()

    def run(self, seconds: float, *, step: float = 10) -> None:
        """Run all four controllers at about their pace, and all other inhabitants."""
        ends = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < ends:
            self.pass_time(step)
            for name in CONTROLLERS:
                self.tick(name)
            for turn in self.turns:
                turn()

    # -- faults of Redis

    def fail_over(self, back: int) -> None:
        """Let Redis lose the last seconds; the replica has a clock of its own."""
        self.counts["failovers"] += 1
        self.registry.fail_over(back)
        self.registry.clock.ahead = self.skews.replica
        self.forgot()

    def set_redis_clock_right(self) -> None:
        """Set Redis' clock back to the initial error."""
        self.registry.clock.ahead = self.skews.replica if self.counts["failovers"] else self.skews.redis

    def restart(self) -> None:
        """Restart Redis without the very last second."""
        self.counts["restarts"] += 1
        self.registry.restart()
        self.forgot()

    def flush(self) -> None:
        """Let Redis lose all."""
        self.counts["flushes"] += 1
        self.registry.keyspace.flush()
        self.forgot()

    def lose(self, key: bytes) -> None:
        """Let Redis lose one key."""
        self.counts["lost keys"] += 1
        self.registry.lose(key)
        name = key.rpartition(b":")[2].decode()
        self.tell(Forgotten(at=self.clock.now(), vm_id=name if self.find(VmId(name)) is not None else None))

    def forgot(self) -> None:
        """Tell that promises up to now may be forgotten."""
        self.tell(Forgotten(at=self.clock.now()))
        self.look(forgot=True)

    # -- the end

    def clear_up(self) -> None:
        """End all faults and pauses."""
        self.azure_region.clear_up()
        self.registry.lines = Lines()
        self.set_redis_clock_right()
        self.registry.pause(Pause.NONE)
        for line in self.lines:
            line.away_until = None

    def unsettled(self) -> list[str]:
        """What is not yet as an idle installation should be: all machines fresh, at rest and offered."""
        forgetful = self.counts["kills"] > 0 or self.littered  # with a process dies its memory of the last listing
        return unsettled(self.registry, tuple(self.azures.values()), self.policy, forgetful=forgetful)
