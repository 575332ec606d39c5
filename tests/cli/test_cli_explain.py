"""`scaler explain`: a machine by each of its names, told in whole sentences; and the numbers, source by source."""

from contextlib import closing

import pytest
from cli.console import Console
from cli.estate import KEYS, Estate
from go_scaler import Machine
from wire.app_configuration import listing
from wire.scripted_arm import ScriptedArm

from emulator.behaviour import Fault
from scaler.cli.environment import Exit
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import SessionId
from scaler.model.row import Status


def offered(estate: Estate) -> str:
    """A scaler at work, with three machines Available; the vm id of one."""
    estate.allow()
    estate.tick_until(lambda: estate.redis.scard(KEYS.index(Status.AVAILABLE)) == 3)
    return estate.azure.vms[0].vm_id


def test_a_machine_is_found_by_vm_id_its_beginning_and_instance_id(estate: Estate, console: Console) -> None:
    vm_id = offered(estate)
    said = console.run("explain", vm_id)
    assert said.status == Exit.DONE
    lines = said.out.splitlines()
    assert lines[0] == f"vmss-pixels instance 0, vm {vm_id}"
    assert lines[1] == "  ready: Available, a visitor may have it"
    assert "waits for a visitor, for as long as it takes" in lines
    assert [line for line in lines if line.endswith("offered to visitors (ADMIT)")]
    assert lines[-len(CONTROLLERS) :] == [f"  {name:11}  nothing" for name in CONTROLLERS]
    for name in (vm_id[:8], vm_id.upper(), "0"):
        assert console.run("explain", name).out.splitlines()[:2] == lines[:2]


def test_the_numbers_of_app_configuration_count_as_they_do_for_the_scaler(estate: Estate, console: Console) -> None:
    vm_id = offered(estate)
    with closing(ScriptedArm(listing)) as server:
        assert console.run("explain", vm_id, SCALER_APP_CONFIGURATION=server.endpoint).status == Exit.DONE
        assert server.asked


def test_a_session_is_found_while_it_waits_when_it_is_in_and_when_it_is_over(estate: Estate, console: Console) -> None:
    offered(estate)
    console.run("reserve", "s-1")
    waiting = console.run("explain", "s-1")
    assert "\n  reserved: a session waits for it\n" in waiting.out
    assert "\nwaits for the next tick of the starter: Start: reserved\n" in waiting.out
    estate.tick_until(lambda: console.run("look", "s-1").out.startswith("open"))
    inside = console.run("explain", "s-1").out
    assert "opened to session s-1 (OPEN)" in inside
    assert "; then the cleaner: EXPIRE + Delete: the session limit is over\n" in inside
    assert ", public " in inside
    console.run("release", "s-1")
    over = console.run("explain", "s-1", "--json").json
    assert [each["ended"] for each in over] == [{"s-1": "RELEASE"}]
    assert (over[0]["next"]["controller"], over[0]["next"]["after_s"]) == (Actor.CLEANER, 0)


def test_a_name_that_nobody_knows_and_no_name_at_all(console: Console) -> None:
    said = console.run("explain", "nobody\x1b[31m")
    assert (said.status, said.out) == (Exit.NOT_DONE, "")
    assert said.err.startswith(
        r"neither Redis nor Azure knows 'nobody\x1b[31m', as a vm id, an instance id or a session"
    )
    assert "[[" not in console.run("explain", "--help").out
    for words in (["explain"], ["explain", "x", "--capacity"], ["explain", ""], ["explain", " "]):
        assert console.run(*words).status == Exit.MISUSED


def test_what_others_wrote_is_shown_and_not_obeyed(estate: Estate, console: Console) -> None:
    (placed,) = estate.settle(Machine(status=Status.RESERVED, session="\x1b[31ms"))
    said = console.run("explain", placed.vm_id).out
    assert r"session \x1b[31ms" in said
    assert "\x1b" not in said


def test_without_azure_redis_tells_what_it_knows(estate: Estate, console: Console) -> None:
    (placed,) = estate.settle(Machine(status=Status.RESERVED, session="waiting"))
    estate.azure.script(Fault.READ_FAILED, times=None)
    said = console.run("explain", placed.vm_id)
    assert said.status == Exit.NOT_DONE
    assert "Azure: not seen; Redis: Reserved, session waiting" in said.out
    assert said.err.startswith("not looked at: ")


