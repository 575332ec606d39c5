"""The figures of a run: counted as it goes, told now and then, and summed up in the end with an exit status."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from emulator.history import Event, What
from emulator.vm import VmState
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import PowerState, ProvisioningState, Tier
from scaler.model.row import Status
from scaler.model.waits import percentile
from simulator.bill import Bill
from simulator.clock import WallClock
from simulator.happenings import Did, Entry, Happening, Look, Published
from simulator.observer.wrong import Kind, Wrong

_COMES_TO_REST = {What.STOPPED: Tier.WARM, What.DEALLOCATED: Tier.COLD}


@dataclass(slots=True)
class Figures:
    """A wait is from a visitor's arrival, on a tier from the reservation, until they are let in; in wall seconds."""

    did: Counter[Did] = field(default_factory=Counter)  # how often
    happened: Counter[What] = field(default_factory=Counter)  # to machines
    waits: list[float] = field(default_factory=list)
    waits_on: dict[Tier, list[float]] = field(default_factory=lambda: {tier: [] for tier in Tier})
    bill: Bill = field(default_factory=lambda: Bill(prices={}))
    tiers: dict[str, Tier] = field(default_factory=dict)  # vm id -> of those that are not gone
    _promised: dict[str, tuple[datetime, Tier]] = field(default_factory=dict)  # session -> since when, and then what
    by_health: set[str] = field(default_factory=set)  # vm ids of machines whose sessions ended so
    closed_tabs: list[float] = field(default_factory=list)  # seconds from a closed tab to the end of the session
    _arrived: dict[str, datetime] = field(default_factory=dict)  # who still waits
    _left: dict[str, datetime] = field(default_factory=dict)  # vm id -> when its visitor was gone without a word

    def see(self, happening: Happening) -> None:
        """Count a happening."""
        if isinstance(happening, Event):
            self.happened[happening.what] += 1
            self._note_tier(happening.what, happening.vm_id or "")
        elif isinstance(happening, Look):
            self.bill.see(happening)
            self._note_hot(happening)
            self._note_ends(happening)
        elif isinstance(happening, Entry):
            self.did[happening.did] += 1
            self._time(happening)

    def _note_tier(self, what: What, vm_id: str) -> None:
        if what in _COMES_TO_REST:
            self.tiers[vm_id] = _COMES_TO_REST[what]
        elif what is What.DELETED:
            self.tiers.pop(vm_id, None)

    def _note_hot(self, look: Look) -> None:
        """Count a machine as hot from the look at which its published record says hot, until the machine rests."""
        hot = (each.state.vm_id for each in look.machines if each.published is not None and each.published.hot)
        self.tiers |= dict.fromkeys(hot, Tier.HOT)

    def _note_ends(self, look: Look) -> None:
        for seen in look.machines:
            vm_id = seen.state.vm_id
            if seen.published is not None and seen.published.ended_by_health and vm_id not in self.by_health:
                self.by_health.add(vm_id)
                if vm_id in self._left:
                    self.closed_tabs.append((look.at - self._left[vm_id]).total_seconds())

    def _time(self, entry: Entry) -> None:
        if entry.did is Did.VANISHED and entry.vm_id is not None:
            self._left[entry.vm_id] = entry.at
        if entry.did is Did.DISPLACED:
            self._promised.pop(entry.session, None)
        if entry.did is Did.PROMISED and entry.vm_id in self.tiers:
            tier = self.tiers[entry.vm_id]
            since, _ = self._promised.get(entry.session, (entry.at, tier))  # a move goes on
            self._promised[entry.session] = (since, tier)
        if entry.did is Did.ARRIVED:
            self._arrived[entry.session] = entry.at
        elif entry.did in {Did.REFUSED, Did.GAVE_UP}:
            self._arrived.pop(entry.session, None)
        elif entry.did is Did.OPENED and entry.session in self._arrived:
            arrived = self._arrived.pop(entry.session)
            self.waits.append((entry.at - arrived).total_seconds())
            reserved, found = self._promised.pop(entry.session, (arrived, self.tiers.get(entry.vm_id or "")))
            if found is not None:
                self.waits_on[found].append((entry.at - reserved).total_seconds())

    @property
    def costs(self) -> str:
        """The bill in words; empty without prices."""
        return self.bill.in_words(self.did[Did.OPENED])

    @property
    def waiting(self) -> int:
        """How many visitors have come and have no answer yet."""
        return len(self._arrived)


