"""Signs of life: the times at which a process leaves a sign, and the contents."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

import pytest
from builders import NOW, POLICY, SCALE_SET, instance, sighting
from clock import ManualClock
from unit.test_history import SEES, at, opened

from scaler.errors import Conflict, OutOfCapacity, Refused, ScalerError, Throttled, Unreachable
from scaler.history import History
from scaler.model.edges import Actor
from scaler.model.history import Sample
from scaler.model.plan import Delete, Plan, Refusal, SetCapacity, Step, Why
from scaler.model.signs import Sign
from scaler.model.waits import Waits
from scaler.report import Outcome, Report, Result
from scaler.signs import Signs

S = timedelta(seconds=1)
FINE = Report(plan=Plan())
GROW = SetCapacity(scale_set=SCALE_SET, capacity=6, etag=None, rests_on=sighting(capacity=4))


class House:
    """A process that leaves signs of life, and the signs that Redis keeps."""

    def __init__(self, kept: Mapping[Actor, Sign] | None = None) -> None:
        self.clock = ManualClock()
        self.kept = dict(kept or {})
        self.samples: list[Sample] = []
        self.published = Waits()
        self.writes = 0
        self.away = False
        self.before_a_write: Callable[[Actor], object] = lambda _: None
        every: dict[str, timedelta | None] = {name: timedelta(minutes=1) for name in Actor}
        self.process = Signs(self, self.clock, History(POLICY, timedelta(minutes=1)), POLICY, every)

    def signs(self) -> Mapping[Actor, Sign]:
        """What Redis keeps."""
        return self.kept

    def leave_sample(self, sample: Sample, *, every: timedelta) -> None:
        """A sample is written."""
        if self.away:
            raise Unreachable("Redis does not answer")
        assert every == timedelta(minutes=1)
        self.samples.append(sample)

    def waits(self) -> Waits:
        """What is published."""
        return self.published

    def leave_waits(self, waits: Waits) -> None:
        """It is published anew."""
        if self.away:
            raise Unreachable("Redis does not answer")
        self.published = waits

    def leave_signs(self, signs: Iterable[Sign]) -> None:
        """Signs are written."""
        signs = tuple(signs)
        if self.away:
            raise Unreachable("Redis does not answer")
        self.before_a_write(signs[0].controller)
        self.writes += 1
        self.kept |= {sign.controller: sign for sign in signs}

    def tick(self, name: Actor, result: Report | ScalerError = FINE, after: float = 0) -> None:
        """One tick of that controller."""
        self.clock.sleep(after * S)

        def run() -> Report:
            if isinstance(result, ScalerError):
                raise result
            return result

        tick = self.process.signed(name, run)
        if isinstance(result, ScalerError):
            with pytest.raises(type(result)):
                tick()
        else:
            assert tick() is result


def failed(order: SetCapacity | Delete, error: ScalerError) -> Report:
    """A tick with a failed order."""
    step = Step(why=Why.BELOW_DESIRED, order=order)
    return replace(FINE, outcomes=(Outcome(step=step, result=Result.FAILED, error=error),))


def test_a_sign_is_left_every_ten_seconds_and_at_once_where_there_is_news() -> None:
    house, written = House(), list[int]()
    alarm = replace(FINE, plan=Plan(refusals=(Refusal(why=Why.UNSEEN, alarm=True),)))
    for after, result in (
        (0, FINE),
        (9, FINE),
        (1, FINE),
        (1, Unreachable("no")),
        (1, Unreachable("no")),
        (1, FINE),
        (1, alarm),
        (1, alarm),
        (1, failed(GROW, OutOfCapacity("no"))),
    ):
        house.tick(Actor.CLEANER, result, after)
        written.append(house.writes)
    assert written == [1, 1, 2, 3, 3, 4, 5, 5, 6]


def test_a_sign_tells_for_how_long_ticks_have_failed() -> None:
    house = House()
    house.tick(Actor.CLEANER, Unreachable("Azure does not answer"))
    house.tick(Actor.CLEANER, Throttled("no budget", S), after=30)  # to wait is no failure
    assert house.kept[Actor.CLEANER].failing == timedelta(0)
    house.tick(Actor.CLEANER, Unreachable("Azure does not answer"))
    house.tick(Actor.CLEANER, replace(FINE, errors=(Unreachable("one scale set"),)), after=40)
    sign = house.kept[Actor.CLEANER]
    assert (sign.failure, sign.failing) == ("one scale set", 40 * S)
    house.tick(Actor.CLEANER, after=1)
    assert (house.kept[Actor.CLEANER].failure, house.kept[Actor.CLEANER].failing) == ("", timedelta(0))


def test_an_alarm_stands_for_two_minutes_because_not_every_tick_looks_at_azure() -> None:
    house = House()
    alarm = Refusal(why=Why.UNDELETABLE, alarm=True, facts={"attempts": 5, "nothing": None})
    house.tick(Actor.CLEANER, replace(FINE, plan=Plan(refusals=(alarm, Refusal(why=Why.PAUSED)))))
    house.tick(Actor.CLEANER, after=119)
    assert house.kept[Actor.CLEANER].alarms == (f"{Why.UNDELETABLE} (attempts=5)",)
    assert house.kept[Actor.CLEANER].held == {Why.PAUSED: 1}
    house.tick(Actor.CLEANER, after=11)
    assert (house.kept[Actor.CLEANER].alarms, house.kept[Actor.CLEANER].held) == ((), {})


def test_an_alarm_that_lasts_is_told_once_with_its_latest_facts() -> None:
    house, vm_ids = House(), (instance(1).vm_id, instance(2).vm_id)
    for second in range(3):
        unseen = [
            Refusal(why=Why.UNSEEN, alarm=True, facts={"scale_set": name, "unseen_s": 300 + second})
            for name in ("first", "second")
        ]
        stuck = [Refusal(why=Why.UNDELETABLE, vm_id=vm_id, alarm=True, facts={"attempts": 5}) for vm_id in vm_ids]
        held = Refusal(why=Why.NO_REPLICA, vm_id=instance(second).vm_id, alarm=True, facts={"machines": 3})
        house.tick(Actor.CLEANER, replace(FINE, plan=Plan(refusals=(*unseen, *stuck, held))), after=10)
    assert house.kept[Actor.CLEANER].alarms == (
        f"{Why.UNSEEN} (scale_set=first unseen_s=302)",
        f"{Why.UNSEEN} (scale_set=second unseen_s=302)",
        *(f"{vm_id}: {Why.UNDELETABLE} (attempts=5)" for vm_id in vm_ids),
        f"{instance(2).vm_id}: {Why.NO_REPLICA} (machines=3)",
    )


def test_the_last_failure_of_each_kind_of_order_is_kept_and_ages() -> None:
    house = House()
    delete = Delete(ref=instance(1).ref, rests_on=sighting())
    house.tick(Actor.CLEANER, failed(GROW, OutOfCapacity("none left")))
    house.tick(Actor.CLEANER, failed(delete, Conflict("busy")), after=1)  # decided anew at the next look: no failure
    house.tick(Actor.CLEANER, failed(delete, Refused("a lock")), after=19)
    house.tick(Actor.CLEANER, failed(delete, Refused("another lock")), after=5)
    house.tick(Actor.CLEANER, after=20)
    told = {each.order: (each.said, each.ago) for each in house.kept[Actor.CLEANER].failed_orders}
    assert told == {
        "SetCapacity": ("capacity 4 → 6 failed: OutOfCapacity: none left", 45 * S),
        "Delete": ("Delete of instance 1 failed: Refused: another lock", 20 * S),
    }


def test_another_process_goes_on_with_the_failed_orders_and_forgets_them_after_a_day() -> None:
    before = House()
    before.tick(Actor.CLEANER, failed(GROW, OutOfCapacity("none left")))
    after = House(before.kept)
    after.tick(Actor.CLEANER, after=60)
    assert [each.ago for each in after.kept[Actor.CLEANER].failed_orders] == [timedelta(0)]  # as Redis told
    after.tick(Actor.CLEANER, after=86_399)
    assert len(after.kept[Actor.CLEANER].failed_orders) == 1
    after.tick(Actor.CLEANER, after=10)
    assert after.kept[Actor.CLEANER].failed_orders == ()


def test_the_reconciler_writes_down_what_the_provisioner_of_its_process_came_to() -> None:
    house = House()
    house.tick(Actor.PROVISIONER, Unreachable("Azure does not answer"))
    assert house.writes == 0  # it has no registry
    house.tick(Actor.RECONCILER, after=7)
    told = house.kept[Actor.PROVISIONER]
    assert (told.failure, told.ago, house.kept[Actor.RECONCILER].knows_provisioner) == (
        "Azure does not answer",
        7 * S,
        True,
    )


def test_a_reconciler_beside_no_provisioner_says_that_it_does_not_know() -> None:
    elsewhere = House()
    elsewhere.tick(Actor.PROVISIONER)
    elsewhere.tick(Actor.RECONCILER)
    house = House(elsewhere.kept)
    house.tick(Actor.RECONCILER)
    assert not house.kept[Actor.RECONCILER].knows_provisioner
    assert house.kept[Actor.PROVISIONER] == elsewhere.kept[Actor.PROVISIONER]


def test_a_redis_that_is_away_costs_one_attempt_in_ten_seconds_and_no_tick() -> None:
    house = House()
    house.away = True
    house.tick(Actor.CLEANER)
    house.away = False
    house.tick(Actor.CLEANER, after=9)
    assert house.writes == 0
    house.tick(Actor.CLEANER, after=1)
    assert house.writes == 1


@pytest.mark.parametrize(("seconds", "late"), [(179, False), (180, False), (181, True)])
def test_a_controller_is_late_when_two_firings_of_its_timer_have_passed_and_a_tick_has_had_its_time(
    seconds: int, *, late: bool
) -> None:
    house = House()
    house.tick(Actor.CLEANER)
    sign = replace(house.kept[Actor.CLEANER], ago=seconds * S)
    assert sign.late is late
    assert not replace(sign, every=None).late


def test_no_tick_waits_for_the_sign_of_another_controller() -> None:
    """A Redis that hangs for one write must not keep a start: four timers and the starter's lanes share the signs."""
    house, hangs, goes_on = House(), Event(), Event()

    def hang(name: Actor) -> None:
        if name is Actor.CLEANER:
            hangs.set()
            goes_on.wait(10)

    house.before_a_write = hang
    cleaner = Thread(target=house.tick, args=(Actor.CLEANER,))
    cleaner.start()
    assert hangs.wait(10)
    starter = Thread(target=house.tick, args=(Actor.STARTER,))
    starter.start()
    starter.join(5)
    kept_waiting = starter.is_alive()
    goes_on.set()
    cleaner.join(10)
    starter.join(10)
    assert not kept_waiting


def test_waits_are_published_beside_the_sign_over_what_is_published_and_lost_where_redis_is_away() -> None:
    house = House()
    for number, away in enumerate([False, True, False]):
        house.away = away
        house.tick(Actor.STARTER, opened(10 + number, warm=True))
    assert house.published.latest == {"warm": (10.0, 12.0)}
    assert house.published.at == NOW
    house.tick(Actor.CLEANER, opened(13, warm=True))
    assert house.published.latest == {"warm": (10.0, 12.0)}


def test_a_minute_that_is_over_is_left_beside_the_sign_and_lost_where_redis_is_away() -> None:
    house = House()
    for minutes in range(3):
        house.away = minutes == 2
        house.tick(Actor.RECONCILER, at(SEES, minutes * 60 * S), after=60)
    assert [sample.at for sample in house.samples] == [NOW]
