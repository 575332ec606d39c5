"""What only a wire shows: round trips, replicas, clusters, refusals and servers that are gone."""

import signal
import traceback
from collections.abc import Callable
from typing import Any

import fakeredis
import pytest
import redis
from contract.registries import House, Server, StartServer, admission, free_port, opened, redis_house

from scaler.errors import Refused, ScalerError, Unreachable
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import note
from scaler.model.row import Row, Snapshot, Status
from scaler.ports import Confirmation
from scaler.registry.auth import connect
from scaler.registry.keys import Keys, ScriptName, script_text
from scaler.registry.notes_json import MAX_NOTES
from scaler.registry.reading import LITTLE
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Reservations


class CountingConnection(redis.Connection):
    """Counts what is sent: one packet is one round trip."""

    packets = 0

    def send_packed_command(self, command: Any, check_health: bool = True) -> Any:
        """One more."""
        type(self).packets += 1
        return super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


def counted(server: Server) -> tuple[House, Callable[[Callable[[], object]], int]]:
    """A house on a connection that counts, and how to count one call."""
    pool = redis.ConnectionPool(connection_class=CountingConnection, host="127.0.0.1", port=server.port)
    client = redis.Redis.from_pool(pool)
    server.clients.append(client)
    client.flushall()

    def packets_of(call: Callable[[], object]) -> int:
        before = CountingConnection.packets
        call()
        return CountingConnection.packets - before

    return redis_house(client, Keys()), packets_of


@pytest.mark.parametrize("machines", [1, 1000])
def test_reading_costs_two_round_trips_whatever_the_number(shared_redis: Server, machines: int) -> None:
    house, packets_of = counted(shared_redis)
    house.apply(*(admission(Row(vm_id=VmId(f"m{number}"))) for number in range(machines)))
    house.registry.read()  # a server's first reads load the scripts
    house.registry.read_also([VmId("x")])
    assert packets_of(house.registry.read) == 2
    assert packets_of(lambda: house.registry.read_also([VmId("x"), VmId("y")])) == 1
    assert packets_of(house.registry.reserved) == 1


def test_what_is_read_does_not_depend_on_how_much_redis_holds(real_house: House) -> None:
    """A little is read by one MGET; more, by a script that looks at every length first."""
    redis, keys = real_house.redis, real_house.keys
    for name in ("good", "list", "long", "bare", "hash", "endless", "empty"):
        real_house.admit(name)
    redis.delete(keys.instance(VmId("list")), keys.notes(VmId("bare")), keys.notes(VmId("hash")))
    redis.rpush(keys.instance(VmId("list")), "x")
    redis.hset(keys.notes(VmId("hash")), "x", "y")
    redis.set(keys.instance(VmId("long")), b"x" * (MAX_NOTES + 1))
    redis.set(keys.notes(VmId("endless")), b"x" * (MAX_NOTES + 1))
    redis.set(keys.instance(VmId("empty")), b"")
    read = []
    for held in (0, LITTLE):
        redis.set("other", b"x" * held)
        redis.config_resetstat()
        found = RedisRegistry(redis, keys).read()
        read.append(
            [(row, row.before.server, type(row.before.record), type(row.before.notes)) for row in rows_of(found)]
        )
        assert ("cmdstat_mget" in redis.info("commandstats")) == (held == 0)
        assert len(found.complaints) == 5
    assert read[0] == read[1]


def rows_of(snapshot: Snapshot) -> list[Row]:
    return [snapshot.rows[vm_id] for vm_id in sorted(snapshot.rows)]


def test_an_empty_registry_costs_one_round_trip(shared_redis: Server) -> None:
    house, packets_of = counted(shared_redis)
    assert packets_of(house.registry.read) == 1
    assert packets_of(lambda: house.registry.read_also([])) == 0
    assert packets_of(house.apply) == 0


def test_writing_costs_one_round_trip_for_250_machines(shared_redis: Server) -> None:
    house, packets_of = counted(shared_redis)
    house.admit("warm-up")
    changes = [admission(Row(vm_id=VmId(f"m{number}"))) for number in range(501)]
    assert packets_of(lambda: house.apply(*changes[:250])) == 1
    assert packets_of(lambda: house.apply(*changes[250:])) == 2


def test_each_step_of_a_visitor_is_one_round_trip(shared_redis: Server) -> None:
    house, packets_of = counted(shared_redis)
    me = SessionId("me")
    calls = (house.reservations.reserve, house.reservations.look, house.reservations.release, house.reservations.cancel)
    for call in calls:
        call(me)
    house.admit("a")
    assert [packets_of(lambda call=call: call(me)) for call in calls] == [1, 1, 1, 1]  # type: ignore[misc]


def test_an_unreadable_record_is_not_shown_to_other_languages(real_house: House) -> None:
    real_house.admit("a")
    real_house.reservations.reserve(SessionId("x"))
    row = real_house.row("a")
    real_house.note("a", opened(row, SessionId("x")))
    real_house.plant("a", "theirs")
    sets = [real_house.keys.index(status) for status in Status]
    answer = real_house.redis.eval(script_text(ScriptName.LOOK), 4, "vmss:session:x", *sets, "x")
    assert answer == [b"open", b"a", b"", b""]


