"""docs/redis-contract.md is true: its commands are run, and its tables are compared with the code."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from contract.registries import House, Server
from missing import missing

from scaler.registry.record_json import KNOWN
from scaler.registry.reservations import Leaving, Stage

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "redis-contract.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_commands_on_the_page_do_what_it_says(shared_redis: Server, real_house: House, tmp_path: Path) -> None:
    if shutil.which("redis-cli") is None:
        missing("redis-cli is not installed", "nobody types the commands of the contract's page")
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
