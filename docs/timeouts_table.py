"""Every state in which something waits, one row each: docs/timeouts.md is drawn from it.

tests/unit/test_timeouts.py tries each row a second before its time, at it, and after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from scaler.model.edges import Actor
from scaler.model.instance import FailureClass
from scaler.model.plan import Why
from scaler.model.policy import Policy
from scaler.model.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One row. `after`: the policy's durations that add up to the wait; none: at once, or whenever `ender` likes."""

    state: str
    standing: Standing | None  # None: it is about a whole scale set
    waits_for: str
    after: tuple[str, ...] = ()
    ender: Actor
    then: str
    why: Why | None = None  # of the step that ends it; None: it is no step of ours

    def lasts(self, policy: Policy) -> timedelta:
        """How long it lasts at most."""
        return sum((_duration(policy, name) for name in self.after), timedelta(0))


def _duration(policy: Policy, name: str) -> timedelta:
    """A duration of the policy by its name, or by `name.class` where it has one for each class of failure."""
    field, _, failure = name.partition(".")
    value: timedelta | Mapping[FailureClass, timedelta] = getattr(policy, field)
    return value if isinstance(value, timedelta) else value[FailureClass(failure)]


_S, _W, _E = Standing, Why, Actor

_new = partial(Waiting, standing=_S.NEW, ender=_E.RECONCILER)
_stranger = partial(Waiting, standing=_S.STRANGER, ender=_E.RECONCILER)
_claimed = partial(Waiting, standing=_S.CLAIMED, ender=_E.RECONCILER)
_heated = partial(Waiting, standing=_S.HEATED, ender=_E.RECONCILER)
_reserved = partial(Waiting, standing=_S.RESERVED, ender=_E.STARTER)
_in_session = partial(Waiting, standing=_S.IN_SESSION, ender=_E.CLEANER)
_used = partial(Waiting, standing=_S.USED, ender=_E.CLEANER)
_gone = partial(Waiting, standing=_S.GONE, ender=_E.CLEANER)

_NEW = (
    _new(
        state="creating",
        waits_for="Azure to finish it: Creating, Updating, or without a power state",
        after=("creating_timeout",),
        then="given up: CONDEMN, and deleted",
        why=_W.UNFINISHED,
    ),
    Waiting(
        state="new and running",
        standing=_S.NEW,
        waits_for="its stop",
        ender=_E.PROVISIONER,
        then="stopped: deallocated, or kept warm",
        why=_W.NEW_RUNNING_COLD,
    ),
    _new(
        state="new and running, and not Healthy (SCALER_READY_WHEN)",
        waits_for="its Application Health extension to say Healthy, from its creation on",
        after=("unready_bound",),
        then="given up: CONDEMN, and deleted as it runs",
        why=_W.NOT_HEALTHY_IN_TIME,
    ),
    Waiting(
        state="new and running, and shows no health at all (SCALER_READY_WHEN)",
        standing=_S.NEW,
        waits_for="its extension to speak, from its creation on",
        after=("absent_grace",),
        ender=_E.PROVISIONER,
        then="stopped all the same; if no machine ever showed health, nothing more is created for an hour",
        why=_W.NEW_RUNNING_COLD,
    ),
    _used(
        state="given up because it was not Healthy in time, and running",
        waits_for="its note to be older than what a failover can forget",
        after=("ripening", "plan_kept"),
        then="deleted, though it runs: no visitor was ever let in",
        why=_W.RIPE,
    ),
    _new(
        state="new at rest",
        waits_for="its mark",
        then="the mark is ordered",
        why=_W.NEW_AT_REST,
    ),
    _new(
        state="marking",
        waits_for="the mark to be seen",
        after=("order_horizon",),
        then="the mark is ordered again",
        why=_W.NEW_AT_REST,
    ),
    _new(
        state="mark never seen",
        waits_for="a mark that Azure takes and does not show, while others are shown",
        after=("creating_timeout",),
        then="given up: CONDEMN, and deleted; the same after mark_attempts refusals",
        why=_W.MARK_REFUSED,
    ),
    _new(
        state="all marks refused",
        waits_for="Azure to take any mark: an alarm is raised meanwhile",
        after=("flush_hold",),
        then="tried again, from the first attempt",
        why=_W.NEW_AT_REST,
    ),
    Waiting(
        state="admitting",
        standing=_S.ADMITTING,
        waits_for="every stop given before the mark to be dead; after its first sight at least `id_kept_for`",
        after=("stop_horizon", "observation_lag", "date_resolution", "pause_forgiven"),
        ender=_E.RECONCILER,
        then="ADMIT: it is offered",
        why=_W.HORIZON_PASSED,
    ),
)

