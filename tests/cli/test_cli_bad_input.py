"""Bad input: every command says one sentence with a remedy, ends as documented, shows no traceback, changes nothing."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from uuid import UUID

import pytest
from cli.console import Said
from cli.estate import KEYS, Estate
from go_scaler import Machine
from typer.main import get_command

from scaler.cli.app import app
from scaler.cli.environment import Exit
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import VmId
from scaler.model.row import Status

VM = "11111111-2222-3333-4444-555555555555"
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "status": (),
    "metrics": ("--azure",),
    "gpu": (),
    "explain": (VM,),
    "plan": (),
    "tick": ("cleaner", "--yes"),
    "reserve": ("s-1",),
    "look": ("s-1",),
    "release": ("s-1",),
    "cancel": ("s-1",),
    "pause": (),
    "resume": (),
    "adopt": ("--yes",),
    "distrust": ("--yes",),
    "renew": ("--stale", "--yes"),
    "spend": (VM, "--yes"),
    "hold": (VM, "--yes"),
    "unhold": (VM, "--yes"),
    "drain": ("vmss-pixels", "--yes"),
    "forget": ("--scale-set", "vmss-other", "--yes"),
    "calendar": (),
    "size": ("--arrivals", "30/h", "--session", "10m"),
    "settings": (),
    "doctor": (),
}
"""Every command, with arguments that would be good elsewhere."""
OF_SESSIONS = ("reserve", "look", "release", "cancel", "explain")
WITHOUT_AZURE = {"reserve", "look", "release", "cancel", "calendar", "size", "settings", "gpu"}
BY_TAG = {"pause", "resume", "drain"}  # work by a tag of the scale set, whatever Redis is
WITHOUT_REDIS = {"calendar", "size", "settings"}
_CODE = re.compile(r"Traceback|Error\(|<[\w.]+ object|\bNoneType\b|\w+\.\w+Error:|datetime\.|frozenset\(|(?<![\w ])b'")


def is_plain(said: Said) -> bool:
    """Whether people can read the whole answer: no traceback, no repr of Python's."""
    return _CODE.search(said.out + said.err) is None


@pytest.fixture
def settled(estate: Estate) -> Estate:
    """A machine in session, without consent."""
    estate.settle(Machine(status=Status.UNAVAILABLE, session="inside", runs=True))
    return estate


def contents(estate: Estate) -> Mapping[bytes, object]:
    """Redis' keys and values."""
    return {key: estate.redis.dump(key) for key in estate.redis.scan_iter()}


def writes(estate: Estate) -> int:
    """How many requests that are no GET Azure has answered."""
    return sum(call.method != "GET" and call.kind != "token" for call in estate.server.calls)


def untouched(estate: Estate, run: Callable[[], Said]) -> Said:
    """The answer of a command that changes neither Redis nor Azure."""
    before = contents(estate), writes(estate)
    said = run()
    assert (contents(estate), writes(estate)) == before
    assert said.status in set(Exit)
    assert is_plain(said)
    return said


def test_every_command_is_tried() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert COMMANDS.keys() | {"web"} == commands.keys()  # `web` serves until it is stopped: see test_cli_web


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_setting_is_named_with_what_is_expected(settled: Estate, command: str) -> None:
    said = untouched(
        settled, lambda: settled.console.run(command, *COMMANDS[command], SCALER_RESERVATION_TIMEOUT="soon")
    )
    if command == "size":  # asks no settings
        return
    assert said.status == (Exit.ALARM if command == "doctor" else Exit.MISUSED)
    assert "SCALER_RESERVATION_TIMEOUT: 'soon' cannot be used; expected " in said.out + said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_without_redis_one_sentence_says_what_to_check(settled: Estate, command: str) -> None:
    run = settled.console.run
    asked = partial(run, command, *COMMANDS[command], REDIS_URL="redis://127.0.0.1:1/0")
    said = asked() if command in BY_TAG else untouched(settled, asked)
    if command in WITHOUT_REDIS:
        assert said.status == Exit.DONE
    else:
        assert said.status != Exit.DONE
        assert "Redis at 127.0.0.1:1 does not answer: check host, port and firewall" in said.out + said.err


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"pause", "resume", "reserve", "release", "cancel"}))
def test_without_azure_one_sentence_says_so(settled: Estate, command: str) -> None:
    away = {"AZURE_RESOURCE_MANAGER_URL": "http://127.0.0.1:1"}
    said = untouched(settled, lambda: settled.console.run(command, *COMMANDS[command], **away))
    if command not in WITHOUT_AZURE | {"explain", "spend", "unhold"}:  # these first ask Redis about their machine
        assert said.status != Exit.DONE
        assert "ARM does not answer: check AZURE_RESOURCE_MANAGER_URL" in said.out + said.err


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - WITHOUT_REDIS - BY_TAG))
def test_a_port_that_is_no_redis_is_named(settled: Estate, command: str) -> None:
    place = settled.server.url.replace("http", "redis")
    said = untouched(settled, lambda: settled.console.run(command, *COMMANDS[command], REDIS_URL=place))
    assert said.status != Exit.DONE
    assert "is it a Redis? Check REDIS_HOST and REDIS_PORT, or REDIS_URL" in said.out + said.err


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - BY_TAG - {"adopt"}))
def test_a_wrong_prefix_changes_nothing(settled: Estate, command: str) -> None:
    untouched(settled, lambda: settled.console.run(command, *COMMANDS[command], SCALER_REDIS_PREFIX="vmsss"))


@pytest.mark.parametrize(
    "session", ["", " ", "a b\n", "\x1b[31m", "../../etc", "é" * 300, "*", "-" * 5, "vmss:instance:x"]
)
@pytest.mark.parametrize("command", OF_SESSIONS)
def test_a_hostile_session_is_a_word_like_any_other(settled: Estate, command: str, session: str) -> None:
    said = untouched(settled, lambda: settled.console.run(command, "--", session))
    assert said.status in {Exit.DONE, Exit.NOT_DONE, Exit.MISUSED}
    assert "\x1b" not in said.out + said.err


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - BY_TAG))
def test_keys_of_another_type_are_named(estate: Estate, command: str) -> None:
    for name in Status:
        estate.redis.set(KEYS.index(name), "not a set")
    said = untouched(estate, lambda: estate.console.run(command, *COMMANDS[command]))
    if command in {"status", "plan", "doctor"}:
        assert "vmss:status:available: is no set: " in said.out + said.err


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_without_consent_a_tick_changes_nothing_and_says_which_tag_is_missing(estate: Estate, controller: str) -> None:
    said = untouched(estate, lambda: estate.console.run("tick", controller, "--yes"))
    status = untouched(estate, lambda: estate.console.run("status"))
    assert controller in said.out
    assert "no consent: the tag scaler:managed is not there, SCALER_NAME is 'true'" in status.out


def test_five_thousand_records_are_an_answer_like_any_other(estate: Estate) -> None:
    pipeline = estate.redis.pipeline(transaction=False)
    for number in range(5000):
        vm_id = str(UUID(int=number))
        record = {"vmId": vm_id, "instanceId": str(number), "status": "Available", "used": False}
        pipeline.set(KEYS.instance(VmId(vm_id)), json.dumps(record))
        pipeline.sadd(KEYS.index(Status.AVAILABLE), KEYS.instance(VmId(vm_id)))
    pipeline.execute()
    for command in ("status", "metrics", "plan", "explain", "doctor"):
        said = untouched(estate, partial(estate.console.run, command, *COMMANDS[command]))
        assert said.out + said.err, command
    assert len(estate.console.run("status").table) == 5000
