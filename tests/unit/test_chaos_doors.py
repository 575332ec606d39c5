"""A process and its doors on a bad day: it dies, is held up, and Redis forgets."""

from contextlib import nullcontext
from datetime import timedelta
from random import Random

import builders as make
import pytest
from clock import ManualClock

from emulator.redis.memory import MemoryRegistry
from scaler.actuate import Ports, Result
from scaler.errors import Unreachable
from scaler.model.edges import Actor
from scaler.model.lifecycle import note
from scaler.model.plan import Plan, Step, Why
from scaler.model.row import Row
from scaler.ports import Confirmation
from scaler.registry.keys import Keys
from scaler.report import Report
from simulator.chaos.doors import Crash, Delay, Door, Effects, Fate, Overheard
from simulator.chaos.hosts import Host, Late
from simulator.chaos.redis_server import MAY_LOSE, Line, Lines, RedisServer
from simulator.clock import SkewedClock, VirtualClock


class Ledger:
    """A door that writes down what was done through it."""

    name = "ledger"

    def __init__(self) -> None:
        self.done: list[str] = []

    def read(self) -> str:
        self.done.append("read")
        return "what was read"

    def apply(self) -> None:
        self.done.append("apply")

    def start(self) -> None:
        self.done.append("start")


def _does_all(door: Door) -> None:
    door.read()
    door.apply()
    door.start()


@pytest.mark.parametrize(
    ("left", "after_the_last", "done"),
    [
        (0, False, ["read"]),
        (0, True, ["read", "apply"]),
        (1, False, ["read", "apply"]),
        (1, True, ["read", "apply", "start"]),
        (None, False, ["read", "apply", "start"]),
    ],
)
def test_a_process_dies_between_any_two_effects_or_lives(
    left: int | None, after_the_last: bool, done: list[str]
) -> None:
    ledger = Ledger()
    with pytest.raises(Crash) if left is not None else nullcontext():
        _does_all(Door(ledger, [Fate(left=left, after_the_last=after_the_last)]))
    assert ledger.done == done


def test_a_delay_lets_something_else_happen_once_before_the_nth_call() -> None:
    ledger = Ledger()
    delay = Delay(meanwhile=lambda: ledger.done.append("meanwhile"), left=1)
    door = Door(ledger, [delay])
    _does_all(door)
    _does_all(door)
    assert ledger.done == ["read", "meanwhile", "apply", "start", "read", "apply", "start"]


def test_only_effects_are_counted_and_only_those_that_happened() -> None:
    effects = Effects()
    with pytest.raises(Crash):
        _does_all(Door(Ledger(), [Fate(left=1), effects]))
    assert effects.count == 1


def test_answers_can_be_overheard() -> None:
    heard: list[tuple[str, object]] = []
    Door(Ledger(), [Overheard("somebody", [lambda who, answer: heard.append((who, answer))])]).read()
    assert heard == [("somebody", "what was read")]


def test_what_is_no_call_goes_through_untouched() -> None:
    assert Door(Ledger(), [Fate(left=0)]).name == "ledger"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def server(clock: VirtualClock) -> RedisServer:
    return RedisServer(SkewedClock(clock), Random(1))


def _write_every_second(server: RedisServer, clock: VirtualClock, seconds: int) -> None:
    for number in range(seconds):
        clock.advance(timedelta(seconds=1))
        server.keyspace.set("written", str(number))
        server.replicate()


def _lost(server: RedisServer, before: int) -> int:
    return before - 1 - int(server.keyspace.get("written") or b"-1")


def test_a_failover_loses_thirty_seconds_at_most(server: RedisServer, clock: VirtualClock) -> None:
    _write_every_second(server, clock, 100)
    worst = 0
    for back in range(40):
        _write_every_second(server, clock, 100)
        server.fail_over(back)
        worst = max(worst, _lost(server, 100))
    assert worst == MAY_LOSE.total_seconds()


def test_what_was_confirmed_survives_it(server: RedisServer, clock: VirtualClock) -> None:
    _write_every_second(server, clock, 100)
    assert server.confirm() is Confirmation.REPLICATED
    for back in range(40):
        server.fail_over(back)
        assert _lost(server, 100) == 0


def test_a_lagging_replica_confirms_nothing(server: RedisServer, clock: VirtualClock) -> None:
    _write_every_second(server, clock, 100)
    server.lines = Lines(lagging=1.0)
    assert server.confirm() is Confirmation.UNCONFIRMED
    server.fail_over(10)
    assert _lost(server, 100) == 10


def test_a_second_failover_does_not_bring_back_what_the_first_one_lost(
    server: RedisServer, clock: VirtualClock
) -> None:
    _write_every_second(server, clock, 100)
    server.fail_over(20)
    server.fail_over(0)
    assert _lost(server, 100) == 20


def test_a_restart_loses_two_seconds_at_most(server: RedisServer, clock: VirtualClock) -> None:
    for _ in range(30):
        _write_every_second(server, clock, 10)
        server.restart()
        assert _lost(server, 10) <= 2


def test_a_lost_key_is_one_key(server: RedisServer) -> None:
    server.keyspace.set("a", "1")
    server.keyspace.sadd("b", "member")
    assert server.held == [b"a", b"b"]
    server.lose(b"b")
    assert server.held == [b"a"]


def test_while_it_is_away_nobody_answers_and_nothing_is_written(server: RedisServer, clock: VirtualClock) -> None:
    line = Line(server, clock)
    keyspace = Door(server.keyspace, [line])
    line.cut(10)
    with pytest.raises(Unreachable):
        keyspace.set("a", "1")
    clock.advance(timedelta(seconds=10))
    assert keyspace.get("a") is None


def test_an_answer_that_is_lost_may_be_one_to_what_was_done(server: RedisServer, clock: VirtualClock) -> None:
    server.lines = Lines(silent=1.0)
    keyspace, done, unanswered = Door(server.keyspace, [Line(server, clock)]), 0, 0
    for number in range(100):
        try:
            keyspace.set(f"key {number}", "1")
        except Unreachable:
            unanswered += 1
            done += server.keyspace.get(f"key {number}") is not None
    assert 0 < done < unanswered


def test_its_clock_is_its_own(clock: VirtualClock) -> None:
    server = RedisServer(SkewedClock(clock, timedelta(seconds=30)), Random(1))
    assert server.read().now == clock.now() + timedelta(seconds=30)


def test_of_two_parts_that_want_the_same_machine_the_second_loses_the_race() -> None:
    clock = ManualClock()
    registry = MemoryRegistry(clock.now, Keys())
    step = Step(why=Why.NOTED, vm_id=make.vm(), change=note(Row(vm_id=make.vm()), make.notes()))
    part = Report(plan=Plan(steps=(step,)))
    ports = Ports(registry=registry, scale_sets={}, clock=clock)
    late = Late(host=object.__new__(Host), name=Actor.STARTER, parts=(part, part), ports=ports, policy=make.POLICY)
    assert len(late.report.plan.steps) == 2
    assert [each.result for each in late.finish().outcomes] == [Result.DONE, Result.LOST_RACE]
