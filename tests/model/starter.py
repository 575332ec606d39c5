"""The starter as `scaler/controllers/starter/` has it: it looks by targeted GETs, at what is Reserved."""

from model.cloud import AT_REST
from model.registry import joined, note, step
from model.rules import Rule, Rules
from model.state import LONG, Health, Kind, Notes, Place, Power, Record, Row, Session, Step, View

from scaler.model.edges import Actor, Edge
from scaler.model.row import Status

_WHO = Actor.STARTER
NO_REPLICA = "no replica"


def start_or_open(row: Row, look: View, rules: Rules) -> Step | None:
    """What the notes alone decide; then what it does where its session can have the machine, as far as it saw."""
    row = row.named(rules)
    if row.record is None or row.status is not Status.RESERVED:
        return None
    if row.notes is None:
        return _abandon(row, row.record, Notes()) if row.record.used else None
    undone = _by_notes(row, row.record, row.notes, rules)
    if undone is not None or _why_stranded(row, look, rules) is not None:
        return undone
    if look.power is Power.GONE:
        return _misses(row, row.notes)
    if look.power is Power.RUNS and row.notes.start is None and _is_hot(row.notes, look):
        return _start_hot(row, row.notes, row.record.session, rules)
    if look.power is Power.RUNS:
        opens = not _waits_for_health(row.notes, row.record.session, look, rules)
        return _ready(row, row.notes.timed(look), row.record.session, look, rules) if opens else None
    return _start(row, row.notes, row.record.session, rules)


def strand(row: Row, look: View, rules: Rules, failing: bool) -> str | None:
    """Why its session cannot have this machine, if it cannot. `failing`: its start was refused once too often."""
    row = row.named(rules)
    if row.record is None or row.status is not Status.RESERVED:
        return None
    if row.notes is None:
        return None if row.record.used else "no notes"
    if _by_notes(row, row.record, row.notes, rules) is not None:
        return None
    late = None
    waits = row.notes.start is not None and _waits_for_health(row.notes, row.record.session, look, rules)
    if failing and _awaits_replica(row.notes, look) and not (look.power is Power.RUNS and waits):
        late = NO_REPLICA
    elif failing and look.power in AT_REST:
        late = "its start fails"
    elif failing and look.power is Power.RUNS and _waits_for_health(row.notes, row.record.session, look, rules):
        late = "not Healthy"
    return _why_stranded(row, look, rules) or late


def would_follow(row: Row, rules: Rules) -> bool:
    """Its queue manager asks by session, not by machine."""
    session = row.record.session if row.record is not None else None
    movable = row.notes is not None and row.notes.movable is not None and row.notes.movable == session
    return session is not None and (movable or Rule.ONLY_FOLLOWERS_MOVE not in rules)


def stays(row: Row, look: View, rules: Rules, why: str) -> bool:
    """Its session is refused and not moved: the start was noted, so that the session may have been let in."""
    noted = row.notes is not None and row.notes.start is not None
    return why == NO_REPLICA and noted and Rule.HOT_MOVES_UNSTARTED in rules


def refuse(row: Row, look: View, rules: Rules, why: str) -> Step:
    """Visibly."""
    row = row.named(rules)
    session = row.record.session if row.record is not None else None
    notes = _given_up(row, session, look, rules).ending(session, Edge.REFUSE, Edge.REFUSE)
    return step(Edge.REFUSE, _WHO, row, session, notes, why)


def move(row: Row, look: View, rules: Rules, to: Row, why: str) -> tuple[Step, Step]:
    """Both halves. A hot machine without a start note has let nobody in: it is offered again."""
    session = row.record.session if row.record is not None else None
    assert session is not None
    if why == NO_REPLICA and row.notes is not None and row.notes.start is None:
        back = row.notes._replace(movable=None, unindexed=None)
        offered = step(Edge.SWAP, _WHO, row, None, back, why)
        return offered, joined(to, session, (to.notes or Notes())._replace(movable=session))
    left = _given_up(row, session, look, rules).ending(session, Edge.MOVE, Edge.MOVE)
    arrived = (to.notes or Notes())._replace(movable=session)
    return step(Edge.MOVE, _WHO, row, session, left, why), joined(to, session, arrived)


def is_spare(row: Row, why: str) -> bool:
    """Whether a session may be moved to it, by its row. Where its key is now, only the write can tell."""
    if why == NO_REPLICA and row.notes is not None and row.notes.heated:
        return False
    if row.status is not Status.AVAILABLE or row.notes is None or not row.notes.fresh:
        return False
    return row.notes.missed is None and row.notes.unindexed is None


def _misses(row: Row, notes: Notes) -> Step | None:
    """The first look that does not find it."""
    return note("starter: misses it", row, notes._replace(missed=0)) if notes.missed is None else None


