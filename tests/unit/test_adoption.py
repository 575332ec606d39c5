"""What adoption decides about each machine of a running installation, and what it leaves alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    MINE,
    NOW,
    OTHER,
    POLICY,
    UNIQUE_ID,
    ago,
    applied,
    blank_notes,
    change_of,
    changed,
    cloud,
    edge,
    fleet,
    instance,
    let_in,
    notes,
    only,
    published,
    record,
    reserved,
    row,
    sighting,
    start_note,
    unavailable,
    vm,
    wants,
)

from scaler.controllers import by_hand, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState, SessionId
from scaler.model.lifecycle import KEEP
from scaler.model.plan import Listing, Mark, Plan, Step, Why
from scaler.model.row import Notes, OpenedNote, Record, ReservedNote, Row, SpentNote, StartNote, Status, Unreadable

NOT_OURS = sighting(consent=False)
RUNNING, COLD = PowerState.RUNNING, PowerState.DEALLOCATED


def machine(power: PowerState = RUNNING, number: int = 1, **fields: object) -> Instance:
    """A machine that another scaler runs: nobody has marked it."""
    return instance(number, power, **({"marked": False} | fields))


def adopt(*rows: Row, sees: Cloud | None = None, **power: object) -> Plan:
    """The plan for one machine, or for what is seen."""
    return by_hand.adopt(fleet(*rows, sees=sees or cloud(machine(**power), look=NOT_OURS)), POLICY)  # type: ignore[arg-type]


def written(step: Step) -> Row:
    """The row after the step."""
    return applied(change_of(step).row, change_of(step))


def after(known: Row, power: PowerState = RUNNING) -> Row:
    """The row of one machine after its adoption."""
    return written(only(adopt(known, power=power).steps))


def test_it_looks_once_at_everything() -> None:
    assert wants(by_hand.adopt, fleet(), POLICY) == Listing()
    assert wants(by_hand.adopt, fleet(sees=cloud(machine(), look=NOT_OURS)), POLICY) is None
    assert wants(by_hand.adopt, fleet(sees=Cloud(unlisted=frozenset({machine().ref.scale_set}))), POLICY) is None


class TestInUse:
    """What is Unavailable, or runs."""

    def test_a_session_goes_on_and_its_time_begins_now(self) -> None:
        theirs = record(1, Status.UNAVAILABLE, session_id=MINE, updated_at=ago(hours=3), extra=(("theirs", "1"),))
        step = only(adopt(row(1, theirs)).steps)
        after = written(step)
        assert step.why is Why.IN_SESSION
        assert isinstance(step.order, Mark)
        assert after.record == theirs
        assert after.notes == Notes(
            scale_set=machine().ref.scale_set,
            unique_id=UNIQUE_ID,
            found_at=NOW,
            found_noted_at=NOW,
            instance_id=machine().ref.instance_id,
            mark_asked_at=NOW,
            opened=OpenedNote(session=MINE, at=NOW, record=theirs, seen_at=NOW),
        )

    def test_a_session_that_is_at_rest_is_the_cleaners_to_end(self) -> None:
        step = only(adopt(unavailable(None), power=COLD).steps)
        assert changed(step).opened is not None
        assert (changed(step).spent, changed(step).ended) == (None, {})

    @pytest.mark.parametrize("power", [RUNNING, COLD])
    def test_without_an_id_it_is_a_session_with_the_name_of_its_machine(self, power: PowerState) -> None:
        step = only(adopt(unavailable(None, None), power=power).steps)
        opened = changed(step).opened
        assert opened is not None
        assert (step.why, opened.session, opened.at) == (Why.IN_SESSION, SessionId(vm()), NOW)
        assert isinstance(step.order, Mark)

    @pytest.mark.parametrize("what", [None, record(1), Unreadable(why="not JSON")])
    def test_what_runs_and_nobody_knows_why_is_presumed_and_offered_no_more(
        self, what: Record | Unreadable | None
    ) -> None:
        step = only(adopt(row(1, what)).steps)
        after = written(step)
        assert changed(step).presumed_at == NOW
        assert after.index == {Status.UNAVAILABLE}
        if isinstance(what, Unreadable):
            assert after.record == what
        else:
            assert after.readable is not None
            assert (after.readable.status, after.readable.used) == (Status.UNAVAILABLE, False)

    def test_of_a_machine_whose_record_is_lost_the_notes_say_whose_it_is(self) -> None:
        was = replace(let_in()["opened"].record, client_ip="203.0.113.7")
        lost = row(1, None, notes(1, opened=OpenedNote(session=MINE, at=ago(minutes=5), record=was)))
        step = only(adopt(lost).steps)
        assert (published(step).session_id, published(step).client_ip) == (MINE, "203.0.113.7")


class TestReserved:
    """The starter's: it gets the notes it needs."""

    def test_at_rest_it_may_be_started(self) -> None:
        theirs = record(1, Status.RESERVED, session_id=MINE)
        step = only(adopt(row(1, theirs), power=COLD).steps)
        assert (step.why, written(step).record) == (Why.RESERVED, theirs)
        assert changed(step).admitted_at == NOW
        assert changed(step).reserved == ReservedNote(session=MINE, at=NOW)
        assert changed(step).start is None

    def test_running_it_was_started_for_the_session_that_has_it(self) -> None:
        step = only(adopt(reserved(None)).steps)
        assert changed(step).start == StartNote(session=MINE, at=NOW, attempts=1)
        assert changed(step).admitted_at == NOW

    def test_one_that_a_dying_starter_took_out_of_the_index_is_put_back(self) -> None:
        lost = row(1, record(1, Status.RESERVED, session_id=MINE), index=False)
        assert after(lost, COLD).index == {Status.RESERVED}

    @pytest.mark.parametrize("power", [RUNNING, COLD])
    def test_what_nobody_waits_for_is_marked_and_left_to_the_starter(self, power: PowerState) -> None:
        what = record(1, Status.RESERVED, session_id=MINE, used=True)
        step = only(adopt(row(1, what), power=power).steps)
        assert step.why is Why.GAVE_UP
        assert changed(step) == blank_notes(1, mark_asked_at=NOW, found_at=NOW, found_noted_at=NOW)
        assert written(step).record == what

    def test_a_key_goes_where_its_record_says_whatever_becomes_of_it(self) -> None:
        lost = row(1, record(1, Status.RESERVED), index=False)
        assert after(lost).index == {Status.RESERVED}

    def test_a_waiting_that_was_noted_before_goes_on(self) -> None:
        since = ReservedNote(session=MINE, at=ago(minutes=3))
        step = only(adopt(reserved(blank_notes(1, reserved=since)), power=COLD).steps)
        assert (changed(step).reserved, changed(step).admitted_at) == (since, NOW)