_NOT_YET = "–"
_STATUSES = {_NOT_YET: "not offered yet"} | {each: each for each in (*Status, "used")}


def status_word(published: Published | None) -> str:
    """The status by the contract; `used` for Unavailable and used, – for a machine that was never offered."""
    if published is None or published.status is None:
        return _NOT_YET
    return "used" if published.used else published.status


def power_word(state: VmState | None) -> str:
    """Azure's power state, or the state under way."""
    if state is None:
        return "gone"
    if state.provisioning is ProvisioningState.DELETING:
        return "deleting"
    if state.power is PowerState.UNKNOWN:
        return "creating" if state.provisioning is ProvisioningState.CREATING else "failed"
    return state.power


def statuses(words: Iterable[str]) -> dict[str, int]:
    """How many of these status words there are, in the order of a machine's life."""
    counted = Counter(words)
    return {spelled: counted[word] for word, spelled in _STATUSES.items() if counted[word]}


def powers(look: Look) -> dict[str, int]:
    """How many machines are truly in which power state."""
    return dict(sorted(Counter(power_word(each.state) for each in look.machines).items()))


@dataclass(slots=True, kw_only=True)
class Counts:
    """What is counted now and then. `look` is the latest."""

    clock: WallClock
    figures: Figures
    arm_calls: Callable[[], int]
    speed: float
    look: Look | None = None

    def lines(self, seconds: float) -> Iterator[str]:
        """Two lines at that second of the run: the machines on both sides, and how the visitors fare."""
        if self.look is None:
            return
        figures, minutes = self.figures, seconds * self.speed / 60
        in_redis = statuses(status_word(each.published) for each in self.look.machines)
        yield f"Redis: {_listed(in_redis)} · Azure: {_listed(powers(self.look))}"
        waits = f"waits p50 {_seconds(figures.waits, 0.50)}, p95 {_seconds(figures.waits, 0.95)}"
        visitors = f"visitors: {figures.did[Did.OPENED]} let in, {figures.waiting} waiting, {waits}"
        yield f"{visitors} · {self.arm_calls() / minutes:.0f} ARM calls per minute of the emulated world"


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in counted.items()) or "nothing yet"