def test_a_name_is_not_called_unknown_while_azure_is_silent(estate: Estate, console: Console) -> None:
    estate.azure.script(Fault.READ_FAILED, times=None)
    said = console.run("explain", "0")
    assert (said.status, said.out) == (Exit.NOT_DONE, "")
    assert said.err.startswith("Redis does not know '0', as a vm id, an instance id or a session, and Azure was not ")


def test_of_a_session_whose_machine_is_forgotten_nothing_is_waited_for(estate: Estate, console: Console) -> None:
    vm_id = "0f3a2c11-0000-4000-8000-000000000001"
    estate.redis.set(KEYS.session(SessionId("over")), vm_id)
    lines = console.run("explain", "over").out.splitlines()
    assert lines[0] == f"of no known scale set, vm {vm_id}"
    assert "  nothing is left of it: record and notes go with a machine that is deleted" in lines
    assert "waits for nothing: Redis has nothing of it, and Azure did not show it" in lines


@pytest.mark.parametrize(
    ("settings", "in_force"),
    [
        ({}, "fixed: 3 machines, 0 warm (scaler:max=40 by tag of the scale set)"),
        ({"SCALER_POOL_CAPACITY": "1"}, "fixed: 1 machine, 0 warm (scaler:max=40 by tag of the scale set)"),
        (
            {"SCALER_CAPACITY": "auto", "SCALER_WARMPOOL_SIZE": "auto"},
            (
                "auto: 99 % of visitors find a machine ready, at least 2 spare; 0 to 40 machines in all, a warm part"
                " that follows the demand (scaler:max=40 by tag of the scale set)"
            ),
        ),
        (
            {"SCALER_CAPACITY": "buffer", "SCALER_POOL_BUFFER": "5/20%"},
            (
                "buffer: 5 ready beyond those in use, or 20% as many where that is more; 0 to 40 machines in all, 0"
                " warm (scaler:max=40 by tag of the scale set)"
            ),
        ),
    ],
)
def test_the_numbers_are_told_source_by_source(
    estate: Estate, console: Console, settings: dict[str, str], in_force: str
) -> None:
    estate.azure.tag(**{"scaler:managed": "true", "scaler:max": "40", "scaler:min": "x"})
    said = console.run("explain", "--capacity", **settings)
    lines = dict(line.strip().split("  ", 1) for line in said.out.splitlines() if line.startswith("  "))
    assert lines["in force"].strip() == in_force
    assert lines["calendar"].strip() == "no window is open"
    assert lines["tags"].strip() == (
        "scaler:max=40 by tag of the scale set, scaler:min='x' cannot be used (expected a whole number from 0 to 1000)"
    )
    assert any(line.startswith("held back: a tag, or a key") for line in said.out.splitlines())


def test_the_running_provisioner_knows_a_past_that_a_command_does_not(estate: Estate, console: Console) -> None:
    estate.allow()
    with estate.process(SCALER_CAPACITY="auto", SCALER_POOL_CAPACITY="") as tick:
        for name in (Actor.PROVISIONER, Actor.RECONCILER):
            tick(name)
    auto = {"SCALER_CAPACITY": "auto", "SCALER_POOL_CAPACITY": ""}
    told = console.run("explain", "--capacity", "--json", **auto).json["scale_sets"]["vmss-pixels"]
    assert told["wanted"].endswith("; by this look alone, which knows no past")
    assert "by the provisioner, " in told["running"]
    assert "\nwanted: 2 spare = 99 % of arrivals" in console.run("status", **auto).out


def test_a_visitor_is_no_hot_machine_to_a_command(estate: Estate, console: Console) -> None:
    offered(estate)
    console.run("reserve", "s-1")
    estate.tick_until(lambda: console.run("look", "s-1").out.startswith("open"))
    buffer = {"SCALER_CAPACITY": "buffer", "SCALER_POOL_BUFFER": "4", "SCALER_HOTPOOL_SIZE": "1"}
    told = console.run("explain", "--capacity", "--json", **buffer).json["scale_sets"]["vmss-pixels"]
    assert told["wanted"].startswith("5 machines"), "one in use, and four beyond it"
    assert " wanted=5 because=4 spare beyond 1 in use" in console.run("plan", "provisioner", **buffer).out
