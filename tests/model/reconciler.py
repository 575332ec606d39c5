"""The reconciler as `scaler/controllers/reconciler/` has it, one machine and one listing at a time."""

from model.cloud import AT_REST
from model.registry import note, step
from model.rules import Rule, Rules
from model.state import CLAIM_OVER, LONG, RIPE, STALE, Health, Kind, Notes, Place, Power, Row, Spent, Step, View

from scaler.model.edges import Actor, Edge
from scaler.model.row import Status

_WHO = Actor.RECONCILER


def reconcile(row: Row, listing: View, truth: View, rules: Rules) -> Step | None:
    """At most one step. `truth` is what a targeted GET would answer: it asks before it marks, and before it cools."""
    row = row.named(rules)
    if row.notes is not None and row.notes.claim is not None and truth.power is not Power.GONE:
        listing = truth
    if listing.power is Power.GONE:
        return _forget(row, rules)
    if row.status is Status.RESERVED:
        return None if row.waiting else note("reconciler: puts the key into `reserved`", row, row.notes, Place.RESERVED)
    if _is_used(row, rules) or row.status is Status.UNAVAILABLE:
        return _used(row, rules) or _in_session(row, listing, rules)
    notes = row.notes or Notes()
    if notes.beyond_admitting and not _may_be_offered(row, notes):
        return _doubtful(row, notes, listing, rules)
    if row.status is Status.AVAILABLE and notes.admitted and (listing.marked or Rule.MARK not in rules):
        if notes.claim is None and _is_ready(notes, truth, rules):
            return note("reconciler: sees it ready", row, notes._replace(ready=True))
        verb = _ready if notes.claim is None else _claimed
        return verb(row, notes, listing, rules)
    known = notes.asked is not None or Rule.NEVER_ADMIT_UNKNOWN not in rules
    if listing.marked and not known:
        return _doubtful(row, notes, listing, rules)
    asked = truth if Rule.GET_BEFORE_MARK in rules else listing
    return _newcomer(row, notes, listing, asked, rules)


def _is_used(row: Row, rules: Rules) -> bool:
    said = row.record is not None and row.record.used
    noted = row.notes is not None and bool(row.notes.spent or row.notes.ended)
    return said or (noted and Rule.NOTES_BEAT_RECORD in rules)


def _may_be_offered(row: Row, notes: Notes) -> bool:
    return row.status is Status.AVAILABLE and not (notes.start or notes.opened or notes.presumed)


def _forget(row: Row, rules: Rules) -> Step | None:
    """Available and gone: on the second witness, far enough from the first."""
    if row.status is not Status.AVAILABLE:
        return _strayed(row)
    notes = row.notes or Notes()
    if notes.missed == LONG or Rule.TWO_LOOKS_GONE not in rules:
        return step(Edge.FORGET, _WHO, row, None, None)
    if notes.missed is not None:
        return None
    return note("reconciler: misses it", row, notes._replace(missed=0), Place.ELSEWHERE)


def _strayed(row: Row) -> Step | None:
    """A key without any row leaves the sets; one that is Reserved belongs into its own."""
    if row.status is Status.RESERVED and not row.waiting:
        return note("reconciler: puts the key into `reserved`", row, row.notes, Place.RESERVED)
    lonely = row.record is None and row.notes is None and (row.offered or row.waiting)
    return note("reconciler: removes a lonely key", row, None, Place.ELSEWHERE) if lonely else None


def _used(row: Row, rules: Rules) -> Step | None:
    """Its record must say so."""
    if not _is_used(row, rules) or (row.status is Status.UNAVAILABLE and row.record is not None and row.record.used):
        return None
    return _condemn(row, row.notes or Notes())


def _in_session(row: Row, listing: View, rules: Rules) -> Step | None:
    if _is_used(row, rules) or not listing.marked or listing.power is not Power.RUNS:
        return None
    explained = row.notes is not None and (row.notes.opened or row.notes.presumed)
    return None if explained else _presume(row, row.notes or Notes(), listing, rules)


def _doubtful(row: Row, notes: Notes, listing: View, rules: Rules) -> Step | None:
    """Marked and unknown, or its record lost or undone."""
    if listing.power is Power.RUNS:
        return _presume(row, notes, listing, rules) if listing.marked else None
    return _condemn(row, notes)


def _condemn(row: Row, notes: Notes) -> Step:
    session = row.record.session if row.record is not None else None
    noted = notes._replace(spent=notes.spent or Spent(Edge.CONDEMN))
    return step(Edge.CONDEMN, _WHO, row, session, noted)


def _presume(row: Row, notes: Notes, look: View, rules: Rules) -> Step:
    if Rule.PRESUME not in rules:
        return _condemn(row, notes)
    session = notes.session or (row.record.session if row.record is not None else None)
    return step(Edge.PRESUME, _WHO, row, session, notes.timed(look)._replace(presumed=True, missed=None))


def _newcomer(row: Row, notes: Notes, listing: View, asked: View, rules: Rules) -> Step | None:
    if listing.power is Power.RUNS:
        late = asked.health is Health.NONE and asked.power is Power.RUNS and not asked.marked
        if listing.marked:
            return _presume(row, notes, listing, rules)
        return _condemn(row, notes) if late else None
    out = notes._replace(unindexed=(notes.unindexed or 0) if row.status is Status.AVAILABLE else None)
    if not listing.marked and Rule.MARK in rules:
        return _mark(row, out, rules) if asked.power in AT_REST and not asked.marked else None
    if notes.seen is None:
        return note("reconciler: sees the mark", row, out._replace(seen=0), Place.ELSEWHERE)
    waited = notes.seen == LONG or Rule.ORDER_HORIZON not in rules
    if not waited or (notes.unindexed or LONG) < LONG:
        return None
    return step(Edge.ADMIT, _WHO, row, None, notes._replace(admitted=True, unindexed=None))


