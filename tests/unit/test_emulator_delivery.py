"""Orders that are lost, late, doubled or unanswered, and the bound they keep."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from emulated import Azure

from emulator.behaviour import Fault, Faults
from emulator.history import What
from emulator.orders import Operation, OrderKind, Protection, Scale, Status
from emulator.refusals import ArmError, NoAnswer
from scaler.model.instance import PowerState

WITHIN = timedelta(seconds=20)


class Delivery(Azure):
    """A scale set with one running VM, and an order on its way."""

    def stop(self) -> None:
        """The order that is on its way in these tests."""
        self.emulated.order(OrderKind.DEALLOCATE, ["0"], by="starter", within=WITHIN)

    def status(self, operation: Operation) -> Status:
        """Where it stands now."""
        return self.emulated.read_operation(operation.id).status

    @property
    def arrived(self) -> list[float]:
        """Seconds from giving the order to each of its arrivals."""
        events = [each for each in self.emulated.history if each.what is What.DEALLOCATE_ORDERED]
        return [(each.at - each.given_at).total_seconds() for each in events if each.given_at]


@pytest.mark.parametrize("seed", range(20))
def test_a_late_order_arrives_within_its_bound(seed: int) -> None:
    azure = Delivery(seed=seed)
    azure.emulated.script(Fault.ORDER_LATE)
    with pytest.raises(NoAnswer):
        azure.stop()
    assert azure.arrived == []
    azure.wait(WITHIN.total_seconds())
    (delay,) = azure.arrived
    assert 0 < delay <= WITHIN.total_seconds()


@pytest.mark.parametrize("seed", range(20))
def test_a_doubled_order_arrives_at_once_and_again_within_its_bound(seed: int) -> None:
    azure = Delivery(seed=seed)
    azure.emulated.script(Fault.ORDER_DOUBLED)
    azure.stop()
    azure.wait(WITHIN.total_seconds())
    first, second = azure.arrived
    assert first == 0 < second <= WITHIN.total_seconds()


def test_a_late_order_without_a_bound_of_its_caller_keeps_azures() -> None:
    azure = Delivery()
    azure.emulated.faults = Faults(late_within=3)
    azure.emulated.script(Fault.ORDER_LATE)
    with pytest.raises(NoAnswer):
        azure.emulated.order(OrderKind.DEALLOCATE, ["0"])
    azure.wait(3)
    assert azure.emulated.vms[0].power is PowerState.DEALLOCATING


def test_a_late_order_hits_whoever_has_the_instance_id_by_then() -> None:
    azure = Delivery()
    azure.emulated.script(Fault.ORDER_LATE)
    with pytest.raises(NoAnswer):
        azure.emulated.order(OrderKind.DEALLOCATE, ["0"], within=timedelta(hours=1))
    azure.emulated.order(OrderKind.DELETE, ["0"])
    azure.wait(30)
    azure.emulated.scale(Scale(capacity=1))
    azure.wait(7200)
    hit = next(each for each in azure.emulated.history if each.what is What.DEALLOCATE_ORDERED)
    assert hit.vm_id == azure.emulated.vms[0].vm_id
    assert len({each.vm_id for each in azure.emulated.history if each.vm_id}) == 2


def test_a_late_order_that_is_refused_on_arrival_is_heard_of_by_nobody() -> None:
    azure = Delivery()
    azure.emulated.script(Fault.ORDER_LATE)
    with pytest.raises(NoAnswer):
        azure.stop()
    azure.emulated.make_anew()
    azure.wait(60)
    refused = [each for each in azure.emulated.history if each.what is What.ORDER_REFUSED]
    assert [each.detail for each in refused] == ["InvalidParameter"]


def test_a_lost_order_never_arrives() -> None:
    azure = Delivery()
    azure.emulated.script(Fault.ORDER_LOST)
    with pytest.raises(NoAnswer):
        azure.stop()
    azure.wait(600)
    assert azure.arrived == []


def test_an_order_whose_answer_was_lost_has_arrived() -> None:
    azure = Delivery()
    azure.emulated.script(Fault.ANSWER_LOST)
    with pytest.raises(NoAnswer):
        azure.stop()
    assert azure.arrived == [0]


def test_a_swallowed_order_is_accepted_and_nothing_happens() -> None:
    azure = Delivery()
    azure.emulated.script(Fault.ORDER_SWALLOWED)
    operation = azure.emulated.order(OrderKind.DEALLOCATE, ["0"])
    azure.wait(600)
    assert azure.status(operation) is Status.CANCELED
    assert azure.emulated.vms[0].power is PowerState.RUNNING


def test_a_queued_order_is_accepted_and_begins_within_its_bound() -> None:
    azure = Delivery()
    azure.emulated.script(Fault.ORDER_QUEUED)
    operation = azure.emulated.order(OrderKind.DEALLOCATE, ["0"], within=WITHIN)
    assert azure.arrived == []
    azure.wait(WITHIN.total_seconds())
    assert len(azure.arrived) == 1
    assert azure.status(operation) is Status.IN_PROGRESS
    azure.wait(60)
    assert azure.status(operation) is Status.SUCCEEDED


def test_a_queued_order_that_cannot_begin_ends_as_failed() -> None:
    azure = Delivery()
    azure.emulated.script(Fault.ORDER_QUEUED)
    operation = azure.emulated.order(OrderKind.START, ["5"], within=WITHIN)
    azure.wait(600)
    assert azure.status(operation) is Status.FAILED


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault.WRITE_THROTTLED, 429, "OperationNotAllowed"),
        (Fault.WRITE_FAILED, 503, "ServiceUnavailable"),
        (Fault.WRITE_CONFLICT, 409, "Conflict"),
    ],
)
def test_a_write_may_be_refused_before_it_arrives(fault: Fault, status: int, code: str) -> None:
    azure = Delivery()
    azure.emulated.script(fault)
    with pytest.raises(ArmError) as refusal:
        azure.stop()
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert azure.arrived == []


def test_marks_and_deallocates_may_be_throttled_while_starts_are_not() -> None:
    azure = Delivery()
    azure.emulated.faults = Faults(rates={Fault.MARK_THROTTLED: 1.0, Fault.DEALLOCATE_THROTTLED: 1.0})
    orders: dict[str, Callable[[], object]] = {
        "mark": lambda: azure.emulated.protect("0", Protection(from_scale_in=True)),
        "deallocate": azure.stop,
        "power off": lambda: azure.emulated.order(OrderKind.POWER_OFF, ["0"]),
        "start": lambda: azure.emulated.order(OrderKind.START, ["0"]),
    }
    throttled = set()
    for name, order in orders.items():
        try:
            order()
        except ArmError as refusal:
            throttled |= {name} if refusal.status == 429 and refusal.retry_after else set()
    assert throttled == {"mark", "deallocate"}


def test_deallocates_may_be_late_while_other_orders_are_not() -> None:
    azure = Delivery()
    azure.emulated.faults = Faults(rates={Fault.DEALLOCATE_LATE: 1.0})
    azure.emulated.order(OrderKind.POWER_OFF, ["0"])
    with pytest.raises(NoAnswer):
        azure.stop()
    assert azure.arrived == []
    azure.wait(WITHIN.total_seconds())
    assert len(azure.arrived) == 1


def test_a_throttled_request_says_when_to_come_again() -> None:
    azure = Delivery()
    azure.emulated.faults = Faults(retry_after=(7, 9))
    azure.emulated.script(Fault.READ_THROTTLED)
    with pytest.raises(ArmError) as refusal:
        azure.emulated.read_first_page()
    assert refusal.value.retry_after is not None
    assert timedelta(seconds=7) <= refusal.value.retry_after <= timedelta(seconds=9)


def test_a_rate_strikes_as_often_as_it_says() -> None:
    azure = Delivery()
    azure.emulated.faults = Faults(rates={Fault.READ_FAILED: 0.25})
    failed = 0
    for _ in range(1000):
        try:
            azure.emulated.read_set()
        except ArmError:
            failed += 1
    assert 200 < failed < 300


def test_the_same_seed_makes_the_same_world() -> None:
    faults = Faults(rates={Fault.ORDER_LATE: 0.5, Fault.EVICTED: 20.0})
    histories = []
    for _ in range(2):
        azure = Delivery(seed=7)
        azure.emulated.faults = faults
        for _ in range(30):
            with suppress(NoAnswer):
                azure.stop()
            azure.wait(60)
        histories.append(azure.emulated.history.events)
    assert histories[0] == histories[1]