class TestUsed:
    """The cleaner's."""

    @pytest.mark.parametrize("power", [RUNNING, COLD])
    @pytest.mark.parametrize("status", [Status.UNAVAILABLE, Status.AVAILABLE])
    def test_used_is_used_whatever_its_status(self, status: Status, power: PowerState) -> None:
        step = only(adopt(row(1, record(1, status, session_id=MINE, used=True)), power=power).steps)
        assert edge(step) is Edge.CONDEMN
        assert changed(step).spent == SpentNote(why=Edge.CONDEMN, at=NOW, seen_at=NOW)
        assert changed(step).session is None, "so that it counts as presumed while it runs"
        assert written(step).index == {Status.UNAVAILABLE}


class TestLeftAlone:
    """What goes the normal way, or is handed over already."""

    @pytest.mark.parametrize("what", [None, record(1)])
    @pytest.mark.parametrize("power", [PowerState.STOPPED, COLD])
    def test_fresh_machines_at_rest_are_admitted_like_new_ones(self, what: Record | None, power: PowerState) -> None:
        assert adopt(row(1, what), power=power) == Plan()

    def test_a_machine_that_is_being_created_was_never_anybodys(self) -> None:
        assert adopt(power=PowerState.UNKNOWN, provisioning=ProvisioningState.CREATING) == Plan()

    @pytest.mark.parametrize("status", Status)
    def test_what_is_marked_is_handed_over_already(self, status: Status) -> None:
        assert adopt(row(1, record(1, status, session_id=MINE)), marked=True) == Plan()

    @pytest.mark.parametrize("status", Status)
    def test_with_consent_the_controllers_act_and_nobody_else(self, status: Status) -> None:
        assert adopt(row(1, record(1, status, session_id=MINE)), sees=cloud(machine())) == Plan()

    def test_what_is_being_deleted_is_on_its_way_out(self) -> None:
        used = row(1, record(1, Status.UNAVAILABLE, used=True))
        assert adopt(used, provisioning=ProvisioningState.DELETING) == Plan()

    def test_a_new_machine_that_failed_is_the_reconcilers(self) -> None:
        plan = adopt(
            row(1, record(1)),
            power=PowerState.UNKNOWN,
            provisioning=ProvisioningState.FAILED,
            failure=FailureClass.OTHER,
        )
        assert plan == Plan()

    def test_records_of_machines_that_are_gone_are_retired_by_the_controllers(self) -> None:
        assert adopt(row(2, record(2, Status.RESERVED, session_id=MINE)), sees=cloud(look=NOT_OURS)) == Plan()


