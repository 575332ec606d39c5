"""The rights of scaler/registry/rights.py, on a redis-server with an ACL file: enough, and none of them for nothing.

The whole contract suite runs with them, too: `real_house` signs in as scaler and as queue manager.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
import redis
from contract.registries import EPOCH, ME, House, Server, let_in, notes, redis_server
from redis import exceptions

from docs.rights_page import CONTRACT, access_string, acl_file, contract_page
from docs.roles_page import IDENTITIES
from scaler.errors import Refused, ScalerError
from scaler.model.edges import Actor
from scaler.model.history import Sample
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import Change, claim, note
from scaler.model.row import DeleteNote, Status
from scaler.model.sighting import Pause
from scaler.model.signs import Sign
from scaler.ports import Confirmation
from scaler.registry.keys import Keys, ScriptName, script_text
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Leaving, Reservations, Stage
from scaler.registry.rights import EVERYBODY, NAIVE, OPERATOR, READER, SCALER, SCRIPTS, TRIALS, Rights

KEYS, A = Keys(), VmId("a")
MINUTE = timedelta(minutes=1)
SAMPLE = Sample(controller=Actor.STARTER, at=EPOCH, refused=1)
PLACE = (Actor.STARTER, int(EPOCH.timestamp() // 60))
SIGN = Sign(
    controller=Actor.CLEANER,
    version="1",
    at=EPOCH,
    ago=timedelta(0),
    every=None,
    failure="",
    failing=timedelta(0),
)


class Place:
    """One server whose users the test makes, and its administrator."""

    def __init__(self, server: Server) -> None:
        self.server, self.admin = server, server.client()
        self.admin.flushall()
        self.admin.script_flush()
        self.mighty = House(
            registry=RedisRegistry(self.admin, KEYS),
            reservations=Reservations(self.admin, KEYS),
            redis=self.admin,
            keys=KEYS,
        )

    def empty(self) -> None:
        """Begin anew, with the same users."""
        self.admin.flushall()

    def offers(self) -> set[str]:
        """The machines in `status:offers`."""
        members: Any = self.admin.zrange(KEYS.offers, 0, -1)
        return {str(KEYS.vm_id_of(member)) for member in members}

    def looks(self, call: Callable[[], object]) -> int:
        """How often a call looks into a set: once to see that there is one, and again where no offer is left."""
        before = self._looks()
        call()
        return self._looks() - before

    def _looks(self) -> int:
        stats: Any = self.admin.info("commandstats")
        return int(stats.get("cmdstat_srandmember", {"calls": 0})["calls"])

    def as_user(self, client: redis.Redis) -> House:
        """The house, entered by that client."""
        registry, reservations = RedisRegistry(client, KEYS), Reservations(client, KEYS)
        return House(registry=registry, reservations=reservations, redis=self.admin, keys=KEYS)


type Life = Callable[[Place, redis.Redis], None]


def idle(client: redis.Redis) -> None:
    """Let the client's connections have been idle for so long that they are tried before the next command."""
    for connection in client.connection_pool._available_connections:
        connection.next_health_check = 1


def looked_at(place: Place, client: redis.Redis) -> None:
    """Make every reading of the operator's commands, over foreign values too."""
    house, mighty = place.as_user(client), place.mighty
    registry = cast("RedisRegistry", house.registry)
    assert house.registry.read().rows == {}
    idle(client)
    mighty.admit("a")
    mighty.plant("long", b'{"x":"' + b"y" * 5_000 + b'"}', Status.AVAILABLE)
    mighty.redis.rpush(KEYS.instance(VmId("list")), "x")
    mighty.redis.sadd(KEYS.index(Status.RESERVED), KEYS.instance(VmId("list")))
    cast("RedisRegistry", mighty.registry).leave_signs([SIGN])
    cast("RedisRegistry", mighty.registry).leave_sample(SAMPLE, every=MINUTE)
    assert set(house.registry.read().rows) == {"a", "long", "list"}
    assert house.registry.read_also([A])[A].notes == notes()
    assert set(registry.signs()) == {Actor.CLEANER}
    assert set(registry.history([PLACE])) == {PLACE}
    assert not registry.ceilings()
    assert registry.reserved() == {VmId("list")}
    assert house.row("a").before.server, "INFO"
    mighty.redis.delete(KEYS.instance(VmId("list")))


