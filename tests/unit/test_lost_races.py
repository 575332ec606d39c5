"""A tick that loses a race: it decides anew at once, takes nothing from anybody, and says when it never wins."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from unit.test_tick import House

from emulator.orders import OrderKind, Scale
from emulator.redis.memory import MemoryRegistry
from scaler.actuate import Result
from scaler.model.edges import Actor
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.plan import Why
from scaler.model.row import Row, Status
from scaler.registry.reading import Reading
from scaler.registry.reservations import Leaving, Reservations
from scaler.report import Report

SESSION = SessionId("s")


class InterruptedReading(Reading):
    """Something happens between reading the index and the rows."""

    between: Callable[[], object] | None = None

    def rows(self, index: Mapping[VmId, frozenset[Status]]) -> dict[VmId, Row]:
        between, self.between = self.between, None
        if between is not None:
            between()
        return super().rows(index)


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
    """A house with one machine that may be reserved."""
    house = House()
    registry = Interrupted(house.clock.now)
    house.registry = registry
    house.azure.scale(Scale(capacity=1), by="operator")
    house.later(minutes=5)
    house.azure.order(OrderKind.DEALLOCATE, ["0"], by="operator")
    tick = house.tick(Actor.RECONCILER)
    for _ in range(12):
        house.later(seconds=30)
        tick.run()
    assert registry.keyspace.smembers(registry.keys.index(Status.AVAILABLE))
    return house, registry, Reservations(registry.client, registry.keys)


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
    starter = house.tick(Actor.STARTER)
    for _ in range(12):
        starter.run()
        house.later(seconds=20)
    assert [row.status for row in registry.read().rows.values()] == [Status.UNAVAILABLE]
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
    (row,) = registry.read().rows.values()
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
