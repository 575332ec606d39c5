"""A reservation that names no session is one of its own, named by its machine: a machine serves one in its life."""

from dataclasses import replace

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    ago,
    applied,
    asked,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    row,
    vm,
)

from scaler.controllers import by_hand, cleaner, starter
from scaler.model.edges import Edge
from scaler.model.instance import Instance, PowerState, SessionId
from scaler.model.plan import Delete, Plan, Start, Step, Why
from scaler.model.policy import Moves
from scaler.model.row import Notes, OpenedNote, Record, ReservedNote, Row, SpentNote, StartNote, Status

OWN, NAMED, OTHER = SessionId(vm()), SessionId("mine"), SessionId("other")
RUNNING = instance(1, power=PowerState.RUNNING)
POLICY_THAT_MOVES = replace(POLICY, moves=Moves.ALWAYS)


def reserved(noted: Notes | None = None, session: SessionId | None = None, **fields: object) -> Row:
    return row(1, record(1, Status.RESERVED, session_id=session, **fields), noted or notes())


def started(session: SessionId = OWN) -> Notes:
    return notes(
        1,
        reserved=ReservedNote(session=session, at=ago(seconds=31)),
        start=StartNote(session=session, at=ago(seconds=30), attempts=1),
    )


def opened(record_then: Record, session: SessionId = OWN, **age: float) -> Notes:
    at = ago(**(age or {"minutes": 5}))
    return replace(started(session), opened=OpenedNote(session=session, at=at, record=record_then))


def inside(**fields: object) -> Record:
    return record(1, Status.UNAVAILABLE, **fields)


def start_tick(what: Row, *machines: Instance, lately: dict[object, SessionId] | None = None) -> tuple[Step, ...]:
    sees = asked(cloud(*machines)).with_addresses(SCALE_SET, {})
    return starter.decide(replace(fleet(what, sees=sees), started_lately=lately or {}), POLICY).steps  # type: ignore[arg-type]


def clean_tick(what: Row, *machines: Instance) -> Plan:
    return cleaner.decide(fleet(what, sees=asked(cloud(*machines))), POLICY)


def spent(how: Edge, session: SessionId) -> Notes:
    ripe = SpentNote(why=Edge.ABANDON, at=NOW - POLICY.ripe_after)
    return replace(started(), ended={session: how}, spent=ripe)


def edge_of(step: Step) -> Edge | None:
    return step.change.edge if step.change is not None else None


class TestServed:
    """Like any naive one's."""

    def test_it_is_started(self) -> None:
        step = only(start_tick(reserved(), instance(1)))
        assert isinstance(step.order, Start)
        assert changed(step).start == StartNote(session=OWN, at=NOW, attempts=1)
        assert changed(step).reserved == ReservedNote(session=OWN, at=NOW)

    def test_it_is_opened_and_its_record_names_nobody_still(self) -> None:
        step = only(start_tick(reserved(started()), RUNNING))
        assert edge_of(step) is Edge.OPEN
        noted = changed(step).opened
        assert noted is not None
        assert (noted.session, noted.record.session_id) == (OWN, None)

    def test_it_gives_up_by_used(self) -> None:
        step = only(start_tick(reserved(started(), used=True), RUNNING))
        assert edge_of(step) is Edge.ABANDON
        assert changed(step).ended == {OWN: Edge.ABANDON}

    def test_it_is_released_by_used_and_deleted_though_it_runs(self) -> None:
        left = row(1, inside(used=True), opened(inside()))
        step = only(clean_tick(left, RUNNING).steps)
        assert isinstance(step.order, Delete)
        assert changed(step).ended == {OWN: Edge.RELEASE}
        assert changed(step).spent == SpentNote(why=Edge.RELEASE, at=NOW)

    def test_it_has_the_limit_of_every_session(self) -> None:
        hours = POLICY.session_limit + POLICY.expiry_grace
        step = only(clean_tick(row(1, inside(), opened(inside(), seconds=hours.total_seconds())), RUNNING).steps)
        assert (edge_of(step), step.why) == (Edge.EXPIRE, Why.LIMIT)
        assert changed(step).ended == {OWN: Edge.EXPIRE}

    @pytest.mark.parametrize("session", [None, NAMED])
    def test_it_is_refused_when_any_naive_one_is(self, session: SessionId | None) -> None:
        since = NOW - POLICY.reservation_timeout
        waited = notes(reserved=ReservedNote(session=session or OWN, at=since))
        step = only(start_tick(reserved(waited, session), instance(1)))
        assert (edge_of(step), step.why) == (Edge.REFUSE, Why.TIMEOUT)
        assert changed(step).ended == {session or OWN: Edge.REFUSE}

    def test_where_everybody_follows_it_is_moved_and_named_by_its_new_machine(self) -> None:
        gone = reserved(
            notes(missed_at=NOW - POLICY.witness_gap, reserved=ReservedNote(session=OWN, at=ago(minutes=1)))
        )
        spare = row(2, record(2), notes(2))
        sees = asked(cloud(instance(2)), vm(1))
        step = only(starter.decide(fleet(gone, spare, sees=sees), POLICY_THAT_MOVES).steps)
        assert edge_of(step) is Edge.MOVE
        assert changed(step).ended == {OWN: Edge.MOVE}
        partner = step.change.partner if step.change is not None else None
        assert partner is not None
        assert isinstance(partner.notes, Notes)
        assert partner.notes.reserved == ReservedNote(session=SessionId(vm(2)), at=ago(minutes=1)), (
            "it waits since then"
        )