def scaled(place: Place, client: redis.Redis) -> None:
    """A machine comes, is offered, missed, seen again, taken and retired."""
    looked_at(place, client)
    house = place.as_user(client)
    registry = cast("RedisRegistry", house.registry)
    registry.occupy("gpu")
    registry.leave_signs([SIGN])
    registry.leave_sample(SAMPLE, every=MINUTE)
    registry.pause(Pause.ALL)
    registry.pause(Pause.NONE)
    house.admit("b")
    assert place.offers() >= {"b"}
    for changed in (notes(missed_at=EPOCH), notes(), notes(delete=DeleteNote(at=EPOCH, attempts=1))):
        assert house.apply(note(house.row("b"), changed)) != (None,)
    assert house.redis.ttl(KEYS.notes(VmId("b"))) > 0
    assert house.apply(claim(house.row("a"), notes())) != (None,)
    assert "a" not in place.offers()
    assert house.apply(Change(row=house.row("a"), edge=None, record=None, notes=None, index=None)) != (None,)
    assert house.members(Status.UNAVAILABLE) == set()
    assert registry.confirm() is Confirmation.REPLICATED


def visited(place: Place, client: redis.Redis) -> None:
    """Visitors come, look, give up, go in and leave."""
    house, mighty = place.as_user(client), place.mighty
    for name in ("a", "b"):
        mighty.admit(name)
    keys = [KEYS.session(ME), *map(KEYS.index, Status)]
    assert place.looks(lambda: client.eval(script_text(ScriptName.RESERVE), 4, *keys, ME, "")) == 1, "the first offer"
    taken = house.members(Status.RESERVED)
    assert (len(taken), place.offers() & taken) == (1, set())
    mighty.redis.delete(KEYS.index(Status.RESERVED))
    assert house.reservations.look(ME).stage is Stage.RESERVED
    assert house.members(Status.RESERVED) == taken, "looked for, and put back"
    assert house.reservations.cancel(ME) is Leaving.CANCELLED
    assert (house.members(Status.RESERVED), place.offers()) == (set(), {"a", "b"})
    assert not house.redis.exists(KEYS.session(ME))
    mighty.redis.delete(KEYS.offers)
    assert house.reservations.reserve(SessionId("other")) is not None
    place.empty()
    let_in(mighty)
    assert house.reservations.release(ME) is Leaving.RELEASED


def taken_by_hand(place: Place, client: redis.Redis) -> None:
    """The four steps of the naive way, and the reason of a refusal."""
    place.mighty.admit("a")
    key = cast("bytes", client.spop(KEYS.index(Status.AVAILABLE)))
    text = cast("bytes", client.get(key))
    client.set(key, text.replace(b'"Available"', b'"Reserved"'))
    client.sadd(KEYS.index(Status.RESERVED), key)
    assert place.mighty.row("a").status is Status.RESERVED
    assert b"admitted_at" in cast("bytes", client.get(KEYS.notes(A))), "where the reason of a refusal is"


def operated(place: Place, client: redis.Redis) -> None:
    """What the scaler does, and what a queue manager does, by hand."""
    scaled(place, client)
    place.empty()
    house = place.as_user(client)
    place.mighty.admit("a")
    assert place.looks(lambda: house.reservations.reserve(ME)) == 1
    assert house.reservations.cancel(ME) is Leaving.CANCELLED


LIVES: Mapping[str, Life] = {
    SCALER.name: scaled,
    OPERATOR.name: operated,
    READER.name: looked_at,
    SCRIPTS.name: visited,
    NAIVE.name: taken_by_hand,
}
EACH = [(rights, command) for rights in EVERYBODY for command in rights.commands]
SILENT = (ScalerError, exceptions.RedisError, AssertionError)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the users of the page's ACL file, and a replica of it."""
    file = tmp_path_factory.mktemp("acl") / "users.acl"
    file.write_text(f"user default on nopass ~* &* +@all\n{acl_file()}\n", encoding="utf-8")
    with redis_server(tmp_path_factory.mktemp("primary"), "--aclfile", str(file)) as server:
        follows = ("--replicaof", f"127.0.0.1 {server.port}", "--repl-diskless-sync-delay", "0")
        with redis_server(tmp_path_factory.mktemp("replica"), *follows):
            assert server.client().wait(1, 30_000) == 1
            yield server


@pytest.fixture
def place(servers: Server) -> Iterator[Place]:
    """The server, empty."""
    yield Place(servers)
    servers.close_clients()


@pytest.mark.parametrize("rights", EVERYBODY, ids=lambda rights: rights.name)
def test_the_users_of_the_acl_file_can_do_all_that_they_have_to(place: Place, rights: Rights) -> None:
    client = place.server.client(rights.name)
    if rights is not SCRIPTS and rights is not NAIVE:
        assert RedisRegistry(client, KEYS).check(rights) == ()
        assert place.admin.keys() == [], "commands are tried without a trace"
    LIVES[rights.name](place, client)


