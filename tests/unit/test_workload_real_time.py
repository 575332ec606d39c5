"""The visitors of a run in real time: over a real client, on the wall clock, from their coming to their going home."""

from collections.abc import Iterator
from datetime import UTC, datetime
from queue import SimpleQueue
from random import Random
from typing import Any

import pytest
import redis
from crowd_counter import A
from fakeredis import FakeRedis, FakeServer

from scaler.errors import Unreachable
from scaler.model.instance import InstanceId, ScaleSetName, SessionId
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Record, Status
from scaler.registry.keys import Keys
from scaler.registry.record_json import encode_record
from simulator.happenings import Did, Entry, Manner
from simulator.workload.crowd import Crowd
from simulator.workload.queue_manager import Access
from simulator.workload.real_time import RealTime, access_to, habits_at

KEYS, SOON = Keys(), 10.0
POLICY = Policy(capacity={ScaleSetName("vmss-pixels"): Capacity(desired=2)})


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(server: FakeServer) -> Iterator[redis.Redis]:
    with FakeRedis(server=server) as fake:
        yield fake


def access(client: redis.Redis, tell: Any = lambda _: None) -> Access:
    return access_to(client, KEYS, now=lambda: datetime.now(UTC), reachable=lambda _: True, tell=tell)


def offer(client: redis.Redis) -> None:
    record = Record(vm_id=A, instance_id=InstanceId("1"), status=Status.AVAILABLE, created_at=datetime.now(UTC))
    client.set(KEYS.instance(A), encode_record(record))
    client.sadd(KEYS.index(Status.AVAILABLE), KEYS.instance(A))


def test_nobody_comes_before_the_doors_are_open_and_then_they_are_served(client: redis.Redis) -> None:
    told: SimpleQueue[Entry] = SimpleQueue()
    offer(client)

    def failed(bug: Exception) -> None:
        raise bug

    habits = habits_at(1000.0, 6000.0, POLICY)
    visitors = RealTime(lambda: Crowd(access(client, told.put), Random(1), habits), failed)
    assert told.empty()
    visitors.open_doors()
    while told.get(timeout=SOON).did is not Did.PROMISED:
        pass
    visitors.send_home()
    assert client.scard(KEYS.index(Status.AVAILABLE)) == 0


def test_who_never_opened_the_doors_can_close_all_the_same(client: redis.Redis) -> None:
    visitors = RealTime(lambda: Crowd(access(client), Random(1), habits_at(1.0, 60.0, POLICY)), lambda _: None)
    visitors.send_home()


def test_visitors_that_crash_are_told_of() -> None:
    class Broken:
        def go_on(self) -> None:
            raise ZeroDivisionError

    broken: Any = Broken()
    bugs: SimpleQueue[Exception] = SimpleQueue()
    visitors = RealTime(lambda: broken, bugs.put)
    visitors.open_doors()
    assert isinstance(bugs.get(timeout=SOON), ZeroDivisionError)
    visitors.send_home()


def test_a_redis_that_does_not_answer_is_unreachable_by_both_ways(server: FakeServer, client: redis.Redis) -> None:
    ways = access(client)
    server.connected = False
    for ask in (lambda: ways.keyspace.get("key"), lambda: ways.reservations.look(SessionId("ann"))):
        with pytest.raises(Unreachable):
            ask()


@pytest.mark.long
def test_the_first_stand_before_the_doors_and_one_of_them_names_no_session(client: redis.Redis) -> None:
    moment = datetime.now(UTC)
    habits = habits_at(20.0, 24.0, POLICY)
    came: list[Entry] = []
    ways = access_to(client, KEYS, now=lambda: moment, reachable=lambda _: True, tell=came.append)
    crowd = Crowd(ways, Random(1), habits)
    for _ in range(600):
        moment = moment.fromtimestamp(moment.timestamp() + 1, UTC)
        crowd.go_on()
    arrived = [each for each in came if each.did is Did.ARRIVED]
    first, last = arrived[10].at - arrived[0].at, arrived[110].at - arrived[10].at
    assert last / 10 > 2 * first
    assert [each.session for each in arrived if each.manner is Manner.NAMELESS] == ["v0003"]
    assert {each.manner for each in arrived} == {Manner.ATOMIC, Manner.NAIVE, Manner.NAMELESS}