_DELETED_BY_OTHERS = (
    _new(
        state="deleting by somebody else's order",
        waits_for="Azure to delete it",
        after=("delete_lost",),
        then="CONDEMN, and deleted again",
        why=_W.DELETION_HANGS,
    ),
    _used(
        state="deleting by somebody else's order, new, and running",
        waits_for="its note to be older than what a failover can forget",
        after=("ripening", "plan_kept"),
        then="deleted, though it runs: no visitor was ever let in",
        why=_W.RIPE,
    ),
)

_HELD = (
    *(
        _new(
            state=f"failed: {failure}",
            waits_for="better times: a new machine would meet the same failure",
            after=(f"failed_hold.{failure}",),
            then="CONDEMN, deleted, and made anew",
            why=_W.FAILED,
        )
        for failure in FailureClass
    ),
    _new(
        state="failed, where too many creations failed (SCALER_FAILURE_CAP)",
        waits_for="somebody who looks at it; from its creation on",
        after=("failure_window",),
        then="CONDEMN, deleted, and made anew",
        why=_W.FAILED,
    ),
)

_DOUBTED = (
    _stranger(
        state="marked and unknown, at rest",
        waits_for="nothing: no note proves that the machine is fresh",
        then="CONDEMN, and deleted",
        why=_W.MARKED_UNKNOWN,
    ),
    _stranger(
        state="unknown after a flush, at rest",
        waits_for="an operator to bring Redis back: an alarm is raised meanwhile",
        after=("flush_hold",),
        then="CONDEMN, and deleted",
        why=_W.MARKED_UNKNOWN,
    ),
    _stranger(
        state="unknown, neither at rest nor running",
        waits_for="Azure to finish the operation under way",
        after=("creating_timeout",),
        then="given up: CONDEMN, and deleted",
        why=_W.UNFINISHED,
    ),
    _stranger(
        state="unreadable record",
        waits_for="nothing: the writer of the record may have used the machine",
        then="CONDEMN by the notes alone; the record is left to the byte",
        why=_W.UNREADABLE,
    ),
    Waiting(
        state="offered, and on its way somewhere",
        standing=_S.READY,
        waits_for="Azure to finish the operation under way",
        after=("start_timeout",),
        ender=_E.RECONCILER,
        then="tainted: not offered any more, and CONDEMNed at rest, or after creating_timeout",
        why=_W.LEFT_AVAILABLE,
    ),
    Waiting(
        state="claimed and unmarked",
        standing=_S.UNMARKED,
        waits_for="every order that rested on the claim to be dead",
        after=("ripening", "plan_kept", "order_horizon", "order_horizon", "observation_lag", "date_resolution"),
        ender=_E.RECONCILER,
        then="out of its claim, and marked anew",
        why=_W.MARK_GONE,
    ),
    Waiting(
        state="known and unmarked",
        standing=_S.UNMARKED,
        waits_for="its mark",
        ender=_E.RECONCILER,
        then="out of available, and marked anew",
        why=_W.MARK_GONE,
    ),
    Waiting(
        state="tainted, at rest",
        standing=_S.TAINTED,
        waits_for="nothing",
        ender=_E.RECONCILER,
        then="CONDEMN, and deleted",
        why=_W.NOTES_LOST,
    ),
)

