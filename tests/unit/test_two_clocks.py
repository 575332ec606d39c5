"""Redis' clock or Azure's may be wrong for a while: what has to be old is old by both, and nothing waits for a lie."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    applied,
    blank_notes,
    changed,
    cloud,
    fleet,
    instance,
    located,
    notes,
    only,
    record,
    row,
    sighting,
    vm,
)

from scaler.controllers import cleaner, reconciler, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import Instance, PowerState, SessionId
from scaler.model.plan import Plan, Why
from scaler.model.row import ClaimNote, DeleteNote, Notes, OpenedNote, Row, SpentNote, StartNote, Status
from scaler.model.sighting import Method

S, MIN, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ME = SessionId("me")
RUNS = instance(1, power=PowerState.RUNNING)
NEIGHBOURS = tuple(row(number, record(number), notes(number)) for number in range(5, 9))


def looked(
    what: Row, *machines: Instance, later: timedelta, azure: timedelta = 0 * S, redis: timedelta = 0 * S
) -> Fleet:
    """A targeted look so much later; each clock is so far ahead of the true time."""
    look = sighting(Method.TARGETED, at=NOW + later + azure)
    seen = cloud(*machines, look=look) if machines else Cloud(asked={what.vm_id: look}, listings={SCALE_SET: look})
    return fleet(what, *NEIGHBOURS, sees=seen, now=NOW + later + redis)


def of(plan: Plan, vm_id: str = vm()) -> list[Why | str]:
    """What becomes of one machine."""
    return [step.why for step in plan.steps if step.vm_id == vm_id]


def after(decide: Callable[..., Plan], what: Row, seen: Fleet) -> Row:
    """The row once the plan's step for it was written."""
    step = only(each for each in decide(seen, POLICY).steps if each.vm_id == what.vm_id)
    assert step.change is not None
    return applied(what, step.change)


ADMITTING = row(1, None, blank_notes(admitting_at=NOW - MIN, mark_asked_at=NOW - MIN))


def test_a_front_end_a_minute_behind_does_not_shorten_the_wait_for_admission() -> None:
    noted = after(reconciler.decide, ADMITTING, looked(ADMITTING, instance(), later=0 * S, azure=-MIN))
    assert of(reconciler.decide(looked(noted, instance(), later=8 * S), POLICY)) == []
    assert of(reconciler.decide(looked(noted, instance(), later=POLICY.admit_after), POLICY)) == [Why.HORIZON_PASSED]


def test_nor_does_a_redis_whose_clock_runs_ahead() -> None:
    noted = after(reconciler.decide, ADMITTING, looked(ADMITTING, instance(), later=0 * S))
    assert of(reconciler.decide(looked(noted, instance(), later=8 * S, redis=2 * HOUR), POLICY)) == []


@pytest.mark.parametrize("wrong", ["azure", "redis"])
def test_a_mark_that_was_seen_at_a_time_to_come_is_seen_again(wrong: str) -> None:
    noted = after(reconciler.decide, ADMITTING, looked(ADMITTING, instance(), later=0 * S, **{wrong: HOUR}))
    seen = looked(noted, instance(), later=15 * S)
    assert of(reconciler.decide(seen, POLICY)) == [Why.MARK_SEEN]
    again = after(reconciler.decide, noted, seen)
    assert of(reconciler.decide(looked(again, instance(), later=15 * S + POLICY.admit_after), POLICY)) == [
        Why.HORIZON_PASSED
    ]


def test_a_time_within_the_minute_that_honest_clocks_differ_is_kept() -> None:
    noted = after(reconciler.decide, ADMITTING, looked(ADMITTING, instance(), later=0 * S, azure=MIN))
    assert of(reconciler.decide(looked(noted, instance(), later=0 * S), POLICY)) == []


def test_two_looks_are_as_far_apart_by_both_clocks_before_a_machine_is_gone() -> None:
    available = row(1, record(), notes())
    noted = after(reconciler.decide, available, looked(available, later=0 * S, azure=-MIN))
    assert of(reconciler.decide(looked(noted, later=5 * S), POLICY)) == []
    assert of(reconciler.decide(looked(noted, later=POLICY.witness_gap), POLICY)) == [Why.GONE]
    noted = after(reconciler.decide, available, looked(available, later=0 * S))
    assert of(reconciler.decide(looked(noted, later=5 * S, redis=HOUR), POLICY)) == []


