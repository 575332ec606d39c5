"""A reservation without a session id counts as a session of its own, under the vm id of its machine."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from builders import MINE as NAMED
from builders import (
    NOW,
    OTHER,
    POLICY,
    RUNNING,
    ago,
    applied,
    asked,
    change_of,
    changed,
    cloud,
    edge,
    fleet,
    instance,
    let_in,
    located,
    notes,
    only,
    record,
    reserved,
    row,
    sighting,
    start_note,
    unavailable,
    vm,
)

from scaler.controllers import by_hand, cleaner, starter
from scaler.model.edges import Edge
from scaler.model.instance import Instance, SessionId, VmId
from scaler.model.plan import Delete, Start, Step, Why
from scaler.model.policy import Moves
from scaler.model.row import Notes, ReservedNote, Row, SpentNote, Status

OWN = SessionId(vm())
THAT_MOVES = replace(POLICY, moves=Moves.ALWAYS)


def nameless(noted: Notes | None = None, session: SessionId | None = None, **fields: Any) -> Row:
    """Reserved, and nobody says for whom, unless the test does."""
    return reserved(noted or notes(), session, 1, **fields)


def started(session: SessionId = OWN) -> Notes:
    return notes(1, reserved=ReservedNote(session=session, at=ago(seconds=31)), start=start_note(session))


def opened(session: SessionId | None = None, **age: float) -> Notes:
    return replace(started(session or OWN), **let_in(1, session, **age))


def spent(how: Edge, session: SessionId) -> Notes:
    ripe = SpentNote(why=Edge.ABANDON, at=NOW - POLICY.ripe_after)
    return replace(started(), ended={session: how}, spent=ripe)


def start_tick(what: Row, *machines: Instance, lately: Mapping[VmId, SessionId] | None = None) -> Step:
    sees = located(asked(cloud(*machines)))
    return only(starter.decide(replace(fleet(what, sees=sees), started_lately=lately or {}), POLICY).steps)


def clean_tick(what: Row) -> Step:
    return only(cleaner.decide(fleet(what, sees=asked(cloud(RUNNING))), POLICY).steps)


class TestServed:
    """Like any naive one's."""

    def test_it_is_started(self) -> None:
        step = start_tick(nameless(), instance(1))
        assert isinstance(step.order, Start)
        assert changed(step).start == start_note(OWN, seconds=0)
        assert changed(step).reserved == ReservedNote(session=OWN, at=NOW)

    def test_it_is_opened_and_its_record_names_nobody_still(self) -> None:
        step = start_tick(nameless(started()), RUNNING)
        noted = changed(step).opened
        assert noted is not None
        assert (edge(step), noted.session, noted.record.session_id) == (Edge.OPEN, OWN, None)

    def test_it_gives_up_by_used(self) -> None:
        step = start_tick(nameless(started(), used=True), RUNNING)
        assert (edge(step), changed(step).ended) == (Edge.ABANDON, {OWN: Edge.ABANDON})

    def test_it_is_released_by_used_and_deleted_though_it_runs(self) -> None:
        step = clean_tick(unavailable(opened(), None, used=True))
        assert isinstance(step.order, Delete)
        assert changed(step).ended == {OWN: Edge.RELEASE}
        assert changed(step).spent == SpentNote(why=Edge.RELEASE, at=NOW)

    def test_it_has_the_limit_of_every_session(self) -> None:
        over = POLICY.session_limit + POLICY.expiry_grace
        step = clean_tick(unavailable(opened(seconds=over.total_seconds()), None))
        assert (edge(step), step.why, changed(step).ended) == (Edge.EXPIRE, Why.LIMIT, {OWN: Edge.EXPIRE})

    @pytest.mark.parametrize("session", [None, NAMED])
    def test_it_is_refused_when_any_naive_one_is(self, session: SessionId | None) -> None:
        waited = notes(reserved=ReservedNote(session=session or OWN, at=NOW - POLICY.reservation_timeout))
        step = start_tick(nameless(waited, session), instance(1))
        assert (edge(step), step.why) == (Edge.REFUSE, Why.TIMEOUT)
        assert changed(step).ended == {session or OWN: Edge.REFUSE}

    def test_where_everybody_follows_it_is_moved_and_named_by_its_new_machine(self) -> None:
        since = ago(minutes=1)
        gone = nameless(notes(missed_at=NOW - POLICY.witness_gap, reserved=ReservedNote(session=OWN, at=since)))
        sees = asked(cloud(instance(2)), vm(1))
        step = only(
            starter.decide(fleet(gone, row(2, record(2), notes(2)), sees=sees, policy=THAT_MOVES), THAT_MOVES).steps
        )
        assert (edge(step), changed(step).ended) == (Edge.MOVE, {OWN: Edge.MOVE})
        partner = change_of(step).partner
        assert partner is not None
        assert isinstance(partner.notes, Notes)
        assert partner.notes.reserved == ReservedNote(session=SessionId(vm(2)), at=since), "it waits since then"


