"""Carrying out a plan: changes first, then orders; a failure is an outcome."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, POLICY, SCALE_SET, blank_notes, instance, notes, ref, row, sighting
from clock import ManualClock

from emulator.redis.memory import MemoryRegistry
from scaler.actuate import Outcome, Ports, Result, actuate
from scaler.errors import Conflict, Missing, OutOfCapacity, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import FailureClass, InstanceId, InstanceRef, SessionId
from scaler.model.lifecycle import note
from scaler.model.plan import Deallocate, Delete, Mark, Plan, SetCapacity, Start, Step, Why
from scaler.model.row import WARMS, ClaimNote, DeleteNote, Notes, Row, StartNote
from scaler.ports import Confirmation

SECOND = timedelta(seconds=1)


class RecordingScaleSet:
    """Accepts every order, or raises what is next in `answers`; remembers what it was told."""

    name = SCALE_SET

    def __init__(self, *answers: ScalerError | None) -> None:
        self.answers = list(answers)
        self.orders: list[tuple[str, tuple[str, ...], timedelta]] = []

    def _take(self, verb: str, refs: Sequence[InstanceRef], within: timedelta) -> None:
        self.orders.append((verb, tuple(each.instance_id for each in refs), within))
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self._take("start", refs, within)

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self._take("deallocate", refs, within)

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self._take("delete", refs, within)

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        self._take(f"capacity {capacity}", [], within)

    def mark(self, ref: InstanceRef, etag: str | None, *, within: timedelta) -> None:
        self._take("mark", [ref], within)


class House:
    """A registry, a scale set and a clock, with a few machines in notes."""

    def __init__(self, *answers: ScalerError | None) -> None:
        self.clock = ManualClock(NOW)
        self.registry = MemoryRegistry(self.clock.now)
        self.azure = RecordingScaleSet(*answers)
        scale_sets: Any = {SCALE_SET: self.azure}
        self.ports = Ports(registry=self.registry, scale_sets=scale_sets, clock=self.clock)

    def row(self, number: int, noted: Notes | None = None) -> Row:
        """A row as it lies in the registry."""
        if noted is not None:
            self.registry.apply([note(row(number), noted)])
        return self.registry.read_also([ref(number).vm_id])[ref(number).vm_id]

    def notes(self, number: int) -> Notes:
        noted = self.row(number).notes
        assert noted is not None
        return noted

    def act(self, *steps: Step) -> tuple[Outcome, ...]:
        return actuate(Plan(steps=steps), self.ports, POLICY)

    def start(self, number: int, attempts: int = 1, sent: float = 0.0) -> Step:
        before = self.row(number) if self.row(number).notes is not None else self.row(number, notes(number))
        assert before.notes is not None
        after = replace(before.notes, start=StartNote(session=SessionId("s"), at=NOW, attempts=attempts))
        order = Start(ref=ref(number), rests_on=sighting(sent=sent))
        return Step(why=Why.RESERVED, vm_id=ref(number).vm_id, change=note(before, after), order=order)

    def delete(self, number: int) -> Step:
        before = self.row(number, notes(number))
        assert before.notes is not None
        after = replace(before.notes, delete=DeleteNote(at=NOW, attempts=1))
        order = Delete(ref=ref(number), rests_on=sighting())
        return Step(why=Why.RIPE, vm_id=ref(number).vm_id, change=note(before, after), order=order)

    def stop(self, number: int, sent: float = 0.0) -> Step:
        order = Deallocate(ref=ref(number), rests_on=sighting(sent=sent))
        return Step(why=Why.NEW_RUNNING_COLD, vm_id=ref(number).vm_id, order=order)


def results(outcomes: Sequence[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


def test_orders_of_one_kind_go_in_one_call() -> None:
    house = House()
    outcomes = house.act(house.start(1), house.start(2), house.stop(3))
    assert results(outcomes) == [Result.DONE] * 3
    assert [(verb, ids) for verb, ids, _ in house.azure.orders] == [("start", ("1", "2")), ("deallocate", ("3",))]


def test_an_order_is_given_only_if_its_change_was_accepted() -> None:
    house = House()
    lost, won = house.start(1), house.start(2)
    house.row(1)
    house.registry.apply([note(house.row(1), notes(1, mark_attempts=3))])  # somebody was faster
    assert results(house.act(lost, won)) == [Result.LOST_RACE, Result.DONE]
    assert [ids for _, ids, _ in house.azure.orders] == [("2",)]


@pytest.mark.parametrize(
    ("age", "result"),
    [(-1, Result.DONE), (0, Result.EXPIRED), (1, Result.EXPIRED)],
)
def test_an_order_dies_at_the_horizon_of_the_look_it_rests_on(age: int, result: Result) -> None:
    house = House()
    delete = house.delete(1)
    house.clock.advance(POLICY.order_horizon + age * SECOND)
    assert results(house.act(delete)) == [result]
    assert bool(house.azure.orders) is (result is Result.DONE)


@pytest.mark.parametrize(
    ("age", "result"),
    [(-1, Result.DONE), (0, Result.EXPIRED), (1, Result.EXPIRED)],
)
def test_the_stop_of_an_unmarked_machine_dies_sooner(age: int, result: Result) -> None:
    """ADMIT waits for it, and for the whole of its call."""
    house = House()
    house.clock.advance(POLICY.stop_horizon - POLICY.stop_call + age * SECOND)
    assert results(house.act(house.stop(1))) == [result]
    assert [within for _, _, within in house.azure.orders] == [POLICY.stop_call + SECOND] * (result is Result.DONE)


def test_the_stop_of_a_claimed_machine_lives_as_long_as_any_order() -> None:
    house = House()
    claimed = replace(house.stop(1), change=note(house.row(1, notes(1)), notes(1)))
    house.clock.advance(POLICY.order_horizon - SECOND)
    assert results(house.act(claimed)) == [Result.DONE]


def test_a_call_may_last_no_longer_than_the_oldest_look_in_it_lives() -> None:
    house = House()
    house.clock.advance(40 * SECOND)
    house.act(house.stop(1, sent=36.0), house.stop(2, sent=38.0))
    ((_, _, within),) = house.azure.orders
    assert within == POLICY.stop_horizon - 4 * SECOND


def test_one_failure_does_not_eat_the_others() -> None:
    house = House(Unreachable("no answer"))
    outcomes = house.act(house.start(1), house.stop(2))
    assert results(outcomes) == [Result.FAILED, Result.DONE]
    assert isinstance(outcomes[0].error, Unreachable)


def test_a_dead_id_is_dropped_and_the_others_are_sent_again() -> None:
    house = House(Missing("instance 1 is no more", [InstanceId("1")]))
    assert results(house.act(house.start(1), house.start(2))) == [Result.FAILED, Result.DONE]
    assert [ids for _, ids, _ in house.azure.orders] == [("1", "2"), ("2",)]


def test_a_dead_batch_without_names_fails_once_and_is_not_sent_for_ever() -> None:
    house = House(Missing("the scale set is no more"))
    assert results(house.act(house.start(1), house.start(2))) == [Result.FAILED] * 2
    assert len(house.azure.orders) == 1


def test_an_azure_that_names_a_machine_nobody_asked_for_is_not_asked_for_ever() -> None:
    house = House(Missing("gone", [InstanceId("999999")]))
    assert results(house.act(house.stop(1))) == [Result.FAILED]


@pytest.mark.long
def test_of_a_thousand_azure_may_name_one_dead_id_after_the_other() -> None:
    house = House(*(Missing("gone", [InstanceId(str(number))]) for number in range(1, 1001)))
    assert results(house.act(*map(house.stop, range(1, 1001)))) == [Result.FAILED] * 1000
    assert len(house.azure.orders) == 1000


def test_a_refused_batch_is_resent_singly() -> None:
    refused = Refused("one of them cannot be deleted", "OperationNotAllowed", 409)
    house = House(refused, None, refused)
    outcomes = house.act(house.delete(1), house.delete(2))
    assert results(outcomes) == [Result.DONE, Result.FAILED]
    assert [(each.error, each.refused_together) for each in outcomes] == [(None, refused), (refused, refused)]
    assert [ids for _, ids, _ in house.azure.orders] == [("1", "2"), ("1",), ("2",)]


def test_a_delete_is_done_only_for_the_machines_that_azure_names_as_gone() -> None:
    house = House(Missing("404 NotFound: there is no such thing"))
    assert results(house.act(house.delete(1), house.delete(2))) == [Result.FAILED] * 2
    house = House(Missing("instance 1 is no more", [InstanceId("1")]), Unreachable("no answer"))
    assert results(house.act(house.delete(1), house.delete(2))) == [Result.DONE, Result.FAILED]


def test_a_failed_start_is_written_to_the_notes_with_its_class() -> None:
    house = House(OutOfCapacity("sold out"))
    house.act(house.start(1))
    start = house.notes(1).start
    assert start is not None
    assert (start.failure, start.attempts) == (FailureClass.ALLOCATION, 1)


@pytest.mark.parametrize("error", [Throttled("wait", 9 * SECOND), Conflict("somebody else")])
def test_an_order_that_never_reached_azure_does_not_count(error: ScalerError) -> None:
    house = House(error)
    house.act(house.start(1))
    assert house.notes(1).start is None


def test_a_start_under_a_claim_waits_for_no_replica_and_a_refusal_is_noted_in_the_claim() -> None:
    house = House(OutOfCapacity("no capacity"))
    claimed = notes(1, claim=ClaimNote(order=WARMS, at=NOW, seen_at=NOW, since=NOW))
    order = Start(ref=ref(1), rests_on=sighting())
    step = Step(why=Why.STARTED_TO_WARM, vm_id=ref(1).vm_id, change=note(house.row(1, claimed)), order=order)
    (outcome,) = actuate(Plan(steps=(step,)), house.ports, POLICY)
    assert (outcome.result, outcome.confirmation) == (Result.FAILED, None)
    noted = house.notes(1).claim
    assert noted is not None
    assert noted.failure is FailureClass.ALLOCATION


def test_an_expired_start_does_not_count() -> None:
    house = House()
    step = house.start(1)
    house.clock.advance(POLICY.order_horizon)
    assert results(house.act(step)) == [Result.EXPIRED]
    assert house.notes(1).start is None


def test_a_lost_answer_counts_because_the_order_may_have_arrived() -> None:
    house = House(Unreachable("no answer"))
    house.act(house.start(1))
    start = house.notes(1).start
    assert start is not None
    assert start.attempts == 1


@pytest.mark.parametrize(("error", "attempts"), [(Throttled("wait", SECOND), 0), (Refused("no", "Denied", 400), 1)])
def test_only_a_refused_mark_counts_as_an_attempt(error: ScalerError, attempts: int) -> None:
    house = House(error)
    asked = blank_notes(1, admitting_at=NOW, mark_asked_at=NOW)
    order = Mark(ref=ref(1), etag=instance(1).etag, rests_on=sighting())
    house.act(Step(why=Why.NEW_AT_REST, vm_id=ref(1).vm_id, change=note(house.row(1), asked), order=order))
    assert house.notes(1).mark_attempts == attempts


def test_a_starts_note_is_confirmed_and_the_outcome_says_by_whom() -> None:
    house = House()
    (outcome,) = house.act(house.start(1))
    assert outcome.confirmation is Confirmation.ALONE


def test_a_capacity_that_somebody_else_changed_meanwhile_is_a_lost_race() -> None:
    house = House(Conflict("the etag has changed"))
    order = SetCapacity(scale_set=SCALE_SET, capacity=4, etag='"1"', rests_on=sighting())
    assert results(house.act(Step(why=Why.BELOW_DESIRED, order=order))) == [Result.LOST_RACE]


class ForgetfulLine(MemoryRegistry):
    """Answers everything but the question for a replica."""

    def confirm(self) -> Confirmation:
        raise Unreachable("a blip")


def test_a_blip_while_a_replica_is_asked_for_does_not_eat_the_start() -> None:
    house = House()
    step = house.start(1)
    line = ForgetfulLine(house.clock.now)
    line.keyspace.restore_state(house.registry.keyspace.snapshot_state())
    (outcome,) = actuate(Plan(steps=(step,)), replace(house.ports, registry=line), POLICY)
    assert (outcome.result, outcome.confirmation) == (Result.DONE, Confirmation.UNCONFIRMED)


def test_a_delete_of_what_is_gone_already_is_done() -> None:
    house = House(Missing("no such instance", [InstanceId("1")]))
    order = Delete(ref=ref(1), rests_on=sighting())
    assert results(house.act(Step(why=Why.RIPE, vm_id=ref(1).vm_id, order=order))) == [Result.DONE]


def test_an_empty_plan_touches_nothing() -> None:
    house = House()
    assert house.act() == ()
    assert house.azure.orders == []
