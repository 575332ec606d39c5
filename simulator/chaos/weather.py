"""What goes wrong: every kind of trouble singly, the likely couples, and all of it together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta

from emulator.behaviour import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What goes wrong, and how eagerly visitors come. Chances are per tick or per step; zero: it does not happen."""

    rates: Mapping[Fault, float] = field(default_factory=dict)
    listing_lag: float = 120.0  # seconds that an old listing may be old
    # processes
    crashes: float = 0.02  # per tick
    interrupted: float = 0.03  # per tick: it goes on up to ten minutes later
    overlap: float = 0.1  # per tick: the other host ticks at the same moment
    held_up: float = 0.0  # per tick: something else happens in the middle of it, and time passes
    skewed: bool = False  # everybody's clock is wrong
    # Redis
    failover: bool = False  # every few minutes; two in a row are outside of what can be promised
    failover_held: float = 0.0  # per tick held up: Redis falls back to what it was when that tick was stopped
    replica_away: bool = False  # for a while; then comes a failover, and then there is no replica for a while
    replica_lags: float = 60.0  # seconds for which it confirms nothing before that failover
    replica_back: float = 0.0  # seconds until there is a replica again, at most; 0: not before the next such fault
    spiteful: bool = False  # right after something was decided that must not be forgotten
    spiteful_of_deletes: bool = False  # right after a delete whose reason is young, and to a state before the reason
    flush: bool = False
    restart: bool = False
    lost_keys: bool = False
    foreign_keys: int = 0  # in the index, of machines that nobody has: somebody writes them again and again
    forsaken: float = 0.0  # per step, while hosts are down: a reserved machine is deleted by hand, and its set is lost
    away: float = 0.0  # per step: it does not answer for up to a minute
    ahead: float = 0.0  # per step: its clock runs two hours ahead, for a minute
    silent: float = 0.0  # per call
    slow: float = 0.0  # seconds that an answer may take
    lagging: float = 0.0  # per start: the replica does not confirm its note in time
    # Azure and its operators
    front_ends: float = 0.0  # seconds by which the Dates of its two front ends differ
    hands: float = 0.0  # per step: somebody does something at the portal
    hung_deletes: float = 0.0  # per step: somebody deletes a machine at the portal, and Azure does not finish it
    second: bool = False  # another scale set, with the same instance ids, that is away now and then
    halts: float = 0.0  # per step: somebody pauses everything, takes the consent away, or gives it back
    shortage: bool = False  # the region is sold out, or the quota reached, for an hour
    room_for_some: bool = False  # the quota is smaller than what is wanted, from the beginning to the end
    more_quota: bool = False  # somebody who asked for the rest of it is given it when the weather clears
    settings: bool = False  # a scale set is taken out of the settings for a while
    elsewhere: bool = False  # the settings name another scale set for a while
    blind: float = 0.0  # per step: listings are empty for a minute or two
    tides: float = 0.0  # per step: the operator wants another share of the machines warm
    hot_tides: float = 0.0  # per step: the operator wants another number of machines hot
    unmarks: float = 0.0  # per step: somebody takes the mark away from a hot machine
    ebbs: float = 0.0  # per step: the operator wants another number of machines, found in another way
    knobs: float = 0.0  # per step: the operator sets tags of a scale set or of the group, readable and not
    shared: bool = False  # the scale sets share one number of machines, placed by weight
    models: float = 0.0  # per step: the operator changes the model, limits the age of machines, or wants some replaced
    page_size: int = 100  # rows: each page of a listing is charged
    looks: bool = False  # ARM has room for all looks: an alarm of a controller that missed them is a failure
    taken_stay: bool = False  # to take a surplus machine back from whoever has just taken it is a failure
    one_by_one: bool = False  # more deletes at once than the policy allows are a failure
    health_lag: float = 0.0  # seconds by which Azure shows health late, at most; 0: as usual
    answers: float = 0.0  # seconds that ARM takes for each answer; 0: a moment
    deletes: float = 0.0  # seconds that a delete takes at most; 0: as long as Azure's
    # visitors
    per_minute: float = 4.0  # arrivals
    ill_timed: float = 0.0  # per tick: they come between its decision to take a key and the write, or to a machine that
    # was ordered to stop under a claim
    at_once: int = 0  # visitors who come with one arrival, at most; 0: a few now and then
    naive: float = 0.3  # share of visitors
    following: bool = False  # naive queue managers follow a moved session, and the policy counts on it
    dawdling: bool = False  # naive queue managers need nearly as long from SPOP to SET as they may
    noting: bool = False  # every queue manager writes its record every second, in the middle of a tick too
    unruly: bool = False  # queue managers of every kind, those that break rules too
    nameless: bool = False  # most queue managers write no session id; some of the others take too long
    stay: float = 90.0  # seconds, on average
    by_health: bool = False  # sessions end by health; half of the visitors just close the tab, and all connect late
    fickle: float = 0.01  # chance per step that a waiting visitor gives up
    machines: int = 0  # in the first scale set; 0: any small number
    all_warm: bool = False  # and quick: from the order to stop a new machine to a session on it in seconds
    hot: int = 0  # so many machines of each scale set run and wait
    healthy: bool = False  # machines are ready only when they are Healthy; what is not ready is offered to nobody
    cold: bool = False  # no machine is to be warm, until the operator wants some
    step: float = 4.0  # seconds
    starts: float = 0.0  # seconds from a promise until the start is ordered, at most; 0: nobody looks at that
    waits: float = 0.0  # seconds from a promise until the visitor is let in, at most; 0: as the policy says

    def without(self, troubles: Iterable[str]) -> "Weather":
        """The same, but for these: names of fields that go back to nothing, or of faults."""
        off = set(troubles)
        fields_off = {each.name: getattr(_FAIR, each.name) for each in fields(self) if each.name in off}
        rates = {fault: rate for fault, rate in self.rates.items() if fault.value not in off}
        return replace(self, **{"rates": rates, **fields_off})

    @property
    def troubles(self) -> tuple[str, ...]:
        """What `without` could leave out."""
        odd = (each.name for each in fields(self) if getattr(self, each.name) != getattr(_FAIR, each.name))
        return (*(each for each in odd if each not in _NO_TROUBLE), *(fault.value for fault in self.rates))


