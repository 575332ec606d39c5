"""A machine billed for nothing, forgotten, or kept for a session that never comes; and what only looks like that."""

from dataclasses import replace
from datetime import timedelta

import pytest
from simulator_builders import OFFERED, USED, azure, in_session, judged, look, looks, machine, second, told

from emulator.history import What
from scaler.model.instance import FailureClass, PowerState, ProvisioningState
from scaler.model.policy import Moves, Policy
from scaler.model.row import Status
from simulator.happenings import Did, Entry, Forgotten, Manner, Published
from simulator.observer.leaked import ForNobody, Leaked
from simulator.observer.patience import Patience
from simulator.observer.wrong import Kind, Wrong

IDLE = 10
POLICY = Policy().at_speed(20)  # session limit 180 s and 3 s of grace, delete retry 6 s, repair after 6 s
RUNNING, STOPPED, DEALLOCATED = PowerState.RUNNING, PowerState.STOPPED, PowerState.DEALLOCATED


def leaked() -> Leaked:
    return Leaked(Patience(idle=timedelta(seconds=IDLE), policy=POLICY))


def kinds(wrongs: list[Wrong]) -> list[Kind]:
    return [each.kind for each in wrongs]


@pytest.mark.parametrize("published", [None, USED, in_session("nobody"), Published(status=Status.AVAILABLE)])
def test_a_running_machine_with_nobody_on_it_is_leaked_after_a_while_and_counted_once(
    published: Published | None,
) -> None:
    (wrong,) = judged(leaked(), looks(0, 60, machine(RUNNING, published)))
    assert (wrong.kind, wrong.vm_id, wrong.at) == (Kind.LEAKED, "vm", second(IDLE + 0.5))


def test_up_to_the_longest_step_it_may_wait_for_its_turn() -> None:
    assert judged(leaked(), looks(0, IDLE, machine(RUNNING))) == []


def test_a_warm_machine_that_cannot_be_reserved_is_billed_for_nothing() -> None:
    assert kinds(judged(leaked(), looks(0, 60, machine(STOPPED, USED)))) == [Kind.LEAKED]


def test_a_warm_machine_on_offer_may_stay_for_ever() -> None:
    assert judged(leaked(), looks(0, 9000, machine(STOPPED, OFFERED), every=5)) == []


def test_a_running_machine_on_offer_is_leaked_unless_it_was_heated() -> None:
    assert kinds(judged(leaked(), looks(0, 60, machine(RUNNING, OFFERED)))) == [Kind.LEAKED]
    hot = replace(OFFERED, heated=True)
    assert judged(leaked(), looks(0, 9000, machine(RUNNING, hot), every=5)) == []


def test_a_machine_that_was_heated_and_cannot_be_reserved_is_leaked() -> None:
    hidden = Published(status=Status.AVAILABLE, heated=True)
    assert kinds(judged(leaked(), looks(0, 60, machine(RUNNING, hidden)))) == [Kind.LEAKED]
    used = replace(USED, heated=True)
    assert kinds(judged(leaked(), looks(0, 60, machine(RUNNING, used)))) == [Kind.LEAKED]


@pytest.mark.parametrize("state", [ProvisioningState.CREATING, ProvisioningState.UPDATING, ProvisioningState.DELETING])
def test_while_azure_works_on_it_it_is_billed_for_a_reason(state: ProvisioningState) -> None:
    assert judged(leaked(), looks(0, 60, machine(RUNNING, provisioning=state))) == []


def test_azure_may_not_work_on_it_for_ever() -> None:
    stuck = machine(RUNNING, provisioning=ProvisioningState.UPDATING)
    assert kinds(judged(leaked(), looks(0, 200, stuck))) == [Kind.LEAKED]


def test_the_clock_starts_anew_after_each_step() -> None:
    works = machine(RUNNING, provisioning=ProvisioningState.UPDATING)
    history = [[*looks(at, at + 9, machine(RUNNING)), look(at + 9.5, works)] for at in range(0, 100, 10)]
    assert judged(leaked(), *history) == []


def test_a_visitor_on_it_is_a_reason_until_their_limit() -> None:
    opened, there = told(0, "ann", Did.OPENED), machine(RUNNING, in_session("ann"))
    assert judged(leaked(), opened, looks(0, 183, there)) == []
    assert kinds(judged(leaked(), opened, looks(0, 240, there))) == [Kind.LEAKED]


def test_a_visitor_who_waits_for_it_is_a_reason() -> None:
    assert judged(leaked(), told(0, "ann", Did.PROMISED), looks(0, 40, machine(RUNNING))) == []


@pytest.mark.parametrize("departure", [Did.LEAVING, Did.GAVE_UP, Did.REFUSED, Did.EXPIRED, Did.CUT_OFF])
def test_a_visitor_who_has_left_is_no_reason(departure: Did) -> None:
    history = (told(0, "ann", Did.OPENED), told(1, "ann", departure), looks(1, 60, machine(RUNNING)))
    assert kinds(judged(leaked(), *history)) == [Kind.LEAKED]


def test_a_presumed_session_is_a_reason_while_the_machine_runs_and_until_its_limit() -> None:
    presumed = Published(status=Status.UNAVAILABLE, presumed_since=second(0))
    assert judged(leaked(), looks(0, 180, machine(RUNNING, presumed))) == []
    assert kinds(judged(leaked(), looks(0, 240, machine(RUNNING, presumed)))) == [Kind.LEAKED]
    assert kinds(judged(leaked(), looks(0, 60, machine(STOPPED, presumed)))) == [Kind.LEAKED]


