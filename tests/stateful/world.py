"""One scale set or two, a registry that can forget, four controllers that can crash, visitors, and a judge."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from clock import ManualClock

from emulator.behaviour import Behaviour
from emulator.faults import Faults
from emulator.founding import MANAGED
from emulator.history import Event, What
from emulator.in_process import InProcessScaleSet
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from scaler.actuate import Ports, actuate
from scaler.errors import ScalerError
from scaler.model.instance import PowerState, ScaleSetName, SessionId, VmId
from scaler.model.plan import Plan
from scaler.model.policy import Capacity, Policy
from scaler.model.record import Status
from scaler.model.sighting import Pause
from scaler.ports import Confirmation
from scaler.registry.keys import Keys
from scaler.registry.keyspace import State
from scaler.registry.memory import MemoryRegistry
from scaler.registry.memory_reservations import MemoryReservations
from scaler.registry.sessions import Reservation
from scaler.tick import Name, Tick

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
)
REDIS_MAY_LOSE = timedelta(seconds=30)


class Crash(BaseException):
    """The process died here."""


class ForgetfulRegistry(MemoryRegistry):
    """A registry with a replica behind it: a failover loses at most 30 s, and nothing that was confirmed."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now, Keys())
        self._replica: list[tuple[datetime, State]] = []

    def confirm(self) -> Confirmation:
        """The replica has it all."""
        self._replica = [(self.now(), self.keyspace.snapshot_state())]
        return Confirmation.REPLICATED

    def replicate(self) -> None:
        """One more state that a failover may fall back to."""
        kept = [each for each in self._replica if self.now() - each[0] <= REDIS_MAY_LOSE]
        self._replica = [*kept, (self.now(), self.keyspace.snapshot_state())]

    def fail_over(self, back: int) -> None:
        """Fall back by some states."""
        if self._replica:
            chosen = self._replica[-1 - back % len(self._replica)]
            self.keyspace.restore_state(chosen[1])


class Mortal:
    """Any door, for a process that may die at its n-th effect from now: before it, or right after it."""

    EFFECTS = frozenset({"apply", "confirm", "start", "power_off", "deallocate", "delete", "mark", "set_capacity"})

    def __init__(self, door: Any, fate: "Fate") -> None:
        self._door = door
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._door, name)
        if name not in self.EFFECTS:
            return found

        def effect(*args: Any, **kwargs: Any) -> Any:
            self._fate.before()
            result = found(*args, **kwargs)
            self._fate.after()
            return result

        return effect


