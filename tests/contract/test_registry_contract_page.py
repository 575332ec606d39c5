"""docs/redis-contract.md is true: its commands are run, and its tables are compared with the code."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import redis
from contract.registries import House, Server, StartServer, redis_house

from scaler.model.instance import SessionId
from scaler.registry.auth import connect
from scaler.registry.keys import Keys
from scaler.registry.record_json import KNOWN
from scaler.registry.sessions import Leaving, Stage

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "redis-contract.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def rights(who: str) -> list[str]:
    (row,) = re.findall(rf"^\| {who} \| (.*) \|$", PAGE, re.MULTILINE)
    return [f"+{word}" for line in re.findall(r"`([^`]+)`", row) for word in line.replace("\\", "").lower().split()]


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
    always = ["+ping", "+hello", "+auth", "+select", "+client"]
    for name, rows in {"scaler": ["queue manager, scripts", "scaler"], "queue": ["queue manager, scripts"]}.items():
        allowed = [word for row in rows for word in rights(row)]
        admin.execute_command("ACL", "SETUSER", name, "on", ">pw", "~vmss:*", "-@all", *always, *allowed)  # type: ignore[no-untyped-call]
    scaler = redis_house(as_user(server, "scaler"), Keys())
    queue = redis_house(as_user(server, "queue"), Keys())
    assert scaler.registry.read().rows == {}
    scaler.admit("a")
    scaler.registry.confirm()
    assert scaler.registry.reserved() == frozenset()
    me = SessionId("me")
    assert queue.reservations.reserve(me) is not None
    assert queue.reservations.look(me).stage is Stage.RESERVED
    assert queue.reservations.release(me) is Leaving.RESERVED
    assert queue.reservations.cancel(me) is Leaving.CANCELLED


def as_user(server: Server, name: str) -> redis.Redis:
    return connect(url=f"redis://{name}:pw@127.0.0.1:{server.port}")