def test_a_machine_that_costs_nothing_may_be_idle_but_not_forgotten() -> None:
    unknown = machine(DEALLOCATED)
    assert judged(leaked(), looks(0, IDLE + 5, unknown)) == []
    assert kinds(judged(leaked(), looks(0, 120, unknown))) == [Kind.LEAKED]


def test_a_machine_on_offer_is_not_forgotten_and_one_outside_the_index_is() -> None:
    assert judged(leaked(), looks(0, 9000, machine(DEALLOCATED, OFFERED), every=5)) == []
    hidden = Published(status=Status.AVAILABLE, offered=False)
    assert kinds(judged(leaked(), looks(0, 60, machine(DEALLOCATED, hidden)))) == [Kind.LEAKED]


def test_a_change_shows_that_somebody_acts_on_it() -> None:
    notes = [Published(status=Status.UNAVAILABLE, used=True, session=str(at)) for at in range(10)]
    history = [looks(20 * at, 20 * at + 15, machine(DEALLOCATED, each)) for at, each in enumerate(notes)]
    assert judged(leaked(), *history) == []


def test_a_refused_delete_is_repeated_ever_more_rarely() -> None:
    orders = [azure(0, What.DELETE_ORDERED) for _ in range(4)]
    patient = looks(0, 90, machine(DEALLOCATED, USED))
    assert kinds(judged(leaked(), *orders[:1], patient)) == [Kind.LEAKED]
    assert judged(leaked(), *orders, patient) == []


@pytest.mark.parametrize(
    ("failure", "until"), [(FailureClass.OTHER, 6), (FailureClass.ALLOCATION, 30), (FailureClass.QUOTA, 180)]
)
def test_a_failed_machine_waits_out_its_hold(failure: FailureClass, until: float) -> None:
    failed = machine(PowerState.UNKNOWN, provisioning=ProvisioningState.FAILED, failure=failure)
    assert judged(leaked(), looks(0, until + IDLE, failed)) == []
    assert kinds(judged(leaked(), looks(0, until + IDLE + 1, failed))) == [Kind.LEAKED]


def test_a_machine_that_is_gone_is_no_longer_watched() -> None:
    assert judged(leaked(), looks(0, 9, machine(RUNNING)), looks(10, 60)) == []


RUNS = PowerState.RUNNING


@pytest.mark.parametrize("published", [USED, in_session("ann")])
def test_a_record_that_is_deleted_before_its_machine_is_told_once(published: Published) -> None:
    gone = (look(2, machine(RUNS)), look(3, machine(RUNS)))
    (wrong,) = judged(ForNobody(Moves.ATOMIC), look(1, machine(RUNS, published)), *gone)
    assert (wrong.kind, wrong.at, wrong.vm_id) == (Kind.LEAKED, second(2), "vm")


def test_a_record_may_go_when_its_machine_is_going_or_gone() -> None:
    going = machine(RUNS, provisioning=ProvisioningState.DELETING)
    assert judged(ForNobody(Moves.ATOMIC), look(1, machine(RUNS, USED)), look(2, going)) == []
    assert judged(ForNobody(Moves.ATOMIC), look(1, machine(RUNS, USED)), look(2)) == []


def test_a_fresh_machine_may_be_forgotten_on_the_word_of_two_old_listings() -> None:
    assert judged(ForNobody(Moves.ATOMIC), look(1, machine(RUNS, OFFERED)), look(2, machine(RUNS))) == []


def test_what_redis_itself_forgot_is_nobodys_fault() -> None:
    before, after = look(1, machine(RUNS, USED)), look(2, machine(RUNS))
    assert judged(ForNobody(Moves.ATOMIC), before, Forgotten(at=second(1.5)), after) == []
    assert judged(ForNobody(Moves.ATOMIC), before, Forgotten(at=second(1.5), vm_id="vm"), after) == []
    assert len(judged(ForNobody(Moves.ATOMIC), before, Forgotten(at=second(1.5), vm_id="other"), after)) == 1
    assert judged(ForNobody(Moves.ATOMIC), before, look(1.5, machine(RUNS), forgot=True), after) == []


def test_a_machine_opened_for_a_session_that_was_refused_another_is_for_nobody() -> None:
    refused = told(1, "ann", Did.REFUSED, "first")
    (wrong,) = judged(ForNobody(Moves.ATOMIC), refused, look(2, machine(RUNS, in_session("ann"))))
    assert (wrong.kind, wrong.session) == (Kind.LEAKED, "ann")


def test_the_machine_that_it_was_refused_on_is_only_used() -> None:
    refused = told(1, "ann", Did.REFUSED)
    assert judged(ForNobody(Moves.ATOMIC), refused, look(2, machine(RUNS, in_session("ann")))) == []
    assert judged(ForNobody(Moves.ATOMIC), told(1, "ann", Did.REFUSED, "first"), look(2, machine(RUNS, USED))) == []


def test_a_session_moved_behind_its_queue_managers_back_is_told_at_once() -> None:
    (wrong,) = judged(ForNobody(Moves.ATOMIC), told(1, "ann", Did.LEFT_BEHIND))
    assert (wrong.kind, wrong.vm_id, wrong.session) == (Kind.LEAKED, "vm", "ann")


def test_where_the_operator_says_that_everybody_follows_it_is_not_the_scalers_fault() -> None:
    assert judged(ForNobody(Moves.ALWAYS), told(1, "ann", Did.LEFT_BEHIND)) == []


def test_who_made_the_registry_forget_their_first_machine_may_be_refused_another() -> None:
    refused = Entry(at=second(1), session="ann", did=Did.REFUSED, vm_id="second", manner=Manner.GARBAGE)
    assert judged(ForNobody(Moves.ATOMIC), refused, look(2, machine(RUNS, in_session("ann")))) == []