def test_and_before_a_session_has_come_to_rest() -> None:
    session = in_session(opened_at=NOW)
    rests = instance(1, power=PowerState.STOPPED)
    noted = after(cleaner.decide, session, looked(session, rests, later=0 * S, azure=-MIN))
    assert of(cleaner.decide(looked(noted, rests, later=5 * S), POLICY)) == []
    assert of(cleaner.decide(looked(noted, rests, later=POLICY.witness_gap), POLICY)) == [Why.CAME_TO_REST]


def in_session(number: int = 1, *, opened_at: datetime, seen_at: datetime | None = None) -> Row:
    """Somebody was let in then, by Redis and by Azure."""
    was = record(number, Status.UNAVAILABLE, session_id=ME)
    opened = OpenedNote(session=ME, at=opened_at, record=was, seen_at=seen_at or opened_at)
    return row(number, was, notes(number, start=StartNote(session=ME, at=opened_at, attempts=1), opened=opened))


def opened_by_the_starter() -> Row:
    """Somebody is let in now."""
    waits = row(1, record(1, Status.RESERVED, session_id=ME), notes(start=StartNote(session=ME, at=NOW, attempts=1)))
    seen = looked(waits, RUNS, later=0 * S)
    seen = replace(seen, cloud=located(seen.cloud))
    opened = after(starter.decide, waits, seen)
    assert opened.status is Status.UNAVAILABLE
    return opened


@pytest.mark.parametrize("wrong", ["azure", "redis"])
def test_one_clock_that_runs_ahead_ends_no_session(wrong: str) -> None:
    seen = looked(opened_by_the_starter(), RUNS, later=MIN, **{wrong: 2 * HOUR})
    assert of(cleaner.decide(seen, POLICY)) == []


def test_both_clocks_end_it() -> None:
    over = POLICY.session_limit + POLICY.expiry_grace
    opened = opened_by_the_starter()
    assert of(cleaner.decide(looked(opened, RUNS, later=over - S), POLICY)) == []
    assert of(cleaner.decide(looked(opened, RUNS, later=over), POLICY)) == [Why.LIMIT]


def test_a_session_that_was_opened_while_redis_was_hours_ahead_still_ends_by_azures_clock() -> None:
    session = in_session(opened_at=NOW + 2 * HOUR, seen_at=NOW)
    over = POLICY.session_limit + POLICY.expiry_grace
    assert of(cleaner.decide(looked(session, RUNS, later=over - S), POLICY)) == []
    assert of(cleaner.decide(looked(session, RUNS, later=over), POLICY)) == [Why.LIMIT]


def test_what_is_presumed_ends_by_both_clocks_too() -> None:
    unknown = row(1, None, None)
    presumed = after(reconciler.decide, unknown, looked(unknown, RUNS, later=0 * S))
    assert presumed.status is Status.UNAVAILABLE
    over = POLICY.limit_of_presumed + POLICY.expiry_grace
    assert of(cleaner.decide(looked(presumed, RUNS, later=MIN, redis=2 * HOUR), POLICY)) == []
    assert of(cleaner.decide(looked(presumed, RUNS, later=over), POLICY)) == [Why.PRESUMED_LIMIT]


def test_of_many_sessions_that_are_over_at_once_few_end_in_one_tick_and_somebody_is_told() -> None:
    long_ago = NOW - 2 * HOUR
    sessions = [in_session(number, opened_at=long_ago) for number in range(1, 21)]
    machines = [instance(number, power=PowerState.RUNNING) for number in range(1, 21)]
    plan = cleaner.decide(fleet(*sessions, sees=cloud(*machines, look=sighting(Method.TARGETED))), POLICY)
    assert [step.why for step in plan.steps] == [Why.LIMIT] * 2
    (told,) = (each for each in plan.refusals if each.why is Why.MANY_LIMITS)
    assert told.alarm
    assert told.facts == {"ended": 2, "held": 18}


CLAIMED = ClaimNote(order="deallocate", at=NOW, seen_at=NOW, since=NOW)


def claimed(noted: ClaimNote = CLAIMED) -> Row:
    """Warm, and to be cooled."""
    return row(1, record(1, warm=True), notes(claim=noted))


WARM = instance(1, power=PowerState.STOPPED)
COLD = instance(1, power=PowerState.DEALLOCATED)


