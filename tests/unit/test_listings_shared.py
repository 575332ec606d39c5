"""One listing serves every controller of a process while it is young; nobody is starved by the pages of others."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta

import pytest
from clock import ManualClock

from benchmarks.production import Crowd, Production
from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.scale_set import EmulatedScaleSet
from scaler.actuate import Ports
from scaler.errors import ScalerError, Throttled, Unreachable
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.machine import gone, missed, unseen_machine
from scaler.model.plan import Listing, Refusal, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row
from scaler.model.sighting import OuterTags, Pages, Pause
from scaler.observe import AzureObserver, Listings, Targets
from scaler.report import Report
from scaler.telemetry import Telemetry
from scaler.tick import Tick
from scaler.vmss.gates import Gates
from scaler.watch import watch

SECOND = timedelta(seconds=1)
NAME, SECOND_SET, THIRD_SET = ScaleSetName("vmss-pixels"), ScaleSetName("vmss-second"), ScaleSetName("vmss-third")
POLICY = Policy(capacity={NAME: Capacity(desired=4)})


class Process:
    """Two controllers of one process before one scale set, through one pair of gates."""

    def __init__(self, page_size: int = 100) -> None:
        self.clock = ManualClock()
        self.azure = EmulatedScaleSet(self.clock.now, name=NAME, behaviour=Behaviour(latencies=Latencies().exact()))
        self.azure.scale(Scale(capacity=4), by="operator")
        self.later(600)
        self.gates = Gates(self.clock)
        self.door = InProcessScaleSet(self.azure, self.clock, page_size=page_size, gates=self.gates)
        self.listings = Listings()
        self.one, self.other = (
            AzureObserver({NAME: self.door}, self.clock, POLICY, listings=self.listings) for _ in range(2)
        )

    def later(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @property
    def lists(self) -> int:
        return self.door.calls["list"]


def test_a_listing_that_another_controller_asked_for_serves_with_its_own_times() -> None:
    process = Process()
    own, _ = process.one.look(Cloud(), Listing())
    process.later(20)
    shared, errors = process.other.look(Cloud(), Listing())
    assert (process.lists, errors, shared.instances.keys()) == (1, (), own.instances.keys())
    assert (shared.listings[NAME].at, shared.listings[NAME].sent) == (own.listings[NAME].at, own.listings[NAME].sent)
    assert (own.listings[NAME].age, shared.listings[NAME].age) == (timedelta(0), 20 * SECOND)


def test_a_listing_that_is_older_serves_nobody() -> None:
    process = Process()
    process.one.look(Cloud(), Listing())
    process.later(21)
    process.other.look(Cloud(), Listing())
    assert process.lists == 2


def test_a_second_look_of_the_same_controller_is_another_listing() -> None:
    process = Process()
    for _ in range(2):
        process.one.look(Cloud(), Listing())
        process.later(1)
    assert process.lists == 2
    process.other.look(Cloud(), Listing())
    process.one.look(Cloud(), Listing())
    assert process.lists == 3


def test_a_view_beside_another_controllers_listing_is_as_fresh_as_the_controller_needs() -> None:
    process = Process()
    process.one.look(Cloud(), Listing())
    process.azure.scale(Scale(capacity=6), by="operator")
    process.later(1)
    shared, _ = process.other.look(Cloud(), Listing())
    assert (process.lists, shared.listings[NAME].capacity) == (1, 6)
    assert shared.listings[NAME].complete  # as complete as it was when it was made


def test_a_short_listing_does_not_become_complete_by_a_deletion_after_it() -> None:
    process = Process()
    process.azure.script(Fault.LISTING_SHORT)
    own, _ = process.one.look(Cloud(), Listing())
    victim = next(iter(own.instances.values())).ref
    process.door.delete([victim], within=10 * SECOND)
    process.later(1)
    shared, _ = process.other.look(Cloud(), Listing())
    assert (process.lists, shared.listings[NAME].capacity, shared.listings[NAME].complete) == (1, 3, False)


def test_an_absence_is_noted_as_late_as_the_kept_listing_was_used() -> None:
    process = Process()
    process.one.look(Cloud(), Listing())
    process.later(15)
    kept = process.other.look(Cloud(), Listing())[0].listings[NAME]
    row = Row(vm_id=VmId("78e51061-7311-48a3-a2ce-6f447ed4d57b"))
    notes = missed(unseen_machine(row, kept, process.clock.now()), kept)
    assert notes is not None
    assert notes.missed_at == kept.at + 15 * SECOND
    process.later(16)  # 31 seconds after the first listing was sent, 16 after the row was read beside it
    second = process.one.look(Cloud(), Listing())[0].listings[NAME]
    later = unseen_machine(Row(vm_id=row.vm_id, notes=notes), second, process.clock.now() + 3600 * SECOND)
    assert not gone(later, second, POLICY)


def test_a_listing_is_kept_for_less_than_two_witnesses_are_apart() -> None:
    assert POLICY.listing_kept < POLICY.evidence


def test_while_one_controller_is_listing_another_one_waits_for_its_pages() -> None:
    process = Process()
    during: list[tuple[frozenset[ScaleSetName], tuple[Exception, ...]]] = []

    class Overtaken(InProcessScaleSet):
        def list_instances(self) -> Pages:
            cloud, errors = process.other.look(Cloud(), Listing())
            during.append((cloud.unlisted, errors))
            return super().list_instances()

    door = Overtaken(process.azure, process.clock, gates=process.gates)
    listings = Listings()
    one = AzureObserver({NAME: door}, process.clock, POLICY, listings=listings)
    process.other = AzureObserver({NAME: process.door}, process.clock, POLICY, listings=listings)
    one.look(Cloud(), Listing())
    ((unlisted, (held,)),) = during
    assert unlisted == {NAME}
    assert isinstance(held, Throttled)
    assert held.retry_after == SECOND
    process.later(1)
    assert NAME in process.other.look(Cloud(), Listing())[0].listings
    assert process.lists == 0


def test_a_provisioner_without_a_watch_waits_for_the_pages_of_another_controller_and_then_grows() -> None:
    """Else, with all timers at the same second, the other one may be listing at every firing."""
    process, ran = Process(), list[float]()
    ports = Ports(registry=None, scale_sets={NAME: process.door}, clock=process.clock)
    wants_more = Policy(capacity={NAME: Capacity(desired=6)})
    tick = Tick(Actor.PROVISIONER, ports, wants_more, listings=process.listings)
    began = process.clock.monotonic()
    with ExitStack() as listing:
        listing.enter_context(process.listings.underway(NAME, SECOND))

        def run() -> Report:
            ran.append(process.clock.monotonic() - began)
            if len(ran) == 3:
                listing.close()
            return tick.run()

        watch(run, timedelta(0), Telemetry("provisioner"), process.clock)
    assert (ran, process.azure.capacity) == ([0.0, 1.0, 2.0], 6)


def test_a_controller_that_was_held_back_asks_for_nothing_before_its_time() -> None:
    process = Process(page_size=1)
    process.one.look(Cloud(), Listing())
    process.later(1)
    process.one.look(Cloud(), Listing())
    views = process.door.calls["view"]
    for wait in (59.0, 58.0):
        _, (held,) = process.one.look(Cloud(), Listing())
        assert isinstance(held, Throttled)
        assert held.retry_after <= wait * SECOND
        process.later(1)
    assert process.door.calls["view"] <= views + 1


def test_after_five_minutes_without_a_look_there_is_an_alarm_that_ends_with_the_next_look() -> None:
    process = Process()
    for _ in range(6):
        process.azure.script(Fault.READ_FAILED)
        with pytest.raises(Unreachable):
            process.one.look(Cloud(), Listing())
        assert list(process.one.alarms()) == []
        process.later(59)
    process.later(6)
    process.azure.script(Fault.READ_FAILED)
    with pytest.raises(Unreachable):
        process.one.look(Cloud(), Listing())
    (alarm,) = process.one.alarms()
    assert (alarm.why, alarm.alarm, alarm.facts["scale_set"], alarm.facts["unseen_s"]) == (Why.UNSEEN, True, NAME, 360)
    process.one.look(Cloud(), Listing())
    assert list(process.one.alarms()) == []


@pytest.mark.parametrize(("later", "alarms"), [(-1, 0), (0, 1), (1, 1)])
def test_the_alarm_waits_as_long_as_the_policy_says(later: int, alarms: int) -> None:
    process = Process()
    half = POLICY.unseen_alarm.total_seconds() / 2
    for seconds in (0.0, half, half + later):
        process.later(seconds)
        process.azure.script(Fault.READ_FAILED)
        with pytest.raises(Unreachable):
            process.one.look(Cloud(), Listing())
        found = process.one.alarms()
    assert len(found) == alarms


def test_a_look_that_was_missed_long_ago_and_not_wanted_since_is_no_alarm() -> None:
    process = Process()
    for _ in range(2):
        process.azure.script(Fault.READ_FAILED)
        with pytest.raises(Unreachable):
            process.one.look(Cloud(), Listing())
        assert list(process.one.alarms()) == []
        process.later(3600)
    assert list(process.one.alarms()) == []


def test_targeted_looks_that_are_answered_are_looks_too() -> None:
    process = Process()
    own, _ = process.other.look(Cloud(), Listing())
    ref = next(iter(own.instances.values())).ref
    process.later(60)
    for _ in range(8):
        process.azure.script(Fault.READ_FAILED)
        with pytest.raises(Unreachable):
            process.one.look(Cloud(), Listing())
        process.one.look(Cloud(), Targets(refs=(ref,)))
        assert list(process.one.alarms()) == []
        process.later(60)


@pytest.mark.long
@pytest.mark.parametrize(("processes", "pages"), [(2, 2), (2, 4), (2, 8), (3, 2), (3, 4), (4, 2), (4, 4)])
def test_no_controller_of_several_processes_misses_its_looks_for_minutes(processes: int, pages: int) -> None:
    clock = ManualClock()
    behaviour = Behaviour(latencies=Latencies().exact(), metered=True)
    azure = EmulatedScaleSet(clock.now, name=NAME, behaviour=behaviour)
    azure.scale(Scale(capacity=pages), by="operator")
    clock.advance(600 * SECOND)
    observers, all_gates, alarms = [], [Gates(clock) for _ in range(processes)], list[Refusal]()
    doors = [InProcessScaleSet(azure, clock, page_size=1, gates=gates) for gates in all_gates]
    for door in doors:
        listings = Listings()
        views = (timedelta(0), POLICY.view_kept)  # the provisioner's, and everybody else's
        observers += [AzureObserver({NAME: door}, clock, POLICY, listings=listings, view_kept=kept) for kept in views]
    listed = 0
    for step in range(7200):
        one = observers[step % len(observers)]
        with suppress(Throttled):
            listed += NAME in one.look(Cloud(), Listing())[0].listings
        alarms += one.alarms()
        clock.advance(0.7 * SECOND)
    assert not alarms
    assert listed


@contextmanager
def slow(*seconds: float) -> Iterator[tuple[AzureObserver, ManualClock]]:
    """An observer before scale sets whose listings take so long each."""
    clock = ManualClock()

    class Slow(InProcessScaleSet):
        takes = 0.0

        def list_instances(self) -> Pages:
            pages = super().list_instances()
            clock.advance(timedelta(seconds=self.takes))
            return pages

    exact = Behaviour(latencies=Latencies().exact())
    doors = {}
    for number, takes in enumerate(seconds):
        name = ScaleSetName(f"vmss-{number}")
        doors[name] = Slow(EmulatedScaleSet(clock.now, name=name, seed=number, behaviour=exact), clock)
        doors[name].takes = takes
    yield AzureObserver(doors, clock, POLICY), clock


@pytest.mark.parametrize("count", [3, 6])
def test_of_several_slow_scale_sets_none_starves_and_every_look_is_young_enough_for_its_orders(count: int) -> None:
    with slow(*[15.5] * count) as (eyes, clock):
        looked_at: list[set[ScaleSetName]] = []
        for _ in range(8):
            began = clock.monotonic()
            cloud, _ = eyes.look(Cloud(), Listing())
            if looked_at:  # the first time nobody knows how long they take
                ages = [clock.monotonic() - each.sent for each in cloud.listings.values()]
                assert max(ages) <= 35
            assert clock.monotonic() - began <= 60
            looked_at.append(set(cloud.listings))
            clock.advance(30 * SECOND)
        for start in range(1, 8 - count // 2):
            assert len(set().union(*looked_at[start : start + (count + 1) // 2])) == count


def test_six_scale_sets_that_do_not_answer_do_not_outlive_an_invocation() -> None:
    with slow(*[60.0] * 6) as (eyes, clock):
        eyes.look(Cloud(), Listing())
        assert clock.monotonic() <= 120


@pytest.mark.long
@pytest.mark.parametrize("pages", [1, 2, 4, 6])
def test_a_pool_stays_within_five_percent_of_what_is_wanted_however_many_pages_a_listing_takes(pages: int) -> None:
    production = Production(machines=36, page_size=36 // pages, crowd=Crowd(a_minute=1))
    production.run(timedelta(hours=1))
    production.count_anew()
    production.run(timedelta(hours=1))
    counted = production.counted
    assert counted.mean_pool >= 0.95 * 36 - 1
    assert counted.served >= 40
    assert counted.turned_away == 0
    assert not counted.alarms


# -- the tags of the resource group


def test_the_group_is_asked_once_a_minute_by_one_of_the_controllers() -> None:
    process = Process()
    process.azure.region.group_tags = {"scaler:min": "6"}
    for _ in range(6):
        for observer in (process.one, process.other):
            cloud, errors = observer.look(Cloud(), Listing())
            assert (cloud.demand[NAME].tags.numbers, errors) == ({"least": 6}, ())
        process.later(20)
    assert process.door.calls["group"] == 2


@pytest.mark.parametrize("error", [Throttled("busy", SECOND), Unreachable("silence")], ids=["throttled", "silent"])
def test_while_the_group_does_not_answer_its_tags_hold_as_last_told(error: ScalerError) -> None:
    process = Process()
    process.azure.region.group_tags = {"scaler:min": "6", "scaler:paused": "true"}
    process.one.look(Cloud(), Listing())

    def fails() -> OuterTags:
        raise error

    process.door.group_tags = fails  # type: ignore[method-assign]
    process.later(90)
    cloud, errors = process.one.look(Cloud(), Listing())
    assert (cloud.demand[NAME].tags.numbers, errors) == ({"least": 6}, ())
    assert cloud.listings[NAME].pause is Pause.ORDERS
    assert bool(cloud.unread) is isinstance(error, Unreachable)


def test_a_new_process_that_is_throttled_asks_the_group_again_with_the_next_listing() -> None:
    """A pause, or TOTAL_NODES=0, of the group must not wait for a minute after a restart."""
    process = Process()
    process.azure.region.group_tags = {"scaler:paused": "true"}
    answers = process.door.group_tags

    def throttled() -> OuterTags:
        raise Throttled("busy", SECOND)

    process.door.group_tags = throttled  # type: ignore[method-assign]
    process.one.look(Cloud(), Listing())
    process.door.group_tags = answers  # type: ignore[method-assign]
    process.later(20)
    cloud, _ = process.one.look(Cloud(), Listing())
    assert cloud.listings[NAME].pause is Pause.ORDERS


def test_a_pause_of_the_group_holds_for_targeted_gets_as_well() -> None:
    process = Process()
    process.azure.region.group_tags = {"scaler:paused": "all"}
    seen, _ = process.one.look(Cloud(), Listing())
    ref = next(iter(seen.instances.values())).ref
    cloud, _ = process.one.look(Cloud(), Targets(refs=(ref,)))
    assert cloud.asked[ref.vm_id].pause is Pause.ALL


# -- marks that wait


def test_a_mark_that_waited_long_is_remembered_for_twenty_minutes() -> None:
    process = Process()
    process.azure.order(OrderKind.DEALLOCATE, [vm.instance_id for vm in process.azure.vms], by="operator")
    process.later(600)
    process.one.look(Cloud(), Listing())

    def late_after(seconds: float) -> bool:
        process.later(seconds)
        return bool(process.other.following(Cloud()).late_marks)

    assert [late_after(9), late_after(1)] == [False, True]
    process.listings.newcomers.clear()  # they have their marks
    kept = POLICY.late_marks_kept.total_seconds()
    assert [late_after(kept - 1), late_after(1)] == [True, False]