_READY = (
    Waiting(
        state="ready",
        standing=_S.READY,
        waits_for="a visitor, at the price that the operator chose",
        ender=_E.VISITOR,
        then="RESERVE",
    ),
    Waiting(
        state="ready, and more than wanted",
        standing=_S.READY,
        waits_for="a surplus in every listing of an hour",
        after=("surplus_kept",),
        ender=_E.CLEANER,
        then="taken back: SPEND, and deleted",
        why=_W.SURPLUS,
    ),
    Waiting(
        state="ready, and of a high age",
        standing=_S.READY,
        waits_for="the age at which the operator wants another one, and enough others",
        after=("max_ready_age",),
        ender=_E.CLEANER,
        then="taken back: SPEND, deleted, and another one made",
        why=_W.TOO_OLD,
    ),
    Waiting(
        state="ready, and not of the latest model",
        standing=_S.READY,
        waits_for="a younger one that is, its turn, and enough others",
        ender=_E.CLEANER,
        then="taken back: SPEND, deleted, and another one made",
        why=_W.OUTDATED,
    ),
    Waiting(
        state="ready, and to be replaced by an operator's word",
        standing=_S.READY,
        waits_for="enough others",
        ender=_E.CLEANER,
        then="taken back: SPEND, deleted, and another one made",
        why=_W.ASKED_FOR,
    ),
    Waiting(
        state="ready, its key taken and no record written",
        standing=_S.READY,
        waits_for="a queue manager between its SPOP and its SET",
        after=("repair_after",),
        ender=_E.RECONCILER,
        then="its key goes back into available",
        why=_W.INDEX_REPAIR,
    ),
    _claimed(
        state="claimed",
        waits_for="the claim to be older than what a failover can forget",
        after=("ripening", "plan_kept"),
        then="deallocated",
        why=_W.COOLING,
    ),
    _claimed(
        state="claimed too long for an order",
        waits_for="orders that rested on the claim to be dead",
        after=("ripening", "plan_kept", "order_horizon"),
        then="the claim is renewed, and ripens again",
        why=_W.CLAIM_RENEWED,
    ),
    _claimed(
        state="cooled",
        waits_for="every order that rested on the claim to be dead, and seen",
        after=("ripening", "plan_kept", "order_horizon", "order_horizon", "observation_lag", "date_resolution"),
        then="offered again",
        why=_W.COOLED,
    ),
    _claimed(
        state="claimed in vain",
        waits_for="Azure to cool it",
        after=("start_timeout",),
        then="offered again as it is, with an alarm",
        why=_W.CLAIM_DROPPED,
    ),
    _claimed(
        state="claimed, to be warmed",
        waits_for="the claim to be older than what a failover can forget",
        after=("ripening", "plan_kept"),
        then="started",
        why=_W.STARTED_TO_WARM,
    ),
    _claimed(
        state="claimed, and running",
        waits_for="the same, of the claim renewed on its way",
        after=("ripening", "plan_kept"),
        then="stopped, and kept allocated",
        why=_W.STOPPED_WARM,
    ),
    _claimed(
        state="claimed, and not started",
        waits_for="Azure to start it",
        after=("start_timeout",),
        then="the claim closes; offered again as it is, with an alarm",
        why=_W.CLAIM_CLOSES,
    ),
    _claimed(
        state="claimed, and not stopped",
        waits_for="Azure to start it, and to stop it",
        after=("start_timeout", "start_timeout"),
        then="PRESUME: deleted at its limit",
        why=_W.STAYS_RUNNING,
    ),
    _claimed(
        state="warmed, and closing",
        waits_for="every order given before to be dead, and seen",
        after=("order_horizon", "observation_lag", "date_resolution"),
        then="offered again",
        why=_W.WARMED,
    ),
    Waiting(
        state="ready, and cold where too few are warm",
        standing=_S.READY,
        waits_for="too few warm ones in every listing of so long",
        after=("warm_lack_kept",),
        ender=_E.RECONCILER,
        then="claimed, started, and stopped again",
        why=_W.WARM_LACK,
    ),
    Waiting(
        state="not to be warmed",
        standing=_S.READY,
        waits_for="Azure, or a role, to have been mended",
        after=("claim_retry",),
        ender=_E.RECONCILER,
        then="claimed again",
        why=_W.WARM_LACK,
    ),
    Waiting(
        state="ready, and warm beyond the wanted share",
        standing=_S.READY,
        waits_for="a warm surplus in every listing of so long",
        after=("warm_surplus_kept",),
        ender=_E.RECONCILER,
        then="claimed, and deallocated",
        why=_W.WARM_SURPLUS,
    ),
    Waiting(
        state="not to be cooled",
        standing=_S.READY,
        waits_for="Azure, or a role, to have been mended",
        after=("claim_retry",),
        ender=_E.RECONCILER,
        then="claimed again",
        why=_W.WARM_SURPLUS,
    ),
)