@pytest.mark.parametrize("wrong", ["azure", "redis"])
def test_a_claim_is_ripe_and_over_by_both_clocks(wrong: str) -> None:
    assert Why.COOLING not in of(reconciler.decide(looked(claimed(), WARM, later=5 * S, **{wrong: 50 * S}), POLICY))
    early = looked(claimed(), COLD, later=30 * S, **{wrong: 2 * HOUR})
    assert Why.COOLED not in of(reconciler.decide(early, POLICY))
    assert of(reconciler.decide(looked(claimed(), COLD, later=POLICY.claim_over), POLICY)) == [Why.COOLED]


@pytest.mark.parametrize("noted", [replace(CLAIMED, at=NOW + HOUR), replace(CLAIMED, seen_at=NOW + HOUR)])
def test_a_claim_of_a_time_to_come_is_renewed(noted: ClaimNote) -> None:
    assert of(reconciler.decide(looked(claimed(noted), COLD, later=MIN), POLICY)) == [Why.CLAIM_RENEWED]


def test_what_was_unsettled_at_a_time_to_come_is_timed_anew() -> None:
    unsettled = row(1, record(), notes(unsettled_at=NOW + HOUR))
    assert changed_notes(reconciler.decide(looked(unsettled, starting(), later=0 * S), POLICY)).unsettled_at == NOW


def starting() -> Instance:
    """Neither at rest nor running."""
    return instance(1, power=PowerState.STARTING)


def changed_notes(plan: Plan) -> Notes:
    """What the plan writes about the first machine."""
    return changed(only(each for each in plan.steps if each.vm_id == vm() and each.change is not None))


def test_the_steps_of_before_the_second_time_was_noted_go_on_by_the_first() -> None:
    """Notes that an older scaler wrote."""
    known = row(1, None, blank_notes(admitting_at=NOW - HOUR, mark_asked_at=NOW - HOUR, mark_seen_at=NOW - MIN))
    step = only(each for each in reconciler.decide(looked(known, instance(), later=0 * S), POLICY).steps)
    assert step.change is not None
    assert step.change.edge is Edge.ADMIT


# -- what Redis alone has timed, while its clock was hours ahead


def test_a_delete_that_was_noted_at_a_time_to_come_is_ordered_again() -> None:
    spent = SpentNote(why=Edge.EXPIRE, at=NOW - MIN)
    used = row(
        1, record(1, Status.UNAVAILABLE, used=True), notes(spent=spent, delete=DeleteNote(at=NOW + HOUR, attempts=1))
    )
    assert of(cleaner.decide(looked(used, instance(), later=0 * S), POLICY)) == [Why.DELETE_OVERDUE]


def test_what_was_spent_at_a_time_to_come_ripens_by_azures_clock() -> None:
    spent = SpentNote(why=Edge.CONDEMN, at=NOW + HOUR, seen_at=NOW)
    used = row(1, record(1, Status.UNAVAILABLE, used=True), notes(spent=spent))
    assert of(cleaner.decide(looked(used, instance(), later=POLICY.ripe_after - S), POLICY)) == []
    assert of(cleaner.decide(looked(used, instance(), later=POLICY.ripe_after), POLICY)) == [Why.RIPE]


def test_and_by_both_where_neither_was_ahead_when_it_was_spent() -> None:
    spent = SpentNote(why=Edge.CONDEMN, at=NOW, seen_at=NOW)
    used = row(1, record(1, Status.UNAVAILABLE, used=True), notes(spent=spent))
    assert of(cleaner.decide(looked(used, instance(), later=S, redis=2 * HOUR), POLICY)) == []


def test_a_start_that_was_noted_at_a_time_to_come_is_ordered_again() -> None:
    noted = notes(start=StartNote(session=ME, at=NOW + HOUR, attempts=1))
    waits = row(1, record(1, Status.RESERVED, session_id=ME), noted)
    assert of(starter.decide(looked(waits, instance(), later=0 * S), POLICY)) == [Why.START_OVERDUE]


def test_a_mark_that_was_asked_for_at_a_time_to_come_is_asked_for_again() -> None:
    asked = row(1, None, blank_notes(admitting_at=NOW, mark_asked_at=NOW + HOUR))
    assert of(reconciler.decide(looked(asked, instance(marked=False), later=0 * S), POLICY)) == [Why.NEW_AT_REST]


def test_a_key_that_was_missed_at_a_time_to_come_is_missed_anew() -> None:
    missing = row(1, record(), notes(unindexed_at=NOW + HOUR), index=False)
    plan = reconciler.decide(looked(missing, instance(), later=0 * S), POLICY)
    assert changed_notes(plan).unindexed_at == NOW
