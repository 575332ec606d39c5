"""docs/redis-contract.md is true: its commands are run, and its tables are compared with the code."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import cast

import pytest
import redis
from contract.registries import House, Server, StartServer, redis_house

from scaler.model.instance import SessionId
from scaler.model.row import Status
from scaler.registry.auth import connect
from scaler.registry.keys import Keys
from scaler.registry.record_json import KNOWN
from scaler.registry.reservations import Leaving, Stage

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "redis-contract.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def rights(who: str) -> list[str]:
    (row,) = re.findall(rf"^\| {who} \| (.*) \|$", PAGE, re.MULTILINE)
    commands = re.findall(r"`([^`]+)`", row)[-1]
    return [f"+{word}" for word in commands.replace("\\", "").lower().split()]


def made_as_on_the_page(admin: redis.Redis) -> None:
    """The two users of a queue manager, by the very words of the page."""
    (block,) = (text for text in blocks("text") if "ACL SETUSER" in text)
    for words in block.split("ACL SETUSER ")[1:]:
        admin.execute_command("ACL", "SETUSER", *words.split())  # type: ignore[no-untyped-call]


def test_the_commands_on_the_page_do_what_it_says(shared_redis: Server, real_house: House, tmp_path: Path) -> None:
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed")
    real_house.admit("a")
    script = "set -eu\n" + "\n".join(blocks("sh"))
    surroundings = {**os.environ, "OUT": str(tmp_path), "REDIS_URL": f"redis://127.0.0.1:{shared_redis.port}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True
    )
    answers = done.stdout.split("\n")
    assert answers[0] == "a"
    assert '"sessionId":"s-1","clientIp":"203.0.113.7"' in answers[1]
    assert answers[2:4] == ["reserved", "a"]
    assert [answer for answer in answers[5:] if answer] == ["cancelled", "unknown"]


def test_every_field_and_every_answer_is_on_the_page() -> None:
    for word in (*KNOWN, *Stage, *Leaving):
        assert f"`{word}`" in PAGE, word


def test_the_rights_on_the_page_are_enough(start_redis: StartServer) -> None:
    server = start_redis()
    admin = server.client()
    made_as_on_the_page(admin)
    always = ["+ping", "+hello", "+auth", "+select", "+client|setname"]
    allowed = [*rights("queue manager, scripts"), *rights("scaler")]
    admin.execute_command("ACL", "SETUSER", "scaler", "on", ">secret", "~vmss:*", "-@all", *always, *allowed)  # type: ignore[no-untyped-call]
    scaler = redis_house(as_user(server, "scaler"), Keys())
    queue = redis_house(as_user(server, "scripts"), Keys())
    assert scaler.registry.read().rows == {}
    scaler.admit("a")
    scaler.registry.confirm()
    assert scaler.registry.reserved() == frozenset()
    me = SessionId("me")
    assert queue.reservations.reserve(me) is not None
    assert queue.reservations.look(me).stage is Stage.RESERVED
    assert queue.reservations.release(me) is Leaving.RESERVED
    assert queue.reservations.cancel(me) is Leaving.CANCELLED


def test_the_rights_of_a_naive_queue_manager_are_enough(start_redis: StartServer) -> None:
    server = start_redis()
    admin = redis_house(server.client(), Keys())
    made_as_on_the_page(server.client())
    admin.admit("a")
    naive = as_user(server, "naive")
    assert naive.scard("vmss:status:available") == 1
    key = cast("bytes", naive.spop("vmss:status:available"))
    text = cast("bytes", naive.get(key))
    naive.set(key, text.replace(b'"Available"', b'"Reserved"'))
    naive.sadd("vmss:status:reserved", key)
    assert admin.members(Status.RESERVED) == {"a"}
    assert b"admitted_at" in cast("bytes", naive.get("vmss:notes:a")), "where the reason of a refusal is"


@pytest.mark.parametrize("user", ["naive", "scripts"])
@pytest.mark.parametrize(
    "command",
    [
        ("SET", "vmss:pause", "all"),
        ("SET", "vmss:confirm", "x"),
        ("CLIENT", "KILL", "TYPE", "normal"),
        ("CLIENT", "PAUSE", "1000"),
        ("FLUSHDB",),
        ("CONFIG", "SET", "maxmemory", "1"),
        ("KEYS", "*"),
    ],
)
def test_a_queue_manager_cannot_halt_the_scaler(start_redis: StartServer, user: str, command: tuple[str, ...]) -> None:
    server = start_redis()
    made_as_on_the_page(server.client())
    with pytest.raises(redis.exceptions.NoPermissionError):
        as_user(server, user).execute_command(*command)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("key", ["vmss:notes:a", "vmss:session:s", "vmss:status:unavailable"])
def test_a_naive_queue_manager_cannot_write_what_is_not_its_own(start_redis: StartServer, key: str) -> None:
    server = start_redis()
    made_as_on_the_page(server.client())
    with pytest.raises(redis.exceptions.NoPermissionError):
        as_user(server, "naive").set(key, "{}")


def as_user(server: Server, name: str) -> redis.Redis:
    return connect(url=f"redis://{name}:secret@127.0.0.1:{server.port}")
