"""Six nodes of a real cluster: all keys are in one slot, and the scaler follows that slot wherever it goes."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import Any

import jwt
import pytest
import redis
from azure.core.credentials import AccessToken
from contract.registries import (
    House,
    Server,
    admission,
    find_redis_server,
    free_port,
    notes,
    redis_house,
    redis_server,
    started,
)
from missing import missing

from scaler.errors import Refused, Unreachable
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import note
from scaler.model.row import Row, Status
from scaler.model.sighting import Pause
from scaler.ports import Confirmation
from scaler.registry.auth import Place, connect
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Reservations
from scaler.registry.rights import SCALER

KEYS = Keys(prefix="{vmss}")
ME = SessionId("me")
PATIENCE = 60.0  # seconds for a failover, on a machine that has much else to do


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Three primaries with a replica each."""

    servers: dict[int, Server]

    def node(self, port: int) -> Any:
        """A client of one node, such as redis-cli without `-c`."""
        return redis.Redis(port=port, decode_responses=True, socket_timeout=5)

    def say(self, port: int, *words: object) -> Any:
        """One command to one node."""
        with closing(self.node(port)) as node:
            return node.execute_command(*words)

    @property
    def alive(self) -> list[int]:
        """The nodes that were not killed."""
        return [port for port, server in self.servers.items() if server.process.poll() is None]

    @property
    def slot(self) -> int:
        """Where the keys are."""
        return int(self.say(self.alive[0], "CLUSTER", "KEYSLOT", KEYS.pause))

    def shard(self) -> list[tuple[int, str]]:
        """Port and id of the primary that has the slot, and of its replicas; all nodes know it by now."""

        def agreed() -> list[tuple[int, str]]:
            views = [self._shard_by(port) for port in self.alive]
            same = all(view[:1] == views[0][:1] and len(view) == len(views[0]) for view in views)
            return views[0] if same and views[0] and self.say(views[0][0][0], "ROLE")[0] == "master" else []

        return until(agreed)

    def _shard_by(self, port: int) -> list[tuple[int, str]]:
        """The same to one node; empty while that node knows no primary, during a failover."""
        with closing(redis.Redis(port=port, socket_timeout=5)) as node:
            slots: Any = node.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
        nodes: list[Any] = next((nodes for first, last, *nodes in slots if first <= self.slot <= last), [])
        return [(int(each[1]), each[2].decode()) for each in nodes]

    def replica(self) -> int:
        """A replica of the shard that has the slot, in step with its primary."""
        (owner, _), *_ = self.shard()

        def in_step() -> int:
            replicas = [port for port, _ in self.shard()[1:] if self.say(port, "ROLE")[3] == "connected"]
            return replicas[0] if replicas and self.say(owner, "WAIT", 1, 1000) else 0

        return until(in_step)

    def house(self, port: int) -> House:
        """The scaler and a queue manager, with this node in their URL."""
        return redis_house(connect(url=f"redis://127.0.0.1:{port}"), KEYS)


def until[Found](found: Callable[[], Found]) -> Found:
    """What is found at last."""
    end = monotonic() + PATIENCE
    while monotonic() < end:
        if answer := found():
            return answer
    raise AssertionError(f"not within {PATIENCE} s")


def served[Found](call: Callable[[], Found]) -> Found:
    """What a call answers once Redis serves it: until then Redis is said to be unreachable, and nothing else."""

    def tried() -> tuple[Found] | None:
        try:
            return (call(),)
        except Unreachable:
            return None

    return until(tried)[0]  # type: ignore[index]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    find_redis_server()
    cli = shutil.which("redis-cli") or missing("redis-cli is not installed", "nothing is tested on a cluster")
    with ExitStack() as stack:
        buses, servers = [free_port() for _ in range(6)], {}
        for bus in buses:
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "1500")
            quick = ("--repl-diskless-sync-delay", "0")
            server = stack.enter_context(redis_server(tmp_path_factory.mktemp("node"), *options, *quick))
            servers[server.port] = server
        places = [f"127.0.0.1:{port}@{bus}" for port, bus in zip(servers, buses, strict=True)]
        create = [cli, "--cluster", "create", *places, "--cluster-replicas", "1", "--cluster-yes"]
        made = subprocess.run(create, capture_output=True, text=True, check=False, timeout=60)
        assert made.returncode == 0, made.stdout + made.stderr
        made_of = Cluster(servers=servers)
        for port in servers:
            until(lambda port=port: "cluster_state:ok" in made_of.say(port, "CLUSTER", "INFO"))  # type: ignore[misc]
        yield made_of