@dataclass(slots=True)
class Fate:
    """How many effects this process still has; None: it lives."""

    left: int | None = None
    after_the_last: bool = False

    def before(self) -> None:
        """An effect is about to happen."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0 and not self.after_the_last:
                raise Crash

    def after(self) -> None:
        """It has happened."""
        if self.left is not None and self.left < 0:
            raise Crash


@dataclass(slots=True)
class Visitor:
    """One session, from its own point of view."""

    session: SessionId
    naive: bool
    vm_id: VmId
    asked_at: datetime
    excused: bool = False  # Redis lost a write on which the promise rested
    told_open: bool = False  # the machine may be gone before they get there
    entered_at: datetime | None = None
    done: str | None = None  # left, refused, gave up, thrown out, forgotten by Redis


@dataclass(kw_only=True)
class World:
    """Everything, on one clock."""

    seed: int
    behaviour: Behaviour
    policy: Policy = POLICY
    clock: ManualClock = field(default_factory=ManualClock)
    visitors: dict[SessionId, Visitor] = field(default_factory=dict)
    visited: dict[VmId, SessionId] = field(default_factory=dict)
    forgot_at: datetime | None = None
    crashed: bool = False
    wrongs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.azures = {
            name: EmulatedScaleSet(self.clock.now, name=name, seed=self.seed + number, behaviour=self.behaviour)
            for number, name in enumerate(self.policy.capacity)
        }
        self.azure = self.azures[SCALE_SET]
        self.registry = ForgetfulRegistry(self.clock.now)
        self.reservations = MemoryReservations(self.registry)
        self.fate = Fate()
        self.ports = {name: self._ports_of(name) for name in Name}
        self.ticks: dict[Name, Tick] = {}
        self.late: list[tuple[Name, Plan]] = []
        self._judged = dict.fromkeys(self.azures, 0)

    def _ports_of(self, name: Name) -> Ports:
        registry = None if name is Name.PROVISIONER else Mortal(self.registry, self.fate)
        faces = {
            each: Mortal(InProcessScaleSet(azure, self.clock, caller=f"scaler-{name}"), self.fate)
            for each, azure in self.azures.items()
        }
        return Ports(registry=registry, scale_sets=faces, clock=self.clock)

    @property
    def vms(self) -> list[VmState]:
        """The machines of all scale sets; their instance ids are the same numbers in each."""
        return [vm for azure in self.azures.values() for vm in azure.vms]

    def find(self, vm_id: VmId) -> VmState | None:
        """One of them."""
        return next((vm for vm in self.vms if vm.vm_id == vm_id), None)

    def clear_up(self) -> None:
        """Nothing goes wrong any more, and nobody keeps the scaler from its work."""
        for azure in self.azures.values():
            azure.faults = Faults()
            azure.clear_script()
            azure.tag(**MANAGED)
        self.registry.pause(Pause.NONE)

    # -- the scaler

    def _tick_of(self, name: Name) -> Tick:
        return self.ticks.setdefault(name, Tick(name, self.ports[name], self.policy))

    def tick(self, name: Name, *, dies_after: int | None = None, after_the_last: bool = False) -> None:
        """One tick; a dead process starts again without memory."""
        self.fate.left, self.fate.after_the_last = dies_after, after_the_last
        try:
            self._tick_of(name).run()
        except ScalerError:
            pass  # Redis or Azure away: the next tick is the retry
        except Crash:
            self.ticks.clear()
            self.crashed = True
        self.fate.left = None
        self.judge()

    def plan(self, name: Name) -> None:
        """The first half of a tick; the second half comes late, or never."""
        with suppress(ScalerError):
            self.late.append((name, self._tick_of(name).plan().plan))

    def carry_out_late(self) -> None:
        """The second half of the oldest tick that was interrupted."""
        if self.late:
            name, plan = self.late.pop(0)
            actuate(plan, self.ports[name], self.policy)
            self.judge()

    def pass_time(self, seconds: float) -> None:
        """Nothing but time."""
        self.clock.advance(timedelta(seconds=seconds))
        self.registry.replicate()
        self.judge()

    def run(self, seconds: float, *, step: float = 10) -> None:
        """All four controllers, at about their own pace, and visitors who look whether they may go in."""
        ends = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < ends:
            self.pass_time(step)
            for name in Name:
                self.tick(name)
            self.poll()

    # -- accidents

    def fail_over(self, back: int) -> None:
        """Redis loses its last seconds."""
        self.registry.fail_over(back)
        self.forgot_at = self.clock.now()

    def flush(self) -> None:
        """Redis loses everything."""
        self.registry.keyspace.flush()
        self.forgot_at = self.clock.now()

    # -- visitors

    def reserve(self, session: SessionId) -> None:
        """Our own client."""
        got = self.reservations.reserve(session)
        if got is not None:
            self.acknowledged(session, got.vm_id, naive=False)

    def acknowledged(self, session: SessionId, vm_id: VmId, *, naive: bool) -> None:
        """The visitor was told that a machine is on its way."""
        self.visitors[session] = Visitor(session=session, naive=naive, vm_id=vm_id, asked_at=self.clock.now())

    def written_over(self, vm_id: VmId, popped_at: datetime) -> None:
        """A blind SET after an SPOP that a failover forgot: whoever was given the machine since loses it to Redis."""
        if self.forgot_at is not None and popped_at <= self.forgot_at:
            for visitor in self.waiting():
                if visitor.vm_id == vm_id:
                    visitor.excused = True

    def waiting(self) -> list[Visitor]:
        """Those who were promised a machine and are not in yet."""
        return [each for each in self.visitors.values() if each.done is None and each.entered_at is None]

    def inside(self) -> list[Visitor]:
        """Those who are on a machine."""
        return [each for each in self.visitors.values() if each.done is None and each.entered_at is not None]

    def poll(self) -> None:
        """Every waiting visitor asks once."""
        for visitor in self.waiting():
            if visitor.naive:
                self._poll_naively(visitor)
            else:
                self._poll(visitor)

    def _poll(self, visitor: Visitor) -> None:
        sight = self.reservations.look(visitor.session)
        match sight.stage.value:
            case "open" if sight.reservation is not None:
                self._enter(visitor, sight.reservation.vm_id)
                self._go_where_told(visitor, sight.reservation)
            case "refused" | "ended":
                visitor.done = "refused"
            case "unknown":
                self._forgotten(visitor)

    def _poll_naively(self, visitor: Visitor) -> None:
        record = self.record_of(visitor.vm_id)
        if record is None or record.get("sessionId") != visitor.session or record.get("used"):
            self._forgotten(visitor, refused=record is not None)
        elif record["status"] == "Unavailable":
            self._enter(visitor, visitor.vm_id)

    def _forgotten(self, visitor: Visitor, *, refused: bool = False) -> None:
        excused = visitor.excused or (self.forgot_at is not None and self.forgot_at >= visitor.asked_at)
        if not refused and not excused and not visitor.told_open and not self._named(visitor.session):
            self.wrongs.append(f"lost: {visitor.session} was promised {visitor.vm_id} and nobody knows of it")
        visitor.done = "forgotten by Redis" if excused else "refused"

    def _named(self, session: SessionId) -> bool:
        rows = self.registry.read_also([VmId(each.vm_id) for each in self.vms])
        return any(
            (row.readable is not None and row.readable.session_id == session)
            or (row.notes is not None and (session == row.notes.session or session in row.notes.ended))
            for row in rows.values()
        )

    def _enter(self, visitor: Visitor, vm_id: VmId) -> None:
        """They go in if the machine truly runs: and nobody else may ever have been in."""
        visitor.told_open = True
        state = self.find(vm_id)
        if state is None or state.power is not PowerState.RUNNING:
            return
        before = self.visited.setdefault(vm_id, visitor.session)
        if before != visitor.session:
            self.wrongs.append(f"used handed out: {vm_id} was {before}'s and is now {visitor.session}'s")
        visitor.vm_id, visitor.entered_at = vm_id, self.clock.now()

    def _go_where_told(self, visitor: Visitor, told: Reservation) -> None:
        """An address, if one is told, is that of their own machine: instance ids are reused, and lists are old."""
        state = self.find(told.vm_id)
        for said, true in ((told.private_ip, state and state.private_ip), (told.public_ip, state and state.public_ip)):
            if visitor.entered_at is not None and said is not None and said != true:
                self.wrongs.append(f"sent elsewhere: {visitor.session} to {said}, but {told.vm_id} is at {true}")

    def leave(self, visitor: Visitor) -> None:
        """They go, and their queue manager says so."""
        visitor.done = "left"
        if visitor.naive:
            self.naive_write(visitor.vm_id, visitor.session, used=True, status="Unavailable")
        else:
            self.reservations.release(visitor.session)

    def give_up(self, visitor: Visitor) -> None:
        """They do not want to wait any longer."""
        visitor.done = "gave up"
        if visitor.naive:
            self.naive_write(visitor.vm_id, visitor.session, used=True, status="Reserved")
        else:
            self.reservations.cancel(visitor.session)

    def record_of(self, vm_id: VmId) -> Mapping[str, Any] | None:
        """What a naive GET shows."""
        row = self.registry.read_also([vm_id])[vm_id]
        record = row.readable
        if record is None:
            return None
        return {"status": str(record.status), "sessionId": record.session_id, "used": record.used}

    def naive_write(self, vm_id: VmId, session: SessionId, *, used: bool, status: str) -> None:
        """SET of the fields that a naive queue manager knows, whatever was there."""
        text = (
            f'{{"vmId": "{vm_id}", "instanceId": "1", "status": "{status}", '
            f'"used": {"true" if used else "false"}, "sessionId": "{session}"}}'
        )
        self.registry.keyspace.set(self.registry.keys.instance(vm_id), text)

    # -- the judge

    def judge(self) -> None:
        """Whoever is inside must not have been stopped or deleted by the scaler before their time."""
        for name, azure in self.azures.items():
            events = azure.history.events
            self._judge(events[self._judged[name] :])
            self._judged[name] = len(events)

    def _judge(self, events: Sequence[Event]) -> None:
        hurt = {What.STOP_ORDERED, What.DEALLOCATE_ORDERED, What.DELETE_ORDERED}
        for event in events:
            for visitor in self.inside():
                if event.vm_id != visitor.vm_id:
                    continue
                if event.what in hurt and event.by.startswith("scaler"):
                    self._interrupted(visitor, event.at)
                elif event.what in {What.STOPPED, What.DEALLOCATED, What.DELETED, What.EVICTED, What.SHUT_DOWN}:
                    visitor.done = "thrown out"

    def _interrupted(self, visitor: Visitor, at: datetime) -> None:
        assert visitor.entered_at is not None
        limit = self.policy.session_limit
        visitor.done = "thrown out"
        if at - visitor.entered_at < limit - timedelta(seconds=30):
            self.wrongs.append(f"cut short: {visitor.session} on {visitor.vm_id} after {at - visitor.entered_at}")

    def _leftovers(self) -> list[bytes]:
        """Records, and notes that no TTL ends, of machines that are gone.

        Residual: a queue manager dies with a key in its hands, the machine vanishes before the next listing, and our
        process, which remembers the last one, dies too. Then the record lies in Redis, and nothing costs money.
        """
        if self.crashed:
            return []
        alive, keys, space = {each.vm_id for each in self.vms}, self.registry.keys, self.registry.keyspace
        found = [key for key in space.snapshot_state().strings if key.rsplit(b":", 1)[-1].decode() not in alive]
        return [
            key
            for key in found
            if key.startswith(keys.instance(VmId("")).encode())
            or (key.startswith(keys.notes(VmId("")).encode()) and space.ttl(key) == -1)
        ]

    def unsettled(self) -> list[str]:
        """What is not yet as an idle installation should be: all machines fresh, at rest and offered."""
        rows = self.registry.read().rows
        available = {vm_id for vm_id, row in rows.items() if row.status is Status.AVAILABLE}
        amiss = [f"registered as {row.status}: {vm_id}" for vm_id, row in rows.items() if vm_id not in available]
        amiss += [f"not offered: {each}" for each in self.vms if each.vm_id not in available]
        amiss += [f"offered, but running: {each}" for each in self.vms if each.power is PowerState.RUNNING]
        amiss += [f"left over: {key!r}: {self.registry.keyspace.get(key)!r}" for key in self._leftovers()]
        for name, azure in self.azures.items():
            if len(azure.vms) != self.policy.capacity[name].desired:
                amiss.append(f"{len(azure.vms)} machines in {name} instead of {self.policy.capacity[name].desired}")
        return amiss
