"""`scaler spend`, `hold` and `unhold`: what is written for each kind of machine, and what the cleaner makes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    ASKED,
    MINE,
    NOW,
    POLICY,
    RUNNING,
    S,
    applied,
    blank_notes,
    change_of,
    cloud,
    fleet,
    instance,
    let_in,
    notes,
    only,
    record,
    reserved,
    row,
    unavailable,
    vm,
)

from scaler.controllers import by_name, cleaner
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Instance, PowerState, ProvisioningState
from scaler.model.plan import Delete, Mark, Plan, Why
from scaler.model.row import Row, SpentNote, Status

HOUR = timedelta(hours=1)
ME = frozenset({vm(1)})
READY = row(1, record(), notes())
NEW = instance(marked=False)
USED = unavailable(
    notes(1, **let_in(), ended={MINE: Edge.RELEASE}, spent=SpentNote(why=Edge.RELEASE, at=NOW - S)), used=True
)


def held(known: Row, machine: Instance, lasts: timedelta = HOUR) -> Plan:
    """The plan of a hold."""
    return by_name.hold(fleet(known, sees=cloud(machine)), POLICY, ME, lasts)


def after(plan: Plan) -> Row:
    """The row after the only step of a plan."""
    change = change_of(only(plan.steps))
    return applied(change.row, change)


@pytest.mark.parametrize(
    ("known", "machine"),
    [
        (unavailable(notes(1, **let_in())), RUNNING),
        (reserved(notes(1)), instance()),
        (USED, RUNNING),
    ],
)
def test_a_machine_that_is_somebodys_is_held_by_a_note_alone(known: Row, machine: Instance) -> None:
    step = only(held(known, machine).steps)
    assert (step.why, step.order, step.edge) == (Why.TO_BE_HELD, None, "")
    row_after = after(held(known, machine))
    assert row_after.notes is not None
    assert row_after.notes.held_until == NOW + HOUR
    assert (row_after.record, row_after.index) == (known.record, known.index)


def test_a_machine_that_waits_for_a_visitor_gets_none_any_more() -> None:
    step, row_after = only(held(READY, instance()).steps), after(held(READY, instance()))
    assert (step.edge, step.order) == (Edge.CONDEMN.name, None)
    assert row_after.readable is not None
    assert (row_after.status, row_after.readable.used, row_after.index) == (
        Status.UNAVAILABLE,
        True,
        frozenset({Status.UNAVAILABLE}),
    )


@pytest.mark.parametrize("power", [PowerState.RUNNING, PowerState.DEALLOCATED])
def test_a_new_machine_is_marked_so_that_the_provisioner_leaves_it_alone(power: PowerState) -> None:
    step = only(held(row(1, None, blank_notes()), replace(NEW, power=power)).steps)
    assert isinstance(step.order, Mark)
    assert step.edge == Edge.CONDEMN.name


def test_a_failed_machine_is_held_for_its_post_mortem() -> None:
    failed = replace(NEW, provisioning=ProvisioningState.FAILED, power=PowerState.UNKNOWN)
    assert isinstance(only(held(row(1, None, blank_notes()), failed).steps).order, Mark)


def test_what_azure_does_not_show_or_is_still_making_cannot_be_held() -> None:
    making = replace(NEW, provisioning=ProvisioningState.CREATING, power=PowerState.UNKNOWN)
    assert [each.why for each in held(row(1, None, None), making).refusals] == [Why.UNSETTLED]
    unseen = by_name.hold(fleet(READY, sees=Cloud()), POLICY, ME | {vm(2)}, HOUR)
    assert [(each.vm_id, each.why) for each in unseen.refusals] == [(vm(2), Why.NOT_THERE), (vm(1), Why.NOT_THERE)]


def test_a_hold_is_written_once_and_may_be_made_longer() -> None:
    known = unavailable(notes(1, **let_in(), held_until=NOW + HOUR - 30 * S))
    assert held(known, RUNNING) == Plan()
    assert held(known, RUNNING, 2 * HOUR).steps


@pytest.mark.parametrize(("left", "deleted"), [(1, False), (0, True), (-1, True), (86_400, False), (86_401, True)])
def test_a_held_machine_is_deleted_when_its_hold_is_over(left: int, *, deleted: bool) -> None:
    """A hold of more than a day was written by a wrong clock."""
    known = replace(USED, notes=replace(USED.notes, held_until=NOW + left * S))  # type: ignore[type-var]
    plan = cleaner.decide(fleet(known, sees=cloud(RUNNING, look=ASKED)), POLICY)
    assert [type(step.order) for step in plan.steps] == ([Delete] if deleted else [])
    assert [each.why for each in plan.refusals] == ([] if deleted else [Why.HELD])


def test_a_held_session_ends_at_its_limit_and_its_machine_stays() -> None:
    known = unavailable(notes(1, **let_in(hours=2), held_until=NOW + HOUR))
    step = only(cleaner.decide(fleet(known, sees=cloud(RUNNING, look=ASKED)), POLICY).steps)
    assert (step.edge, step.order) == (Edge.EXPIRE.name, None)


def test_a_hold_is_ended_by_hand() -> None:
    known = replace(USED, notes=replace(USED.notes, held_until=NOW + HOUR))  # type: ignore[type-var]
    row_after = after(by_name.unhold(fleet(known), POLICY, ME))
    assert row_after.notes == USED.notes
    assert [each.why for each in by_name.unhold(fleet(USED), POLICY, ME).refusals] == [Why.NOT_HELD]


def test_what_is_spent_by_hand_is_used_at_once_and_only_what_waits_for_a_visitor() -> None:
    step, row_after = (
        only(by_name.spend(fleet(READY), POLICY, ME).steps),
        after(by_name.spend(fleet(READY), POLICY, ME)),
    )
    assert (step.why, step.edge, row_after.status) == (Why.SPENT_BY_HAND, Edge.CONDEMN.name, Status.UNAVAILABLE)
    for other in (reserved(notes()), unavailable(notes(1, **let_in())), USED):
        assert [each.why for each in by_name.spend(fleet(other), POLICY, ME).refusals] == [Why.NOT_OFFERED]