_HOT = (
    Waiting(
        state="hot",
        standing=_S.HEATED,
        waits_for="a visitor, at the price that the operator chose",
        ender=_E.VISITOR,
        then="RESERVE, and OPEN within a second",
    ),
    _heated(
        state="heated, and at rest all the same",
        waits_for="the start order to be dead",
        after=("order_horizon",),
        then="ordered again; after start_attempts claimed, and not heated for a while",
        why=_W.HEATED_AGAIN,
    ),
    _heated(
        state="heated, and not running in time",
        waits_for="Azure to start it",
        after=("start_timeout",),
        then="claimed, stopped, and offered as it is, with an alarm",
        why=_W.NEVER_HOT,
    ),
    _heated(
        state="heated, and not Healthy in time (SCALER_READY_WHEN)",
        waits_for="Azure to start it, and its extension to say Healthy",
        after=("start_timeout", "ready_timeout"),
        then="claimed, stopped, and offered as it is, with an alarm",
        why=_W.NEVER_HOT,
    ),
    _heated(
        state="hot, and more than wanted",
        waits_for="nothing",
        then="claimed, to be stopped",
        why=_W.HOT_SURPLUS,
    ),
    _claimed(
        state="claimed, and hot",
        waits_for="the claim to be older than what a failover can forget",
        after=("ripening", "plan_kept"),
        then="stopped, and kept allocated",
        why=_W.COOLS_DOWN,
    ),
    _claimed(
        state="claimed, and its heating under way",
        waits_for="the start order to be dead, or to show",
        after=("order_horizon", "observation_lag", "date_resolution"),
        then="at rest the claim closes",
        why=_W.CLAIM_CLOSES,
    ),
    Waiting(
        state="not to be heated",
        standing=_S.READY,
        waits_for="Azure, or the image, to have been mended; one less is heated meanwhile",
        after=("claim_retry",),
        ender=_E.RECONCILER,
        then="heated again",
        why=_W.HOT_LACK,
    ),
    Waiting(
        state="heated, and unmarked",
        standing=_S.UNMARKED,
        waits_for="nothing",
        ender=_E.RECONCILER,
        then="taken out, before it is marked anew",
        why=_W.TAKEN_OUT,
    ),
    _new(
        state="heated, unmarked and taken out",
        waits_for="that to be older than what a failover can forget",
        after=("ripening", "plan_kept"),
        then="marked anew",
        why=_W.NEW_AT_REST,
    ),
    _reserved(
        state="hot, and no replica of Redis answers",
        waits_for="a replica, and then a machine that was never heated",
        after=("hot_patience",),
        then="SWAP: the session goes on with that one, and the hot one is offered again",
        why=_W.UNCONFIRMED,
    ),
    _reserved(
        state="hot, its start noted, and no replica of Redis answers",
        waits_for="a replica: its visitor may be inside, if a failover has forgotten that",
        after=("reservation_timeout",),
        then="REFUSE; deleted at rest, or at the limit",
        why=_W.UNCONFIRMED,
    ),
)

_SOLD_OUT = tuple(
    Waiting(
        state=f"no start of a deallocated machine: {failure}",
        standing=None,
        waits_for="Azure to have machines again; the next successful cold start ends the wait, too",
        after=(f"unattractive.{failure}",),
        ender=_E.STARTER,
        then="sessions are moved to cold machines of that scale set again",
        why=_W.CANNOT_START,
    )
    for failure in FailureClass
    if failure.of_capacity
)