def _mark(row: Row, notes: Notes, rules: Rules) -> Step | None:
    """What was heated is first taken out, and marked again when no failover can forget that."""
    if notes.asked is not None and notes.asked < LONG:
        return None
    ripens = notes.heated and Rule.REMARK_RIPENS in rules
    if ripens and notes.admitted:
        out = notes._replace(unmarked=0, seen=None, admitted=False, movable=None, ready=False)
        return note("reconciler: takes it out, unmarked", row, out, Place.ELSEWHERE)
    if ripens and notes.unmarked != LONG:
        return None
    asked = notes._replace(asked=0, seen=None, admitted=False, movable=None)
    return note("reconciler: asks for the mark", row, asked, Place.ELSEWHERE, Kind.MARK)


def _ready(row: Row, notes: Notes, listing: View, rules: Rules) -> Step | None:
    if listing.power not in AT_REST and not notes.heated:
        return _presume(row, notes, listing, rules)
    if row.offered:
        seen = notes._replace(unindexed=None, missed=None)
        return None if seen == notes else note("reconciler: sees it again", row, seen)
    if Rule.INDEX_REPAIR not in rules:
        return None
    waited = notes.unindexed == LONG or Rule.REPAIR_AFTER not in rules
    if waited:
        back = notes._replace(unindexed=None, missed=None)
        return note("reconciler: puts the key back into `available`", row, back, Place.AVAILABLE)
    missing = notes._replace(unindexed=notes.unindexed or 0, missed=None)
    return None if missing == notes else note("reconciler: misses the key in `available`", row, missing)


def _is_ready(notes: Notes, look: View, rules: Rules) -> bool:
    """Heated, and Healthy in this run for the first time, by a targeted GET."""
    healthy = look.health is Health.HEALTHY or (look.health is Health.OLD and Rule.HEALTH_OF_THIS_RUN not in rules)
    return notes.heated and look.power is Power.RUNS and healthy and not notes.ready


def claim(row: Row, *, warms: bool) -> Step:
    """There is one warm machine too many, or too few: nobody can reserve this one from now on."""
    notes = (row.notes or Notes())._replace(claim=0, warms=warms)
    name = f"reconciler: claims it, to {'warm' if warms else 'cool'} it"
    return Step(name, row.record, notes, Place.ELSEWHERE, takes=True)


def heat(row: Row) -> Step:
    """There is one hot machine too few: a note, and then a start. Everybody can still reserve the machine."""
    heated = (row.notes or Notes())._replace(heated=True, ready=False, unmarked=None)
    return note("reconciler: heats it", row, heated, order=Kind.START)._replace(confirmed=True)


def give_up(row: Row, look: View, rules: Rules) -> Step | None:
    """Azure does not start, or not stop, what is to be warmed; or not stop what was hot."""
    notes = row.notes
    if (
        notes is None
        or notes.claim is None
        or not notes.may_run
        or notes.closing is not None
        or row.status is not Status.AVAILABLE
    ):
        return None
    return _presume(row, notes, look, rules) if look.power is Power.RUNS else _closes(row, notes)


def _claimed(row: Row, notes: Notes, look: View, rules: Rules) -> Step | None:
    """An order rests on a claim that is ripe and not stale. Offered again when every such order is dead."""
    if look.power not in AT_REST and (not notes.may_run or notes.closing is not None):
        return _presume(row, notes, look, rules)
    if notes.closing is not None:
        return _ends(row, notes) if notes.closing == LONG else None
    reached = look.power in _aimed_at(notes)
    if reached and notes.may_run and Rule.CLAIM_CLOSES in rules:
        return _closes(row, notes)
    age = notes.claim or 0
    if reached:
        return _ends(row, notes) if age >= CLAIM_OVER or Rule.CLAIM_OUTLIVES not in rules else None
    if age >= STALE and Rule.CLAIM_RENEWED in rules:
        return note("reconciler: renews the claim", row, notes._replace(claim=0))
    if age < RIPE and Rule.CLAIM_RIPENS in rules:
        return None
    if notes.heated and look.power is Power.RUNS:
        return note("reconciler: stops it, hot", row, notes, order=Kind.STOP)
    if not notes.warms:
        return note("reconciler: cools it", row, notes, order=Kind.COOL)
    if look.power is Power.COLD:
        return note("reconciler: starts it, to warm it", row, notes, order=Kind.START)
    return note("reconciler: stops it, warm", row, notes, order=Kind.STOP)


def _aimed_at(notes: Notes) -> tuple[Power, ...]:
    """Where a claim wants its machine: what was hot only has to rest."""
    if notes.warms:
        return (Power.WARM,)
    return AT_REST if notes.heated else (Power.COLD,)


def _closes(row: Row, notes: Notes) -> Step:
    return note("reconciler: closes the claim", row, notes._replace(closing=0))


def _ends(row: Row, notes: Notes) -> Step:
    ended = notes._replace(claim=None, warms=False, closing=None, unindexed=None)
    ended = ended._replace(heated=False, ready=False, unmarked=None)
    return note("reconciler: ends the claim", row, ended, Place.AVAILABLE)