def test_a_client_address_that_is_no_text_is_left_out(real_house: House) -> None:
    real_house.admit("a")
    sets = [real_house.keys.index(status) for status in Status]
    real_house.redis.eval(script_text(ScriptName.RESERVE), 4, "vmss:session:x", *sets, "x", b"\xff")
    row = real_house.row("a")
    assert row.readable is not None
    assert (row.status, row.readable.client_ip) == (Status.RESERVED, None)


def test_scripts_that_redis_has_forgotten_are_sent_again(real_house: House) -> None:
    row = real_house.admit("a")
    real_house.redis.script_flush()
    assert real_house.apply(note(row, row.notes)) != (None,)  # type: ignore[arg-type]


def test_keys_and_scan_are_never_used(real_house: House) -> None:
    real_house.redis.config_resetstat()
    real_house.admit("a")
    real_house.registry.read()
    real_house.reservations.reserve(SessionId("me"))
    real_house.registry.confirm()
    assert {"cmdstat_keys", "cmdstat_scan", "cmdstat_sscan"}.isdisjoint(real_house.redis.info("commandstats"))


def test_a_million_members_are_not_read(real_house: House) -> None:
    members = [f"vmss:instance:m{number}" for number in range(25_000)]
    real_house.redis.sadd("vmss:status:available", *members)
    snapshot = real_house.registry.read()
    assert len(snapshot.rows) == 12_000
    assert [each.why for each in snapshot.complaints] == ["only 12000 members are looked at"]


def test_a_redis_without_replicas_is_alone(real_house: House) -> None:
    real_house.admit("a")
    assert real_house.registry.confirm() is Confirmation.ALONE


def test_fakeredis_is_alone() -> None:
    registry = RedisRegistry(fakeredis.FakeRedis(server=fakeredis.FakeServer()), Keys())
    assert registry.confirm() is Confirmation.ALONE


def test_a_replica_confirms_what_it_has_and_a_stopped_one_does_not(start_redis: StartServer) -> None:
    first = start_redis("--repl-diskless-sync-delay", "0")
    second = start_redis("--replicaof", "127.0.0.1", str(first.port))
    wait_for_line(second, "Finished with success")
    house = redis_house(first.client(), Keys())
    house.admit("a")
    house.redis.execute_command("WAIT", 1, 4000)  # until the new replica takes part
    assert house.registry.confirm() is Confirmation.REPLICATED
    second.process.send_signal(signal.SIGSTOP)
    house.admit("b")
    assert house.registry.confirm() is Confirmation.UNCONFIRMED
    second.process.send_signal(signal.SIGCONT)


def wait_for_line(server: Server, words: str) -> None:
    assert server.process.stdout is not None
    for line in server.process.stdout:
        if words in line:
            return
    raise AssertionError(f"it ended without saying {words!r}")


