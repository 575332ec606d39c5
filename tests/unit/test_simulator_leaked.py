"""A machine billed for nothing, or forgotten, and everything that only looks like it."""

from datetime import timedelta

import pytest
from simulator_builders import OFFERED, USED, azure, in_session, judged, look, looks, machine, second, told

from emulator.history import What
from scaler.model.instance import FailureClass, PowerState, ProvisioningState
from scaler.model.policy import Policy
from scaler.model.record import Status
from simulator.happenings import Did, Published
from simulator.observer.leaked import Leaked
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


def test_a_running_machine_on_offer_is_leaked() -> None:
    assert kinds(judged(leaked(), looks(0, 60, machine(RUNNING, OFFERED)))) == [Kind.LEAKED]


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
