"""A tick that is not alone: lost races, operations of others, and a scale set that Azure says is not there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import pytest
from tick_house import House

from emulator.behaviour import Fault
from emulator.history import What
from emulator.in_process import InProcessScaleSet
from emulator.redis.memory import MemoryRegistry
from scaler.actuate import Result
from scaler.errors import Missing
from scaler.model.edges import Actor
from scaler.model.instance import ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.plan import Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row, Status
from scaler.model.sighting import Pages, ScaleSetView
from scaler.registry.reading import Reading
from scaler.registry.reservations import Leaving, Reservations
from scaler.report import Report
from scaler.telemetry import Telemetry
from scaler.tick import Tick
from scaler.watch import watch

SESSION = SessionId("s")
FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")


# -- lost races: decided anew at once, nothing taken from anybody, and an alarm where none is ever won


class InterruptedReading(Reading):
    """Something happens between reading the index and the rows."""

    between: Callable[[], object] | None = None

    def rows(self, index: Mapping[VmId, frozenset[Status]], server: str = "") -> dict[VmId, Row]:
        between, self.between = self.between, None
        if between is not None:
            between()
        return super().rows(index, server)


class Interrupted(MemoryRegistry):
    """Something happens in the middle of a read, or right before a write."""

    before_each_write: Callable[[], object] | None = None

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self._reading = self.reading = InterruptedReading(self.client, self.keys)

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        if self.before_each_write is not None:
            self.before_each_write()
        return super().apply(changes, good_until=good_until)


def offered() -> tuple[House, Interrupted, Reservations]:
    """A house with one machine that may be reserved, its interrupted registry, and the queue manager's scripts."""
    house = House()
    registry = house.registry = Interrupted(house.clock.now)
    visitors = house.offered()
    assert available(registry)
    return house, registry, visitors


def available(registry: MemoryRegistry) -> int:
    return len(registry.keyspace.smembers(registry.keys.index(Status.AVAILABLE)))


def test_a_cancel_between_reading_the_index_and_the_rows_does_not_take_the_machine_out_of_the_offer() -> None:
    house, registry, visitors = offered()
    assert visitors.reserve(SESSION) is not None
    said: list[Leaving] = []
    registry.reading.between = lambda: said.append(visitors.cancel(SESSION))
    house.tick(Actor.RECONCILER).run()
    assert said == [Leaving.CANCELLED]
    assert available(registry) == 1


def in_session() -> tuple[House, Interrupted]:
    """A visitor on a machine that runs."""
    house, registry, visitors = offered()
    assert visitors.reserve(SESSION) is not None
    house.run(12, house.tick(Actor.STARTER), seconds=20)
    assert [row.status for row in house.rows] == [Status.UNAVAILABLE]
    return house, registry


def beat(registry: MemoryRegistry, number: int, field: bytes) -> None:
    (key,) = registry.keyspace.smembers(registry.keys.index(Status.UNAVAILABLE))
    text = registry.keyspace.get(key)
    assert text is not None
    head = text.split(b',"' + field)[0].removesuffix(b"}")
    registry.keyspace.set(key, head + b',"' + field + b'":"' + str(number).encode() + b'"}')


def expired(house: House, registry: Interrupted, field: bytes, ticks: int = 12) -> list[Report]:
    """What the cleaner makes of a session beyond its limit, whose record is written before each write of ours."""
    house.later(hours=9)
    numbers = iter(range(1000))
    registry.before_each_write = lambda: beat(registry, next(numbers), field)
    tick = house.tick(Actor.CLEANER)
    reports = []
    for _ in range(ticks):
        reports.append(tick.run())
        house.later(minutes=1)
    return reports


def test_a_session_ends_though_its_record_is_written_right_before_every_write_of_ours() -> None:
    house, registry = in_session()
    (report,) = expired(house, registry, b"lastSeen", ticks=1)
    assert [outcome.result for outcome in report.outcomes] == [Result.DONE]
    (row,) = house.rows
    assert row.readable is not None
    assert row.readable.used
    assert b"lastSeen" in (row.before.record or b"")


def test_a_step_that_loses_its_race_more_than_ten_times_is_an_alarm_that_names_it() -> None:
    house, registry = in_session()
    reports = expired(house, registry, b"clientIp")
    alarms = [
        [refusal for refusal in report.plan.refusals if refusal.why is Why.LOSES_EVERY_RACE] for report in reports
    ]
    assert [len(each) for each in alarms] == [0] * 10 + [1, 1]
    (vm,) = house.azure.vms
    assert (alarms[-1][0].vm_id, alarms[-1][0].alarm) == (vm.vm_id, True)
    assert alarms[-1][0].facts == {"step": Why.LIMIT, "times": 12}


def test_a_step_that_wins_once_is_counted_from_the_beginning() -> None:
    house, registry = in_session()
    assert expired(house, registry, b"clientIp")
    tick = house.tick(Actor.CLEANER)
    for _ in range(9):
        tick.run()
    meddling, registry.before_each_write = registry.before_each_write, None
    assert [outcome.result for outcome in tick.run().outcomes] == [Result.DONE]
    registry.before_each_write = meddling
    house.later(minutes=10)
    reports = [tick.run() for _ in range(5)]
    assert not [each for report in reports for each in report.plan.refusals if each.why is Why.LOSES_EVERY_RACE]


