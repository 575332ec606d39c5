"""The standing: a machine's classification in a word, shared by all four controllers, so that no two disagree.

Every combination of record, notes, power, mark and listing has exactly one standing, every standing has an owner,
and every waiting in a standing ends by a clock (`waiting`; tests/unit/test_nothing_waits_for_ever.py).
"""

from datetime import datetime, timedelta
from enum import StrEnum

from scaler.model.clocks import Clocks
from scaler.model.edges import Edge
from scaler.model.instance import Instance, ProvisioningState
from scaler.model.policy import Policy
from scaler.model.row import STOPS_RUNNING, Notes, Row, Status
from scaler.model.sighting import Sighting


class Standing(StrEnum):
    UNSEEN = "unseen"  # not looked at, or the look proves nothing: wait for one that does
    GONE = "gone"  # proven absent in this look
    NEW = "new"  # unmarked, and never handed over: the provisioner's while it runs, the reconciler's at rest
    ADMITTING = "admitting"  # marked by us, not yet offered
    STRANGER = "stranger"  # marked, and we do not know why, or what was known is lost: perhaps used
    READY = "ready"  # Available, marked, at rest
    HEATED = "heated"  # Available and marked: it runs, and waits hot for its visitor, or it is on the way there
    CLAIMED = "claimed"  # Available, marked, being cooled or warmed: nobody can reserve it meanwhile
    UNMARKED = "unmarked"  # Available and known, but its mark is gone
    TAINTED = "tainted"  # Available, and not fit to be offered
    RESERVED = "reserved"  # a session waits for it
    IN_SESSION = "in session"  # opened, or presumed to be in use
    USED = "used"  # never offered again


def is_used(row: Row) -> bool:
    """Whether a machine is used: by the record, by the notes, or by a session that has ended on the machine."""
    said = row.readable is not None and row.readable.used
    return said or (row.notes is not None and (row.notes.spent is not None or bool(row.notes.ended)))


def standing(row: Row, instance: Instance, sighting: Sighting, policy: Policy) -> Standing:
    """The standing of a machine that was seen."""
    if row.status is Status.RESERVED:
        return Standing.RESERVED
    if is_used(row) or row.status is Status.UNAVAILABLE:
        return Standing.USED if is_used(row) else Standing.IN_SESSION
    if row.status is Status.AVAILABLE:
        return _of_available(row, instance, sighting.at, policy)
    return _of_unrecorded(row, instance)


def _of_unrecorded(row: Row, instance: Instance) -> Standing:
    notes = row.notes
    if notes is not None and notes.beyond_admitting:
        kept_unreadable = row.record is not None and notes.presumed_at is not None
        return Standing.IN_SESSION if kept_unreadable else Standing.STRANGER
    if not instance.marked:
        return Standing.NEW
    return Standing.ADMITTING if notes is not None and notes.mark_asked_at is not None else Standing.STRANGER


def _of_available(row: Row, instance: Instance, at: datetime, policy: Policy) -> Standing:
    notes = row.notes
    if notes is None or not notes.beyond_admitting:
        word = _of_unrecorded(row, instance)
        return Standing.TAINTED if word is Standing.STRANGER else word
    if notes.start or notes.opened or notes.presumed_at:
        return Standing.STRANGER
    if not instance.marked:
        return Standing.UNMARKED
    if instance.runs and notes.claim is not None and notes.claim.order in STOPS_RUNNING:
        return Standing.CLAIMED
    if instance.failed or (instance.runs and not notes.is_heated) or unsettled_for(notes, at, policy):
        return Standing.TAINTED
    word = Standing.READY if notes.heated is None else Standing.HEATED
    return word if notes.claim is None else Standing.CLAIMED


def unsettled_for(notes: Notes, at: datetime, policy: Policy) -> bool:
    """Whether a machine has been neither at rest nor running for start_timeout, and no controller has acted yet."""
    return notes.unsettled_at is not None and at - notes.unsettled_at >= policy.start_timeout


def held(notes: Notes, now: datetime, policy: Policy) -> bool:
    """Whether an operator keeps a used machine from its deletion. A time too far ahead was noted by a wrong clock."""
    return notes.held_until is not None and timedelta(0) < notes.held_until - now <= policy.longest_hold


def own_session_ended(notes: Notes) -> bool:
    """Whether the machine's own session (opened, or started for) is known to have ended: delete even while it runs.

    A presumed session without a name ends by EXPIRE alone.
    """
    if notes.session is None:
        return notes.spent is not None and notes.spent.why is Edge.EXPIRE
    how = notes.ended.get(notes.session)
    if how in {Edge.REFUSE, Edge.MOVE}:
        return notes.opened is None and notes.presumed_at is None
    return how is not None


def ripe(notes: Notes, clocks: Clocks, policy: Policy) -> bool:
    """Whether the spent note is old enough to survive a failover, by both clocks.

    RELEASE and EXPIRE end sessions that were no longer Available or Reserved, and need not ripen.
    """
    spent = notes.spent
    if spent is None:
        return False
    if spent.why in {Edge.RELEASE, Edge.EXPIRE}:
        return True
    age = clocks.age(spent.at, spent.seen_at)
    return age is not None and age >= policy.ripe_after


def deletable(notes: Notes, instance: Instance, clocks: Clocks, policy: Policy) -> bool:
    """Whether a used machine may be deleted now: without a visitor, or with a visitor whose time is over."""
    if not ripe(notes, clocks, policy):
        return False
    if may_run_unused(notes, instance, clocks, policy) or instance.at_rest or (instance.halted and not instance.busy):
        return True
    never_handed_over = not instance.marked and notes.admitted_at is None and notes.presumed_at is None
    return never_handed_over and not instance.runs


def may_run_unused(notes: Notes, instance: Instance | None, clocks: Clocks, policy: Policy) -> bool:
    """Whether a used machine has no visitor any more, though the machine may run."""
    if own_session_ended(notes) or presumption_over(notes, clocks, policy):
        return True
    # Never handed over, and not stopped by the provisioner: Azure takes no order but a delete, or it is not Healthy.
    if instance is None or instance.marked or notes.admitted_at or notes.start or notes.opened or notes.presumed_at:
        return False
    return instance.provisioning is ProvisioningState.DELETING or policy.awaits_health(notes.scale_set)


def presumption_over(notes: Notes, clocks: Clocks, policy: Policy) -> bool:
    """Whether a machine that runs without a known session has had a presumed session's time, by both clocks."""
    if notes.presumed_at is not None:
        age = clocks.age(notes.presumed_at, notes.presumed_seen_at)
    else:
        age = clocks.age(notes.spent.at, notes.spent.seen_at) if notes.spent is not None else None
    return age is not None and age >= policy.limit_of_presumed + policy.expiry_grace
