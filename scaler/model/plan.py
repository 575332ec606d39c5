"""The plan of a tick: steps (a change, an order, or both, with the reason), refusals, and asks."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from scaler.model.instance import InstanceRef, ScaleSetName, VmId
from scaler.model.lifecycle import KEEP, Change
from scaler.model.sighting import Sighting


class Why(StrEnum):
    """Every reason of a step or a refusal: constants for the log, with the facts beside."""

    # provisioner
    BELOW_DESIRED = "capacity is below the desired number of instances"
    NO_IDENTITY = (
        "Azure lists a machine without its identity: delete the instance in Azure, it holds a place in the pool"
    )
    QUOTA_TOO_SMALL = (
        "the quota allows fewer machines than wanted: ask Azure for quota, or want fewer (SCALER_POOL_CAPACITY if"
        " fixed, else SCALER_POOL_MAX)"
    )
    RAISE_LATER = "the capacity is raised a little later: ARM's budget for it may be the one of the marks"
    GROUP_UNREAD = "the tags of the resource group cannot be read; of them, those that were read last hold"
    BAD_TAG = (
        "a tag, or a key of App Configuration, cannot be used, and the value that was good before holds: correct or"
        " delete it"
    )
    STORE_UNREAD = "App Configuration cannot be read: what its keys said last holds"
    SOLD_OUT = "Azure has fewer machines of this size than wanted: another size, zone or region may have more"
    OVER_BUDGET = (
        "the monthly budget holds fewer machines than wanted: raise SCALER_BUDGET, or want fewer (SCALER_POOL_CAPACITY"
        " if fixed, else SCALER_POOL_MAX)"
    )
    BUDGET_COOLS = "the monthly budget holds fewer warm and hot machines than wanted: the others are deallocated"
    CREATIONS_FAIL = (
        "too many creations failed, so nothing more is created for an hour: see why the Failed machines failed, mend"
        " that, and delete them to go on at once"
    )
    NEVER_READY = (
        "too many new machines did not become Healthy in time, so nothing more is created for an hour: see why the app"
        " does not start on them, and mend the image or the probe"
    )
    NO_HEALTH_AT_ALL = (
        "no machine shows any health, so nothing more is created for an hour: is the Application Health extension in"
        " the scale set's model? Else set SCALER_READY_WHEN=running"
    )
    CAPACITY_STUCK = "capacity stays above what is listed and nothing is updating"
    NEW_RUNNING_WARM = "new machine runs; stopped, but kept allocated (warm)"
    NEW_RUNNING_COLD = "new machine runs; deallocated"
    # reconciler
    NEW_AT_REST = "new machine is at rest and unmarked"
    MARK_SEEN = "mark seen in Azure"
    HORIZON_PASSED = "marked, at rest, and every order given before the mark is dead"
    MARKED_UNKNOWN = "marked, but the registry knows nothing of it"
    MARKED_UNKNOWN_RUNS = "marked and running, and the notes do not say why"
    NOTES_LOST = "marked, and the notes about it are lost"
    UNREADABLE = "its record cannot be read"
    RECORD_LOST = "its notes say it was handed over, its record is lost"
    RECORD_UNDONE = "its notes say it was started, its record says Available"
    USED_ELSEWHERE = "its record or its notes say used"
    FAILED = "its last operation failed, and the hold for this class of failure is over"
    UNFINISHED = "neither at rest nor running for too long"
    NOT_HEALTHY_IN_TIME = "new, and it runs, but it did not become Healthy in time"
    DELETION_HANGS = "somebody else ordered its deletion, and Azure does not finish it: it is deleted again"
    MARK_REFUSED = "Azure refused its mark too often"
    MARK_GONE = "known, but its mark is gone; it is marked again"
    GONE = "gone from Azure (two witnesses)"
    MISSED = "not seen in Azure; first witness"
    SEEN_AGAIN = "seen again: the first witness was contradicted"
    NOTED = "the notes take down what this look has shown"
    INDEX_REPAIR = "its key was not in the index set that its record names"
    LEFT_AVAILABLE = "tainted: its key leaves the available set"
    WARMTH = "the record's warm flag is set to what the power state shows"
    WARM_LACK = "fewer machines are kept warm than wanted; a cold one is claimed, to be started and stopped again"
    HOT_LACK = (
        "fewer machines run and wait than wanted; this one is heated: started for no session, and offered all the time"
    )
    HEATED_AGAIN = "heated, and at rest all the same: started again"
    HOT = "it runs and is ready, and waits hot for its visitor"
    HOT_NO_MORE = "it does not run any more, and is not hot"
    HOT_SURPLUS = "more machines are hot than wanted, or this one is to be replaced; claimed, to be stopped"
    NEVER_HOT = "heated, and not ready in time; claimed, to be stopped"
    COOLS_DOWN = "claimed long enough: stopped, but kept allocated (warm)"
    TAKEN_OUT = "it was heated, and its mark is gone: taken out first, and marked again when no failover can undo that"
    NOT_HEATED = "a machine that was to become hot did not become ready in time; tried again later"
    NO_REPLICA = (
        "no replica of Redis answers (WAIT), so no machine is heated and no hot one is opened: a hot machine needs a"
        " replica, or SCALER_HOTPOOL_SIZE=0"
    )
    STARTED_TO_WARM = "claimed long enough: started, to be stopped again with its allocation kept (warm)"
    STOPPED_WARM = "it runs under its claim: stopped, but kept allocated (warm)"
    STAYS_RUNNING = "started to be made warm, and Azure did not stop it in time: presumed to be in use"
    CLAIM_CLOSES = "at rest under its claim: it gets no further order, and is offered when the last one is dead"
    WARMED = "warm at rest, and every order that rested on its claim is dead: offered again"
    WARM_SURPLUS = "more machines are kept warm than wanted; claimed, to be deallocated"
    COOLING = "claimed long enough: deallocated"
    CLAIM_RENEWED = "its claim is too old for another order; renewed"
    COOLED = "cold at rest, and every order that rested on its claim is dead: offered again"
    CLAIM_DROPPED = "it could not be cooled or warmed in time; offered again as it is"
    ADDRESSES = "its record had lost the addresses that the notes know"
    # starter
    RESERVED = "reserved"
    START_OVERDUE = "the start is overdue"
    RUNS = "it runs, and was started for this session"
    HEALTHY = "it runs for this session, and is Healthy: to be opened, whatever its health says from now on"
    NO_HEALTH = (
        "it shows no health at all, and is opened as if it were Healthy: is the Application Health extension installed"
        " on it?"
    )
    BOOTS = "it runs, and is not Healthy yet"
    NOT_HEALTHY = "it runs, and did not become Healthy in time"
    NO_ADDRESSES = "it runs; its addresses are asked for again before it is opened"
    UNDONE_OPEN = "a late write undid an opened session's record; restored from the notes"
    UNDONE_END = "a late write for a session that had ended; restored from the notes"
    CANNOT_START = "it cannot be started"
    READY_HOT = "it runs, ready, for no session before: noted for this one, and opened when a replica has the note"
    NOT_HOT_YET = (
        "it was started for no session before, and is not ready yet: noted for this one, and opened when it is"
    )
    UNCONFIRMED = "no replica answers, so its hot machine cannot be opened"
    NO_CAPACITY = "Azure has no capacity to start it now"
    TAINTED = "it is tainted"
    GAVE_UP = "reserved and used: the session gave up"
    TIMEOUT = "not opened within the reservation timeout"
    # cleaner
    LIMIT = "the session limit is over"
    PRESUMED_LIMIT = "the limit of a presumed session is over"
    CAME_TO_REST = "stopped under its session (two witnesses)"
    EVICTED = "deallocated under its session: evicted by Azure, or by somebody (two witnesses)"
    RESTS = "at rest under its session; first witness"
    SEEN_UNHEALTHY = "its machine says that nobody is in, or that no stream is there; first witness"
    UNHEALTHY = "its machine says that nobody is in, or that no stream is there (two witnesses)"
    ENDED = "its session has ended"
    SURPLUS = "more machines than wanted for so long; this one is not offered any more"
    TOO_OLD = "Available for longer than SCALER_MAX_READY_AGE; replaced"
    OUTDATED = "not of the scale set's latest model, and a younger machine is; replaced"
    ASKED_FOR = "an operator asked for its replacement (`scaler renew`)"
    RIPE = "used, and safe to delete: no Redis failover can undo the note any more"
    DELETE_OVERDUE = "the delete is overdue"
    # adoption
    IN_SESSION = "in session: adopted as it is, its time begins now"
    UNEXPLAINED = "presumed to be in use: no record says by whom"
    # by hand
    DISTRUSTED = "distrusted by the operator: what Redis says of it may be old"
    RESERVED_LONG_AGO = "reserved, perhaps long ago: if its session is over, run `scaler cancel`"
    TO_BE_REPLACED = "to be replaced: the cleaner takes it back as soon as enough others are ready"
    HELD = "kept for an operator (`scaler hold`): deleted afterwards, or after `scaler unhold`"
    TO_BE_HELD = "kept for an operator from now on; no visitor gets it"
    NOT_HELD = "not held"
    NOT_THERE = "not there: neither Redis nor Azure shows it now"
    UNHELD = "not kept any more: deleted once it is used"
    SPENT_BY_HAND = "taken back by an operator: never offered again, deleted and replaced"
    NOT_OFFERED = "not Available: what waits for a visitor is replaced, and what is used is deleted anyway"
    FORGOTTEN = "its scale set is not configured any more; forgotten by the operator"
    ENDED_BY_HAND = "ended by an operator"
    FORGOTTEN_WITH_SESSION = "forgotten by the operator, with its scale set; its session is ended by that"
    STILL_THERE = "Azure still shows it"
    # held back
    UNSEEN = "this controller could not look at the scale set for minutes: see what else lists it, and if ARM answers"
    NO_CONSENT = "the scale set does not carry the tag that allows the scaler to act"
    PAUSED = "paused by an operator"
    BREAKER = "enough of these for one tick"
    MANY_LIMITS = (
        "many sessions are over their limit at once: is Redis' or Azure's clock right? They end a few per tick"
    )
    MANY_UNHEALTHY = (
        "many sessions end by health at once: is the signalling server or the responder broken on all machines? They"
        " end a few per tick"
    )
    LISTING_TOO_SHORT = "the listing holds less than half of the capacity"
    MOST_UNKNOWN = "most marked machines are unknown: a wrong or flushed Redis?"
    ALL_MARKS_REFUSED = "Azure refuses every mark; nothing is deleted for it"
    UNMARKED_IN_SESSION = "a machine in session lost its mark: who unprotected it?"
    UNSETTLED = "neither at rest nor running now: adopt again later"
    MARK_AWAITED = "its mark was ordered, and is not seen yet"
    INCOMPLETE = "the listing lacks machines, which may be in use"
    UNDELETABLE = "Azure did not delete it, time after time"
    LOSES_EVERY_RACE = (
        "this step is never carried out: a Redis client changes the machine's record before each write of the scaler"
    )
    STAYS_WARM = "Azure did not deallocate a surplus warm machine; tried again later"
    STAYS_COLD = "Azure did not start a cold machine that was to become warm; tried again later"


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToInstance:
    ref: InstanceRef
    rests_on: Sighting


class Start(_ToInstance):
    """Start one instance."""


class PowerOff(_ToInstance):
    """Stop one instance and keep the allocation."""


class Deallocate(_ToInstance):
    """Stop one instance and give the allocation back."""


class Delete(_ToInstance):
    """Delete one instance; sku.capacity falls with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark(_ToInstance):
    """Protect one instance from scale-in, and so hand the machine over to the registry."""

    etag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCapacity:
    """Set sku.capacity, never below the capacity just read."""

    scale_set: ScaleSetName
    capacity: int
    etag: str | None
    rests_on: Sighting


