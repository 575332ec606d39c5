"""The model's values as the code's: ages become times, before or after every horizon of the default policy."""

from dataclasses import replace
from datetime import datetime, timedelta

from builders import NOW, SCALE_SET, ago, asked, blank_notes, cloud, fleet, instance, located, notes, record, row, vm
from model.state import NAMELESS, Health, Notes, Power, Presence, Row, View

from scaler.model import instance as azures
from scaler.model import row as stored
from scaler.model.fleet import Fleet
from scaler.model.instance import HealthState, PowerState, SessionId
from scaler.model.policy import Capacity, EndWhen, Policy, ReadyWhen
from scaler.model.row import Before, Record, Status

# enough warm and hot ones are wanted: nobody is to be cooled who is not claimed already
POLICY = Policy(capacity={SCALE_SET: Capacity(desired=4, warm=4, hot=1)}, end_when={SCALE_SET: EndWhen.UNHEALTHY})
GATED_POLICY = replace(POLICY, ready_when={SCALE_SET: ReadyWhen.HEALTHY}, end_when={})
_SERVER = "this one"
_STARTED_ON = ago(minutes=30)  # a look at rest, before the start
_OF_A_RUN = {
    Health.NONE: azures.Health(state=HealthState.UNHEALTHY, at=NOW),
    Health.OLD: azures.Health(state=HealthState.HEALTHY, at=ago(hours=1)),
    Health.HEALTHY: azures.Health(state=HealthState.HEALTHY, at=NOW),
}
_POWER = {Power.RUNS: PowerState.RUNNING, Power.WARM: PowerState.STOPPED, Power.COLD: PowerState.DEALLOCATED}
_SECONDS = (0, 20, 500)  # now; before the shortest horizon is over; after the longest, but before any limit
_LET_IN = (0, 20, 50, 500)  # now; before the time to connect is over; after it
_HEALTH = {Presence.SOMEBODY: HealthState.HEALTHY, Presence.NOBODY: HealthState.UNHEALTHY}
_OF_A_CLAIM = (0, 20, 50, 100, 200)  # now, young, ripe, stale, over
_OTHERS = (2, 3, 4)  # known machines, so that one unknown is not most of the fleet


def seen_by_the_code(what: Row, view: View, *, by_get: bool) -> Fleet:
    """A fleet in which this machine is the first; looked at by a listing, or by a targeted GET after it."""
    machines = [instance(each, PowerState.STOPPED) for each in _OTHERS]
    if view.power is not Power.GONE:
        machines.append(instance(1, _POWER[view.power], marked=view.marked, health=_health(view)))
    look = located(cloud(*machines))
    if by_get:
        look = asked(look, *([vm(1)] if view.power is Power.GONE else []))
    # and none is to be heated now: that failed a moment ago
    others = (row(each, record(each, warm=True), notes(each, heating_failed_at=NOW)) for each in _OTHERS)
    if what.notes is not None and view.health is None:
        what = what._replace(notes=what.notes._replace(ready=True))  # running is enough
    return fleet(_row(what), *others, sees=look)


def _health(view: View) -> azures.Health | None:
    if view.health is not None:
        return _OF_A_RUN[view.health]
    state = _HEALTH.get(view.presence, HealthState.UNKNOWN) if view.presence is not None else None
    return azures.Health(state=state, at=NOW) if state is not None else None


def _row(what: Row) -> stored.Row:
    index = {Status.AVAILABLE} if what.offered else {Status.RESERVED} if what.waiting else {Status.UNAVAILABLE}
    noted = _notes(what.notes) if what.notes is not None else None
    found = None
    if what.record is not None:
        found = _record(what.record.status, what.record.session, used=what.record.used)
    index_now = frozenset(index) if found is not None else frozenset[Status]()
    return replace(row(1, found, noted), index=index_now, before=Before(server=_SERVER))


def _record(status: Status, session: str | None, *, used: bool = False) -> Record:
    return record(1, status, used=used, session_id=_session(session) if session not in {None, NAMELESS} else None)


def _session(session: str | None) -> SessionId:
    return SessionId(vm(1) if session in {None, NAMELESS} else session)


def _at(age: int | None) -> datetime | None:
    return None if age is None else NOW - timedelta(seconds=_SECONDS[age])


def _notes(what: Notes) -> stored.Notes:
    since = ago(hours=3) if what.over else NOW - timedelta(seconds=_LET_IN[-1 if what.let_in is None else what.let_in])
    return blank_notes(
        1,
        admitting_at=_at(what.asked),
        mark_asked_at=_at(what.asked),
        mark_seen_at=_at(what.seen),
        admitted_at=ago(minutes=20) if what.admitted else None,
        presumed_at=since if what.presumed else None,
        presumed_seen_at=since if what.presumed else None,
        ended={_session(each): how for each, how in what.ended},
        missed_at=_at(what.missed),
        rest_at=_at(what.rests),
        unhealthy_at=_at(what.unhealthy),
        unindexed_at=_at(what.unindexed),
        reserved=_reserved(what),
        start=_start(what),
        heated=_heated(what) if what.heated else None,
        opening=stored.OpeningNote(session=_session(what.opening), at=ago(minutes=1)) if what.opening else None,
        opened=_opened(what, since),
        spent=_spent(what),
        claim=_claim(what),
        delete=stored.DeleteNote(at=NOW - timedelta(seconds=_SECONDS[what.deleted]), attempts=1)
        if what.deleted is not None
        else None,
    )


def _reserved(what: Notes) -> stored.ReservedNote | None:
    if what.movable is None:
        return None
    return stored.ReservedNote(session=_session(what.movable), at=ago(minutes=1), movable=True)


def _start(what: Notes) -> stored.StartNote | None:
    if what.start is None:
        return None
    return stored.StartNote(
        session=_session(what.start),
        at=_at(what.started) or ago(minutes=5),
        attempts=1,
        seen_at=_STARTED_ON,
        server="another" if what.elsewhere else _SERVER,
    )


def _heated(what: Notes) -> stored.HeatedNote:
    """Ordered a moment ago: where the machine rests, another start is not yet due."""
    return stored.HeatedNote(
        at=ago(seconds=20),
        seen_at=_STARTED_ON,
        attempts=1,
        ready_at=ago(seconds=10) if what.ready else None,
        unmarked_at=_at(what.unmarked),
        unmarked_seen_at=_at(what.unmarked),
    )


def _opened(what: Notes, since: datetime) -> stored.OpenedNote | None:
    if what.opened is None:
        return None
    published = _record(Status.UNAVAILABLE, what.opened)
    return stored.OpenedNote(
        session=_session(what.opened), at=since, record=published, seen_at=since - timedelta(seconds=1)
    )


def _spent(what: Notes) -> stored.SpentNote | None:
    if what.spent is None:
        return None
    return stored.SpentNote(why=what.spent.why, at=ago(hours=3) if what.over else _at(what.spent.age) or NOW)


def _claim(what: Notes) -> stored.ClaimNote | None:
    if what.claim is None:
        return None
    cools = stored.COOLS_HOT if what.heated else stored.COOLS
    order, since = stored.WARMS if what.warms else cools, NOW - timedelta(seconds=_OF_A_CLAIM[what.claim])
    at = since if what.closing is None else _at(what.closing) or since
    return stored.ClaimNote(order=order, at=at, seen_at=at, since=since, closing=what.closing is not None)
