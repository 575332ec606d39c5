"""The cleaner: a fleet in, a plan out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    ASKED,
    MIN,
    MINE,
    NOW,
    OTHER,
    POLICY,
    RUNNING,
    SCALE_SET,
    S,
    ago,
    asked,
    blank_notes,
    change_of,
    changed,
    cloud,
    fleet,
    instance,
    let_in,
    notes,
    only,
    record,
    ref,
    row,
    sighting,
    start_note,
    unavailable,
    vm,
    wants,
)

from scaler.controllers import cleaner
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Instance, InstanceId, PowerState, ProvisioningState, ScaleSetName, SessionId
from scaler.model.lifecycle import KEEP
from scaler.model.plan import Delete, Listing, Plan, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import DeleteNote, Notes, Row, SpentNote, Status, Unreadable
from scaler.model.sighting import Method, Sighting
from scaler.observe import Targets

NOT_SEEN = blank_notes(scale_set=ScaleSetName(""), unique_id="", instance_id=InstanceId(""), missed_at=ago(minutes=1))
GONE = sighting()  # a listing without it, and a targeted GET that found nobody


def opened(session: SessionId = MINE, number: int = 1, *, at: timedelta = 5 * MIN, **fields: object) -> Notes:
    return notes(number, **let_in(number, session, seconds=at.total_seconds()), **fields)


def spent(base: Notes, why: Edge, *, at: timedelta = 2 * MIN, **fields: object) -> Notes:
    return replace(base, spent=SpentNote(why=why, at=NOW - at), **fields)  # type: ignore[arg-type]


def released(number: int = 1, **fields: object) -> Row:
    """Used, by a visitor whose session has ended."""
    noted = spent(opened(number=number), Edge.RELEASE, ended={MINE: Edge.RELEASE}, **fields)  # type: ignore[arg-type]
    return unavailable(noted, number=number, used=True)


def plan_for(*rows: Row, sees: Cloud) -> Plan:
    return cleaner.decide(fleet(*rows, sees=sees), POLICY)


def asked_for(*rows: Row, sees: Cloud | None = None) -> list[int]:
    """The machines of its next targeted GETs."""
    look = wants(cleaner.decide, fleet(*rows, sees=sees), POLICY)
    return [int(each.instance_id) for each in look.refs] if isinstance(look, Targets) else []


def steps_for(what: Row, *machines: Instance, look: Sighting = ASKED, policy: Policy = POLICY) -> tuple[Step, ...]:
    sees = asked(cloud(*machines), what.vm_id) if look is GONE else cloud(*machines, look=look)
    return cleaner.decide(fleet(what, sees=sees, policy=policy), policy).steps


def deletes(steps: Iterable[Step]) -> int:
    return sum(isinstance(step.order, Delete) for step in steps)


# -- what it looks at


def test_without_work_azure_is_not_asked() -> None:
    rows = [row(1, record(), notes()), row(2, record(2, Status.RESERVED), notes(2))]
    assert wants(cleaner.decide, fleet(*rows), POLICY) is None


def test_with_work_it_lists_now_and_then_and_asks_for_what_it_would_delete() -> None:
    assert wants(cleaner.decide, fleet(released()), POLICY) == Listing(urgent=False)
    put_off = Cloud(unlisted=frozenset({SCALE_SET}))
    assert wants(cleaner.decide, fleet(released(), sees=put_off), POLICY) == Targets(refs=(ref(1),))
    assert wants(cleaner.decide, fleet(unavailable(opened()), sees=put_off), POLICY) is None


def test_machines_that_must_wait_for_their_limit_do_not_starve_those_that_need_not() -> None:
    strangers = [unavailable(spent(notes(n), Edge.CONDEMN, at=30 * MIN), None, n, used=True) for n in range(2, 22)]
    running = [instance(n, power=PowerState.RUNNING) for n in range(1, 22)]
    assert asked_for(*strangers, released(), sees=cloud(*running)) == [1]


def test_machines_that_azure_shows_are_asked_for_before_rows_without_one() -> None:
    """They cost money, and a row that waits for its second witness does not."""
    lost = [released(number, at=30 * MIN) for number in range(1, POLICY.max_gets + 1)]
    shown = cloud(instance(50, PowerState.RUNNING), look=sighting(complete=False))
    assert asked_for(*lost, released(50), sees=shown)[0] == 50


def test_what_a_complete_listing_lacks_is_not_asked_for_again() -> None:
    assert asked_for(released(1), released(50), sees=cloud(instance(50, PowerState.RUNNING))) == [50]


def test_a_session_whose_machine_a_short_listing_lacks_is_asked_for() -> None:
    assert asked_for(unavailable(opened()), sees=cloud(look=sighting(complete=False))) == [1]


# -- RELEASE


def test_a_release_by_the_scripts_is_deleted_while_it_runs() -> None:
    step = only(steps_for(released(at=timedelta(0)), RUNNING))
    assert isinstance(step.order, Delete)
    assert changed(step).delete == DeleteNote(at=NOW, attempts=1)


def test_a_naive_release_is_acknowledged_and_deleted_at_once() -> None:
    step = only(steps_for(unavailable(opened(), used=True), RUNNING))
    assert isinstance(step.order, Delete)
    assert changed(step).ended == {MINE: Edge.RELEASE}


def test_a_release_by_another_session_does_not_end_this_one() -> None:
    step = only(steps_for(unavailable(opened(OTHER), MINE, used=True), RUNNING))
    assert step.order is None
    assert changed(step).spent == SpentNote(why=Edge.CONDEMN, at=NOW, seen_at=NOW)


def test_a_delete_never_rests_on_a_listing() -> None:
    assert steps_for(released(), RUNNING, look=sighting()) == ()


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
        (spent(notes(start=start_note()), Edge.REFUSE, ended={MINE: Edge.REFUSE}), 1),
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
    noted = spent(notes(), why, at=POLICY.ripe_after + seconds * S)
    assert deletes(steps_for(unavailable(noted, used=True), instance(1))) == deleted


def test_a_missing_power_state_is_not_taken_for_rest() -> None:
    what = unavailable(spent(notes(), Edge.CONDEMN), used=True)
    assert deletes(steps_for(what, instance(1, power=PowerState.UNKNOWN))) == 0


def test_a_machine_that_failed_while_it_was_made_is_deleted_without_ceremony() -> None:
    broken = instance(1, power=PowerState.UNKNOWN, provisioning=ProvisioningState.FAILED, marked=False)
    noted = spent(blank_notes(), Edge.CONDEMN)
    assert deletes(steps_for(unavailable(noted, used=True), broken)) == 1


# -- EXPIRE


def test_without_a_session_limit_a_session_may_last() -> None:
    endless = replace(POLICY, session_limit=timedelta(0))
    assert steps_for(unavailable(opened(at=timedelta(days=9))), RUNNING, policy=endless) == ()


@pytest.mark.parametrize(("seconds", "deleted"), [(-1, 0), (0, 1), (1, 1)])
def test_a_presumed_session_ends_at_its_limit_even_then(seconds: int, deleted: int) -> None:
    endless = replace(POLICY, session_limit=timedelta(0))
    since = NOW - POLICY.presumed_limit - POLICY.expiry_grace - seconds * S
    assert deletes(steps_for(unavailable(notes(presumed_at=since)), RUNNING, policy=endless)) == deleted


def test_at_rest_under_a_session_is_first_only_noted() -> None:
    step = only(steps_for(unavailable(opened()), instance(1), look=sighting()))
    assert (step.why, changed(step).rest_at, step.order) == (Why.RESTS, NOW, None)


def test_the_second_witness_of_rest_is_a_targeted_get() -> None:
    noted = opened(rest_at=ago(minutes=5))
    assert steps_for(unavailable(noted), instance(1), look=sighting()) == ()


@pytest.mark.parametrize(
    ("machine", "why"),
    [(instance(1), Why.EVICTED), (instance(1, power=PowerState.STOPPED), Why.CAME_TO_REST)],
    ids=["deallocated", "stopped"],
)
def test_a_session_that_ends_by_its_machine_is_told_what_became_of_the_machine(machine: Instance, why: Why) -> None:
    step = only(steps_for(unavailable(opened(rest_at=ago(minutes=5))), machine))
    ending = changed(step).spent
    assert ending is not None
    assert (step.why, ending.why, ending.reason) == (why, Edge.EXPIRE, why)


def test_a_session_over_its_limit_is_told_so() -> None:
    ending = changed(only(steps_for(unavailable(opened(at=timedelta(hours=9))), RUNNING))).spent
    assert ending is not None
    assert (ending.why, ending.reason) == (Edge.EXPIRE, Why.LIMIT)


def test_running_again_erases_the_first_witness() -> None:
    step = only(steps_for(unavailable(opened(rest_at=ago(minutes=5))), RUNNING))
    assert changed(step).rest_at is None
    assert change_of(step).row == unavailable(opened(rest_at=ago(minutes=5)))


# -- repeated deletes, and RETIRE


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 2), (2, 4), (3, 8), (6, 60), (40, 60)])
@pytest.mark.parametrize(("seconds", "deleted"), [(-1, 0), (0, 1), (1, 1)])
def test_a_delete_is_repeated_ever_more_patiently(attempts: int, minutes: int, seconds: int, deleted: int) -> None:
    ordered = DeleteNote(at=NOW - timedelta(minutes=minutes, seconds=seconds), attempts=attempts)
    assert deletes(steps_for(released(delete=ordered), RUNNING)) == deleted


def test_after_five_deletes_somebody_is_told() -> None:
    ordered = DeleteNote(at=ago(hours=2), attempts=5)
    plan = plan_for(released(delete=ordered), sees=cloud(RUNNING, look=ASKED))
    assert [(held.why, held.alarm) for held in plan.refusals] == [(Why.UNDELETABLE, True)]


def test_what_is_being_deleted_is_left_to_azure() -> None:
    going = replace(RUNNING, provisioning=ProvisioningState.DELETING)
    assert steps_for(released(), going) == ()


@pytest.mark.parametrize("why", [Edge.REFUSE, Edge.MOVE])
@pytest.mark.parametrize(("seconds", "retired"), [(-1, 0), (0, 1), (1, 1)])
def test_a_refusal_or_a_move_is_kept_for_its_reader(seconds: int, retired: int, why: Edge) -> None:
    noted = spent(notes(), why, at=POLICY.refusal_kept + seconds * S, missed_at=ago(hours=1))
    assert len(steps_for(unavailable(noted, used=True), look=GONE)) == retired


def test_an_unreadable_record_is_left_alone_when_its_machine_goes() -> None:
    noted = spent(notes(), Edge.CONDEMN, missed_at=ago(hours=1))
    what = replace(row(1, Unreadable(why="not JSON"), noted), index=frozenset({Status.UNAVAILABLE}))
    change = change_of(only(steps_for(what, look=GONE)))
    assert (change.record, change.notes, change.index) == (KEEP, None, None)


@pytest.mark.parametrize("noted", [None, NOT_SEEN])
@pytest.mark.parametrize("junk", [0, 400])
def test_it_begins_at_most_a_share_of_the_fleet_a_tick_the_longest_spent_first(junk: int, noted: Notes | None) -> None:
    """A foreign key, or notes of a mere absence, make no machine of the fleet."""
    machines = [instance(number, power=PowerState.RUNNING) for number in range(1, 31)]
    rows = [released(number, at=number * MIN) for number in range(1, 31)]
    keys = [row(number, None, noted) for number in range(31, 31 + junk)]
    rows += [replace(key, index=frozenset({Status.AVAILABLE})) for key in keys]
    plan = plan_for(*rows, sees=cloud(*machines, look=ASKED))
    assert [step.vm_id for step in plan.steps] == [vm(30), vm(29), vm(28)]
    assert sum(held.why is Why.BREAKER for held in plan.refusals) == 27


def test_a_delete_that_has_to_wait_does_not_keep_the_end_of_its_session_waiting() -> None:
    """Else the naive releases, which are only noted here, stand last in the line for ever."""
    machines = [instance(number, power=PowerState.RUNNING) for number in (1, 2)]
    rows = [unavailable(opened(number=number), number=number, used=True) for number in (1, 2)]
    first, second = plan_for(*rows, sees=cloud(*machines, look=ASKED)).steps
    assert (isinstance(first.order, Delete), second.order) == (True, None)
    assert (changed(second).ended, changed(second).delete) == ({MINE: Edge.RELEASE}, None)


def test_without_consent_nothing_is_ended_or_deleted() -> None:
    assert steps_for(released(), RUNNING, look=sighting(Method.TARGETED, consent=False)) == ()


@pytest.mark.parametrize(("seconds", "again"), [(-1, False), (0, True), (1, True)])
def test_a_delete_that_hangs_is_ordered_again(seconds: int, again: bool) -> None:
    since = NOW - POLICY.delete_lost - seconds * S
    ordered = DeleteNote(at=ago(minutes=30), attempts=1)
    what, dying = (
        released(delete=ordered, unsettled_at=since),
        replace(RUNNING, provisioning=ProvisioningState.DELETING),
    )
    assert deletes(steps_for(what, dying)) == again
    assert asked_for(what, sees=cloud(dying)) == [1] * again


def test_a_delete_that_azure_refuses_again_and_again_keeps_no_new_one_waiting() -> None:
    again = DeleteNote(at=ago(hours=5), attempts=1)
    rows = [released(number, delete=again if number <= 5 else None) for number in range(1, 11)]
    sees = asked(cloud(*(instance(number) for number in range(1, 11))))
    plan = cleaner.decide(fleet(*rows, sees=sees), replace(POLICY, max_deletes=0.1))
    deleted = [int(each.vm_id[:8]) for each in plan.steps if isinstance(each.order, Delete) and each.vm_id]
    assert [(number <= 5) for number in sorted(deleted)] == [True, False]
    assert [each.why for each in plan.refusals] == [Why.BREAKER] * 8