_VISITED = (
    _reserved(
        state="reserved and unstarted",
        waits_for="its start: orders are not allowed, or Azure is away",
        after=("reservation_timeout",),
        then="REFUSE",
        why=_W.TIMEOUT,
    ),
    _reserved(
        state="reserved, and no notes say where",
        waits_for="consent, or a look at all scale sets; with consent the session is refused at once",
        after=("reservation_timeout",),
        then="REFUSE",
        why=_W.TAINTED,
    ),
    _reserved(
        state="started, and still at rest",
        waits_for="the start order to be dead",
        after=("order_horizon",),
        then="ordered again; after start_attempts MOVE, or REFUSE",
        why=_W.START_OVERDUE,
    ),
    _reserved(
        state="starting",
        waits_for="Azure to finish the start",
        after=("start_timeout",),
        then="MOVE; REFUSE if the queue manager would not follow",
        why=_W.CANNOT_START,
    ),
    _reserved(
        state="stranded: no other machine to move to",
        waits_for="another machine to be Available",
        after=("reservation_timeout",),
        then="REFUSE",
        why=_W.GONE,
    ),
    _reserved(
        state="running, and not Healthy (SCALER_READY_WHEN)",
        waits_for="Healthy in this run; its session goes on with another machine, where it follows a MOVE",
        after=("ready_timeout",),
        then="MOVE; REFUSE where nobody follows, or at `reservation_timeout`",
        why=_W.NOT_HEALTHY,
    ),
    _reserved(
        state="running, and shows no health at all (SCALER_READY_WHEN)",
        waits_for="its extension to speak",
        after=("ready_timeout",),
        then="to be opened as if it were Healthy, with an alarm",
        why=_W.NO_HEALTH,
    ),
    _reserved(
        state="running and not opened",
        waits_for="its addresses, while Azure does not tell them",
        after=("address_patience",),
        then="OPEN without addresses",
        why=_W.RUNS,
    ),
    _in_session(
        state="in session",
        waits_for="RELEASE",
        after=("session_limit", "expiry_grace"),
        then="EXPIRE, and deleted; never by time where session_limit is 0",
        why=_W.LIMIT,
    ),
    _in_session(
        state="presumed",
        waits_for="RELEASE of whoever is on it, if anybody is",
        after=("limit_of_presumed", "expiry_grace"),
        then="EXPIRE, and deleted",
        why=_W.PRESUMED_LIMIT,
    ),
    _in_session(
        state="in session, stopped",
        waits_for="the second witness: shut down from inside, or by somebody",
        after=("evidence", "date_resolution"),
        then="EXPIRE, and deleted",
        why=_W.CAME_TO_REST,
    ),
    _in_session(
        state="in session, deallocated",
        waits_for="the second witness: evicted, or deallocated by somebody",
        after=("evidence", "date_resolution"),
        then="EXPIRE, and deleted",
        why=_W.EVICTED,
    ),
    _in_session(
        state="in session, and nobody has come",
        waits_for="the visitor to connect, whatever the machine says (only with SCALER_END_WHEN=unhealthy)",
        after=("connect_timeout",),
        then="the machine's word counts",
        why=_W.SEEN_UNHEALTHY,
    ),
    _in_session(
        state="in session, unhealthy",
        waits_for="the second witness: nobody is in, or no stream is there (only with SCALER_END_WHEN=unhealthy)",
        after=("health_evidence", "date_resolution"),
        then="EXPIRE, and deleted",
        why=_W.UNHEALTHY,
    ),
    _in_session(
        state="in session without a limit, lost from view",
        waits_for="Azure to say whether it runs (only where session_limit is 0)",
        after=("creating_timeout", "presumed_limit"),
        then="EXPIRE, and deleted",
        why=_W.PRESUMED_LIMIT,
    ),
)