class TestLater:
    """What cannot be handed over now is named."""

    @pytest.mark.parametrize(
        ("power", "provisioning"),
        [
            (PowerState.RUNNING, ProvisioningState.UPDATING),
            (PowerState.STARTING, ProvisioningState.UPDATING),
            (PowerState.UNKNOWN, ProvisioningState.SUCCEEDED),
            (PowerState.DEALLOCATED, ProvisioningState.UPDATING),
        ],
    )
    @pytest.mark.parametrize("what", [None, record(1), record(1, Status.UNAVAILABLE, session_id=MINE)])
    def test_what_is_neither_at_rest_nor_running_waits(
        self, what: Record | None, power: PowerState, provisioning: ProvisioningState
    ) -> None:
        plan = adopt(row(1, what), power=power, provisioning=provisioning)
        assert (plan.steps, [each.why for each in plan.refusals]) == ((), [Why.UNSETTLED])
        assert plan.look_again == POLICY.look_after_mark

    def test_one_that_failed_would_wait_for_ever_and_is_taken_as_it_is(self) -> None:
        step = only(adopt(unavailable(None), power=PowerState.UNKNOWN, provisioning=ProvisioningState.FAILED).steps)
        assert changed(step).opened is not None

    def test_a_listing_that_lacks_machines_is_not_the_whole_truth(self) -> None:
        plan = adopt(sees=cloud(look=sighting(consent=False, complete=False)))
        assert [each.why for each in plan.refusals] == [Why.INCOMPLETE]

    def test_so_many_marks_a_tick_what_runs_first(self) -> None:
        running = range(POLICY.max_marks, POLICY.max_marks + 6)
        machines = [machine(RUNNING if number in running else COLD, number) for number in range(POLICY.max_marks + 6)]
        rows = [row(number, record(number, Status.UNAVAILABLE, session_id=MINE)) for number in range(len(machines))]
        plan = adopt(*rows, sees=cloud(*machines, look=NOT_OURS))
        assert len(plan.steps) == POLICY.max_marks
        assert {each.vm_id for each in plan.steps} >= {vm(number) for number in running}
        assert [(each.why, each.facts["held"]) for each in plan.refusals] == [(Why.BREAKER, Why.IN_SESSION)] * 6

    def test_a_mark_that_was_refused_or_asked_for_is_asked_for_again_after_the_others(self) -> None:
        known = {
            3: blank_notes(3, presumed_at=NOW, mark_asked_at=ago(minutes=9), mark_attempts=1),
            2: blank_notes(2, presumed_at=NOW, mark_asked_at=ago(minutes=3)),
            1: blank_notes(1, presumed_at=NOW, mark_asked_at=ago(minutes=6)),
            4: None,
        }
        rows = [row(number, record(number, Status.UNAVAILABLE), noted) for number, noted in known.items()]
        plan = adopt(*rows, sees=cloud(*(machine(number=number) for number in known), look=NOT_OURS))
        assert [each.vm_id for each in plan.steps] == [vm(4), vm(1), vm(2), vm(3)]


class TestAgain:
    """Interrupted anywhere, it goes on where it was."""

    @pytest.mark.parametrize("power", [RUNNING, COLD])
    @pytest.mark.parametrize("used", [True, False])
    @pytest.mark.parametrize("session", [MINE, None])
    @pytest.mark.parametrize("status", [Status.UNAVAILABLE, Status.RESERVED])
    def test_notes_without_their_mark_are_marked_again_and_not_changed(
        self, status: Status, session: SessionId | None, used: bool, power: PowerState
    ) -> None:
        first = only(adopt(row(1, record(1, status, session_id=session, used=used)), power=power).steps)
        once = written(first)
        overdue = replace(once, notes=replace(changed(first), mark_asked_at=NOW - POLICY.order_horizon))
        assert after(overdue, power) == once

    @pytest.mark.parametrize(("seconds", "steps"), [(-1, 0), (0, 1), (1, 1)])
    def test_an_order_that_may_still_arrive_is_not_repeated(self, seconds: int, steps: int) -> None:
        asked_at = NOW - POLICY.order_horizon - timedelta(seconds=seconds)
        opened = OpenedNote(session=MINE, at=asked_at, record=record(1))
        plan = adopt(unavailable(blank_notes(1, mark_asked_at=asked_at, opened=opened)))
        assert len(plan.steps) == steps
        assert [each.why for each in plan.refusals] == [Why.MARK_AWAITED] * (1 - steps)

    def test_a_session_that_somebody_unprotected_is_marked_again(self) -> None:
        known = notes(1, **let_in())
        step = only(adopt(unavailable(known)).steps)
        assert step.why is Why.MARK_GONE
        assert changed(step) == replace(known, mark_asked_at=NOW)

    def test_what_the_notes_have_ended_is_not_begun_again(self) -> None:
        spent = SpentNote(why=Edge.RELEASE, at=ago(minutes=1))
        known = notes(1, ended={MINE: Edge.RELEASE}, spent=spent)
        step = only(adopt(unavailable(known)).steps)
        assert (changed(step).spent, changed(step).opened) == (spent, None)