UNREADY_BOUND = timedelta(minutes=4)
"""From a creation until it is given up, where machines must be Healthy: some first runs last longer."""

_NO_TROUBLE = frozenset(
    {"rates", "machines", "page_size", "per_minute", "at_once", "stay", "all_warm", "cold", "step", "naive", "dawdling"}
    | {"following", "healthy", "ill_timed", "waits", "starts", "looks", "one_by_one", "shared", "by_health"}
    | {"hot", "replica_lags", "replica_back", "taken_stay"}
)
_LATE = {Fault.ORDER_LATE: 0.3, Fault.ORDER_DOUBLED: 0.5, Fault.ORDER_QUEUED: 0.2}
_PLATFORM = {Fault.EVICTED: 1.0, Fault.GUEST_SHUT_DOWN: 1.0, Fault.RESTARTED_ITSELF: 1.0, Fault.TURNED_FAILED: 0.7}
_OLD = {Fault.LISTING_OLD: 0.4, Fault.GET_OLD: 0.4, Fault.POWER_VIEW_OLD: 0.3, Fault.LISTING_SHORT: 0.3}
_LOST_SIGHT = {
    Fault.LISTING_OLD: 0.4,
    Fault.LISTING_SHORT: 0.3,
    Fault.LISTING_EMPTY: 0.1,
    Fault.READ_FAILED: 0.1,
    Fault.POWER_STATE_MISSING: 0.2,
    Fault.GET_OLD: 0.3,
}
_WANT = {
    Fault.CREATE_ALLOCATION: 0.3,
    Fault.CREATE_QUOTA: 0.05,
    Fault.CREATE_SKU: 0.05,
    Fault.CREATE_OTHER: 0.1,
    Fault.CREATE_LOST: 0.1,
    Fault.START_REFUSED: 0.1,
    Fault.START_ALLOCATION: 0.3,
    Fault.START_QUOTA: 0.1,
    Fault.START_SKU: 0.1,
    Fault.START_OTHER: 0.1,
}
_ARM = {
    Fault.READ_THROTTLED: 0.1,
    Fault.WRITE_THROTTLED: 0.1,
    Fault.READ_FAILED: 0.1,
    Fault.WRITE_FAILED: 0.1,
    Fault.WRITE_CONFLICT: 0.1,
    Fault.ANSWER_LOST: 0.1,
    Fault.ORDER_LOST: 0.1,
    Fault.ORDER_SWALLOWED: 0.05,
    Fault.MARK_CONFLICT: 0.2,
    Fault.MARK_REFUSED: 0.1,
    Fault.MARK_ROLLED_BACK: 0.05,
    Fault.CREATE_ALLOCATION: 0.1,
    Fault.CREATE_LOST: 0.02,
    Fault.START_REFUSED: 0.1,
    Fault.START_ALLOCATION: 0.1,
    Fault.POWER_STATE_MISSING: 0.05,
}
_THROTTLED = {Fault.MARK_THROTTLED: 0.7, Fault.DEALLOCATE_THROTTLED: 0.7}
_LATER = {Fault.ORDER_LATE: 0.5, Fault.ORDER_DOUBLED: 0.5}
_VERY_LATE = {Fault.ORDER_LATE: 0.9}
_FEW_STOPS = {Fault.DEALLOCATE_LATE: 0.9, Fault.DEALLOCATE_THROTTLED: 0.5}  # and late ones
_OVERLAPS = {Fault.VM_BUSY: 0.25, Fault.WRITE_CONFLICT: 0.1}
_NO_STARTS = {Fault.START_REFUSED: 0.2, Fault.START_ALLOCATION: 0.3}

