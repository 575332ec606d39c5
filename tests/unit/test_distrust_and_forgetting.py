"""What an operator does to the registry by hand: distrust what an old snapshot calls fresh, forget what is gone."""

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    ago,
    applied,
    blank_notes,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    row,
    vm,
)

from scaler.controllers import by_hand
from scaler.model.edges import Edge
from scaler.model.instance import PowerState, ScaleSetName, SessionId
from scaler.model.lifecycle import KEEP
from scaler.model.plan import Listing, Plan, Step, Why
from scaler.model.row import Row, SpentNote, Status, Unreadable

ME = SessionId("me")
ABOUT_TO_BE = blank_notes(1, admitting_at=ago(seconds=60), mark_asked_at=ago(seconds=60))


def written(step: Step) -> Row:
    """The row after the step."""
    assert step.change is not None
    return applied(step.change.row, step.change)


class TestDistrust:
    """Whatever could be handed out is used from now on."""

    @pytest.mark.parametrize("stored", [row(1, record(), notes()), row(1, None, ABOUT_TO_BE)])
    def test_what_is_offered_or_about_to_be_is_used_from_now_on(self, stored: Row) -> None:
        step = only(by_hand.distrust(fleet(stored, sees=cloud(instance())), POLICY).steps)
        after = written(step)
        assert (step.why, step.vm_id, step.order) == (Why.DISTRUSTED, vm(1), None)
        assert (after.status, after.index) == (Status.UNAVAILABLE, frozenset({Status.UNAVAILABLE}))
        assert after.notes is not None
        assert after.notes.spent == SpentNote(why=Edge.CONDEMN, at=NOW)

    @pytest.mark.parametrize("fields", [{"marked": False}, {"power": PowerState.RUNNING}])
    def test_what_is_not_about_to_be_offered_yet_is_left_to_the_controllers(self, fields: dict[str, object]) -> None:
        seen = cloud(instance(1, **fields))  # type: ignore[arg-type]
        assert by_hand.distrust(fleet(row(1, None, ABOUT_TO_BE), sees=seen), POLICY).steps == ()

    def test_what_is_used_already_is_left_alone(self) -> None:
        used = row(1, record(used=True), notes())
        assert by_hand.distrust(fleet(used, sees=cloud(instance())), POLICY) == Plan()

    def test_a_reservation_is_named_and_left_to_a_person(self) -> None:
        reserved = row(2, record(2, Status.RESERVED, session_id=ME), notes(2))
        plan = by_hand.distrust(fleet(reserved, sees=cloud(instance(2))), POLICY)
        assert [(each.why, each.vm_id, each.facts) for each in plan.refusals] == [
            (Why.RESERVED_LONG_AGO, vm(2), {"session": ME})
        ]
        assert plan.steps == ()

    def test_it_looks_once_for_what_is_not_in_the_index_yet(self) -> None:
        assert by_hand.distrust(fleet(), POLICY).asks == (Listing(),)
        assert by_hand.distrust(fleet(sees=cloud()), POLICY).asks == ()


class TestForgetting:
    """What the registry holds of a scale set that is gone."""

    @pytest.mark.parametrize(
        ("what", "session"),
        [
            (None, None),
            (record(), None),
            (record(1, Status.RESERVED, session_id=ME), ME),
            (record(1, Status.UNAVAILABLE, session_id=ME), ME),
            (record(1, Status.UNAVAILABLE, session_id=ME, used=True), None),
        ],
    )
    def test_record_notes_and_place_go_together_and_whose_session_ends_is_said(
        self, what: object, session: SessionId | None
    ) -> None:
        step = only(by_hand.forget(fleet(row(1, what, notes())), SCALE_SET).steps)  # type: ignore[arg-type]
        assert written(step) == Row(vm_id=vm(1))
        assert step.vm_id == vm(1)
        assert step.why is (Why.FORGOTTEN if session is None else Why.FORGOTTEN_WITH_SESSION)
        assert step.facts == ({} if session is None else {"session": session})

    def test_what_cannot_be_read_is_left_to_the_byte(self) -> None:
        step = only(by_hand.forget(fleet(row(1, Unreadable(why="not JSON"), notes())), SCALE_SET).steps)
        assert step.change is not None
        assert (step.change.record, step.change.notes, step.change.index) == (KEEP, None, None)

    def test_nothing_is_forgotten_while_azure_shows_one_of_its_machines(self) -> None:
        both = fleet(row(1, record(), notes()), row(2, record(2), notes(2)), sees=cloud(instance(2)))
        plan = by_hand.forget(both, SCALE_SET)
        assert (plan.steps, [(each.why, each.vm_id) for each in plan.refusals]) == ((), [(Why.STILL_THERE, vm(2))])

    def test_other_scale_sets_machines_and_what_a_newer_scaler_noted_stay(self) -> None:
        newer = Row(vm_id=vm(1), notes=notes(), untouchable=True)
        assert by_hand.forget(fleet(newer), SCALE_SET) == Plan()
        assert by_hand.forget(fleet(row(1, record(), notes())), ScaleSetName("another")) == Plan()
