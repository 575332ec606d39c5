"""`scaler pause` and `resume`: what is written where, and what is halted if only a part of it could be written."""

from collections.abc import Callable
from contextlib import closing

import pytest
from cli.console import Console
from cli.estate import KEYS, Estate
from wire.app_configuration import listing
from wire.scripted_arm import ScriptedArm

from emulator.wire.answer_faults import AnswerFault
from scaler.model.edges import CONTROLLERS

NO_REDIS = "redis://127.0.0.1:1/0"


def orders(console: Console) -> list[str]:
    """What the provisioner would do."""
    return [each["order"] for each in console.run("plan", "provisioner", "--json").json["provisioner"]["steps"]]


@pytest.mark.parametrize(("words", "how"), [((), "orders"), (("--all",), "all")])
def test_the_key_and_every_tag_are_written_and_taken_back(
    estate_of: Callable[..., Estate], words: tuple[str, ...], how: str
) -> None:
    estate = estate_of("first", "second")
    console = estate.console
    said = console.run("pause", *words)
    assert said.status == 0
    assert said.out.splitlines()[:3] == [
        f"the registry's key: {how}",
        f"the tag of first: {how}",
        f"the tag of second: {how}",
    ]
    status = console.run("status", "--json").json
    assert [status["paused"]["registry"], *(each["paused"] for each in status["scale_sets"])] == [how] * 3
    assert orders(console) == []
    resumed = console.run("resume")
    assert (resumed.status, resumed.out.splitlines()[-1]) == (0, "nothing halts the scaler any more")
    status = console.run("status", "--json").json
    assert [status["paused"]["registry"], *(each["paused"] for each in status["scale_sets"])] == ["none"] * 3
    assert orders(console) == ["SetCapacity", "SetCapacity"]


def test_without_redis_the_tag_alone_halts_all_four(estate: Estate, console: Console) -> None:
    estate.allow()
    said = console.run("pause", REDIS_URL=NO_REDIS)
    assert said.status == 1
    assert "the registry's key: failed: Redis at 127.0.0.1:1 does not answer" in said.err
    assert said.err.splitlines()[-1] == "vmss-pixels: halted for all four controllers, by its tag"
    assert orders(console) == []
    assert estate.redis.get(KEYS.pause) is None


def test_without_the_tag_the_provisioner_goes_on_and_that_is_said(estate: Estate, console: Console) -> None:
    estate.allow()
    said = console.run("pause", AZURE_VMSS_NAME="vmss-pixels,misspelled")
    assert said.status == 1
    assert "the tag of vmss-pixels: orders" in said.out
    assert "the tag of misspelled: failed: " in said.err
    assert said.err.splitlines()[-2:] == [
        "vmss-pixels: halted for all four controllers, by its tag",
        "misspelled: reconciler, starter and cleaner are halted; the provisioner is NOT",
    ]


def test_without_either_nothing_is_halted(console: Console) -> None:
    said = console.run("pause", REDIS_URL=NO_REDIS, AZURE_VMSS_NAME="misspelled")
    assert (said.status, said.err.splitlines()[-1]) == (1, "misspelled: NOTHING is halted")


def test_an_answer_that_was_lost_is_looked_for(estate: Estate, console: Console) -> None:
    estate.allow()
    estate.server.inject(AnswerFault.BAD_GATEWAY, kind="tag")
    said = console.run("pause")
    assert said.status == 0
    assert "the tag of vmss-pixels: orders; only the answer was lost" in said.out
    assert orders(console) == []


@pytest.mark.usefixtures("estate")
def test_a_resume_that_did_not_get_everywhere_says_what_still_halts(console: Console) -> None:
    console.run("pause")
    said = console.run("resume", AZURE_VMSS_NAME="vmss-pixels,misspelled")
    assert (said.status, said.err.splitlines()[-1]) == (1, "perhaps still halted by misspelled")
    settings = console.run("resume", SCALER_PAUSED="true")
    assert (settings.status, settings.err) == (
        1,
        "still halted by the setting SCALER_PAUSED: only the app settings can end that\n",
    )
    assert console.run("resume").status == 0


def test_a_resume_names_who_else_halts_and_cannot_be_taken_back_by_it(estate_of: Callable[..., Estate]) -> None:
    estate = estate_of("first", "second")
    estate.azure.region.group_tags = {"scaler:paused": "all"}
    with closing(ScriptedArm(listing)) as server:
        said = estate.console.run("resume", SCALER_APP_CONFIGURATION=server.endpoint)
    assert said.status == 1
    group, key = said.err.splitlines()
    assert group == (
        "still halted by the tag scaler:paused of the resource group (no orders at all): delete it, or set it to false"
    )
    assert key.startswith("still halted by the key scaler:paused of App Configuration with the label first (no orders")
    estate.azure.region.group_tags = {}
    away = estate.console.run("resume", SCALER_APP_CONFIGURATION=server.endpoint)
    assert (away.status, away.out.splitlines()[-1]) == (0, "nothing halts the scaler any more")
    assert away.err.startswith(f"not known whether App Configuration halts the scaler: {server.endpoint}")


def test_a_pause_leaves_the_operators_other_tags_alone(estate: Estate, console: Console) -> None:
    estate.azure.tag(**{"scaler:managed": "true", "team": "pixels"})
    console.run("pause")
    console.run("resume")
    tags = dict(estate.azure.set_state.tags)
    assert (tags["scaler:managed"], tags["team"]) == ("true", "pixels")
    assert set(console.run("plan", "--json").json) == set(CONTROLLERS)