class TestItsName:
    """A sessionId that appears while it waits is taken over; after that the session has a name."""

    def test_the_machine_that_was_started_for_it_is_opened_for_it(self) -> None:
        step = only(start_tick(reserved(started(), NAMED), RUNNING))
        assert edge_of(step) is Edge.OPEN
        after = changed(step)
        assert after.opened is not None
        assert after.start is not None
        assert (after.opened.session, after.start.session) == (NAMED, NAMED)

    def test_its_waiting_began_when_it_had_none(self) -> None:
        waited = notes(reserved=ReservedNote(session=OWN, at=NOW - POLICY.reservation_timeout))
        assert only(start_tick(reserved(waited, NAMED), instance(1))).why is Why.TIMEOUT

    def test_the_process_that_started_it_knows_it_again(self) -> None:
        step = only(start_tick(reserved(started(), NAMED), RUNNING, lately={vm(): OWN}))
        assert edge_of(step) is Edge.OPEN

    def test_if_it_gives_up_by_that_name_its_machine_is_deleted_though_it_runs(self) -> None:
        """A script has ended it, and nobody has written the name into the start note before."""
        plan = clean_tick(row(1, inside(used=True, session_id=NAMED), spent(Edge.ABANDON, NAMED)), RUNNING)
        assert isinstance(only(plan.steps).order, Delete)

    def test_a_machine_that_was_opened_keeps_its_session(self) -> None:
        """A late write, as far as anybody can tell: whoever compares the session finds that this one has no machine."""
        was = inside()
        step = only(start_tick(reserved(opened(was), OTHER), RUNNING))
        assert step.change is not None
        assert (step.why, step.change.record) == (Why.UNDONE_OPEN, was)

    @pytest.mark.parametrize("how", [Edge.ABANDON, Edge.REFUSE])
    def test_a_machine_on_which_it_ended_is_nobodys_under_another_name(self, how: Edge) -> None:
        step = only(start_tick(reserved(spent(how, OWN), OTHER), RUNNING))
        assert edge_of(step) is Edge.REFUSE
        assert changed(step).ended == {OWN: how, OTHER: Edge.REFUSE}


class TestLateWrites:
    """Without an id, over somebody's session: undone as one with an id is."""

    def test_over_an_opened_session_it_is_undone(self) -> None:
        was = inside(session_id=OTHER)
        step = only(start_tick(reserved(opened(was, OTHER)), RUNNING))
        assert step.change is not None
        assert (step.why, step.change.record) == (Why.UNDONE_OPEN, was)

    def test_over_a_started_one_it_is_refused(self) -> None:
        step = only(start_tick(reserved(started(OTHER)), RUNNING))
        assert (edge_of(step), step.why) == (Edge.REFUSE, Why.TAINTED)

    def test_over_its_own_opening_it_gets_its_record_back(self) -> None:
        was = inside()
        step = only(start_tick(reserved(opened(was)), RUNNING))
        assert step.change is not None
        assert (step.why, step.change.record) == (Why.UNDONE_OPEN, was)

    def test_used_by_somebody_without_an_id_ends_no_session_that_has_one(self) -> None:
        step = only(clean_tick(row(1, inside(used=True), opened(inside(session_id=OTHER), OTHER)), RUNNING).steps)
        assert step.order is None
        assert changed(step).ended == {}

    def test_a_start_that_the_notes_have_forgotten_was_perhaps_anothers(self) -> None:
        """Two sessions without an id look alike: only the start note shows for which of them it was started."""
        step = only(start_tick(reserved(), instance(1), lately={vm(): OWN}))
        assert (edge_of(step), step.why) == (Edge.REFUSE, Why.TAINTED)


class TestAdopted:
    """The Go scaler's records hold an empty sessionId."""

    def adopt(self, what: Record, power: PowerState) -> Step:
        machine = instance(1, power=power, marked=False)
        look = replace(next(iter(cloud(machine).listings.values())), consent=False)
        return only(by_hand.adopt(fleet(row(1, what), sees=cloud(machine, look=look)), POLICY).steps)

    def test_what_runs_for_somebody_is_a_session_with_the_limit_of_every_session(self) -> None:
        step = self.adopt(inside(), PowerState.RUNNING)
        noted = changed(step).opened
        assert noted is not None
        assert (step.why, noted.session, noted.at) == (Why.IN_SESSION, OWN, NOW)

    def test_what_is_reserved_goes_on_waiting(self) -> None:
        step = self.adopt(record(1, Status.RESERVED), PowerState.DEALLOCATED)
        assert (step.why, changed(step).reserved) == (Why.RESERVED, ReservedNote(session=OWN, at=NOW))
        after = applied(row(1, record(1, Status.RESERVED)), step.change) if step.change is not None else None
        assert after is not None
        assert isinstance(only(start_tick(after, instance(1))).order, Start)
