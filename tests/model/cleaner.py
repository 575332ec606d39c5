"""The cleaner as `scaler/controllers/cleaner/` has it: a listing, then targeted GETs of what it would end or delete."""

from typing import NamedTuple

from model.cloud import AT_REST
from model.registry import note, step
from model.rules import Rule, Rules
from model.state import CONNECTED, LONG, Kind, Notes, Power, Presence, Record, Row, Spent, Step, View

from scaler.model.edges import Actor, Edge
from scaler.model.row import Status

_WHO = Actor.CLEANER
_NEED_NOT_RIPEN = (Edge.RELEASE, Edge.EXPIRE)
_READ = (Edge.REFUSE, Edge.MOVE)


class _Case(NamedTuple):
    """One machine before the cleaner."""

    row: Row
    record: Record
    notes: Notes  # brought up to this look
    seen: View
    asked: bool  # by a targeted GET
    rules: Rules


def clean(row: Row, listing: View, truth: View, rules: Rules) -> Step | None:
    """At most one step. `truth` is what a targeted GET would answer; it asks only where something would follow."""
    row = row.named(rules)
    if row.record is None or row.status is not Status.UNAVAILABLE:
        return None
    notes = row.notes or Notes()
    asks = listing.power is not Power.GONE and worth_a_look(row, listing, rules) and _asks(row, listing, rules)
    seen = truth if asks else listing
    if seen.power is Power.GONE:
        return _gone(row, notes, rules)
    notes = notes._replace(
        missed=None,
        rests=None if seen.power is Power.RUNS else notes.rests,
        unhealthy=notes.unhealthy if _says_nobody_is_in(seen, rules) else None,
    )
    case = _Case(row, row.record, notes, seen, asks, rules)
    return _used(case) if _is_used(row, notes) else _in_session(case)


def spend(row: Row) -> Step:
    """There is one machine too many: nobody can reserve this one from now on, and its delete ripens."""
    notes = row.notes or Notes()
    return step(Edge.SPEND, _WHO, row, None, notes._replace(spent=Spent(Edge.SPEND)))


def _is_used(row: Row, notes: Notes) -> bool:
    return bool((row.record is not None and row.record.used) or notes.spent or notes.ended)


def _gone(row: Row, notes: Notes, rules: Rules) -> Step | None:
    """RETIRE on the second witness; what somebody has to read stays a while."""
    if notes.missed is None and Rule.TWO_LOOKS_GONE in rules:
        return note("cleaner: misses it", row, notes._replace(missed=0))
    spent = notes.spent
    unread = spent is not None and spent.why in _READ and not notes.over and Rule.REFUSAL_KEPT in rules
    if unread or (notes.missed != LONG and Rule.TWO_LOOKS_GONE in rules):
        return None
    return step(Edge.RETIRE, _WHO, row, None, None)


def _asks(row: Row, listing: View, rules: Rules) -> bool:
    """By a targeted GET, and not by the listing alone."""
    if _is_used(row, row.notes or Notes()):
        return Rule.GET_BEFORE_DELETE in rules
    return (Rule.HEALTH_GET if _says_nobody_is_in(listing, rules) else Rule.GET_BEFORE_EXPIRE) in rules


def _says_nobody_is_in(seen: View, rules: Rules) -> bool:
    return seen.presence is Presence.NOBODY or (seen.presence is Presence.SILENT and Rule.HEALTH_KNOWN not in rules)


def _may_end_by_health(notes: Notes, seen: View, rules: Rules) -> bool:
    """The look counts: the visitor has had the time to connect."""
    had_time = notes.let_in == CONNECTED or Rule.HEALTH_AFTER_CONNECT not in rules
    return _says_nobody_is_in(seen, rules) and notes.let_in is not None and had_time


def worth_a_look(row: Row, listing: View, rules: Rules) -> bool:
    """Something would follow from a targeted GET."""
    notes = row.named(rules).notes or Notes()
    if not _is_used(row, notes):
        again = _may_end_by_health(notes, listing, rules) and notes.unhealthy is not None
        return (listing.power in AT_REST and notes.rests is not None) or again or _over(notes, rules)
    if notes.spent is None:
        return True
    free = own_session_ended(notes, rules) or _over(notes, rules) or listing.power is not Power.RUNS
    free = free or _never_handed_over(notes, listing)
    return (free or Rule.PRESUME not in rules) and _is_due(notes) and _ripe(notes.spent, rules)


