"""One visitor among queue managers that answer what a test wants, on a clock that only their waiting moves."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain, repeat

import pytest
import redis
from clock import ManualClock

from scaler.model.instance import SessionId, VmId
from scaler.registry.sessions import Sight, Stage
from simulator.happenings import Did, Entry, Manner
from simulator.visitor import RunEnded, Surroundings, Visitor
from simulator.visits import Visit

VISIT = Visit(number=7, gap=0, manner=Manner.ATOMIC, patience=30, stay=5, releases=True, pauses=(0, 0, 0))
OVERSTAYING = Visit(number=7, gap=0, manner=Manner.ATOMIC, patience=30, stay=5, releases=False, pauses=(0, 0, 0))
VM = VmId("vm")
WAIT, OPEN, GONE = Sight(stage=Stage.RESERVED), Sight(stage=Stage.OPEN), Sight(stage=Stage.UNKNOWN)


@dataclass
class ScriptedQueueManager:
    """Answers the next of each list, and the last one for ever; an exception is raised."""

    machines: list[VmId | Exception | None] = field(default_factory=lambda: [VM])
    sights: list[Sight] = field(default_factory=lambda: [WAIT, OPEN])
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._machines = chain(self.machines, repeat(self.machines[-1]))
        self._sights: Iterator[Sight] = chain(self.sights, repeat(self.sights[-1]))

    def reserve(self, session: SessionId) -> VmId | None:
        answer = next(self._machines)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def look(self, session: SessionId, vm_id: VmId) -> Sight:
        return next(self._sights)

    def release(self, session: SessionId, vm_id: VmId) -> None:
        self.said.append("release")

    def cancel(self, session: SessionId, vm_id: VmId) -> None:
        self.said.append("cancel")


def account(
    manager: ScriptedQueueManager, visit: Visit = VISIT, *, reachable: Iterator[bool] | None = None
) -> list[Entry]:
    """What the visitor wrote down; the run ends after ten minutes."""
    clock, entries = ManualClock(), list[Entry]()
    answers = reachable or repeat(True)

    def pause(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))
        if clock.monotonic() > 600:
            raise RunEnded

    around = Surroundings(now=clock.now, tell=entries.append, reachable=lambda _: next(answers), pause=pause)
    with suppress(RunEnded):
        Visitor(visit, manager, around).run()
    return entries


def deeds(entries: list[Entry]) -> list[Did]:
    return [each.did for each in entries]


def test_a_visitor_arrives_waits_connects_stays_and_leaves() -> None:
    manager = ScriptedQueueManager()
    entries = account(manager)
    assert deeds(entries) == [Did.ARRIVED, Did.PROMISED, Did.OPENED, Did.CONNECTED, Did.LEAVING]
    assert manager.said == ["release"]
    assert 5 <= (entries[4].at - entries[3].at).total_seconds() < 5.5
    assert {each.session for each in entries} == {"v0007"}
    assert {each.vm_id for each in entries[1:]} == {VM}


def test_one_who_finds_no_machine_asks_again() -> None:
    assert deeds(account(ScriptedQueueManager(machines=[None, None, VM])))[:3] == [
        Did.ARRIVED,
        Did.QUEUED,
        Did.PROMISED,
    ]


def test_one_for_whom_there_never_is_a_machine_gives_up_and_has_nothing_to_cancel() -> None:
    manager = ScriptedQueueManager(machines=[None])
    assert deeds(account(manager)) == [Did.ARRIVED, Did.QUEUED, Did.GAVE_UP]
    assert manager.said == []


def test_one_who_waits_too_long_gives_up_before_they_say_so() -> None:
    manager = ScriptedQueueManager(sights=[WAIT])
    entries = account(manager)
    assert deeds(entries) == [Did.ARRIVED, Did.PROMISED, Did.GAVE_UP]
    assert 30 <= (entries[2].at - entries[0].at).total_seconds() < 30.5
    assert manager.said == ["cancel"]


@pytest.mark.parametrize("stage", [Stage.REFUSED, Stage.ENDED])
def test_one_who_is_refused_goes_home(stage: Stage) -> None:
    manager = ScriptedQueueManager(sights=[WAIT, Sight(stage=stage, reason="sold out")])
    entries = account(manager)
    assert deeds(entries) == [Did.ARRIVED, Did.PROMISED, Did.REFUSED]
    assert entries[2].why == "sold out"
    assert manager.said == []


def test_one_whose_reservation_vanished_asks_again_after_a_while() -> None:
    entries = account(ScriptedQueueManager(sights=[GONE, OPEN]))
    assert deeds(entries)[:5] == [Did.ARRIVED, Did.PROMISED, Did.DISPLACED, Did.PROMISED, Did.OPENED]
    assert (entries[3].at - entries[2].at).total_seconds() >= 2


def test_one_who_cannot_reach_the_machine_leaves() -> None:
    manager = ScriptedQueueManager()
    entries = account(manager, reachable=repeat(False))
    assert deeds(entries)[2:] == [Did.OPENED, Did.UNREACHABLE, Did.LEAVING]
    assert manager.said == ["release"]


def test_one_whose_machine_dies_is_cut_off_and_says_that_they_left() -> None:
    manager = ScriptedQueueManager()
    entries = account(manager, reachable=chain([True] * 10, repeat(False)))
    assert deeds(entries)[2:] == [Did.OPENED, Did.CONNECTED, Did.CUT_OFF, Did.LEAVING]
    assert manager.said == ["release"]


def test_a_hiccup_of_the_machine_cuts_nobody_off() -> None:
    hiccup = chain([True] * 5, [False] * 4, repeat(True))
    assert Did.CUT_OFF not in deeds(account(ScriptedQueueManager(), reachable=hiccup))


def test_one_who_never_leaves_is_told_when_it_is_over() -> None:
    manager = ScriptedQueueManager(sights=[OPEN] * 100 + [Sight(stage=Stage.ENDED)])
    entries = account(manager, OVERSTAYING)
    assert deeds(entries)[-1] is Did.EXPIRED
    assert (entries[-1].at - entries[0].at).total_seconds() > VISIT.stay
    assert manager.said == []


def test_while_redis_is_away_a_visitor_tries_again() -> None:
    manager = ScriptedQueueManager(machines=[redis.ConnectionError("away"), redis.TimeoutError("slow"), VM])
    assert deeds(account(manager))[:2] == [Did.ARRIVED, Did.PROMISED]
