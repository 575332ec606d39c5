"""A visitor of the campaigns: every action, and the exact account of the actions."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from crowd_counter import ANN, BOB, IMMORTAL, A, B, Counter

from scaler.model.instance import VmId
from scaler.model.row import Status
from simulator.happenings import Did, Manner
from simulator.workload.crowd import KINDS
from simulator.workload.habits import Habits, Intent, Steps
from simulator.workload.queue_manager import Session
from simulator.workload.visitor import Place, Visitor

STEADY = replace(IMMORTAL, fickleness=0.0)
HOUR = timedelta(hours=1)


@dataclass
class Walk:
    """A visitor on their way: `go` lets them take steps until they have done something."""

    manner: Manner = Manner.NAIVE
    habits: Habits = STEADY
    patience: float = 900.0
    stay: float = 60.0
    overstays: bool = False
    vanishes: float | None = None
    closes_tab: bool = False
    closing: bool = False
    counter: Counter = field(init=False)

    def __post_init__(self) -> None:
        self.counter = Counter(habits=self.habits)
        now = self.counter.clock.now()
        self.session: Session = self.counter.session(ANN, self.manner)
        self.intent = Intent(
            patient_until=now + timedelta(seconds=self.patience),
            stay=timedelta(seconds=self.stay),
            overstays=self.overstays,
            vanishes_at=now + timedelta(seconds=self.vanishes) if self.vanishes is not None else None,
            closes_tab=self.closes_tab,
        )
        self.visitor = Visitor(self.session, KINDS[self.manner](self.session), self.intent, lambda: self.closing)
        self.steps: Steps[None] = self.visitor.visit()

    def go(self, until: Did) -> None:
        """Until their account says so."""
        while until not in self.counter.did:
            self.counter.clock.advance(next(self.steps))

    def end(self) -> list[Did]:
        """All the rest, and all that they told."""
        self.counter.all_steps(self.steps)
        return self.counter.did


def place_of(walk: Walk) -> Place:
    return walk.visitor.place


def test_who_closes_the_tab_stays_as_long_as_others_and_tells_nobody() -> None:
    walk = Walk(closes_tab=True)
    walk.counter.offer(A)
    walk.go(Did.PROMISED)
    walk.counter.open_for(ANN, A)
    walk.go(Did.CONNECTED)
    assert walk.end()[-1] is Did.VANISHED
    assert Did.LEAVING not in walk.counter.did


def test_a_visit_from_arrival_to_departure() -> None:
    walk = Walk()
    walk.counter.offer(A)
    walk.go(Did.PROMISED)
    walk.counter.clock.advance(next(walk.steps))
    assert place_of(walk) is Place.WAITING
    walk.counter.open_for(ANN, A)
    walk.go(Did.CONNECTED)
    entered = walk.counter.clock.now()
    assert place_of(walk) is Place.INSIDE
    assert walk.end() == [Did.ARRIVED, Did.TOOK, Did.PROMISED, Did.OPENED, Did.CONNECTED, Did.LEAVING]
    left = walk.counter.entries[-1].at
    assert 60 <= (left - entered).total_seconds() < 65
    assert walk.counter.fields(A)["used"] is True
    opened = walk.counter.entries[3]
    assert (opened.vm_id, opened.addresses, opened.manner) == (A, ("10.0.0.4",), Manner.NAIVE)


def test_who_gives_up_while_waiting_says_so_before_they_cancel() -> None:
    walk = Walk(manner=Manner.ATOMIC, patience=30)
    walk.counter.offer(A)
    walk.go(Did.GAVE_UP)
    assert walk.counter.listed(A) == {Status.RESERVED}
    assert walk.end() == [Did.ARRIVED, Did.TOOK, Did.PROMISED, Did.GAVE_UP]
    assert walk.counter.listed(A) == {Status.AVAILABLE}


def test_who_may_have_a_machine_without_knowing_cancels_it_when_they_give_up() -> None:
    walk = Walk(manner=Manner.ATOMIC, patience=0.1)
    walk.counter.offer(A)
    walk.counter.client.mute.append("reserve")
    assert walk.end() == [Did.ARRIVED, Did.QUEUED, Did.GAVE_UP]
    assert walk.counter.listed(A) == {Status.AVAILABLE}


def test_who_is_written_over_is_displaced_and_asks_again() -> None:
    walk = Walk()
    walk.counter.offer(A)
    walk.go(Did.PROMISED)
    walk.counter.put(A, Status.RESERVED, session=BOB)
    walk.counter.offer(B)
    walk.go(Did.DISPLACED)
    walk.counter.entries.clear()
    walk.go(Did.PROMISED)
    assert walk.counter.entries[-1].vm_id == B


def test_who_is_refused_goes() -> None:
    walk = Walk()
    walk.counter.offer(A)
    walk.go(Did.PROMISED)
    walk.counter.put(A, Status.UNAVAILABLE, session=ANN, used=True)
    assert walk.end() == [Did.ARRIVED, Did.TOOK, Did.PROMISED, Did.REFUSED]
    assert walk.visitor.disappointed


@pytest.mark.parametrize(
    ("manner", "told"),
    [
        (Manner.FOLLOWING, [(Did.MOVED, A), (Did.PROMISED, B), (Did.OPENED, B)]),
        (Manner.NAIVE, [(Did.LEFT_BEHIND, B), (Did.DISPLACED, A)]),
    ],
)
def test_who_is_moved_follows_or_begins_again(manner: Manner, told: list[tuple[Did, VmId]]) -> None:
    walk = Walk(manner=manner)
    walk.counter.offer(A)
    walk.go(Did.PROMISED)
    walk.counter.entries.clear()
    walk.counter.put(A, Status.UNAVAILABLE, session=ANN, used=True, moved_to=B)
    walk.counter.open_for(ANN, B)
    walk.go(told[-1][0])
    assert [(each.did, each.vm_id) for each in walk.counter.entries][: len(told)] == told


def test_a_machine_that_does_not_answer_is_left_again() -> None:
    walk = Walk()
    walk.counter.offer(A)
    walk.go(Did.PROMISED)
    walk.counter.open_for(ANN, A)
    walk.counter.running.clear()
    assert walk.end()[3:] == [Did.OPENED, Did.UNREACHABLE, Did.LEAVING]


def inside(**walking: Any) -> Walk:
    """However they came there."""
    walk = Walk(**walking)
    walk.counter.open_for(ANN, A)
    walk.session.tell(Did.PROMISED, A)
    walk.visitor.place = Place.WAITING
    walk.go(Did.CONNECTED)
    return walk


def test_who_is_thrown_out_was_cut_off() -> None:
    walk = inside()
    walk.counter.running.clear()
    assert walk.end()[-2:] == [Did.CUT_OFF, Did.LEAVING]


def test_who_overstays_is_told_that_it_is_over() -> None:
    walk = inside(overstays=True, stay=1.0)
    for _ in range(50):
        walk.counter.clock.advance(next(walk.steps))
    assert walk.visitor.place is Place.INSIDE
    walk.counter.put(A, Status.UNAVAILABLE, session=ANN, used=True)
    assert walk.end()[-1] is Did.EXPIRED


def test_whoever_is_inside_at_closing_time_leaves() -> None:
    walk = inside(overstays=True, stay=3600.0)
    walk.closing = True
    before = walk.counter.clock.now()
    assert walk.end()[-1] is Did.LEAVING
    assert walk.counter.clock.now() - before < timedelta(minutes=1)


@pytest.mark.parametrize("seconds", [0.0, 20.0, 100.0])
def test_who_vanishes_tells_nobody_wherever_they_are(seconds: float) -> None:
    walk = Walk(vanishes=seconds, stay=3600.0)
    if seconds:
        walk.counter.offer(A)
        walk.go(Did.PROMISED)
    if seconds > 50:
        walk.counter.open_for(ANN, A)
    did = walk.end()
    assert did[-1] is Did.VANISHED
    assert Did.LEAVING not in did
    assert not walk.counter.fields(A).get("used")


def test_a_farewell_is_said_again_until_redis_answers() -> None:
    walk = inside()
    walk.counter.commands.lost += ["get", "get", "set"]
    walk.end()
    assert walk.counter.fields(A)["used"] is True


def test_a_farewell_that_nobody_lived_to_say_is_in_the_account() -> None:
    walk = inside(habits=replace(STEADY, deaths=1.0))
    assert walk.end()[-2:] == [Did.LEAVING, Did.VANISHED]
    assert walk.counter.fields(A)["used"] is False


def test_redis_may_be_away_for_an_hour() -> None:
    walk = Walk(manner=Manner.ATOMIC, patience=7200)
    walk.counter.client.away = walk.counter.commands.away = True
    walk.counter.offer(A)
    until = walk.counter.clock.now() + HOUR
    while walk.counter.clock.now() < until:
        walk.counter.clock.advance(next(walk.steps))
    assert walk.counter.did == [Did.ARRIVED, Did.QUEUED]
    walk.counter.client.away = walk.counter.commands.away = False
    walk.go(Did.PROMISED)
    walk.counter.client.away = True
    for _ in range(30):
        walk.counter.clock.advance(next(walk.steps))
    assert walk.counter.did[-1] is Did.PROMISED
