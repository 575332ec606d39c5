"""The cleaner: a fleet in, a plan out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    ago,
    asked,
    blank_notes,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    ref,
    row,
    sighting,
    wants,
)

from scaler.controllers import cleaner
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Instance, InstanceId, PowerState, ProvisioningState, ScaleSetName, SessionId
from scaler.model.plan import Delete, Listing, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import DeleteNote, Notes, OpenedNote, Row, SpentNote, StartNote, Status, Unreadable
from scaler.model.sighting import Method, Sighting
from scaler.observe import Targets

SECOND = timedelta(seconds=1)
MINE, OTHER = SessionId("mine"), SessionId("other")
RUNNING = instance(1, power=PowerState.RUNNING)
ASKED = sighting(Method.TARGETED)
NOT_SEEN = blank_notes(scale_set=ScaleSetName(""), unique_id="", instance_id=InstanceId(""), missed_at=ago(minutes=1))
GONE = sighting()  # a listing without it, and a targeted GET that found nobody


def unavailable(noted: Notes | None, session: SessionId = MINE, **fields: object) -> Row:
    return row(1, record(1, Status.UNAVAILABLE, session_id=session, **fields), noted)


def opened(session: SessionId = MINE, *, at: timedelta = timedelta(minutes=5), **fields: object) -> Notes:
    was = record(status=Status.UNAVAILABLE, session_id=session)
    note = OpenedNote(session=session, at=NOW - at, record=was)
    return notes(1, start=StartNote(session=session, at=NOW - at, attempts=1), opened=note, **fields)


def spent(base: Notes, why: Edge, *, at: timedelta = timedelta(minutes=2), **fields: object) -> Notes:
    return replace(base, spent=SpentNote(why=why, at=NOW - at), **fields)  # type: ignore[arg-type]


def steps_for(what: Row, *machines: Instance, look: Sighting = ASKED, policy: Policy = POLICY) -> tuple[Step, ...]:
    sees = asked(cloud(*machines), what.vm_id) if look is GONE else cloud(*machines, look=look)
    return cleaner.decide(fleet(what, sees=sees), policy).steps


def deletes(steps: Iterable[Step]) -> int:
    return sum(isinstance(step.order, Delete) for step in steps)


# -- what it looks at


def test_without_work_azure_is_not_asked() -> None:
    rows = [row(1, record(), notes()), row(2, record(2, Status.RESERVED), notes(2))]
    assert wants(cleaner.decide, fleet(*rows), POLICY) is None


def test_with_work_it_lists_now_and_then_and_asks_for_what_it_would_delete() -> None:
    due = unavailable(spent(opened(), Edge.RELEASE, ended={MINE: Edge.RELEASE}), used=True)
    assert wants(cleaner.decide, fleet(due), POLICY) == Listing(urgent=False)
    put_off = Cloud(unlisted=frozenset({SCALE_SET}))
    assert wants(cleaner.decide, fleet(due, sees=put_off), POLICY) == Targets(refs=(ref(1),))
    assert wants(cleaner.decide, fleet(unavailable(opened()), sees=put_off), POLICY) is None


def test_machines_that_must_wait_for_their_limit_do_not_starve_those_that_need_not() -> None:
    strangers = [
        row(n, record(n, Status.UNAVAILABLE, used=True), spent(notes(n), Edge.CONDEMN, at=timedelta(minutes=30)))
        for n in range(2, 22)
    ]
    released = unavailable(spent(opened(), Edge.RELEASE, ended={MINE: Edge.RELEASE}), used=True)
    running = [instance(n, power=PowerState.RUNNING) for n in range(1, 22)]
    assert wants(cleaner.decide, fleet(*strangers, released, sees=cloud(*running)), POLICY) == Targets(refs=(ref(1),))


def test_a_session_whose_machine_a_short_listing_lacks_is_asked_for() -> None:
    short = cloud(look=sighting(complete=False))
    assert wants(cleaner.decide, fleet(unavailable(opened()), sees=short), POLICY) == Targets(refs=(ref(1),))


# -- RELEASE


def test_a_release_by_the_scripts_is_deleted_while_it_runs() -> None:
    noted = spent(opened(), Edge.RELEASE, ended={MINE: Edge.RELEASE}, at=timedelta(0))
    step = only(steps_for(unavailable(noted, used=True), RUNNING))
    assert isinstance(step.order, Delete)
    assert changed(step).delete == DeleteNote(at=NOW, attempts=1)


def test_a_naive_release_is_acknowledged_and_deleted_at_once() -> None:
    step = only(steps_for(unavailable(opened(), used=True), RUNNING))
    assert isinstance(step.order, Delete)
    assert changed(step).ended == {MINE: Edge.RELEASE}


def test_a_release_by_another_session_does_not_end_this_one() -> None:
    step = only(steps_for(unavailable(opened(OTHER), MINE, used=True), RUNNING))
    assert step.order is None
    noted = changed(step).spent
    assert noted is not None
    assert noted.why is Edge.CONDEMN


def test_a_delete_never_rests_on_a_listing() -> None:
    noted = spent(opened(), Edge.RELEASE, ended={MINE: Edge.RELEASE})
    assert steps_for(unavailable(noted, used=True), RUNNING, look=sighting()) == ()


# -- what a delete needs


@pytest.mark.parametrize(
    ("noted", "deleted"),
    [
        (spent(opened(), Edge.ABANDON, ended={MINE: Edge.ABANDON}), 1),
        (spent(opened(), Edge.EXPIRE, ended={MINE: Edge.EXPIRE}), 1),
        (spent(opened(), Edge.REFUSE, ended={OTHER: Edge.REFUSE}), 0),
        (spent(opened(), Edge.REFUSE, ended={MINE: Edge.REFUSE}), 0),
        (spent(notes(), Edge.CONDEMN), 0),
        (spent(notes(presumed_at=ago(minutes=9)), Edge.CONDEMN), 0),
        (
            spent(
                notes(start=StartNote(session=MINE, at=ago(minutes=9), attempts=1)),
                Edge.REFUSE,
                ended={MINE: Edge.REFUSE},
            ),
            1,
        ),
    ],
    ids=["abandoned", "expired", "stranger refused", "opened, refused", "condemned", "presumed", "never opened"],
)
def test_a_running_machine_is_deleted_only_when_its_own_session_is_known_to_have_ended(
    noted: Notes, deleted: int
) -> None:
    assert deletes(steps_for(unavailable(noted, used=True), RUNNING)) == deleted


@pytest.mark.parametrize("why", [Edge.CONDEMN, Edge.REFUSE, Edge.MOVE, Edge.SPEND, Edge.ABANDON])
@pytest.mark.parametrize(("seconds", "deleted"), [(-1, 0), (0, 1), (1, 1)])
def test_a_delete_that_hurts_what_was_available_ripens_first(why: Edge, seconds: int, deleted: int) -> None:
    noted = spent(notes(), why, at=POLICY.ripe_after + seconds * SECOND)
    assert deletes(steps_for(unavailable(noted, used=True), instance(1))) == deleted


@pytest.mark.parametrize(("seconds", "deleted"), [(-1, 0), (0, 1), (1, 1)])
def test_a_condemned_machine_that_runs_gets_the_time_of_a_presumed_session(seconds: int, deleted: int) -> None:
    noted = spent(notes(), Edge.CONDEMN, at=POLICY.limit_of_presumed + POLICY.expiry_grace + seconds * SECOND)
    assert deletes(steps_for(unavailable(noted, used=True), RUNNING)) == deleted


def test_a_missing_power_state_is_not_taken_for_rest() -> None:
    noted = spent(notes(), Edge.CONDEMN)
    assert deletes(steps_for(unavailable(noted, used=True), instance(1, power=PowerState.UNKNOWN))) == 0


def test_a_machine_that_failed_while_it_was_made_is_deleted_without_ceremony() -> None:
    broken = instance(1, power=PowerState.UNKNOWN, provisioning=ProvisioningState.FAILED, marked=False)
    noted = spent(blank_notes(), Edge.CONDEMN)
    assert deletes(steps_for(unavailable(noted, used=True), broken)) == 1


# -- EXPIRE


@pytest.mark.parametrize(("seconds", "deleted"), [(-1, 0), (0, 1), (1, 1)])
def test_a_session_ends_at_its_limit_and_a_minute(seconds: int, deleted: int) -> None:
    noted = opened(at=POLICY.session_limit + POLICY.expiry_grace + seconds * SECOND)
    steps = steps_for(unavailable(noted), RUNNING)
    assert deletes(steps) == deleted
    assert [step.change.edge for step in steps if step.change] == [Edge.EXPIRE] * deleted


def test_without_a_session_limit_a_session_may_last() -> None:
    endless = replace(POLICY, session_limit=timedelta(0))
    assert steps_for(unavailable(opened(at=timedelta(days=9))), RUNNING, policy=endless) == ()


@pytest.mark.parametrize(("seconds", "deleted"), [(-1, 0), (0, 1), (1, 1)])
def test_a_presumed_session_ends_at_its_limit_even_then(seconds: int, deleted: int) -> None:
    endless = replace(POLICY, session_limit=timedelta(0))
    since = NOW - POLICY.presumed_limit - POLICY.expiry_grace - seconds * SECOND
    assert deletes(steps_for(unavailable(notes(presumed_at=since)), RUNNING, policy=endless)) == deleted


def test_at_rest_under_a_session_is_first_only_noted() -> None:
    step = only(steps_for(unavailable(opened()), instance(1), look=sighting()))
    assert (step.why, changed(step).rest_at, step.order) == (Why.RESTS, NOW, None)


@pytest.mark.parametrize(("seconds", "edges"), [(-1, []), (0, [Edge.EXPIRE]), (1, [Edge.EXPIRE])])
def test_at_rest_twice_ends_the_session(seconds: int, edges: list[Edge]) -> None:
    noted = opened(rest_at=NOW - POLICY.witness_gap - seconds * SECOND)
    steps = steps_for(unavailable(noted), instance(1))
    assert [step.change.edge for step in steps if step.change and step.change.edge] == edges


def test_the_second_witness_of_rest_is_a_targeted_get() -> None:
    noted = opened(rest_at=ago(minutes=5))
    assert steps_for(unavailable(noted), instance(1), look=sighting()) == ()


def test_running_again_erases_the_first_witness() -> None:
    step = only(steps_for(unavailable(opened(rest_at=ago(minutes=5))), RUNNING))
    assert changed(step).rest_at is None


# -- repeated deletes, and RETIRE


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 2), (2, 4), (3, 8), (6, 60), (40, 60)])
@pytest.mark.parametrize(("seconds", "deleted"), [(-1, 0), (0, 1), (1, 1)])
def test_a_delete_is_repeated_ever_more_patiently(attempts: int, minutes: int, seconds: int, deleted: int) -> None:
    ordered = DeleteNote(at=NOW - timedelta(minutes=minutes, seconds=seconds), attempts=attempts)
    noted = spent(opened(), Edge.RELEASE, ended={MINE: Edge.RELEASE}, delete=ordered)
    assert deletes(steps_for(unavailable(noted, used=True), RUNNING)) == deleted


def test_after_five_deletes_somebody_is_told() -> None:
    ordered = DeleteNote(at=ago(hours=2), attempts=5)
    noted = spent(opened(), Edge.RELEASE, ended={MINE: Edge.RELEASE}, delete=ordered)
    plan = cleaner.decide(fleet(unavailable(noted, used=True), sees=cloud(RUNNING, look=ASKED)), POLICY)
    assert [(held.why, held.alarm) for held in plan.refusals] == [(Why.UNDELETABLE, True)]


def test_what_is_being_deleted_is_left_to_azure() -> None:
    noted = spent(opened(), Edge.RELEASE, ended={MINE: Edge.RELEASE})
    going = instance(1, power=PowerState.RUNNING, provisioning=ProvisioningState.DELETING)
    assert steps_for(unavailable(noted, used=True), going) == ()


@pytest.mark.parametrize(("seconds", "edges"), [(-1, []), (0, [Edge.RETIRE]), (1, [Edge.RETIRE])])
def test_a_gone_machine_is_retired_on_the_second_witness(seconds: int, edges: list[Edge]) -> None:
    noted = spent(opened(), Edge.RELEASE, missed_at=NOW - POLICY.witness_gap - seconds * SECOND)
    steps = steps_for(unavailable(noted, used=True), look=GONE)
    assert [step.change.edge for step in steps if step.change] == edges


@pytest.mark.parametrize("why", [Edge.REFUSE, Edge.MOVE])
@pytest.mark.parametrize(("seconds", "retired"), [(-1, 0), (0, 1), (1, 1)])
def test_a_refusal_or_a_move_is_kept_for_its_reader(seconds: int, retired: int, why: Edge) -> None:
    noted = spent(notes(), why, at=POLICY.refusal_kept + seconds * SECOND, missed_at=ago(hours=1))
    assert len(steps_for(unavailable(noted, used=True), look=GONE)) == retired


def test_an_unreadable_record_is_left_alone_when_its_machine_goes() -> None:
    noted = spent(notes(), Edge.CONDEMN, missed_at=ago(hours=1))
    what = replace(row(1, Unreadable(why="not JSON"), noted), index=frozenset({Status.UNAVAILABLE}))
    step = only(steps_for(what, look=GONE))
    assert step.change is not None
    assert not isinstance(step.change.record, type(None))
    assert (step.change.notes, step.change.index) == (None, None)


@pytest.mark.parametrize("noted", [None, NOT_SEEN])
@pytest.mark.parametrize("junk", [0, 400])
def test_it_begins_at_most_a_share_of_the_fleet_a_tick_the_longest_spent_first(junk: int, noted: Notes | None) -> None:
    """A foreign key, or notes of a mere absence, make no machine of the fleet."""
    machines = [instance(number, power=PowerState.RUNNING) for number in range(1, 31)]
    rows = [
        row(
            number,
            record(number, Status.UNAVAILABLE, session_id=MINE, used=True),
            replace(
                spent(opened(), Edge.RELEASE, ended={MINE: Edge.RELEASE}, at=timedelta(minutes=number)),
                instance_id=ref(number).instance_id,
            ),
        )
        for number in range(1, 31)
    ]
    keys = [row(number, None, noted) for number in range(31, 31 + junk)]
    rows += [replace(key, index=frozenset({Status.AVAILABLE})) for key in keys]
    plan = cleaner.decide(fleet(*rows, sees=cloud(*machines, look=ASKED)), POLICY)
    assert [step.vm_id for step in plan.steps] == [ref(number).vm_id for number in (30, 29, 28)]
    assert sum(held.why is Why.BREAKER for held in plan.refusals) == 27


def test_a_delete_that_has_to_wait_does_not_keep_the_end_of_its_session_waiting() -> None:
    """Else the naive releases, which are only noted here, stand last in the line for ever."""
    machines = [instance(number, power=PowerState.RUNNING) for number in (1, 2)]
    rows = [
        row(
            number,
            record(number, Status.UNAVAILABLE, session_id=MINE, used=True),
            replace(opened(), instance_id=ref(number).instance_id),
        )
        for number in (1, 2)
    ]
    first, second = cleaner.decide(fleet(*rows, sees=cloud(*machines, look=ASKED)), POLICY).steps
    assert (isinstance(first.order, Delete), second.order) == (True, None)
    assert (changed(second).ended, changed(second).delete) == ({MINE: Edge.RELEASE}, None)


def test_without_consent_nothing_is_ended_or_deleted() -> None:
    noted = spent(opened(), Edge.RELEASE, ended={MINE: Edge.RELEASE})
    assert steps_for(unavailable(noted, used=True), RUNNING, look=sighting(Method.TARGETED, consent=False)) == ()


@pytest.mark.parametrize(("seconds", "again"), [(-1, False), (0, True), (1, True)])
def test_a_delete_that_hangs_is_ordered_again(seconds: int, again: bool) -> None:
    noted = spent(
        opened(),
        Edge.RELEASE,
        ended={MINE: Edge.RELEASE},
        delete=DeleteNote(at=ago(minutes=30), attempts=1),
        unsettled_at=NOW - POLICY.delete_lost - seconds * SECOND,
    )
    row_, dying = unavailable(noted, used=True), replace(RUNNING, provisioning=ProvisioningState.DELETING)
    assert deletes(steps_for(row_, dying)) == again
    asks = wants(cleaner.decide, fleet(row_, sees=cloud(dying)), POLICY)
    assert isinstance(asks, Targets) is again