_FLICKERS = {Fault.HEALTH_UNKNOWN: 0.2, Fault.HEALTH_MISSING: 0.1}
_LYING = {
    Fault.HEALTH_UNKNOWN: 0.01,  # each such look erases what an earlier one showed: more, and no session ends by health
    Fault.HEALTH_MISSING: 0.01,
    Fault.GUEST_LIES: 20.0,
    Fault.GUEST_FLAPS: 4.0,
    Fault.GUEST_MUTE: 4.0,
    Fault.EXTENSION_MISSING: 0.33,
}

_FAIR = Weather(crashes=0, interrupted=0, overlap=0)
_QUICK = Weather(all_warm=True, step=2)
_UNREADY = replace(_QUICK, failover=True, lagging=1.0, machines=4)  # the replica confirms nothing in time
_HELD = replace(
    _QUICK, machines=6, per_minute=30, step=1, stay=20, fickle=0.3, held_up=0.5, failover_held=1.0
)  # ticks, and Redis fails over meanwhile
_TURNING = replace(_QUICK, machines=8, tides=0.01, stay=20, naive=0.9)  # from warm to cold, and back
_EBBING = replace(_QUICK, machines=8, ebbs=0.006, stay=30)  # the number of machines falls and rises
_FAILING = replace(_QUICK, rates=_NO_STARTS | {Fault.START_OTHER: 0.3}, dawdling=True)
_CLOSING = replace(_QUICK, by_health=True, machines=4, per_minute=4, stay=240, step=4, naive=0.5, fickle=0.0)
_HOT = replace(_QUICK, hot=4, machines=12, per_minute=4, stay=40, step=1)
_HOT_LATE = {Fault.ORDER_DOUBLED: 0.5, Fault.ORDER_LATE: 0.3}
_STOPPING = replace(_TURNING, tides=0.03, crashes=0, fickle=0.0)