def _used(case: _Case) -> Step | None:
    """Acknowledge who said so, then delete."""
    if case.notes.spent is None:
        return _with_delete(case, "acknowledges the end", case.record, _acknowledged(case.record, case.notes))
    doomed = _with_delete(case, "deletes it", case.record, case.notes)
    return doomed if doomed.order is not None else _seen_again(case)


def _acknowledged(record: Record, notes: Notes) -> Notes:
    """Whose session ended decides what a delete needs."""
    if record.session is None or record.session != notes.session:
        return notes._replace(spent=Spent(Edge.CONDEMN))
    return notes.ending(record.session, Edge.RELEASE, Edge.RELEASE)


def _in_session(case: _Case) -> Step | None:
    """EXPIRE by its limit, or at rest by two looks; or the first of these."""
    notes, rules = case.notes, case.rules
    rests = case.seen.power in AT_REST
    sure = notes.rests == LONG and (case.asked or Rule.GET_BEFORE_EXPIRE not in rules)
    if _over(notes, rules) or (rests and (sure or Rule.TWO_LOOKS_REST not in rules)) or _ends_by_health(case):
        expired = notes.ending(notes.session, Edge.EXPIRE, Edge.EXPIRE)
        record = step(Edge.EXPIRE, _WHO, case.row, case.record.session, expired).record
        return _with_delete(case, "EXPIRE", record, expired)
    if rests and notes.rests is None:
        return note("cleaner: sees it at rest", case.row, notes._replace(rests=0))
    if _may_end_by_health(notes, case.seen, rules) and notes.unhealthy is None:
        return note("cleaner: sees it unhealthy", case.row, notes._replace(unhealthy=0))
    return _seen_again(case)


def _ends_by_health(case: _Case) -> bool:
    """By two looks, the second a targeted GET."""
    sure = case.notes.unhealthy == LONG and (case.asked or Rule.HEALTH_GET not in case.rules)
    may = _may_end_by_health(case.notes, case.seen, case.rules)
    return may and (sure or Rule.HEALTH_TWICE not in case.rules)


def _with_delete(case: _Case, name: str, record: Record | None, notes: Notes) -> Step:
    """The step, and the delete at once where nothing speaks against it."""
    asked = case.asked or Rule.GET_BEFORE_DELETE not in case.rules
    if not (asked and _is_due(notes) and _deletable(notes, case.seen, case.rules)):
        return Step(f"cleaner: {name}", record, notes)
    return Step(f"cleaner: {name}", record, notes._replace(deleted=0), order=Kind.DELETE)


def _deletable(notes: Notes, seen: View, rules: Rules) -> bool:
    if notes.spent is None or not _ripe(notes.spent, rules):
        return False
    at_once = Rule.PRESUME not in rules and notes.spent.why is Edge.CONDEMN
    if _never_handed_over(notes, seen):
        return True
    return own_session_ended(notes, rules) or seen.power in AT_REST or _over(notes, rules) or at_once


def _never_handed_over(notes: Notes, seen: View) -> bool:
    """Where Healthy is asked for the provisioner does not stop what is not: it is deleted as it runs."""
    handed = notes.admitted or notes.start or notes.opened or notes.presumed
    return seen.health is not None and not seen.marked and not handed


def own_session_ended(notes: Notes, rules: Rules) -> bool:
    """The session it was opened or started for is known to have ended."""
    if Rule.OWN_SESSION not in rules:
        return True
    if notes.session is None:
        return notes.spent is not None and notes.spent.why is Edge.EXPIRE
    how = notes.how(notes.session)
    if how in {Edge.REFUSE, Edge.MOVE}:
        return notes.opened is None and not notes.presumed
    return how is not None


def _ripe(spent: Spent, rules: Rules) -> bool:
    return spent.why in _NEED_NOT_RIPEN or spent.age == LONG or Rule.RIPENING not in rules


def _over(notes: Notes, rules: Rules) -> bool:
    return notes.over and Rule.LIMITS in rules


def _is_due(notes: Notes) -> bool:
    return notes.deleted is None or notes.deleted == LONG


def _seen_again(case: _Case) -> Step | None:
    """Contradicted witnesses are erased."""
    unchanged = case.notes == (case.row.notes or Notes())
    return None if unchanged else note("cleaner: sees it again", case.row, case.notes)
