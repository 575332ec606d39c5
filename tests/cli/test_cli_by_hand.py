"""`scaler distrust` and `scaler forget`: what the registry says is taken back by hand, and nothing else is touched."""

from collections.abc import Callable

import pytest
from cli.console import Console
from cli.estate import KEYS, Estate
from go_scaler import Machine

from scaler.cli.environment import Exit
from scaler.model.instance import SessionId
from scaler.model.row import Status
from scaler.registry.reservations import Reservations

ELSEWHERE = {"AZURE_VMSS_NAME": "another"}  # the settings after the scale set was taken out of them


def filled(estate: Estate) -> None:
    """Three machines, Available."""
    estate.allow()
    estate.tick_until(lambda: len(available(estate)) == 3)


def available(estate: Estate) -> set[str]:
    """The keys of what can be reserved."""
    return set(map(_text, estate.redis.smembers(KEYS.index(Status.AVAILABLE))))


def keys(estate: Estate) -> set[str]:
    """Everything that lies in Redis, but the pause and what expires by itself."""
    lasting = {_text(each) for each in estate.redis.keys("*") if estate.redis.ttl(each) == -1}
    return lasting - {KEYS.pause}


def _text(key: bytes | str) -> str:
    return key.decode() if isinstance(key, bytes) else key


def test_what_was_fresh_is_used_and_replaced(estate: Estate, console: Console) -> None:
    filled(estate)
    before = {vm.vm_id for vm in estate.azure.vms}
    said = console.run("distrust", "--yes")
    assert (said.status, available(estate)) == (0, set())
    assert [row["step"] for row in said.table] == ["CONDEMN"] * 3
    estate.tick_until(lambda: len(available(estate)) == 3)
    assert not before & {vm.vm_id for vm in estate.azure.vms}


def test_it_works_while_everything_is_paused_and_a_second_time_there_is_nothing_to_do(
    estate: Estate, console: Console
) -> None:
    filled(estate)
    console.run("pause", "--all")
    assert console.run("distrust", "--yes").status == 0
    again = console.run("distrust", "--yes")
    assert (again.status, again.out) == (0, "distrust: nothing to do\n")
    assert available(estate) == set()


def test_nothing_is_changed_where_nobody_agrees(estate: Estate, console: Console) -> None:
    filled(estate)
    said = console.run("distrust", typed="n\n")
    assert (said.status, len(available(estate)), said.out.count("CONDEMN")) == (Exit.NOT_DONE, 3, 3)


def test_a_session_goes_on_and_a_reservation_is_named(estate: Estate, console: Console) -> None:
    filled(estate)
    reservations = Reservations(estate.redis, KEYS)
    assert reservations.reserve(SessionId("waits")) is not None
    said = console.run("distrust", "--yes", "--json").json
    assert [each["facts"]["session"] for each in said["held"]] == ["waits"]
    assert len(said["outcomes"]) == 2
    assert reservations.look(SessionId("waits")).stage == "reserved"


def test_what_was_about_to_be_offered_is_not(estate: Estate, console: Console) -> None:
    estate.allow()
    estate.tick_until(lambda: sum(vm.protected for vm in estate.azure.vms) == 3)
    assert available(estate) == set()
    console.run("distrust", "--yes")
    before = {vm.vm_id for vm in estate.azure.vms}
    estate.tick_until(lambda: len(available(estate)) == 3)
    assert not before & {vm.vm_id for vm in estate.azure.vms}


def test_a_scale_set_that_is_configured_is_not_forgotten(estate: Estate, console: Console) -> None:
    filled(estate)
    said = console.run("forget", "--scale-set", "VMSS-pixels", "--yes")
    assert (said.status, len(available(estate))) == (Exit.NOT_DONE, 3)
    assert "take it out of AZURE_VMSS_NAME first" in said.err


def test_nor_is_one_whose_machines_azure_still_shows(estate: Estate, console: Console) -> None:
    filled(estate)
    said = console.run("forget", "--scale-set", "vmss-pixels", "--yes", **ELSEWHERE)
    assert (said.status, len(available(estate))) == (Exit.NOT_DONE, 3)
    assert "Azure still shows 3 of the machines of vmss-pixels" in said.err


def test_once_it_is_gone_all_of_it_is_forgotten_and_whose_session_that_ends_is_said(
    estate: Estate, console: Console
) -> None:
    filled(estate)
    reservations = Reservations(estate.redis, KEYS)
    assert reservations.reserve(SessionId("inside")) is not None
    estate.tick_until(lambda: reservations.look(SessionId("inside")).stage == "open")
    estate.azure.make_anew()
    shown = console.run("forget", "--scale-set", "vmss-pixels", typed="n\n", **ELSEWHERE)
    assert shown.status == Exit.NOT_DONE
    assert shown.out.count("its session is ended by that  session=inside") == 1
    assert len(keys(estate)) > 3, "and nothing was done"
    done = console.run("forget", "--scale-set", "vmss-pixels", "--yes", **ELSEWHERE)
    assert (done.status, keys(estate)) == (0, set())
    again = console.run("forget", "--scale-set", "vmss-pixels", "--yes", **ELSEWHERE)
    assert (again.status, again.out) == (0, "vmss-pixels: nothing to do\n")


def test_another_scale_sets_machines_are_left_alone(estate_of: Callable[..., Estate]) -> None:
    estate = estate_of("first", "second")
    for azure in estate.azures:
        azure.tag(**{"scaler:managed": "true"})
    estate.tick_until(lambda: len(available(estate)) == 6)
    estate.azures[1].make_anew()
    settings = {"AZURE_VMSS_NAME": "first"}
    said = estate.console.run("forget", "--scale-set", "second", "--yes", **settings)
    assert (said.status, len(said.table), len(available(estate))) == (0, 3, 3)


def test_a_scale_set_that_was_deleted_altogether_is_gone_too(estate: Estate, console: Console) -> None:
    estate.settle(Machine(status=Status.AVAILABLE))
    said = console.run("forget", "--scale-set", "never-was", "--yes", **ELSEWHERE)
    assert (said.status, said.out) == (0, "never-was: nothing to do\n")


@pytest.mark.parametrize("name", ["", " ", "..", "a b", "a/b", "a.", "*", "x" * 65, "é"])
def test_what_is_no_scale_sets_name_is_refused_before_anything_is_looked_at(console: Console, name: str) -> None:
    said = console.run("forget", "--scale-set", name, "--yes", REDIS_URL="redis://127.0.0.1:1/0")
    assert said.status == Exit.MISUSED
    assert "--scale-set" in said.err
    assert "the scale set's resource name" in said.err
