"""The cleaner as `scaler/controllers/cleaner/` has it: a listing, then targeted GETs of what it would end or delete."""

from typing import NamedTuple

from model.cloud import AT_REST
from model.registry import note, step
from model.rules import Rule, Rules
from model.state import LONG, Kind, Notes, Power, Record, Row, Spent, Step, View

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
    asks = listing.power is not Power.GONE and worth_a_look(row, listing, rules) and _asks(row, notes, rules)
    seen = truth if asks else listing
    if seen.power is Power.GONE:
        return _gone(row, notes, rules)
    notes = notes._replace(missed=None, rests=None if seen.power is Power.RUNS else notes.rests)
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


def _asks(row: Row, notes: Notes, rules: Rules) -> bool:
    """By a targeted GET, and not by the listing alone."""
    return (Rule.GET_BEFORE_DELETE if _is_used(row, notes) else Rule.GET_BEFORE_EXPIRE) in rules


def worth_a_look(row: Row, listing: View, rules: Rules) -> bool:
    """Something would follow from a targeted GET."""
    notes = row.named(rules).notes or Notes()
    if not _is_used(row, notes):
        return (listing.power in AT_REST and notes.rests is not None) or _over(notes, rules)
    if notes.spent is None:
        return True
    free = own_session_ended(notes, rules) or _over(notes, rules) or listing.power is not Power.RUNS
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
    if _over(notes, rules) or (rests and (sure or Rule.TWO_LOOKS_REST not in rules)):
        expired = notes.ending(notes.session, Edge.EXPIRE, Edge.EXPIRE)
        record = step(Edge.EXPIRE, _WHO, case.row, case.record.session, expired).record
        return _with_delete(case, "EXPIRE", record, expired)
    if rests and notes.rests is None:
        return note("cleaner: sees it at rest", case.row, notes._replace(rests=0))
    return _seen_again(case)


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
    return own_session_ended(notes, rules) or seen.power in AT_REST or _over(notes, rules) or at_once


def own_session_ended(notes: Notes, rules: Rules) -> bool:
    """The session it was opened or started for is known to have ended."""
    if Rule.OWN_SESSION not in rules:
        return True
    how = notes.how(notes.session)
    if how in {Edge.REFUSE, Edge.MOVE}:
        return notes.opened is None
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
