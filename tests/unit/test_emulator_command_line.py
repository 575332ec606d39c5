"""`python -m emulator`, as somebody types it."""

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.behaviour import Fault
from emulator.budgets import Call
from emulator.command_line import emulated, parse, site
from emulator.help_text import beside
from emulator.region import Orchestration
from emulator.switches import Overlap, Switches


def test_the_defaults_are_one_empty_scale_set_at_real_speed() -> None:
    asked = parse([])
    (only,) = emulated(asked)
    assert (only.name, only.capacity, dict(only.set_state.tags)) == ("vmss-pixels", 0, {"scaler:managed": "true"})
    assert only.behaviour.latencies.create == (100.0, 120.0)
    assert (only.profile.orchestration, only.profile.public_ips) == (Orchestration.UNIFORM, True)
    assert site(asked).place.resource_group == "rg-pixels"
    assert (asked.port, asked.https_port, asked.no_https, asked.ca_file) == (18080, 18443, False, None)


def test_every_setting_arrives() -> None:
    words = (
        "--speed 10 --capacity 2 --managed= --scale-set a --scale-set b --fault evicted=0.5 --fault order-late=0.1"
        " --switch overlap=conflict --switch reuse-ids=no --page-size 7 --no-budgets --https-port 0 --no-https"
        " --ca-file here/ca.pem --flexible --no-public-ips --cores 200 --token-life 60 --user-identity me"
    )
    asked = parse(words.split())
    first, second = emulated(asked)
    assert (first.name, second.name, first.capacity) == ("a", "b", 2)
    assert first.faults.rates == {Fault.EVICTED: 5.0, Fault.ORDER_LATE: 0.1}
    assert first.behaviour.switches.overlap is Overlap.CONFLICT
    assert not first.behaviour.switches.reuse_ids
    assert first.behaviour.latencies.create == (10.0, 12.0)
    assert dict(first.set_state.tags) == {}
    assert (first.profile.orchestration, first.profile.public_ips) == (Orchestration.FLEXIBLE, False)
    assert (asked.https_port, asked.no_https, asked.ca_file) == (0, True, Path("here/ca.pem"))
    assert site(asked).page_size == 7
    assert site(asked).identities.token_life == timedelta(minutes=1)
    assert [each.resource_id is None for each in site(asked).identities.assigned] == [True, False]


def test_scale_sets_of_one_command_line_share_a_region() -> None:
    first, second = emulated(parse(["--scale-set", "a", "--scale-set", "b"]))
    assert first.profile.region is not None
    assert first.profile.region is second.profile.region


def test_a_role_is_given_to_every_identity(tmp_path: Path) -> None:
    file = tmp_path / "role.json"
    file.write_text('{"Actions": ["Microsoft.Compute/*/read"], "NotActions": ["*/galleries/*"]}')
    found = site(parse(["--role", str(file), "--role-scope", "/subscriptions/x", "--user-identity", "me"]))
    assert [each.object_id for each in found.identities.assigned] == list(found.grants)
    assert {(each.role.actions, each.scope) for each in found.grants.values()} == {
        (("Microsoft.Compute/*/read",), "/subscriptions/x")
    }
    assert site(parse([])).grants == {}


@pytest.mark.parametrize("content", ["[]", "{}", '{"Actions": "*"}', "no JSON"])
def test_a_file_that_is_no_role_is_named(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "role.json"
    file.write_text(content)
    with pytest.raises(SystemExit):
        parse(["--role", str(file)])
    said = capsys.readouterr().err
    assert all(each in said for each in ("--role", str(file), "docs/azure-role.json"))


@pytest.mark.parametrize(
    "mistake",
    [
        "--fault meteor=1",
        "--fault evicted=often",
        "--fault evicted=-1",
        "--fault evicted=nan",
        "--switch overlap=maybe",
        "--switch overlaps=preempt",
        "--page-size 0",
        "--speed 0",
        "--speed inf",
        "--speed fast",
        "--capacity 1001",
        "--capacity -1",
        "--role nowhere.json",
        "--port 65536",
        "--https-port http",
    ],
)
def test_a_mistake_is_named(mistake: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(mistake.split())
    assert mistake.split()[1] in capsys.readouterr().err


def test_a_wrong_value_of_a_switch_is_answered_with_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--switch", "overlap=maybe"])
    assert ", ".join(Overlap) in capsys.readouterr().err


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """--help in a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        parse(["--help"])
    return capsys.readouterr().out


def test_the_help_fits_into_100_columns(shown: str) -> None:
    assert [each for each in shown.splitlines() if len(each) > 100] == []


def test_the_help_names_every_fault_every_switch_and_its_values_and_every_budget(shown: str) -> None:
    switches = [each.name.replace("_", "-") for each in fields(Switches)]
    assert [each for each in (*Fault, *switches, *Overlap) if each not in shown] == []
    budgets = re.findall(r"([a-z-]+)\N{NO-BREAK SPACE}\d+/\d+", shown)
    assert set(budgets) <= set(Call)
    assert "list\N{NO-BREAK SPACE}30/10" in shown


def test_the_help_explains_in_the_words_of_the_source(shown: str) -> None:
    assert beside(Fault)["ANSWER_LOST"] in shown
    assert beside(Switches)["vm_id_at_once"] in shown


@pytest.mark.parametrize("client", ["az ", "curl", "ComputeManagementClient", "AZURE_RESOURCE_MANAGER_URL"])
def test_the_help_says_how_to_point_each_client_at_it(shown: str, client: str) -> None:
    assert client in shown