WEATHERS: Mapping[str, Weather] = {
    "fair": _FAIR,
    "two pages a listing": Weather(machines=6, page_size=3, stay=60, looks=True),
    "four pages a listing": Weather(machines=8, page_size=2, stay=60, looks=True),
    "marks and deallocates throttled": replace(_FAIR, rates=_THROTTLED, machines=6, naive=0.1, stay=60, starts=45),
    "answers that take 4 s": Weather(answers=4.0, second=True, stay=60, per_minute=1),
    "dying processes": Weather(crashes=0.1, interrupted=0.15, held_up=0.1),
    "late and doubled orders": Weather(rates=_LATE, stay=200),
    "old news": Weather(rates=_OLD),
    "late orders to quick machines": replace(_QUICK, rates=_LATE, stay=30),
    "ids reused at once, and deletes that arrive twice": replace(
        _QUICK, rates={Fault.DELETE_DOUBLED: 0.9}, deletes=2, machines=2, per_minute=60, stay=20, step=1, fickle=0.0
    ),
    "a failover of quick machines": replace(_QUICK, rates=_LATE, stay=30, failover=True, naive=0.6),
    "a failover under fickle visitors": replace(
        _QUICK, rates=_LATER | {Fault.ORDER_LATE: 0.6}, stay=30, step=1, failover=True, naive=0.9, fickle=0.6
    ),
    "late orders and old news": Weather(rates=_LATE | _OLD, stay=200),
    "a moody platform": Weather(rates=_PLATFORM),
    "a moody ARM": Weather(rates=_ARM),
    "only naive visitors": Weather(naive=1.0),
    "a failover": Weather(failover=True, rates=_LATE, stay=200),
    "a failover, naively": Weather(failover=True, naive=1.0, interrupted=0.1),
    "a flush": Weather(flush=True, stay=200),
    "a flush on a moody platform": Weather(flush=True, stay=200, rates={Fault.GUEST_SHUT_DOWN: 20.0}),
    "two scale sets": Weather(second=True, rates=_LATE | {Fault.LISTING_SHORT: 0.2}, stay=60),
    "halted now and then": Weather(halts=0.03, second=True, stay=60),
    "busy hosts": Weather(held_up=0.3, overlap=0.5, crashes=0.05, interrupted=0.1, rates=_LATE),
    "wrong clocks": Weather(skewed=True, failover=True, rates=_OLD, stay=60),
    "two front ends whose Dates differ by a minute": replace(
        _QUICK, rates=_LATE | {Fault.GET_OLD: 0.4}, front_ends=60, stay=30
    ),
    "Redis' clock two hours ahead for a minute": Weather(ahead=0.005, naive=0.0, stay=200),
    "lost sight": Weather(rates=_LOST_SIGHT, listing_lag=1800.0, stay=60),
    "Redis restarts": Weather(restart=True, rates=_LATE, stay=60, crashes=0.05),
    "Redis loses keys": Weather(lost_keys=True, stay=60),
    "Redis is slow and away": Weather(away=0.02, silent=0.05, slow=0.5, held_up=0.05, stay=60),
    "somebody at the portal": Weather(hands=0.05, stay=60),
    "want": Weather(rates=_WANT, shortage=True, second=True, stay=60),
    "want, and everybody follows": Weather(rates=_WANT, second=True, naive=0.7, following=True, per_minute=2, stay=60),
    "a deletion by somebody else that hangs": Weather(hung_deletes=0.01, stay=60),
    "a quota that has room for some": Weather(room_for_some=True, stay=60, naive=0.1),
    "a quota that is raised in the end": Weather(room_for_some=True, more_quota=True, crashes=0, stay=60, naive=0.1),
    "an index full of foreign keys": replace(
        _FAIR, foreign_keys=60, one_by_one=True, machines=8, per_minute=20, stay=60
    ),
    "orders that hang": Weather(
        rates={Fault.ORDER_ENDLESS: 0.1, Fault.ETAG_CHANGED: 0.3, Fault.WRITE_CONFLICT: 0.2}, stay=60
    ),
    "changing settings": Weather(settings=True, elsewhere=True, second=True, stay=60),
    "queue managers without session ids": Weather(
        nameless=True, stay=60, all_warm=True, per_minute=10, interrupted=0.1, rates={Fault.START_ALLOCATION: 0.1}
    ),
    "unruly queue managers": Weather(unruly=True, stay=60),
    "unruly queue managers and a failover": Weather(unruly=True, failover=True, rates=_LATE, stay=60),
    "a failover that no replica was ready for": replace(
        _UNREADY, rates=_LATER, spiteful=True, stay=60, machines=8, per_minute=60, step=1, fickle=0.1
    ),
    "a failover after a delete": replace(
        _UNREADY, rates=_VERY_LATE, spiteful_of_deletes=True, naive=0.0, stay=60, per_minute=20, step=1, fickle=0.3
    ),
    "a failover that no replica was ready for, and visitors who stay": replace(
        _UNREADY, rates=_LATER, spiteful=True, naive=0.0, stay=300, machines=8, per_minute=20, fickle=0.1
    ),  # they stay beyond the ripening of the note that spends a machine under its visitor; with some machines free, a
    # session that is reserved anew moves away from a machine that runs
    "a failover while a tick is held": replace(_HELD, lagging=1.0),
    "the replica away for a minute, then a failover, then no replica": replace(_HELD, replica_away=True),
    "machines that must be Healthy": Weather(healthy=True, rates=_LATE | _FLICKERS, stay=60, failover=True),
    "quick machines that must be Healthy": replace(_QUICK, healthy=True, rates=_FLICKERS, stay=60, naive=0.5),
    "machines that must be Healthy, and a failover that no replica was ready for": replace(
        _UNREADY,
        healthy=True,
        rates=_LATER | {Fault.HEALTH_UNKNOWN: 0.8},
        spiteful=True,
        naive=0.0,
        stay=400,
        machines=8,
        per_minute=20,
        fickle=0.0,
    ),
    "dawdling queue managers": Weather(dawdling=True, naive=0.7, stay=60, all_warm=True, per_minute=20),
    "a crowd that writes its records every second": Weather(noting=True, stay=400, fickle=0.0, per_minute=8, step=1),
    "a lost set beside a vanished machine and a new process": Weather(
        forsaken=0.05, naive=0.0, fickle=0.0, stay=60, per_minute=8
    ),
    "visitors who stay": Weather(stay=2400, fickle=0.0, per_minute=20),
    "a flush of quick machines": replace(_QUICK, flush=True, stay=200, rates={Fault.GUEST_SHUT_DOWN: 20.0}),
    "old news of quick machines": replace(_QUICK, rates=_OLD, stay=60, step=1),
    "lists that lack machines": Weather(rates={Fault.LISTING_SHORT: 0.9}, stay=60, blind=0.01),
    "power states that are not shown": Weather(rates={Fault.POWER_STATE_MISSING: 0.6}, stay=300),
    "warm and cold by turns": replace(_TURNING, rates={Fault.ORDER_DOUBLED: 1.0, Fault.ORDER_LATE: 0.2}, dawdling=True),
    "warm and cold by turns, in a rush": replace(
        _TURNING, rates={Fault.ORDER_DOUBLED: 1.0, Fault.ORDER_LATE: 0.1}, per_minute=12, step=1
    ),
    "warm and cold by turns, and a party at every stop": replace(
        _STOPPING, rates={Fault.DEALLOCATE_LATE: 0.9}, machines=5, per_minute=0.1, at_once=8, ill_timed=0.5, naive=0.3
    ),
    "a cold stock is warmed by turns, and a party at every stop": replace(
        _STOPPING,
        cold=True,
        rates={Fault.POWER_OFF_LATE: 0.9},
        machines=5,
        per_minute=0.1,
        at_once=8,
        ill_timed=0.5,
        naive=0.5,
        dawdling=True,
    ),
    "warm and cold by turns, dawdling": replace(_STOPPING, rates=_FEW_STOPS, per_minute=20, naive=1.0, dawdling=True),
    "the wanted number falls and rises": replace(_EBBING, naive=0.7, dawdling=True, overlap=0.3, held_up=0.2),
    "the wanted number falls and rises, and a failover": replace(
        _EBBING,
        rates=_LATER | {Fault.DELETE_DOUBLED: 0.5},
        failover=True,
        spiteful_of_deletes=True,
        lagging=1.0,
        deletes=2,
    ),
    "the wanted number falls and rises, and visitors between decision and write": replace(
        _EBBING, ebbs=0.02, naive=1.0, dawdling=True, taken_stay=True, ill_timed=0.5, per_minute=2, fickle=0.0
    ),
    "tags say other numbers": replace(_EBBING, ebbs=0.0, knobs=0.02, rates=_LATE, naive=0.5, overlap=0.3),
    "two scale sets share one number, and capacity runs short": replace(
        _EBBING, rates=_LATE, second=True, shared=True, shortage=True, knobs=0.01, naive=0.5, crashes=0.02
    ),
    "a new model appears, and machines are replaced": replace(
        _QUICK, rates=_LATE, machines=6, stay=30, models=0.004, naive=0.7, dawdling=True, overlap=0.3, held_up=0.2
    ),
    "a new model appears, and a failover": replace(
        _UNREADY, rates=_VERY_LATE, spiteful_of_deletes=True, naive=0.0, stay=60, models=0.01, step=1, fickle=0.3
    ),
    "many hands at the portal": Weather(hands=0.3, stay=60),
    "visitors who close the tab, halted now and then": replace(
        _CLOSING, rates={Fault.ADDRESS_MISSING: 0.5}, halts=0.05, interrupted=0.15
    ),
    "visitors who close the tab, and guests who fall silent": replace(_CLOSING, rates={Fault.GUEST_MUTE: 12.0}),
    "visitors who close the tab, and a failover": replace(_CLOSING, rates=_LATE, failover=True),
    "health lies, late, flaps": replace(_CLOSING, healthy=True, rates=_LYING, health_lag=50.0),
    "nothing starts": Weather(
        rates={Fault.START_REFUSED: 0.7, Fault.START_ALLOCATION: 0.9}, stay=60, naive=0.1, fickle=0.0, per_minute=20
    ),
    "overlap answers": replace(
        _FAIR, rates=_OVERLAPS, all_warm=True, machines=5, stay=30, step=3, fickle=0.0, waits=88
    ),  # less than two orders live: the second attempt does not wait for the end of the first
    "hot machines": Weather(hot=2, machines=6, rates=_LATE | _PLATFORM, failover=True, second=True, stay=60),
    "hot machines, the replica away for a minute, a failover, no replica": replace(
        _HOT, rates=_HOT_LATE, replica_away=True, replica_back=60, naive=0.5
    ),
    "hot machines, the replica away for seconds, and a failover": replace(
        _HOT, replica_away=True, replica_lags=12, replica_back=15, naive=0.0
    ),
    "hot machines that start late, the replica away for seconds, and a failover": replace(
        _HOT, rates={Fault.ORDER_LATE: 0.8}, replica_away=True, replica_lags=12, replica_back=10, naive=0.0, stay=90
    ),
    "hot machines whose visitors stay, the replica away for seconds, and a failover": replace(
        _HOT, stay=250, per_minute=4, replica_away=True, replica_lags=6, replica_back=30, naive=0.0
    ),
    "marks taken from hot machines, the replica away, and a failover": replace(
        _HOT, rates={Fault.POWER_OFF_LATE: 0.9}, unmarks=0.1, replica_away=True, replica_lags=20, replica_back=10
    ),
    "hot machines that must be Healthy": replace(
        _HOT, healthy=True, rates=_FLICKERS, replica_away=True, replica_back=60, stay=60
    ),
    "hot machines whose sessions end by health": replace(
        _CLOSING, hot=2, machines=5, replica_away=True, replica_back=60
    ),
    "hot and at rest by turns, and a party at every stop": replace(
        _STOPPING,
        hot=4,
        tides=0.0,
        hot_tides=0.03,
        rates={Fault.POWER_OFF_LATE: 0.9},
        machines=6,
        per_minute=0.1,
        at_once=8,
        ill_timed=0.5,
        naive=0.5,
        dawdling=True,
    ),
    "a rush": replace(
        _QUICK, rates=_LATE, machines=6, per_minute=30, stay=30, held_up=0.3, overlap=0.5, interrupted=0.1
    ),
    "six to fifty sessions starting at once": replace(
        _FAIR, machines=60, per_minute=0.4, at_once=50, naive=0.1, stay=60, starts=90
    ),
    "starts that fail": replace(
        _FAILING, machines=6, second=True, per_minute=30, naive=0.6, held_up=0.8, interrupted=0.3, stay=60
    ),
    "starts that fail, and visitors between decision and write": replace(
        _FAILING, rates=_NO_STARTS, machines=8, crashes=0, ill_timed=0.5, naive=0.5, stay=300, fickle=0.0
    ),
    "everything": Weather(
        rates=_LATE | _OLD | _PLATFORM | _ARM, failover=True, crashes=0.05, interrupted=0.05, second=True
    ),
    "everything, and more of it": Weather(
        rates={fault: rate / 2 for fault, rate in (_ARM | _WANT | _LOST_SIGHT | _PLATFORM | _LATE).items()}
        | {Fault.ORDER_ENDLESS: 0.02, Fault.ETAG_CHANGED: 0.05},
        listing_lag=600.0,
        failover=True,
        restart=True,
        crashes=0.05,
        interrupted=0.05,
        overlap=0.2,
        held_up=0.1,
        skewed=True,
        away=0.005,
        silent=0.01,
        slow=0.1,
        hands=0.01,
        second=True,
        shortage=True,
        settings=True,
        unruly=True,
    ),
}