def _by_notes(row: Row, record: Record, notes: Notes, rules: Rules) -> Step | None:
    """Late writes over what the notes have decided; sessions that gave up."""
    if record.session is not None and notes.how(record.session) is not None and Rule.NOTES_BEAT_RECORD in rules:
        spent = notes.ending(None, Edge.ABANDON, Edge.CONDEMN)
        back = Record(Status.UNAVAILABLE, used=True, session=record.session)
        return Step("starter: restores what had ended", back, spent, Place.ELSEWHERE)
    if notes.opened is not None and notes.spent is None and Rule.RESTORE_OPENED in rules:
        released = record.used and notes.opened == record.session
        back = Record(Status.UNAVAILABLE, released, notes.opened)
        return Step("starter: restores what was opened", back, notes, Place.ELSEWHERE)
    return _abandon(row, record, notes) if record.used else None


def _abandon(row: Row, record: Record, notes: Notes) -> Step:
    gave_up = notes.ending(record.session, Edge.ABANDON, Edge.ABANDON)
    return step(Edge.ABANDON, _WHO, row, record.session, gave_up)


def _why_stranded(row: Row, look: View, rules: Rules) -> str | None:
    notes, session = row.notes or Notes(), row.record.session if row.record is not None else None
    if notes.spent is not None and Rule.NOTES_BEAT_RECORD in rules:
        return "it is spent"
    if look.power is Power.GONE:
        return "it is gone" if notes.missed == LONG or Rule.TWO_LOOKS_GONE not in rules else None
    if not notes.admitted or not (look.marked or Rule.MARK not in rules):
        return "it is not ours to start"
    if notes.claim is not None and Rule.CLAIM_BARS in rules:
        return "it is claimed"
    if Rule.OWN_START not in rules or notes.start == session:
        return None
    if Rule.NOTE_BEFORE_START not in rules and notes.start is None:
        return None
    if notes.start is None and _is_hot(notes, look):
        return None
    return "it runs for somebody else" if look.power is Power.RUNS or notes.start is not None else None


def _given_up(row: Row, session: Session | None, look: View, rules: Rules) -> Notes:
    """Its session may be on it all the same, if a failover has come since its start."""
    notes = row.notes or Notes()
    if look.power in AT_REST or notes.start != session:
        return notes
    perhaps = look.health is not None and notes.elsewhere and Rule.GIVEN_UP_RUNNING in rules
    hot = notes.heated and Rule.HOT_MOVES_UNSTARTED in rules
    return notes._replace(presumed=True) if perhaps or hot else notes


def _is_hot(notes: Notes, look: View) -> bool:
    """Whether it runs because it was heated, or its session's start was noted after that."""
    touched = notes.opened or notes.presumed or notes.spent or notes.claim is not None
    return look.power is Power.RUNS and notes.heated and not touched


def _waits_for_health(notes: Notes, session: Session | None, look: View, rules: Rules) -> bool:
    if look.health in {None, Health.HEALTHY} or (notes.opening == session and Rule.OPENING_NOTE in rules):
        return False
    return look.health is Health.NONE or Rule.HEALTH_OF_THIS_RUN in rules


def _ready(row: Row, notes: Notes, session: Session | None, look: View, rules: Rules) -> Step:
    """OPEN, where Healthy is asked for only after a note of its own."""
    if look.health is None or notes.opening == session or Rule.OPENING_NOTE not in rules:
        return _open(row, session, notes, rules)
    return note("starter: notes the opening", row, notes._replace(opening=session))


def _open(row: Row, session: Session | None, notes: Notes, rules: Rules) -> Step:
    opened = notes._replace(opened=session, start=notes.start or session, missed=None, rests=None, over=False)
    strict = notes.started is None or Rule.HEATED_IS_STRICT in rules
    confirmed = notes.heated and strict and Rule.HOT_CONFIRMED in rules
    return step(Edge.OPEN, _WHO, row, session, opened)._replace(confirmed=confirmed)


def _awaits_replica(notes: Notes, look: View) -> bool:
    """It was heated, and its session can be let in only where a replica answers."""
    return _is_hot(notes, look) or (notes.heated and notes.start is None)


def _start_hot(row: Row, notes: Notes, session: Session | None, rules: Rules) -> Step:
    """It runs already. Where no replica answers, no start is noted: without one, nobody is let in.

    Where it was Healthy in this run, it is opened whatever its health says now.
    """
    opening = session if notes.ready else None
    started = notes._replace(
        start=session, started=None, elsewhere=False, opening=opening, missed=None, rests=None, unindexed=None
    )
    noted = note("starter: notes the start (hot)", row, started)
    return noted._replace(confirmed=Rule.HOT_CONFIRMED in rules)


def _start(row: Row, notes: Notes, session: Session | None, rules: Rules) -> Step | None:
    """Intent first, then the order; again when the last order is dead for sure."""
    if Rule.NOTE_BEFORE_START not in rules:
        return note("starter: orders the start", row, notes, order=Kind.START)
    if notes.start is not None and notes.started is not None and notes.started < LONG:
        return None
    started = notes._replace(
        start=session,
        started=0,
        elsewhere=False,
        opening=None,
        missed=None,
        rests=None,
        unhealthy=None,
        unindexed=None,
    )
    strict = notes.heated and notes.start is None and {Rule.HOT_CONFIRMED, Rule.HEATED_IS_STRICT} <= rules
    noted = note("starter: notes the start, orders it", row, started, order=Kind.START)
    return noted._replace(confirmed=strict)