# -- what notes say already is neither begun anew nor forgotten, and every key finds its place


def test_a_short_listing_where_there_is_consent_is_the_controllers_matter() -> None:
    assert by_hand.adopt(fleet(sees=cloud(look=sighting(complete=False))), POLICY) == Plan()


@pytest.mark.parametrize("what", [None, record(1)])
def test_a_presumed_session_goes_on(what: Record | None) -> None:
    since = ago(minutes=50)
    assert changed(only(adopt(row(1, what, notes(1, presumed_at=since))).steps)).presumed_at == since


def test_whom_it_was_started_for_is_not_forgotten_with_its_record() -> None:
    assert published(only(adopt(row(1, None, notes(1, start=start_note()))).steps)).session_id == MINE


@pytest.mark.parametrize("status", [Status.AVAILABLE, Status.UNAVAILABLE])
def test_what_was_spent_before_keeps_its_reason_and_its_time(status: Status) -> None:
    spent = SpentNote(why=Edge.RELEASE, at=ago(minutes=5))
    known = row(1, record(1, status, session_id=MINE, used=True), notes(1, ended={MINE: Edge.RELEASE}, spent=spent))
    assert changed(only(adopt(known).steps)).spent == spent


def test_of_what_is_spent_and_says_so_only_the_mark_is_missing() -> None:
    spent = SpentNote(why=Edge.CONDEMN, at=ago(minutes=5))
    step = only(adopt(unavailable(notes(1, spent=spent), None, used=True)).steps)
    assert (step.why, edge(step), change_of(step).record) == (Why.MARK_GONE, None, KEEP)


@pytest.mark.parametrize("power", [RUNNING, COLD])
@pytest.mark.parametrize("session", [MINE, OTHER])
def test_a_start_that_was_ordered_before_is_not_forgotten(session: SessionId, power: PowerState) -> None:
    """Else a cancelled reservation would bring a machine back that was started for somebody."""
    waits = ReservedNote(session=session, at=ago(minutes=2))
    known = notes(1, start=start_note(session, attempts=2), reserved=waits)
    assert after(reserved(known), power).notes == replace(known, mark_asked_at=NOW)


def test_the_waiting_of_somebody_else_is_not_this_visitors() -> None:
    known = blank_notes(1, reserved=ReservedNote(session=OTHER, at=ago(minutes=14)))
    noted = changed(only(adopt(reserved(known), power=COLD).steps))
    assert noted.reserved == ReservedNote(session=MINE, at=NOW)


@pytest.mark.parametrize("known", [unavailable(None), unavailable(None, None), unavailable(notes(1, **let_in()))])
def test_a_session_that_is_in_no_set_is_put_where_the_cleaner_looks(known: Row) -> None:
    assert after(replace(known, index=frozenset())).index == {Status.UNAVAILABLE}


@pytest.mark.parametrize("status", [Status.RESERVED, Status.UNAVAILABLE])
def test_an_adopted_session_can_be_found_by_its_id_from_now_on(status: Status) -> None:
    """A written record renews the pointer from session to machine, which another scaler does not keep."""
    assert published(only(adopt(row(1, record(1, status, session_id=MINE))).steps)).session_id == MINE


def test_a_session_that_was_observed_while_it_waited_is_adopted_like_any_other() -> None:
    """Observed by our functions while Reserved; opened by the other scaler; adopted."""
    sees = cloud(machine(), look=NOT_OURS)
    noted = changed(only(starter.decide(fleet(reserved(None), sees=sees), POLICY).steps))
    step = only(adopt(unavailable(noted)).steps)
    assert changed(step).opened is not None, "its release will not delete it: it will be presumed until the limit"