@pytest.fixture(autouse=True)
def empty(cluster: Cluster) -> None:
    served(cluster.house(cluster.alive[0]).registry.reserved)
    cluster.say(cluster.shard()[0][0], "FLUSHALL")


def test_through_the_url_of_any_node_a_tick_and_a_visit_work(cluster: Cluster) -> None:
    cluster.replica()
    for port in cluster.servers:
        house, vm_id = cluster.house(port), f"vm-{port}"
        assert house.registry.check() == ()  # type: ignore[attr-defined]
        house.registry.occupy("gpu")  # type: ignore[attr-defined]
        house.admit(vm_id)
        assert house.registry.confirm() is Confirmation.REPLICATED
        reservation = house.reservations.reserve(ME)
        assert reservation is not None
        assert house.registry.reserved() == {reservation.vm_id}
        assert house.reservations.look(ME).reservation is not None
        assert house.reservations.cancel(ME) == "cancelled"
        assert vm_id in house.registry.read().rows


def test_one_round_trip_more_is_all_that_another_node_costs_and_only_once(cluster: Cluster) -> None:
    (owner, _), *_ = cluster.shard()
    other = next(port for port in cluster.alive if port != owner)
    house = cluster.house(other)
    house.registry.read()
    before = [cluster.say(port, "INFO", "commandstats") for port in (other, owner)]
    house.registry.read()
    after = [cluster.say(port, "INFO", "commandstats") for port in (other, owner)]
    calls = [
        [each.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "cluster|slots")]
        for each in (*before, *after)
    ]
    assert calls[2] == calls[0]
    assert calls[3][0] - calls[1][0] == 1  # the index: there is no row
    assert calls[3][1] - calls[1][1] == 0


def test_after_a_failover_what_was_decided_before_is_not_written_and_the_next_tick_works(cluster: Cluster) -> None:
    (owner, _), *_ = cluster.shard()
    house = cluster.house(owner)
    house.admit("a")
    decided = note(house.row("a"), started())
    replica = cluster.replica()
    cluster.say(replica, "CLUSTER", "FAILOVER")
    until(lambda: cluster.say(replica, "ROLE")[0] == "master" and cluster.say(owner, "ROLE")[0] == "slave")
    assert house.registry.confirm() is Confirmation.UNCONFIRMED
    assert served(lambda: house.apply(decided)) == (None,)
    assert house.row("a").notes == notes()
    assert house.apply(note(house.row("a"), started()))[0] is not None
    assert cluster.replica() == owner
    assert until(lambda: house.registry.confirm() is Confirmation.REPLICATED)


def test_a_user_who_may_ask_for_nothing_follows_too(cluster: Cluster) -> None:
    for port in cluster.servers:
        rights = ("~*", "&*", "+@all", "-info", "-cluster")
        cluster.say(port, "ACL", "SETUSER", "shy", "on", ">secret", *rights)
    (owner, _), *_ = cluster.shard()
    house = redis_house(connect(url=f"redis://shy:secret@127.0.0.1:{owner}"), KEYS)
    (complaint,) = house.registry.check()  # type: ignore[attr-defined]
    assert "+info" in complaint.why
    house.admit("a")
    replica = cluster.replica()
    cluster.say(replica, "CLUSTER", "FAILOVER")
    until(lambda: cluster.say(replica, "ROLE")[0] == "master" and cluster.say(owner, "ROLE")[0] == "slave")
    assert set(served(house.registry.read).rows) == {"a"}


