"""The figures of the page: Redis as of now, the history of a day, and on demand one look at Azure."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from math import inf
from threading import Lock

from scaler.cli import alive
from scaler.cli.environment import Exit, Operator
from scaler.cli.explaining import Explained, explained
from scaler.cli.finding import Finder
from scaler.cli.overview import Overview, look, look_at_redis
from scaler.cli.pausing import halts
from scaler.cli.screen import age
from scaler.errors import Refused
from scaler.model.edges import Actor
from scaler.model.history import DAY, SAMPLE_EVERY, SAMPLED, Sample
from scaler.model.instance import ScaleSetName, Tier, VmId
from scaler.model.machine import Machine
from scaler.model.plan import counted
from scaler.model.row import Status
from scaler.model.sighting import Pause

_FACTS = re.compile(r" \((?=\w+=)")  # of an alarm: the list below the verdict has them
_LATE = 3  # samples that may still be written or changed: a process writes a minute when the next one has begun
_AZURE_EVERY = 30.0  # seconds: Azure grants ten listings a minute, and the scaler itself may take six of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A window of the calendar on the chart."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A reason to hold something back; `number`: how many steps."""

    by: str
    why: str
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All that the first page shows."""

    overview: Overview
    samples: Sequence[Sample]  # of the reconciler, in order
    waits: Mapping[str, Sequence[float]]  # seconds, by tier, of the day
    refused: int  # of the day
    day: timedelta  # the length of the day at this speed
    bands: Sequence[Band]
    held: Sequence[Held]
    currency: str
    looked_ago: timedelta | None  # since the look at Azure that is shown; None: Redis alone

    @property
    def states(self) -> Counter[str]:
        """Machines by their state in Redis."""
        return Counter(state_of(machine) for machine in self.overview.machines)

    @property
    def machines(self) -> int:
        """The machines that exist, as far as known: a record outlives its machine for a while."""
        return sum(not _is_missed(machine) for machine in self.overview.machines)

    @property
    def wanted(self) -> int | None:
        """Machines that the running provisioner wants; None where the provisioner is silent."""
        running = self.overview.running
        return sum(want.machines for want in running.values()) if running else None

    @property
    def longest_wait(self) -> timedelta | None:
        """The longest wait of the visitors who wait now."""
        waits = (machine.reserved_for for machine in self.overview.machines)
        return max((wait for wait in waits if wait is not None), default=None)

    @property
    def verdict(self) -> tuple[bool, str]:
        """Whether all is well, and the state of all in one sentence."""
        serious = [trouble for trouble in alive.troubles(self.overview.signs) if trouble.exit is not None]
        serious.sort(key=lambda trouble: trouble.exit is not Exit.ALARM)
        if serious:
            more = f" (and {len(serious) - 1} more below)" if len(serious) > 1 else ""
            first, *_ = _FACTS.split(serious[0].said, maxsplit=1)
            return False, f"Look at this: {first}{more}."
        states = self.states
        wait = f" (the longest for {age(self.longest_wait)})" if self.longest_wait is not None else ""
        wanted = f"; {counted(self.wanted, 'machine')} wanted" if self.wanted is not None else ""
        return True, (
            f"All is well: {counted(states['in session'], 'visitor')} inside, {states['reserved']} waiting{wait},"
            f" {counted(sum(states[tier.value] for tier in Tier), 'machine')} on offer{wanted}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Closely:
    """One machine."""

    machine: Machine
    told: Explained | None = None  # after a look at Azure
    errors: tuple[str, ...] = ()
    again: timedelta = timedelta(0)  # until Azure may be looked at again


def state_of(machine: Machine) -> str:
    """The state of a machine in Redis, in a word."""
    record = machine.stored.readable
    if record is None:
        return "unreadable" if machine.stored.is_unreadable else "no record"
    if record.used:
        return "used"
    if record.status is Status.AVAILABLE:
        offered = Status.AVAILABLE in machine.stored.index
        return record.tier.value if offered else "not offered now"
    return "reserved" if record.status is Status.RESERVED else "in session"


def _is_missed(machine: Machine) -> bool:
    """Whether Azure does not show the machine: by this look, or by the scaler's latest one."""
    notes = machine.stored.notes
    noted = notes is not None and notes.missed_at is not None
    return machine.instance is None and (noted or machine.absence is not None)