type Facts = Mapping[str, str | int | float | bool | None]
type InstanceOrder = Start | PowerOff | Deallocate | Delete | Mark
type Order = InstanceOrder | SetCapacity


def spelled(facts: Mapping[str, object]) -> str:
    """Facts beside a reason: `session=s-1 attempt=2`. Unknown facts are left out."""
    return " ".join(f"{name}={value}" for name, value in facts.items() if value is not None and value != "")


def counted(number: float, noun: str) -> str:
    """A number and its noun, in a reason or an answer for people: `1 machine`, `2 machines`."""
    return f"{number:.12g} {noun}{'' if number == 1 else 's'}"


def _in_words(why: Why, facts: Facts) -> str:
    said = spelled(facts)
    return f"{why} ({said})" if said else str(why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do: the change is written first, and the order given only if the change was accepted."""

    why: Why
    vm_id: VmId | None = None  # None where it is about a whole scale set
    change: Change | None = None
    order: Order | None = None
    facts: Facts = field(default_factory=dict)
    for_replica: bool = False  # a later step rests on the change, and may need it after a failover
    # Written only after a replica has answered in this very tick; order and `then` come only after it has the change,
    # too. Where none answers `instead` is carried out, or nothing. Of `then` the change alone is written, by a write of
    # its own in the same tick.
    after_replica: bool = False
    then: "Step | None" = None
    instead: "Step | None" = None

    @property
    def edge(self) -> str:
        """The name of the step of the lifecycle; empty for bookkeeping and for an order alone."""
        edge = self.change.edge if self.change is not None else None
        return edge.name if edge is not None else ""

    @property
    def takes_key(self) -> bool:
        """Whether the change takes an Available machine's key, so that no visitor gets the machine."""
        return self.change is not None and self.change.takes

    @property
    def stops_unmarked(self) -> bool:
        """Whether it stops a machine that was never marked: a marked one is stopped under a claim, by a change."""
        return self.change is None and isinstance(self.order, PowerOff | Deallocate)

    @property
    def wants_replica(self) -> bool:
        """Whether a replica is asked for the change; not for a start under a claim, without a note of the start."""
        notes = self.change.notes if self.change is not None else KEEP
        return self.for_replica or self.then is not None or (isinstance(self.order, Start) and notes is not KEEP)

    @property
    def order_name(self) -> str:
        """The kind of the order; empty without one."""
        return type(self.order).__name__ if self.order is not None else ""

    @property
    def verb(self) -> str:
        """The edge, the order, or both; bookkeeping is a note."""
        return " + ".join(filter(None, (self.edge, self.order_name))) or "note"

    @property
    def in_words(self) -> str:
        """The step and its reason, for people."""
        return f"{self.verb}: {_in_words(self.why, self.facts)}"

    @property
    def instance_id(self) -> str:
        """The instance id in the order, else in the notes, else in the record; empty if unknown."""
        if self.order is not None and not isinstance(self.order, SetCapacity):
            return self.order.ref.instance_id
        row = self.change.row if self.change is not None else None
        known = [row.notes, row.readable] if row is not None else []
        return next((place.instance_id for place in known if place is not None and place.instance_id), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A step that was wanted and held back, for the operator. `alarm`: an operator should look."""

    why: Why
    vm_id: VmId | None = None
    alarm: bool = False
    facts: Facts = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        """The reason, for people."""
        return _in_words(self.why, self.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An ask: list all instances of every configured scale set.

    `urgent` is False where the tick can do without a listing shortly after the last one (Policy.cleaner_lists_every).
    """

    urgent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Get:
    """An ask: a targeted GET of one instance. Each queue is served in turn, and within a queue the smallest `place`."""

    ref: InstanceRef
    queue: str = ""
    place: tuple[bool | float | str | datetime, ...] = ()
    urgent: bool = False  # a visitor waits for this GET: it comes before the others, and has a budget of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """An ask: the addresses of one instance, which a targeted GET of this tick has seen."""

    ref: InstanceRef


type Ask = Listing | Get | Locate


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacks:
    """The ask that a decision about a machine lacks, and the decision until the answer comes."""

    ask: Get | Locate
    otherwise: Step | Refusal | None = None


type Decision = Step | Refusal | Lacks | None
"""The decision about one machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of a tick. `look_again`: how soon another tick would find news, None for the timer.

    `asks`: looks at Azure that would tell more. The steps are right without the answers, too.
    `good_until`, by the registry's clock: a plan not written by then is not carried out. None: without a registry.
    """

    steps: tuple[Step, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    asks: tuple[Ask, ...] = ()
    look_again: timedelta | None = None
    good_until: datetime | None = None


def sorted_out(outcomes: Iterable[Decision]) -> Plan:
    """Sort the decisions about all machines into steps, refusals and asks, in the order of the machines."""
    steps, refusals, asks = list[Step](), list[Refusal](), list[Ask]()
    for outcome in outcomes:
        if outcome is None:
            continue
        done = outcome.otherwise if isinstance(outcome, Lacks) else outcome
        if isinstance(outcome, Lacks):
            asks.append(outcome.ask)
        if isinstance(done, Step):
            steps.append(done)
        elif done is not None:
            refusals.append(done)
    return Plan(steps=tuple(steps), refusals=tuple(refusals), asks=tuple(asks))


def limited[Kind](
    steps: Iterable[Step], kind_of: Callable[[Step], Kind], most: Mapping[Kind, int]
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Part the steps: those within the number of their kind, and those beyond. A kind without a number is unlimited."""
    kept, beyond, taken = list[Step](), list[Step](), Counter[Kind]()
    for step in steps:
        kind = kind_of(step)
        taken[kind] += 1
        (kept if taken[kind] <= most.get(kind, taken[kind]) else beyond).append(step)
    return tuple(kept), tuple(beyond)


def held_back(step: Step) -> Refusal:
    """The refusal of a step beyond a breaker."""
    return Refusal(why=Why.BREAKER, vm_id=step.vm_id, facts={"held": step.why})


def withheld(look: Sighting) -> Refusal:
    """The refusal of all orders to a scale set: without consent, or paused."""
    why = Why.PAUSED if look.consent else Why.NO_CONSENT
    return Refusal(why=why, facts={"scale_set": look.scale_set, "pause": look.pause})


def soonest(now: datetime, *times: datetime | None) -> timedelta | None:
    """The time until the earliest of several moments; None without any. Never negative."""
    due = [time for time in times if time is not None]
    return max(min(due) - now, timedelta(0)) if due else None
