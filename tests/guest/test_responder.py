"""The health responder of `guest/`: its tests in Node beside a signalling server, and what its documents say of it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from guest.real_machine import find_node

ROOT = Path(__file__).parents[2]
GUEST = ROOT / "guest"
RESPONDER = GUEST / "responder.mjs"
README = (GUEST / "README.md").read_text(encoding="utf-8")
SCRIPTS = sorted(Path(__file__).parent.glob("*.test.mjs"))


def node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Node with these arguments; without it, or without Epic's library, the test is skipped, and red in CI."""
    command = [find_node(), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=ROOT)


def exported(what: str) -> Any:
    """The value that the responder exports under that name, as JSON."""
    said = f"import('{RESPONDER.as_uri()}').then(module => console.log(JSON.stringify({what})))"
    done = node("--input-type=module", "--eval", said)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name.partition(".")[0])
def test_the_responder_beside_a_signalling_server(script: Path) -> None:
    done = node("--test", script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"^# (skipped|todo) [1-9]", done.stdout, re.M)


def rows(heading: str) -> list[list[str]]:
    """The rows of the first table below that heading of the responder's README."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_readme_has_every_reason_with_its_state() -> None:
    told = {reason.strip("`"): state for reason, state, *_ in rows("What each answer means")}
    assert told == {reason: state or "no verdict" for reason, (state, _) in exported("module.REASONS").items()}


def test_the_readme_has_every_setting_with_its_default() -> None:
    defaults = {name: standard for name, (standard, *_) in exported("module.SETTINGS").items()}
    defaults["state"] = "…"  # differs between Windows and Linux
    assert {name.strip("`"): json.loads(default.strip("`")) for name, default, *_ in rows("Settings")} == defaults


def test_the_example_of_settings_can_be_used() -> None:
    example = (GUEST / "settings.example.json").read_text(encoding="utf-8")
    settings = exported(f"module.settingsFrom({json.dumps(example)}, 'example')")
    assert settings.items() >= json.loads(example).items()


def test_the_example_of_a_scale_set_asks_where_the_responder_answers() -> None:
    bicep = (ROOT / "infra" / "examples" / "scale-set.bicep").read_text(encoding="utf-8")
    settings = exported("module.settingsFrom('{}', 'nothing')")
    assert f"param healthPort int = {settings['port']}\n" in bicep
    assert f"requestPath: '{settings['path']}'\n" in bicep


@pytest.mark.parametrize("name", ["pixel-health.service", "register.ps1"])
def test_a_service_runs_what_the_readme_says_to_install(name: str) -> None:
    said = (GUEST / name).read_text(encoding="utf-8")
    assert name in README
    for part in re.findall(r"/opt/[\w./-]+|/etc/[\w.-]+|C:\\pixel-health", said):
        assert part in README
    assert "responder.mjs" in said


def test_the_responder_needs_nothing_but_node() -> None:
    imported = re.findall(r"(?:from|import) '([^']+)'|(?:require|import)\(", RESPONDER.read_text(encoding="utf-8"))
    assert imported
    assert all(name.startswith("node:") for name in imported)