class TestItsName:
    """A sessionId that appears while it waits is taken over; after that the session has a name."""

    @pytest.mark.parametrize("lately", [{}, {vm(): OWN}])
    def test_the_machine_that_was_started_for_it_is_opened_for_it(self, lately: Mapping[VmId, SessionId]) -> None:
        """By the process that ordered the start, and by another one."""
        step = start_tick(nameless(started(), NAMED), RUNNING, lately=lately)
        after = changed(step)
        assert after.opened is not None
        assert after.start is not None
        assert (edge(step), after.opened.session, after.start.session) == (Edge.OPEN, NAMED, NAMED)

    def test_its_waiting_began_when_it_had_none(self) -> None:
        waited = notes(reserved=ReservedNote(session=OWN, at=NOW - POLICY.reservation_timeout))
        assert start_tick(nameless(waited, NAMED), instance(1)).why is Why.TIMEOUT

    def test_if_it_gives_up_by_that_name_its_machine_is_deleted_though_it_runs(self) -> None:
        """A script has ended it, and nobody has written the name into the start note before."""
        assert isinstance(clean_tick(unavailable(spent(Edge.ABANDON, NAMED), NAMED, used=True)).order, Delete)

    @pytest.mark.parametrize("how", [Edge.ABANDON, Edge.REFUSE])
    def test_a_machine_on_which_it_ended_is_nobodys_under_another_name(self, how: Edge) -> None:
        step = start_tick(nameless(spent(how, OWN), OTHER), RUNNING)
        assert (edge(step), changed(step).ended) == (Edge.REFUSE, {OWN: how, OTHER: Edge.REFUSE})


class TestLateWrites:
    """Without an id, over somebody's session: undone as one with an id is."""

    @pytest.mark.parametrize(("session", "over"), [(None, OTHER), (None, None), (OTHER, None)])
    def test_over_an_opened_session_it_is_undone(self, session: SessionId | None, over: SessionId | None) -> None:
        """Over its own opening too, and so is a name that comes after it: whoever compares finds no machine."""
        step = start_tick(nameless(opened(over), session), RUNNING)
        was = record(1, Status.UNAVAILABLE, session_id=over)
        assert (step.why, change_of(step).record) == (Why.UNDONE_OPEN, was)

    def test_over_a_started_one_it_is_refused(self) -> None:
        step = start_tick(nameless(started(OTHER)), RUNNING)
        assert (edge(step), step.why) == (Edge.REFUSE, Why.TAINTED)

    def test_used_by_somebody_without_an_id_ends_no_session_that_has_one(self) -> None:
        step = clean_tick(unavailable(opened(OTHER), None, used=True))
        assert (step.order, changed(step).ended) == (None, {})

    def test_a_start_that_the_notes_have_forgotten_was_perhaps_anothers(self) -> None:
        """Two sessions without an id look alike: only the start note shows for which of them it was started."""
        step = start_tick(nameless(), instance(1), lately={vm(): OWN})
        assert (edge(step), step.why) == (Edge.REFUSE, Why.TAINTED)


def test_what_is_adopted_while_it_waits_goes_on_waiting() -> None:
    """The Go scaler's records hold an empty sessionId."""
    theirs = reserved(None, None)
    sees = cloud(instance(1, marked=False), look=sighting(consent=False))
    step = only(by_hand.adopt(fleet(theirs, sees=sees), POLICY).steps)
    assert (step.why, changed(step).reserved) == (Why.RESERVED, ReservedNote(session=OWN, at=NOW))
    assert isinstance(start_tick(applied(theirs, change_of(step)), instance(1)).order, Start)
