"""A Redis on a bad day: what each accident costs, and what it may not cost."""

from datetime import timedelta
from random import Random

import pytest

from scaler.errors import Unreachable
from scaler.ports import Confirmation
from simulator.chaos.doors import Door
from simulator.chaos.redis_server import MAY_LOSE, Line, Lines, RedisServer
from simulator.clock import SkewedClock, VirtualClock


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