class Watcher:
    """Looks for the page, one at a time; remembers samples, because a written sample does not change."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._registry = operator.doors.registry
        self._policy = operator.settings.policy
        self._every = SAMPLE_EVERY / operator.settings.speed
        self._samples: dict[tuple[Actor, int], Sample] = {}
        self._read_until = 0
        self._azure: Overview | None = None
        self._looked = -inf  # when Azure was looked at last
        self._lock = Lock()

    def figures(self, *, azure: bool) -> Figures:
        """All figures. Raises ScalerError when Redis does not answer."""
        with self._lock:
            if azure and self._may_look():
                self._azure = self._look()
            overview = self._azure if azure else None
            ago = timedelta(seconds=time.monotonic() - self._looked) if overview is not None else None
            overview = overview or look_at_redis(self._registry, self._policy)
            samples = self._history(overview.snapshot.now)
        visited = [sample for sample in samples if sample.controller is Actor.STARTER]
        tiers = sorted({tier for sample in visited for tier in sample.waits})
        return Figures(
            overview=overview,
            samples=[sample for sample in samples if sample.controller is Actor.RECONCILER],
            waits={tier: [wait for sample in visited for wait in sample.waits.get(tier, ())] for tier in tiers},
            refused=sum(sample.refused for sample in visited),
            day=DAY * self._every,
            bands=tuple(self._bands(samples[0].at, overview.snapshot.now)) if samples else (),
            held=tuple(self._held(overview)),
            currency=self._policy.currency,
            looked_ago=ago,
        )

    def machine(self, vm_id: VmId, *, azure: bool) -> Closely | None:
        """One machine; None for an unknown machine. Raises ScalerError when Redis does not answer."""
        with self._lock:
            if azure and self._may_look():
                return self._closely(vm_id)
            again = timedelta(seconds=max(self._looked + _AZURE_EVERY - time.monotonic(), 0.0))
            machines = look_at_redis(self._registry, self._policy).machines
        found = next((machine for machine in machines if machine.vm_id == vm_id), None)
        return Closely(machine=found, again=again) if found is not None else None

    def _may_look(self) -> bool:
        """Whether Azure may be looked at now, which is noted as a look."""
        due = time.monotonic() - self._looked >= _AZURE_EVERY
        self._looked = time.monotonic() if due else self._looked
        return due

    def _look(self) -> Overview:
        doors = self._operator.doors
        return look(doors.ports("web"), self._registry, self._policy, doors.listings.store)

    def _closely(self, vm_id: VmId) -> Closely | None:
        finder = Finder(self._operator)
        try:
            machine = next((found for found in finder.named(vm_id) if found.vm_id == vm_id), None)
        except Refused:
            machine = None
        if machine is None:
            return None
        told = explained(finder.seen_closely(machine), vm_id, self._policy)
        return Closely(machine=told.machine, told=told, errors=tuple(map(str, finder.errors)))

    def _history(self, now: datetime) -> list[Sample]:
        """The samples of a day until now, in order."""
        last = int(now.timestamp() // self._every.total_seconds())
        first = last - DAY + 1
        unread = range(max(first, self._read_until - _LATE), last + 1)
        self._samples |= self._registry.history([(name, number) for name in SAMPLED for number in unread])
        self._samples = {place: sample for place, sample in self._samples.items() if first <= place[1] <= last}
        self._read_until = last
        return sorted(self._samples.values(), key=lambda sample: sample.at)

    def _bands(self, since: datetime, until: datetime) -> Iterator[Band]:
        """The windows of the calendar on the chart."""
        for window in self._policy.calendar:
            for each in takewhile(lambda each: each.start < until, window.occurrences(since)):
                yield Band(name=window.name, start=max(each.start, since), end=min(each.end, until))

    def _held(self, overview: Overview) -> Iterator[Held]:
        """All that is held back: by a pause, by Azure, and by the controllers."""
        for by, how in (("the registry", overview.snapshot.pause), ("SCALER_PAUSED", self._policy.pause)):
            if how is not Pause.NONE:
                yield Held(by=by, why=f"paused: {halts(how)}")
        for name, ceiling in overview.ceilings.items():
            yield Held(by=name, why=f"Azure has no room for {counted(ceiling.refused, 'machine')}: {ceiling.said}")
        for controller, sign in overview.signs.items():
            for why, number in sign.held.items():
                yield Held(by=controller, why=why, number=number)


def failed_orders(overview: Overview) -> Iterator[str]:
    """The latest failure of each kind of order, of all scale sets."""
    names = {each.scale_set for sign in overview.signs.values() for each in sign.failed_orders}
    for name in sorted(names):
        yield from (f"{name}, {said}" for said in alive.failed_orders(overview.signs, ScaleSetName(name)))