@pytest.mark.parametrize(("rights", "command"), EACH, ids=[f"{rights.name}-{command}" for rights, command in EACH])
def test_without_any_of_its_commands_a_user_fails(place: Place, rights: Rights, command: str) -> None:
    client = place.server.held_to(rights, command)
    with pytest.raises(SILENT):
        LIVES[rights.name](place, client)


@pytest.mark.parametrize("command", SCALER.commands)
def test_a_start_names_the_missing_command_and_how_to_give_it(place: Place, command: str) -> None:
    registry = RedisRegistry(place.server.held_to(SCALER, command), KEYS)
    try:
        said = " ".join(complaint.why for complaint in registry.check())
    except Refused as refused:
        said = str(refused)
    assert f"+{command}" in said
    assert f"ACL SETUSER scaler-less-{command} +{command}" in said or command == "info"


def test_a_start_names_all_missing_commands_at_once(place: Place) -> None:
    with pytest.raises(Refused, match=r"may not run MSET, SADD, ZADD: ACL SETUSER \S+ \+mset \+sadd \+zadd"):
        RedisRegistry(place.server.held_to(SCALER, "sadd", "zadd", "mset"), KEYS).check()


def test_a_start_names_the_keys(place: Place) -> None:
    with pytest.raises(Refused, match=r"may not touch a key that it needs: ACL SETUSER scaler-other ~vmss:\*"):
        RedisRegistry(place.server.held_to(SCALER, prefix="other"), KEYS).check()


def test_every_command_of_the_scaler_can_be_tried() -> None:
    assert set(TRIALS) == set(OPERATOR.commands)


def test_a_script_that_is_refused_half_way_says_what_its_user_needs(place: Place) -> None:
    """Redis 7.0 does not say which command."""
    place.mighty.admit("a")
    with pytest.raises(Refused, match=r"ACL SETUSER scripts-less-time .*\+time"):
        place.as_user(place.server.held_to(SCRIPTS, "time")).reservations.reserve(ME)
    narrow = replace(SCRIPTS, name="narrow", keys=("session:*", "status:*"))
    with pytest.raises(Refused, match=r"ACL SETUSER narrow ~vmss:instance:\* ~vmss:status:\*"):
        place.as_user(place.server.held_to(narrow)).reservations.reserve(ME)


HALTING: tuple[tuple[str, ...], ...] = (
    *(("SET", f"vmss:{key}", "x") for key in ("pause", "confirm", "scale-sets", "refused", "alive:starter")),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLIENT", "PAUSE", "1000"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("ACL", "SETUSER", "naive", "+@all"),
    *((command,) for command in ("FLUSHDB", "FLUSHALL", "SHUTDOWN", "SAVE", "MONITOR")),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("SCRIPT", "FLUSH"),
    ("SCRIPT", "KILL"),
    ("RENAME", "vmss:status:available", "vmss:status:reserved"),
)
NOT_A_NAIVE_ONES = ("notes:a", "session:s", "status:unavailable", "status:offers")
FORBIDDEN = [
    *((user, command) for user in (NAIVE, SCRIPTS, READER) for command in HALTING),
    *((user, command) for user in (SCALER, OPERATOR) for command in HALTING[5:]),
    *((NAIVE, ("SET", f"vmss:{key}", "{}")) for key in NOT_A_NAIVE_ONES),
    *((user, ("SET", "other:key", "x")) for user in EVERYBODY),
    *((NAIVE, (command, "return 1", "0")) for command in ("EVAL", "EVALSHA")),
    (READER, ("SET", "vmss:instance:a", "{}")),
    (READER, ("DEL", "vmss:instance:a")),
]


@pytest.mark.parametrize(
    ("user", "command"), FORBIDDEN, ids=[f"{user.name} {' '.join(words)}" for user, words in FORBIDDEN]
)
def test_nobody_can_do_what_is_not_theirs(place: Place, user: Rights, command: tuple[str, ...]) -> None:
    with pytest.raises(exceptions.NoPermissionError):
        place.server.client(user.name).execute_command(*command)  # type: ignore[no-untyped-call]


def test_a_reader_writes_by_no_script_either(place: Place) -> None:
    sha = place.admin.script_load("return redis.call('SET', KEYS[1], 'x')")
    with pytest.raises(exceptions.ResponseError, match="can't run this command"):
        place.server.client(READER.name).evalsha(sha, 1, "vmss:pause")


def test_the_page_is_fresh() -> None:
    assert CONTRACT.read_text(encoding="utf-8") == contract_page(), "stale: run `python docs/generate.py`"
    page = IDENTITIES.read_text(encoding="utf-8")
    assert page == access_string(page), "stale: run `python docs/generate.py`"
