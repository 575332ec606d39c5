"""When the door stays shut."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from clock import ManualClock

from emulator.budgets import Bucket
from scaler.errors import Throttled
from scaler.vmss.gates import BUCKETS, Budget, Gates, Kind

SECOND = timedelta(seconds=1)
READS = {Kind.LIST, Kind.LIST_VMS, Kind.VIEW, Kind.GET}
STARTS = {Kind.START, Kind.START_ONE}
WRITES = set(Kind) - READS - STARTS - {Kind.NETWORK, Kind.TAG, Kind.GROUP}


def shut(gates: Gates, kinds: Iterable[Kind] = Kind) -> dict[Kind, timedelta]:
    """Which kinds are held back, and for how long."""
    found = {}
    for kind in kinds:
        try:
            gates.admit(kind)
        except Throttled as error:
            found[kind] = error.retry_after
    return found


def header(**left: int) -> dict[str, str]:
    return {"x-ms-ratelimit-remaining-resource": ",".join(f"Microsoft.Compute/{each};{n}" for each, n in left.items())}


def test_fresh_gates_are_open() -> None:
    assert shut(Gates(ManualClock())) == {}


@pytest.mark.parametrize(
    ("kind", "lane"),
    [
        (Kind.GET, READS),
        (Kind.START, STARTS),
        (Kind.START_ONE, STARTS),
        (Kind.MARK, WRITES),
        (Kind.DEALLOCATE, WRITES),
        (Kind.NETWORK, {Kind.NETWORK}),
        (Kind.TAG, {Kind.TAG, Kind.GROUP}),
    ],
)
def test_a_429_shuts_its_lane_to_the_second_and_no_other(kind: Kind, lane: set[Kind]) -> None:
    clock = ManualClock()
    gates = Gates(clock)
    gates.throttled(kind, 10 * SECOND)
    assert shut(gates) == dict.fromkeys(lane, 10 * SECOND)
    clock.advance(9 * SECOND)
    assert shut(gates) == dict.fromkeys(lane, SECOND)
    clock.advance(SECOND)
    assert shut(gates) == {}


def test_a_shorter_429_does_not_open_a_gate_early() -> None:
    clock = ManualClock()
    gates = Gates(clock)
    gates.throttled(Kind.MARK, 60 * SECOND)
    gates.throttled(Kind.DELETE, 5 * SECOND)
    clock.advance(5 * SECOND)
    assert shut(gates, [Kind.MARK]) == {Kind.MARK: 55 * SECOND}


@pytest.mark.parametrize("kind", sorted(set(Kind) - STARTS))
def test_nothing_but_a_429_for_a_start_holds_a_visitors_start_back(kind: Kind) -> None:
    gates = Gates(ManualClock())
    gates.throttled(kind, 60 * SECOND)
    gates.heard(header(**dict.fromkeys(BUCKETS, 0)))
    assert shut(gates, STARTS) == {}


def test_marks_keep_to_the_pace_at_which_their_bucket_refills_and_leave_a_request_to_the_capacity() -> None:
    clock = ManualClock()
    bucket = Bucket.full(12, 4 / 60, clock.now())
    gates = Gates(clock)
    marked = 0
    while clock.monotonic() <= 240:
        if not shut(gates, [Kind.MARK]):
            assert bucket.want(1, clock.now()) == timedelta(0), "ARM would have answered 429"
            bucket.take(1)
            gates.heard(header(VMScaleSetActionsResource=int(bucket.level)))
            marked += 1
            assert shut(gates, [Kind.CAPACITY]) == {}
        else:
            clock.advance(5 * SECOND)
            bucket.refill(clock.now())
    assert marked == 10 + 4 * 4  # ten at once, then four a minute


def test_six_pages_a_minute_and_then_one_every_ten_seconds() -> None:
    clock = ManualClock()
    gates = Gates(clock)
    for _ in range(6):
        gates.admit(Kind.LIST)
    assert shut(gates) == {Kind.LIST: 10 * SECOND}
    clock.advance(9 * SECOND)
    assert shut(gates) == {Kind.LIST: SECOND}
    clock.advance(SECOND)
    assert shut(gates) == {}
    assert shut(gates) == {Kind.LIST: 10 * SECOND}


def test_the_two_lists_of_a_flexible_scale_set_have_a_budget_each() -> None:
    gates = Gates(ManualClock())
    for _ in range(6):
        gates.admit(Kind.LIST)
    for _ in range(6):
        gates.admit(Kind.LIST_VMS)
    assert shut(gates) == {Kind.LIST: 10 * SECOND, Kind.LIST_VMS: 10 * SECOND}


def test_a_long_pause_saves_no_more_than_a_minutes_pages() -> None:
    clock = ManualClock()
    gates = Gates(clock)
    clock.advance(timedelta(hours=1))
    for _ in range(6):
        gates.admit(Kind.LIST)
    assert Kind.LIST in shut(gates)


def test_a_listing_that_has_begun_may_run_into_debt_and_the_next_one_waits_for_it() -> None:
    clock = ManualClock()
    gates = Gates(clock)
    gates.admit(Kind.LIST)
    for _ in range(14):
        gates.admit(Kind.LIST, underway=True)
    assert shut(gates) == {Kind.LIST: 100 * SECOND}
    clock.advance(99 * SECOND)
    assert shut(gates) == {Kind.LIST: SECOND}
    clock.advance(SECOND)
    assert shut(gates) == {}


def test_a_429_stops_a_listing_that_has_begun() -> None:
    gates = Gates(ManualClock())
    gates.admit(Kind.LIST)
    gates.admit(Kind.LIST, underway=True)
    gates.throttled(Kind.LIST, SECOND)
    with pytest.raises(Throttled):
        gates.admit(Kind.LIST, underway=True)


@pytest.mark.parametrize(("left", "waits"), [(8, 6), (9, 0), (30, 0)])
def test_a_listing_begins_when_arm_has_pages_for_it_and_for_another_process(left: int, waits: float) -> None:
    clock = ManualClock()
    gates = Gates(clock)
    gates.listed(Kind.LIST, 4)
    gates.heard(header(HighCostGetVMScaleSetSubscriptionMaximum=900, HighCostGetVMScaleSetResource=left))
    assert shut(gates, [Kind.LIST]) == ({Kind.LIST: waits * SECOND} if waits else {})
    clock.advance(waits * SECOND)
    gates.admit(Kind.LIST)


def test_a_listing_of_more_pages_than_arm_ever_grants_at_once_is_begun_all_the_same() -> None:
    clock = ManualClock()
    gates = Gates(clock)
    gates.listed(Kind.LIST, 40)
    gates.heard(header(HighCostGetVMScaleSetResource=20))
    assert shut(gates, [Kind.LIST]) == {Kind.LIST: 60 * SECOND}
    clock.advance(60 * SECOND)
    gates.admit(Kind.LIST)


def test_a_listing_ends_at_once_where_another_process_has_taken_its_further_pages() -> None:
    gates = Gates(ManualClock())
    gates.listed(Kind.LIST, 4)
    gates.admit(Kind.LIST)
    gates.heard(header(HighCostGetVMScaleSetResource=2))
    with pytest.raises(Throttled) as held:
        gates.admit(Kind.LIST, underway=True)
    assert held.value.retry_after == 42 * SECOND  # until there are nine


def test_a_listing_goes_on_while_what_is_left_serves_the_rest_of_it() -> None:
    gates = Gates(ManualClock())
    gates.listed(Kind.LIST, 4)
    gates.admit(Kind.LIST)
    for left in (3, 2, 1):
        gates.heard(header(HighCostGetVMScaleSetResource=left))
        gates.admit(Kind.LIST, underway=True)


def test_where_arm_goes_on_saying_that_nothing_is_left_every_other_listing_is_tried_to_its_end() -> None:
    clock = ManualClock()
    gates = Gates(clock)
    for stopped in (True, False, True):
        clock.advance(timedelta(minutes=10))
        gates.admit(Kind.LIST)
        gates.heard(header(HighCostGetVMScaleSetResource=0))
        if stopped:
            with pytest.raises(Throttled):
                gates.admit(Kind.LIST, underway=True)
        else:
            gates.admit(Kind.LIST, underway=True)
            gates.listed(Kind.LIST, 2)


@pytest.mark.parametrize(
    ("bucket", "kinds"),
    [
        ("HighCostGetVMScaleSetResource", {Kind.LIST}),
        ("GetVMScaleSetResource", {Kind.VIEW}),
        ("VMScaleSetActionsResource", {Kind.CAPACITY, Kind.MARK}),
        ("VMScaleSetActionsSubscriptionMaximum", {Kind.CAPACITY, Kind.MARK}),
        ("DeleteVMScaleSetResource", {Kind.DEALLOCATE}),
        ("DeleteVMScaleSetSubscriptionMaximum", {Kind.DEALLOCATE, Kind.POWER_OFF}),
        ("VmssQueuedVMOperations", set()),
        ("SomethingNew", set()),
    ],
)
def test_a_bucket_at_its_end_is_left_alone_for_a_while(bucket: str, kinds: set[Kind]) -> None:
    clock = ManualClock()
    gates = Gates(clock)
    gates.heard(header(**{bucket: 3}))
    assert shut(gates) == {}
    gates = Gates(clock)
    gates.heard(header(**{bucket: 1}))
    assert shut(gates) == dict.fromkeys(kinds, 15 * SECOND)
    clock.advance(15 * SECOND)
    assert shut(gates) == {}


@pytest.mark.parametrize(
    "text", ["", ";", "x", "Microsoft.Compute/A;", "Microsoft.Compute/A;-1", "A;B;1", ",,;;", "A;²"]
)
def test_a_header_that_is_not_understood_changes_nothing(text: str) -> None:
    gates = Gates(ManualClock())
    gates.heard({"x-ms-ratelimit-remaining-resource": text})
    assert shut(gates) == {}


def test_a_world_ten_times_faster_has_a_minute_of_six_seconds() -> None:
    clock = ManualClock()
    gates = Gates(clock, Budget().at_speed(10))
    for _ in range(6):
        gates.admit(Kind.LIST)
    assert shut(gates) == {Kind.LIST: SECOND}
    gates.heard(header(GetVMScaleSetResource=0))
    assert shut(gates, [Kind.VIEW]) == {Kind.VIEW: 1.5 * SECOND}


def test_many_threads_together_get_no_more_than_the_budget() -> None:
    gates = Gates(ManualClock())
    with ThreadPoolExecutor(8) as pool:
        refused = sum(len(each) for each in pool.map(lambda _: shut(gates, [Kind.LIST]), range(200)))
    assert refused == 194