def test_while_the_slot_moves_a_tick_is_served_or_told_so_and_afterwards_all_is_as_before(cluster: Cluster) -> None:
    (source, source_id), *_ = cluster.shard()
    target = next(p for p in cluster.alive if p != source and cluster.say(p, "ROLE")[0] == "master")
    target_id = cluster.say(target, "CLUSTER", "MYID")
    house = cluster.house(source)
    house.admit("a")
    cluster.say(target, "CLUSTER", "SETSLOT", cluster.slot, "IMPORTING", source_id)
    cluster.say(source, "CLUSTER", "SETSLOT", cluster.slot, "MIGRATING", target_id)
    house.registry.pause(Pause.ALL)  # a key that is not there yet: it is written at the target
    assert KEYS.pause not in cluster.say(source, "CLUSTER", "GETKEYSINSLOT", cluster.slot, 100)
    assert house.registry.read_also([VmId("a")])[VmId("a")].notes == notes()
    decided = note(house.registry.read_also([VmId("a")])[VmId("a")], started())
    with pytest.raises(Unreachable, match="moving slots"):  # some keys are here, some there
        house.registry.read()
    for key in cluster.say(source, "CLUSTER", "GETKEYSINSLOT", cluster.slot, 100):
        cluster.say(source, "MIGRATE", "127.0.0.1", target, key, 0, 5000)
    moved = house.registry.read_also([VmId("a")])[VmId("a")]  # all of its keys are there
    assert moved.notes == notes()
    assert house.registry.confirm() is Confirmation.UNCONFIRMED
    for port in (target, source):
        cluster.say(port, "CLUSTER", "SETSLOT", cluster.slot, "NODE", target_id)
    assert house.apply(decided) == (None,)
    assert house.registry.read().pause is Pause.ALL
    assert house.apply(note(house.row("a"), started()))[0] is not None
    assert house.members(Status.AVAILABLE) == {"a"}


def test_a_queue_manager_may_bring_redis_pys_own_client(cluster: Cluster) -> None:
    cluster.house(cluster.alive[0]).admit("a")
    with closing(redis.RedisCluster(host="127.0.0.1", port=cluster.alive[-1], protocol=2)) as client:
        reservation = Reservations(client, KEYS).reserve(ME)
        assert reservation is not None
        assert reservation.vm_id == "a"
        with pytest.raises(Refused, match=r"SCALER_REDIS_PREFIX"):
            Reservations(client, Keys()).reserve(ME)


def test_a_client_that_follows_nobody_is_told_of_one_that_does(cluster: Cluster) -> None:
    (owner, _), *_ = cluster.shard()
    other = next(port for port in cluster.alive if port != owner)
    with closing(redis.Redis(port=other)) as client, pytest.raises(Refused, match=r"RedisCluster"):
        RedisRegistry(client, KEYS).read()


class Badge:
    """An identity whose token is one text, which Redis knows as a password."""

    token = jwt.encode({"oid": "scaler", "iat": int(time()), "exp": int(time()) + 3600}, "k" * 32)

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Always the same."""
        return AccessToken(self.token, int(time()) + 3600)


def rights_by_the_page() -> list[str]:
    """The scaler's, with those that a cluster asks for beside, as docs/identities.md has them."""
    page = (Path(__file__).parents[2] / "docs" / "identities.md").read_text("utf-8")
    (clustered,) = re.findall(r"clustered, add `(.*?)`", page)
    return f"{SCALER.acl(KEYS.prefix)} {clustered}".split()


def test_a_killed_primary_is_left_for_its_replica(cluster: Cluster) -> None:
    (owner, _), *_ = cluster.shard()
    for port in cluster.servers:
        cluster.say(port, "ACL", "SETUSER", "scaler", "reset", "on", f">{Badge.token}", *rights_by_the_page())
    house = cluster.house(owner)
    entra = connect(url=f"redis://127.0.0.1:{owner}", identity=Badge())
    signed_in = redis_house(entra, KEYS)
    for each in (house, signed_in):
        assert each.registry.check() == ()  # type: ignore[attr-defined]
    house.admit("a")
    cluster.replica()
    cluster.servers[owner].process.kill()
    cluster.servers[owner].process.wait()
    with pytest.raises(Unreachable):
        house.registry.read()
    assert set(served(house.registry.read).rows) == {"a"}
    assert served(lambda: house.apply(admission(Row(vm_id=VmId("b")))))[0] is not None
    assert served(lambda: house.reservations.reserve(ME)) is not None
    assert set(served(signed_in.registry.read).rows) == {"a", "b"}
    entra.close()


def test_a_node_named_by_address_shows_a_certificate_for_the_name_in_the_url() -> None:
    named, by_address = Place(("redis.example", 6379)), Place(("10.0.0.1", 6379))
    assert named.name("10.0.0.2") == "redis.example"
    assert named.name("node-2.example") == "node-2.example"
    assert by_address.name("10.0.0.2") == "10.0.0.2"