def _seconds(waits: Sequence[float], share: float) -> str:
    found = percentile(waits, share)
    return "–" if found is None else f"{found:.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The results of a run."""

    figures: Figures
    wrongs: Sequence[Wrong]
    calls: Mapping[str, int]  # ARM calls by caller
    redis: str
    speed: float
    seconds: float

    @property
    def exit_status(self) -> int:
        """1 after a wrong."""
        return 1 if self.wrongs else 0

    @property
    def calls_per_minute(self) -> float:
        """Of the wall clock."""
        return 60 * sum(self.calls.values()) / self.seconds if self.seconds else 0.0

    def count(self, kind: Kind) -> int:
        """How many wrongs of that kind."""
        return sum(each.kind is kind for each in self.wrongs)

    def as_json(self) -> str:
        """One line."""
        return json.dumps(self.facts())

    def facts(self) -> dict[str, object]:
        """Waits are in seconds on the wall; times `speed` they are seconds of the emulated world."""
        did, happened, waits = self.figures.did, self.figures.happened, self.figures.waits
        on = {str(tier): each for tier, each in self.figures.waits_on.items()}
        return {
            "visitors": did[Did.ARRIVED],
            "opened": did[Did.OPENED],
            "moved": did[Did.MOVED],
            "refused": did[Did.REFUSED],
            "abandoned": did[Did.GAVE_UP],
            "waiting": self.figures.waiting,
            "expired": did[Did.EXPIRED],
            "let_in_too_early": did[Did.SAW_NOTHING],
            "ended_by_health": len(self.figures.by_health),
            "closed_tab_p95_s": _rounded(percentile(self.figures.closed_tabs, 0.95)),
            "wait_p50_s": _rounded(percentile(waits, 0.50)),
            "wait_p95_s": _rounded(percentile(waits, 0.95)),
            **{f"{tier}_wait_p95_s": _rounded(percentile(on.get(tier, ()), 0.95)) for tier in Tier},
            **{kind.value: self.count(kind) for kind in Kind},
            "created": happened[What.CREATED],
            "deleted": happened[What.DELETED],
            "cost": round(self.figures.bill.total, 4) if self.figures.costs else None,
            "arm_calls": sum(self.calls.values()),
            "arm_calls_per_minute": round(self.calls_per_minute, 1),
            "arm_calls_per_controller": {name: self.calls.get(name, 0) for name in sorted(CONTROLLERS)},
            "redis": self.redis,
            "speed": self.speed,
            "seconds": round(self.seconds, 1),
        }

    def as_lines(self) -> Iterator[str]:
        """For people; the verdict comes after it."""
        did, happened = self.figures.did, self.figures.happened
        yield f"{self.seconds:.0f} seconds at {self.speed:g} times real speed, on {self.redis}"
        yield (
            f"visitors  {did[Did.ARRIVED]} came: {did[Did.OPENED]} let in, {did[Did.REFUSED]} refused, "
            f"{did[Did.GAVE_UP]} gave up, {self.figures.waiting} still wait"
            + (f"; {did[Did.MOVED]} moved to another machine" if did[Did.MOVED] else "")
            + (f"; {did[Did.EXPIRED]} stayed until their limit" if did[Did.EXPIRED] else "")
        )
        if early := did[Did.SAW_NOTHING]:
            yield f"ready     {early} visitors were let in before the stream was there (READY=healthy: after)"
        if ended := len(self.figures.by_health):
            yield f"health    {ended} sessions ended by it{self._after_closed_tabs()}"
        yield f"waits     {waits_in_words(self.figures.waits, self.speed)}"
        yield f"machines  {happened[What.CREATED]} created, {happened[What.DELETED]} deleted"
        if self.figures.costs:
            yield f"costs     {self.figures.costs}"
        each = ", ".join(f"{name} {self.calls.get(name, 0)}" for name in sorted(CONTROLLERS))
        emulated = self.calls_per_minute / self.speed
        yield f"ARM       {sum(self.calls.values())} calls, {emulated:.0f} per minute of the emulated world: {each}"

    def _after_closed_tabs(self) -> str:
        """How long after the tab was closed, in the emulated world."""
        found = percentile(self.figures.closed_tabs, 0.95)
        return "" if found is None else f", 95 % within {found * self.speed:.0f} s of the closed tab (emulated)"

    def verdict(self) -> Iterator[tuple[str, bool]]:
        """The four counts, and every wrong; with each line, whether there is a wrong."""
        for kind in Kind:
            yield f"{kind.value.replace('_', ' '):25} {self.count(kind)}", self.count(kind) > 0
        for wrong in self.wrongs:
            yield in_words(wrong), True


def in_words(wrong: Wrong) -> str:
    """One wrong in words: the kind, the machine, the session and the reason."""
    whom = " ".join(
        word for word in (wrong.vm_id and f"vm {wrong.vm_id}", wrong.session and f"session {wrong.session}") if word
    )
    return f"WRONG ({wrong.kind.value.replace('_', ' ')}) {whom}: {wrong.why}"


def waits_in_words(waits: Sequence[float], speed: float) -> str:
    """Median and 95th percentile, on the wall and in the emulated world."""
    median, most = percentile(waits, 0.50), percentile(waits, 0.95)
    if median is None or most is None:
        return "nobody was let in yet"
    real = f" (at real speed {median * speed:.0f} s and {most * speed:.0f} s)" if speed != 1 else ""
    return f"p50 {median:.1f} s, p95 {most:.1f} s{real}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
