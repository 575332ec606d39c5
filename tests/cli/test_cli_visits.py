"""A session by hand: the same scripts as the queue manager's."""

import json

import pytest
from cli.console import Console
from cli.estate import KEYS, Estate
from go_scaler import Machine, Placed

from scaler.model.instance import ScaleSetName
from scaler.model.row import Notes, Status
from scaler.registry.notes_json import encode_notes


@pytest.fixture
def fresh(estate: Estate) -> Placed:
    """One machine that is offered."""
    (placed,) = estate.settle(Machine(status=Status.AVAILABLE))
    notes = Notes(
        scale_set=ScaleSetName("vmss-pixels"),
        unique_id="u",
        instance_id=placed.instance_id,
        admitted_at=estate.clock.now(),
    )
    estate.redis.set(KEYS.notes(placed.vm_id), encode_notes(notes))
    return placed


def test_a_session_gets_a_machine_and_the_same_one_again(fresh: Placed, estate: Estate, console: Console) -> None:
    said = console.run("reserve", "s-1", "--client-ip", "203.0.113.7")
    assert said.status == 0
    assert said.out.startswith(f"reserved  {fresh.vm_id}  instance=0 status=Reserved tier=cold")
    assert console.run("reserve", "s-1", "--json").json["reserved"]["vm_id"] == fresh.vm_id
    stored = json.loads(estate.redis.get(KEYS.instance(fresh.vm_id)) or b"")
    assert (stored["sessionId"], stored["clientIp"]) == ("s-1", "203.0.113.7")
    assert console.run("look", "s-1").out.startswith(f"reserved  {fresh.vm_id}")


def test_when_none_is_free_that_is_said(console: Console) -> None:
    said = console.run("reserve", "s-1")
    assert (said.status, said.out, said.err) == (1, "", "no machine is free\n")
    document = console.run("reserve", "s-1", "--json")
    assert (document.status, document.json) == (1, {"reserved": None})


@pytest.mark.usefixtures("fresh")
def test_who_gives_up_in_time_costs_nothing(console: Console) -> None:
    console.run("reserve", "s-1")
    too_early = console.run("release", "s-1")
    assert (too_early.status, too_early.err) == (1, "reserved and never let in: `scaler cancel` ends it\n")
    assert console.run("cancel", "s-1").out == "cancelled\n"
    assert console.run("look", "s-1").out == "unknown\n"
    assert console.run("reserve", "s-2").status == 0


def test_a_session_that_a_naive_queue_manager_reserved_is_found_by_its_machine(
    estate: Estate, console: Console
) -> None:
    (inside,) = estate.settle(Machine(status=Status.UNAVAILABLE, session="s-1", runs=True))
    console.run("adopt", "--yes")
    assert "tier=" not in console.run("look", "s-1", "--vm", inside.vm_id).out  # it is open, and waits no more
    estate.redis.delete(KEYS.session(inside.session))
    lost = console.run("release", "s-1")
    assert (lost.status, "--vm" in lost.err) == (1, True)
    assert console.run("release", "s-1", "--vm", inside.vm_id.upper()).out == "released\n"
    again = console.run("release", "s-1", "--vm", inside.vm_id)
    assert (again.status, again.out) == (0, "ended\n")
    assert console.run("look", "s-1", "--vm", inside.vm_id, "--json").json["stage"] == "ended"


@pytest.mark.parametrize("command", ["reserve", "look", "release", "cancel"])
@pytest.mark.parametrize("session", ["", "a\nb", "x" * 1025, "\x1b[2J"])
def test_what_is_no_session_id_is_a_mistake_in_the_command(console: Console, command: str, session: str) -> None:
    said = console.run(command, session)
    assert said.status == 2
    assert "a session id is 1 to 1024 bytes of UTF-8 without control characters" in said.err
    assert "\x1b" not in said.err
