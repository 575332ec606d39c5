"""`scaler renew`: an operator asks for machines to be replaced, by a note on each; the cleaner does it."""

from datetime import timedelta

import pytest
from builders import (
    NOW,
    POLICY,
    ago,
    applied,
    change_of,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    reserved,
    row,
    vm,
)

from scaler.controllers import by_name
from scaler.controllers.by_name import Renewed
from scaler.model.edges import Edge
from scaler.model.lifecycle import KEEP
from scaler.model.plan import Listing, Why
from scaler.model.row import SpentNote, Status

HOUR = timedelta(hours=1)


def chosen(which: Renewed) -> set[str]:
    """The ids chosen of an old outdated machine, a young machine of the latest model, and one without the flag."""
    rows = [
        row(each, record(each), notes(each, admitted_at=ago(hours=hours))) for each, hours in ((1, 3), (2, 0), (3, 1))
    ]
    sees = cloud(instance(1, latest_model=False), instance(2, latest_model=True), instance(3))
    return {step.instance_id for step in by_name.renew(fleet(*rows, sees=sees), POLICY, which).steps}


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Renewed(named=frozenset({vm(2), vm(3)})), {"2", "3"}),
        (Renewed(older_than=HOUR), {"1", "3"}),
        (Renewed(older_than=HOUR + timedelta(seconds=1)), {"1"}),
        (Renewed(outdated=True), {"1"}),
        (Renewed(outdated=True, named=frozenset({vm(2)})), {"1", "2"}),
    ],
)
def test_those_are_asked_for_to_which_anything_applies(which: Renewed, found: set[str]) -> None:
    assert chosen(which) == found


def test_it_is_a_note_and_the_machine_stays_on_offer() -> None:
    step = only(by_name.renew(fleet(row(1, record(), notes())), POLICY, Renewed(named=frozenset({vm(1)}))).steps)
    change = change_of(step)
    after = applied(change.row, change)
    assert (step.why, step.order, change.record, change.edge) == (Why.TO_BE_REPLACED, None, KEEP, None)
    assert (after.status, after.index) == (Status.AVAILABLE, frozenset({Status.AVAILABLE}))
    assert after.notes == notes(replace_asked_at=NOW)


def test_a_second_time_there_is_nothing_to_do() -> None:
    known = row(1, record(), notes(replace_asked_at=ago(minutes=1)))
    plan = by_name.renew(fleet(known), POLICY, Renewed(named=frozenset({vm(1)})))
    assert (plan.steps, plan.refusals) == ((), ())


@pytest.mark.parametrize(
    "other",
    [
        reserved(notes()),
        row(1, record(), notes(spent=SpentNote(why=Edge.SPEND, at=NOW))),
        row(2, record(2), notes(2)),
    ],
    ids=["reserved", "used", "unknown"],
)
def test_a_named_machine_that_is_not_available_is_refused(other: object) -> None:
    plan = by_name.renew(fleet(other), POLICY, Renewed(named=frozenset({vm(1)})))  # type: ignore[arg-type]
    assert (plan.steps, [(each.why, each.vm_id) for each in plan.refusals]) == ((), [(Why.NOT_OFFERED, vm(1))])


def test_only_for_the_latest_model_azure_is_asked() -> None:
    assert by_name.renew(fleet(), POLICY, Renewed(outdated=True)).asks == (Listing(),)
    assert by_name.renew(fleet(), POLICY, Renewed(older_than=HOUR)).asks == ()
