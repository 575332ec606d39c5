"""Two real redis-servers behind one address: writes that survive a failover, lost writes, and the roles afterwards."""

from collections.abc import Iterator
from time import monotonic, sleep

import pytest
import redis
from contract.registries import find_redis_server

from simulator.parts.environment import SetupFailed
from simulator.parts.network import Condition, Network
from simulator.parts.redis_server import RedisPair, binary, plain, redis_pair, redis_server


@pytest.fixture
def pair() -> Iterator[RedisPair]:
    find_redis_server()
    with Network() as network, redis_pair(network) as pair:
        yield pair


@pytest.fixture
def client(pair: RedisPair) -> Iterator[redis.Redis]:
    with plain(pair.clients.port, timeout=5.0) as client:
        yield client


def test_a_failover_keeps_what_was_copied_and_the_address(pair: RedisPair, client: redis.Redis) -> None:
    client.set("kept", "yes")
    assert pair.in_step()
    before = pair.clients.port
    pair.primary.kill()
    with pytest.raises(redis.ConnectionError):
        client.get("kept")
    pair.swap()
    assert client.get("kept") == b"yes"
    client.set("new", "yes")
    assert pair.clients.port == before


def test_a_failover_forgets_what_had_not_been_copied_and_so_does_the_old_primary(
    pair: RedisPair, client: redis.Redis
) -> None:
    client.set("kept", "yes")
    assert pair.in_step()
    pair.lag()
    client.set("lost", "acknowledged")
    pair.primary.kill()
    pair.swap()
    assert client.mget("kept", "lost") == [b"yes", None]
    pair.bring_back()
    assert pair.in_step()
    assert pair.replica.info()["role"] == "slave"
    with plain(pair.replica.port, timeout=5.0) as old:
        assert old.mget("kept", "lost") == [b"yes", None]


def test_after_a_second_failover_the_first_primary_is_one_again(pair: RedisPair, client: redis.Redis) -> None:
    first = pair.primary
    for _ in range(2):
        pair.primary.kill()
        pair.swap()
        pair.bring_back()
        client.incr("failovers")
        assert pair.in_step()
    assert pair.primary is first
    assert client.get("failovers") == b"2"


def test_a_primary_that_was_killed_comes_back_with_what_it_wrote(pair: RedisPair, client: redis.Redis) -> None:
    client.set("kept", "yes")
    pair.primary.kill()
    pair.restart_primary()
    assert client.get("kept") == b"yes"
    assert pair.in_step()


def test_a_paused_primary_answers_nobody_and_then_does_what_it_was_told(pair: RedisPair, client: redis.Redis) -> None:
    with plain(pair.clients.port, timeout=0.2) as impatient:
        impatient.ping()
        pair.primary.pause()
        with pytest.raises(redis.TimeoutError):
            impatient.set("late", "yes")
        assert pair.failure is None
        pair.primary.resume()
        assert client.get("late") == b"yes"


def test_one_that_dies_by_itself_is_told_from_one_that_was_killed(pair: RedisPair) -> None:
    pair.replica.kill()
    assert pair.failure is None
    with plain(pair.primary.port, timeout=5.0) as client:
        client.shutdown(nosave=True)
        with pytest.raises(redis.ConnectionError):
            client.ping()
    until = monotonic() + 10  # its connections are closed before its process has ended
    while pair.failure is None and monotonic() < until:
        sleep(0.02)
    assert "ended by itself" in (pair.failure or "")


def test_a_silent_line_between_them_is_not_noticed_by_the_primary(pair: RedisPair, client: redis.Redis) -> None:
    pair.lag()
    client.set("new", "yes")
    assert not pair.in_step(within=0.2)
    assert pair.primary.info()["connected_slaves"] == 1
    pair.copying.be(Condition.PASSING)
    assert pair.in_step()


def test_a_server_with_a_replica_confirms_what_is_written_and_fails_when_its_replica_dies() -> None:
    with redis_server(copied=True) as server, plain(server.port, timeout=15.0) as client:
        client.set("new", "yes")
        assert client.execute_command("WAIT", 1, 10_000) == 1
        assert server.failure is None
        assert server.replica is not None
        with plain(server.replica.port, timeout=5.0) as copy:
            assert copy.get("new") == b"yes"
            copy.shutdown(nosave=True)
        until = monotonic() + 10
        while server.failure is None and monotonic() < until:
            sleep(0.02)
        assert "its replica ended by itself" in (server.failure or "")


def test_a_server_without_a_replica_confirms_nothing() -> None:
    with redis_server() as server, plain(server.port, timeout=15.0) as client:
        client.set("new", "yes")
        assert client.execute_command("WAIT", 1, 50) == 0


def test_without_a_redis_server_there_is_no_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SetupFailed, match="HOT need"), redis_server(copied=True):
        pass


def test_without_a_redis_server_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SetupFailed, match="apt-get install redis-server"):
        binary()