_LEAVING = (
    _used(
        state="spent before it was let in",
        waits_for="its note to be older than what a failover can forget",
        after=("ripening", "plan_kept"),
        then="deleted",
        why=_W.RIPE,
    ),
    _used(
        state="used, and held by an operator",
        waits_for="the operator, who looks at it: `scaler unhold` ends the wait sooner; a later hold prolongs it",
        after=("longest_hold",),
        then="deleted",
        why=_W.RIPE,
    ),
    _used(
        state="used and running, for nobody known",
        waits_for="whoever may be on it",
        after=("limit_of_presumed", "expiry_grace"),
        then="deleted",
        why=_W.RIPE,
    ),
    _used(
        state="deleting",
        waits_for="Azure to delete it",
        after=("delete_retry",),
        then="ordered again, doubling up to delete_retry_most; from delete_attempts on with an alarm each time",
        why=_W.DELETE_OVERDUE,
    ),
    _used(
        state="deleting, and nothing comes of it",
        waits_for="an operation that Azure has perhaps lost",
        after=("delete_lost",),
        then="deleted again",
        why=_W.DELETE_OVERDUE,
    ),
    _gone(
        state="missed once",
        waits_for="the second witness of its absence",
        after=("evidence", "date_resolution"),
        then="RETIRE; FORGET by the reconciler if it was Available; MOVE or REFUSE by the starter if it was Reserved",
        why=_W.GONE,
    ),
    _gone(
        state="missed in another scale set of its name",
        waits_for="a possible visitor: perhaps only the settings are wrong",
        after=("limit_of_presumed", "expiry_grace"),
        then="RETIRE; FORGET by the reconciler if it was Available",
        why=_W.GONE,
    ),
    _gone(
        state="refused or moved, and gone",
        waits_for="its reader: the visitor who was refused, the queue manager that follows",
        after=("refusal_kept",),
        then="RETIRE",
        why=_W.GONE,
    ),
    Waiting(
        state="not seen, and its key in a set without a record that can be read",
        standing=_S.UNSEEN,
        waits_for="nothing",
        ender=_E.RECONCILER,
        then="its key leaves the sets, its notes live for a day; the key of an unreadable record goes to unavailable",
        why=_W.INDEX_REPAIR,
    ),
    Waiting(
        state="not seen, and not proven gone",
        standing=_S.UNSEEN,
        waits_for="a complete listing, or an answer to a targeted GET",
        ender=_E.CLEANER,
        then="as the look shows; RESERVED has its own clock all the same",
    ),
    Waiting(
        state="of a scale set that is not configured any more",
        standing=_S.UNSEEN,
        waits_for="the operator; its keys leave available; reservations are moved, or refused",
        ender=_E.OPERATOR,
        then="`scaler forget --scale-set NAME`",
    ),
    Waiting(
        state="capacity above what is listed",
        standing=None,
        waits_for="machines that Azure promised, while nothing is Updating",
        after=("capacity_stuck",),
        ender=_E.PROVISIONER,
        then="the same capacity is PATCHed again, and reported",
        why=_W.CAPACITY_STUCK,
    ),
    Waiting(
        state="listed without its identity",
        standing=None,
        waits_for="Azure to say which machine it is, or the operator: an alarm is raised after creating_timeout",
        ender=_E.OPERATOR,
        then="deleted in Azure by its instance id; the pool is filled up by itself",
    ),
    Waiting(
        state="a scale set that a controller cannot see",
        standing=None,
        waits_for="a look that Azure answers and ARM's budget bears: an alarm is raised after unseen_alarm",
        ender=_E.OPERATOR,
        then="the next answered look ends the alarm; every other program that lists the scale set takes pages",
    ),
    Waiting(
        state="fewer machines than wanted: Azure refused more",
        standing=None,
        waits_for="quota, or machines of that size; the machines that fit are made meanwhile, and an alarm is raised",
        after=("refused_hold",),
        ender=_E.PROVISIONER,
        then="the full number is asked for again",
        why=_W.BELOW_DESIRED,
    ),
    Waiting(
        state="fewer machines than wanted: too many creations failed (SCALER_FAILURE_CAP)",
        standing=None,
        waits_for="the operator, who mends the cause or deletes the Failed machines; an alarm is raised",
        after=("failure_window",),
        ender=_E.PROVISIONER,
        then="machines are created again",
        why=_W.BELOW_DESIRED,
    ),
)

WAITINGS: tuple[Waiting, ...] = (
    *_NEW,
    *_DELETED_BY_OTHERS,
    *_HELD,
    *_DOUBTED,
    *_READY,
    *_HOT,
    *_SOLD_OUT,
    *_VISITED,
    *_LEAVING,
)