def test_a_lost_race_is_decided_again_at_once_and_twice_at_most() -> None:
    house, registry = in_session()
    agains = [report.plan.look_again for report in expired(house, registry, b"clientIp")]
    assert agains[:2] == [timedelta(0), timedelta(0)]
    assert not [again for again in agains[2:] if again == timedelta(0)]


def test_what_is_lost_is_written_by_the_next_tick_when_nobody_writes_any_more() -> None:
    house, registry = in_session()
    house.later(hours=9)
    registry.before_each_write = lambda: beat(registry, 7, b"clientIp")
    tick = house.tick(Actor.CLEANER)
    assert [outcome.result for outcome in tick.run().outcomes] == [Result.LOST_RACE]
    registry.before_each_write = None
    report = tick.run()
    assert [outcome.result for outcome in report.outcomes] == [Result.DONE]
    assert report.plan.look_again is None


# -- a start that Azure refuses because of another operation on the machine waits for the end of that operation alone


@pytest.mark.parametrize("fault", [Fault.VM_BUSY, Fault.WRITE_CONFLICT])
def test_a_start_that_overlaps_is_tried_again_within_seconds_and_counts_for_nothing(fault: Fault) -> None:
    house = House()
    assert house.offered().reserve(SESSION) is not None
    starter, looks = house.tick(Actor.STARTER), list[timedelta]()
    house.azure.script(fault, times=5)

    def started() -> tuple[int, int]:
        """By Azure's history, and by our notes."""
        (row,) = house.rows
        ordered = sum(each.what is What.START_ORDERED for each in house.azure.history)
        return ordered, row.notes.start.attempts if row.notes is not None and row.notes.start is not None else 0

    for _ in range(5):
        looks.append(starter.run().plan.look_again or timedelta(0))
        assert started() == (0, 0)
        house.clock.advance(looks[-1])
    assert looks == [house.policy.look_every] * 5
    assert starter.run().plan.look_again == house.policy.first_look_cold
    assert started() == (1, 1)


# -- a configured scale set that is not there: nobody is promised a machine of it, and no record goes


class Vanishing(InProcessScaleSet):
    """Somebody deleted it; or ARM says so for a while. `listed`: its own GET is still answered."""

    gone = False
    listed = False

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        if self.gone and not self.listed:
            raise Missing("404 ResourceNotFound: there is no such scale set")
        return super().view(no_older_than=no_older_than)

    def list_instances(self) -> Pages:
        if self.gone:
            raise Missing("404 ParentResourceNotFound: there is no such scale set")
        return super().list_instances()


def reconciled(*names: ScaleSetName, ticks: int = 8) -> tuple[House, Mapping[ScaleSetName, Vanishing], Tick]:
    """Scale sets of one machine each, at rest, and ticks of one reconciler."""
    house = House(Policy(capacity=dict.fromkeys(names, Capacity(desired=1)))).rested()
    faces, tick = house.doors(Vanishing), house.tick(Actor.RECONCILER)
    house.run(ticks, tick)
    return house, faces, tick


def offering(house: House) -> set[str]:
    """In which scale sets somebody could be given a machine."""
    return {each.notes.scale_set for each in house.rows if each.notes and each.index == {Status.AVAILABLE}}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("names", [(FIRST,), (FIRST, SECOND)])
def test_its_keys_leave_available_at_first_sight(names: tuple[ScaleSetName, ...], listed: bool) -> None:
    house, faces, tick = reconciled(*names)
    assert offering(house) == set(names)
    faces[FIRST].gone, faces[FIRST].listed = True, listed
    assert [type(each) for each in tick.run().errors] == [Missing]
    assert offering(house) == set(names) - {FIRST}


@pytest.mark.parametrize("names", [(FIRST,), (FIRST, SECOND)])
def test_no_record_goes_for_it_and_all_of_them_come_back(names: tuple[ScaleSetName, ...]) -> None:
    house, faces, tick = reconciled(*names)
    before = {each.vm_id: each.record for each in house.rows}
    faces[FIRST].gone = True
    house.run(40, tick)
    assert {each.vm_id: each.record for each in house.rows} == before
    faces[FIRST].gone = False
    house.run(8, tick)
    assert offering(house) == set(names)


@pytest.mark.parametrize("names", [(FIRST,), (FIRST, SECOND)])
def test_the_invocation_fails_at_its_end_and_the_other_scale_sets_work_goes_on(names: tuple[ScaleSetName, ...]) -> None:
    house, faces, tick = reconciled(*names, ticks=0)
    faces[FIRST].gone = True
    for _ in range(8):
        house.later(seconds=30)
        with pytest.raises(Missing, match="404"):
            watch(tick.run, timedelta(seconds=25), Telemetry("reconciler"), house.clock)
    assert offering(house) == set(names) - {FIRST}
    faces[FIRST].gone = False
    watch(tick.run, timedelta(seconds=25), Telemetry("reconciler"), house.clock)
