"""What steps write, to the field: the fields that mutants of the controllers could change and nobody noticed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, POLICY, ago, asked, blank_notes, changed, cloud, fleet, instance, notes, only, record, row, vm

from scaler.controllers import cleaner, reconciler, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Instance, PowerState, SessionId
from scaler.model.plan import Delete, Plan, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import ClaimNote, DeleteNote, OpenedNote, Record, ReservedNote, Row, SpentNote, StartNote, Status

MINE = SessionId("mine")
SECOND = timedelta(seconds=1)


def reconciled(*rows: Row, sees: Cloud, policy: Policy = POLICY) -> Plan:
    return reconciler.decide(fleet(*rows, sees=sees), policy)


def of(plan: Plan, number: int = 1) -> Step:
    """The step about that machine."""
    return only(each for each in plan.steps if each.vm_id == vm(number))


def test_a_moved_session_leaves_a_used_machine_with_the_reason_and_gets_one_that_is_not() -> None:
    waits = ReservedNote(session=MINE, at=ago(seconds=60), movable=True)
    left = row(1, record(1, Status.RESERVED, session_id=MINE), notes(1, reserved=waits))
    spare = row(2, record(2), notes(2))
    seen = asked(cloud(instance(1, marked=False))).with_addresses(instance().ref.scale_set, {})
    step = only(starter.decide(fleet(left, spare, sees=seen), POLICY).steps)
    assert changed(step).spent == SpentNote(why=Edge.MOVE, at=NOW, reason=step.why)
    partner = step.change.partner if step.change is not None else None
    assert partner is not None
    assert isinstance(partner.record, Record)
    assert (partner.row.vm_id, partner.record.used, partner.record.status) == (vm(2), False, Status.RESERVED)


class TestQuotas:
    """Of the cleaner's deletes: new ones and repeated ones do not take each other's room."""

    @staticmethod
    def used(number: int, delete: DeleteNote | None) -> Row:
        spent = SpentNote(why=Edge.RELEASE, at=ago(minutes=30), seen_at=ago(minutes=30))
        noted = notes(number, ended={MINE: Edge.RELEASE}, spent=spent, rest_at=ago(minutes=20), delete=delete)
        return row(number, record(number, Status.UNAVAILABLE, session_id=MINE, used=True), noted)

    def test_a_delete_that_azure_refuses_again_and_again_keeps_no_new_one_waiting(self) -> None:
        again = DeleteNote(at=ago(hours=5), attempts=1)
        rows = [self.used(number, again if number <= 5 else None) for number in range(1, 11)]
        sees = asked(cloud(*(instance(number) for number in range(1, 11))))
        plan = cleaner.decide(fleet(*rows, sees=sees), replace(POLICY, max_deletes=0.1))
        deleted = [int(each.vm_id[:8]) for each in plan.steps if isinstance(each.order, Delete) and each.vm_id]
        assert [(number <= 5) for number in sorted(deleted)] == [True, False]
        assert [each.why for each in plan.refusals] == [Why.BREAKER] * 8


def test_a_claim_that_ends_offers_the_machine_again_and_a_warm_one_is_not_claimed_soon() -> None:
    since = POLICY.claim_over + POLICY.start_timeout
    claim = ClaimNote(order="deallocate", at=NOW - since, seen_at=NOW - since, since=NOW - since)
    parked = replace(row(1, record(1, warm=True), notes(1, claim=claim)), index=frozenset({Status.UNAVAILABLE}))
    for machine, uncooled in ((instance(1), None), (instance(1, PowerState.STOPPED), NOW)):
        step = of(reconciled(parked, sees=asked(cloud(machine))))
        assert (changed(step).claim, changed(step).uncooled_at) == (None, uncooled)
        assert step.change is not None
        assert (step.change.row, step.change.index) == (parked, Status.AVAILABLE)


@pytest.mark.parametrize(("seconds", "alarm"), [(-1, True), (0, False), (1, False)])
def test_one_machine_that_is_unknown_since_the_flush_is_an_alarm_until_the_hold_is_over(
    seconds: int, alarm: bool
) -> None:
    unknown = row(1, None, blank_notes(1, unknown_at=NOW - POLICY.flush_hold - seconds * SECOND))
    known = [row(number, record(number), notes(number)) for number in (2, 3, 4)]
    plan = reconciled(unknown, *known, sees=cloud(*(instance(number) for number in (1, 2, 3, 4))))
    assert (Why.MOST_UNKNOWN in {each.why for each in plan.refusals}) is alarm


class TestMarks:
    """A mark that was asked for."""

    @staticmethod
    def marking(*, since: timedelta, attempts: int, **noted: object) -> Row:
        return row(1, None, blank_notes(1, admitting_at=NOW - since, mark_attempts=attempts, **noted))

    def test_the_next_attempt_goes_on_counting(self) -> None:
        lately = ago(seconds=POLICY.order_horizon.total_seconds() + 60)
        waiting = self.marking(since=timedelta(minutes=5), attempts=2, mark_asked_at=lately)
        step = of(reconciled(waiting, sees=asked(cloud(instance(1, marked=False)))))
        assert (changed(step).mark_attempts, changed(step).admitting_at) == (2, NOW - timedelta(minutes=5))

    def test_a_machine_that_azure_refuses_to_mark_is_used_and_its_record_says_so(self) -> None:
        given_up = self.marking(since=timedelta(minutes=9), attempts=POLICY.mark_attempts, mark_asked_at=ago(minutes=1))
        taken = row(2, record(2), notes(2, mark_asked_at=ago(minutes=2), mark_seen_at=NOW))  # Azure takes marks
        step = of(reconciled(given_up, taken, sees=asked(cloud(instance(1, marked=False), instance(2)))))
        assert step.why is Why.MARK_REFUSED
        assert step.change is not None
        assert isinstance(step.change.record, Record)
        assert (step.change.record.used, step.change.record.status) == (True, Status.UNAVAILABLE)


class TestEndings:
    """Of sessions, by the starter."""

    @staticmethod
    def refused(stored: Row, machine: Instance) -> Step:
        seen = asked(cloud(machine)).with_addresses(machine.ref.scale_set, {})
        return only(starter.decide(fleet(stored, sees=seen), POLICY).steps)

    def test_a_refusal_writes_down_why_and_when_azure_showed_it(self) -> None:
        waits = ReservedNote(session=MINE, at=ago(hours=1), movable=False)
        stored = row(1, record(1, Status.RESERVED, session_id=MINE), notes(1, reserved=waits))
        step = self.refused(stored, instance(1, marked=False))
        assert changed(step).spent == SpentNote(why=Edge.REFUSE, at=NOW, reason=step.why, seen_at=NOW)
        assert changed(step).ended == {MINE: Edge.REFUSE}

    def test_an_opening_for_another_that_a_late_write_hides_is_told_with_both_sessions(self) -> None:
        was = record(1, Status.UNAVAILABLE, session_id=SessionId("first"))
        start = StartNote(session=SessionId("first"), at=ago(minutes=9), attempts=1)
        opened = OpenedNote(session=SessionId("first"), at=ago(minutes=8), record=was)
        stored = row(1, record(1, Status.RESERVED, session_id=MINE), notes(1, start=start, opened=opened))
        step = self.refused(stored, instance(1, PowerState.RUNNING))
        assert (step.vm_id, step.facts["session"], step.facts["late"]) == (vm(1), SessionId("first"), MINE)