class Taciturn(redis.Redis):
    """Answers `INFO replication` with an empty section, as Azure's Redis has done."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """All others as ever."""
        return {} if args == ("INFO", "replication") else super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


def test_where_nobody_says_how_many_replicas_there_are_one_is_waited_for(start_redis: StartServer) -> None:
    registry = RedisRegistry(Taciturn(port=start_redis().port), Keys())
    assert registry.confirm() is Confirmation.UNCONFIRMED


SECRET = "hunter2hunter2"


def test_a_server_that_does_not_know_auth_does_not_bring_the_key_into_the_error(start_redis: StartServer) -> None:
    server = start_redis("--rename-command", "AUTH", "")
    client = connect(url=f"redis://:{SECRET}@127.0.0.1:{server.port}")
    with pytest.raises(Refused) as refused:
        RedisRegistry(client, Keys()).read()
    assert SECRET not in "".join(traceback.format_exception(refused.value))
    assert "unknown command 'AUTH'" in str(refused.value)


def test_a_server_without_a_password_is_not_said_to_want_one(start_redis: StartServer) -> None:
    client = connect(url=f"redis://:{SECRET}@127.0.0.1:{start_redis().port}")
    with pytest.raises(Refused, match="it has no password, and was given one: unset REDIS_PASSWORD"):
        RedisRegistry(client, Keys()).read()


def test_a_server_that_is_not_there_is_unreachable_by_name() -> None:
    port = free_port()
    registry = RedisRegistry(connect(url=f"redis://127.0.0.1:{port}"), Keys())
    for call in (registry.read, registry.reserved, registry.confirm, registry.check):
        with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
            call()
    with pytest.raises(Unreachable):
        registry.apply([admission(Row(vm_id=VmId("a")))])
    with pytest.raises(Unreachable):
        Reservations(connect(url=f"redis://127.0.0.1:{port}"), Keys()).reserve(SessionId("me"))


def test_a_server_that_dies_is_unreachable_and_comes_back(start_redis: StartServer) -> None:
    server = start_redis()
    house = redis_house(server.client(), Keys())
    house.admit("a")
    house.redis.connection_pool.disconnect()  # as a load balancer does to an idle connection
    assert len(house.registry.read().rows) == 1
    server.process.kill()
    server.process.wait()
    with pytest.raises(Unreachable):
        house.registry.read()


def test_a_wrong_or_missing_password_is_refused_with_the_remedy(start_redis: StartServer) -> None:
    server = start_redis("--requirepass", "right")
    with pytest.raises(Refused, match="REDIS_PASSWORD"):
        RedisRegistry(server.client(), Keys()).read()
    wrong = connect(url=f"redis://:wrong@127.0.0.1:{server.port}")
    with pytest.raises(Refused, match="does not know this user or password"):
        RedisRegistry(wrong, Keys()).read()
    right = connect(url=f"redis://:right@127.0.0.1:{server.port}")
    assert RedisRegistry(right, Keys()).read().rows == {}


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        (("--maxmemory", "1"), Unreachable, "out of memory"),
        (("--min-replicas-to-write", "1"), Unreachable, "replicas"),
        (("--user", "default", "on", "nopass", "~*", "&*", "+@all", "-script"), Refused, "may not"),
        (("--user", "default", "on", "nopass", "~*", "&*", "+@all", "-evalsha"), Refused, "may not"),
    ],
)
def test_what_redis_cannot_do_now_is_told_apart_from_what_it_will_not(
    start_redis: StartServer, options: tuple[str, ...], kind: type[ScalerError], words: str
) -> None:
    house = redis_house(start_redis(*options).client(), Keys())
    with pytest.raises(kind, match=words):
        house.admit("a")


def test_a_script_that_runs_out_of_memory_has_done_nothing(start_redis: StartServer) -> None:
    house = redis_house(start_redis().client(), Keys())
    house.admit("a")
    before = house.registry.read().rows
    house.redis.config_set("maxmemory", 1)
    with pytest.raises(Unreachable):
        house.reservations.reserve(SessionId("me"))
    with pytest.raises(Unreachable):
        house.apply(admission(Row(vm_id=VmId("b"))))
    house.redis.config_set("maxmemory", 0)
    assert house.registry.read().rows == before


def test_a_replica_is_no_place_to_write(start_redis: StartServer) -> None:
    first = start_redis()
    replica = redis_house(start_redis("--replicaof", "127.0.0.1", str(first.port)).client(), Keys())
    with pytest.raises(Unreachable, match="failover"):
        replica.admit("a")


def clustered(start_redis: StartServer) -> Server:
    bus = str(free_port())  # without it: the port plus 10,000, which may be no port at all
    return start_redis("--cluster-enabled", "yes", "--cluster-port", bus)


def test_a_cluster_wants_braces_in_the_prefix(start_redis: StartServer) -> None:
    client = clustered(start_redis).client()
    with pytest.raises(Refused, match=r'SCALER_REDIS_PREFIX="\{vmss\}"'):
        RedisRegistry(client, Keys()).check()
    assert RedisRegistry(client, Keys(prefix="{vmss}")).check() == ()


def test_in_a_cluster_all_keys_are_in_one_slot_or_refused(start_redis: StartServer) -> None:
    server = clustered(start_redis)
    server.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)  # type: ignore[no-untyped-call]
    wait_for_line(server, "Cluster state changed: ok")
    house = redis_house(server.client(), Keys(prefix="{vmss}"))
    house.admit("a")
    assert house.reservations.reserve(SessionId("me")) is not None
    assert house.reservations.cancel(SessionId("me")) == "cancelled"
    assert set(house.registry.read().rows) == {"a"}
    assert house.registry.confirm() is Confirmation.ALONE
    scattered = redis_house(server.client(), Keys())
    with pytest.raises(Refused, match="SCALER_REDIS_PREFIX"):
        scattered.admit("a")
    with pytest.raises(Refused, match="SCALER_REDIS_PREFIX"):
        scattered.reservations.reserve(SessionId("me"))


def test_a_redis_that_may_evict_records_is_a_complaint(start_redis: StartServer) -> None:
    registry = RedisRegistry(start_redis("--maxmemory-policy", "allkeys-lru").client(), Keys())
    (complaint,) = registry.check()
    assert "noeviction" in complaint.why
    snapshot = registry.read()
    assert (snapshot.complaints, snapshot.evicting) == ((complaint,), "allkeys-lru")


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="REDIS_URL"):
        connect(url="http://example.org")


def test_a_redis_that_does_not_tell_about_itself_is_used_all_the_same() -> None:
    registry = RedisRegistry(fakeredis.FakeRedis(), Keys())  # which has no INFO
    (complaint,) = registry.check()
    assert registry.read().rows == {}
    assert complaint.why.startswith("does not answer INFO, so nobody has checked whether it evicts keys")


def test_a_user_without_info_hears_what_was_not_checked_and_which_right_is_missing(start_redis: StartServer) -> None:
    client = start_redis("--user", "default", "on", "nopass", "~*", "&*", "+@all", "-info").client()
    (complaint,) = RedisRegistry(client, Keys()).check()
    for word in ("evicts keys", "clustered", "failover", "+info", "no permissions"):
        assert word in complaint.why
