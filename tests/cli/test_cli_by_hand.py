"""`scaler distrust`, `renew`, `forget`: what the registry says is taken back by hand, and nothing else is touched."""

from collections.abc import Callable

import pytest
from cli.console import Console
from cli.estate import KEYS, Estate
from go_scaler import Machine

from emulator.orders import Scale
from scaler.cli.draining import drain
from scaler.cli.environment import Exit
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import SessionId, VmId
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


def test_named_machines_are_replaced_one_after_another_and_it_is_said_how(estate: Estate, console: Console) -> None:
    filled(estate)
    first, second, third = sorted(vm.vm_id for vm in estate.azure.vms)
    said = console.run("renew", first.upper(), second, "--yes")
    assert (said.status, [row["step"] for row in said.table]) == (0, ["note", "note"])
    assert "never the last. A new machine takes some five minutes" in " ".join(said.err.split())
    assert len(available(estate)) == 3
    assert console.run("status").out.count("to be replaced") == 2
    asked_for = {KEYS.instance(VmId(first)), KEYS.instance(VmId(second))}
    ready = set[int]()

    def replaced() -> bool:
        ready.add(len(available(estate)))
        return len(available(estate) - asked_for) == 3

    estate.serve_until(replaced)
    assert min(ready) == 2
    assert third in {vm.vm_id for vm in estate.azure.vms}


def test_those_of_another_model_are_found_by_a_look_at_azure(estate: Estate, console: Console) -> None:
    filled(estate)
    assert console.run("renew", "--stale").out == "renew: nothing to do\n"
    estate.azure.scale(Scale(image="/images/2"), by="operator")
    said = console.run("renew", "--stale", typed="n\n")
    assert (said.status, said.out.count("to be replaced")) == (Exit.NOT_DONE, 3)
    assert console.run("renew", "--older-than", "1h").out == "renew: nothing to do\n"
    assert len(console.run("renew", "--older-than", "0", "--yes", "--json").json["outcomes"]) == 3


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ((), Exit.MISUSED, "say which machines: their vm ids, --older-than AGE, or --stale"),
        (("--older-than", "soon"), Exit.MISUSED, "expected a duration such as 90s, 15m or 2h, not 'soon'"),
        (("no-such-vm",), Exit.NOT_DONE, "not Available, so nothing was done: no-such-vm"),
    ],
)
def test_which_machines_are_meant_has_to_be_clear(
    estate: Estate, console: Console, words: tuple[str, ...], status: Exit, says: str
) -> None:
    filled(estate)
    said = console.run("renew", *words, "--yes")
    assert said.status == status
    assert says in " ".join(said.err.replace("│", " ").split())


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


def test_a_held_machine_stays_until_its_hold_is_ended(estate: Estate, console: Console) -> None:
    filled(estate)
    vm_id = min(vm.vm_id for vm in estate.azure.vms)
    said = console.run("hold", vm_id, "--for", "2h", "--yes")
    assert (said.status, [row["step"] for row in said.table]) == (0, ["CONDEMN"])
    assert vm_id not in str(available(estate))
    for _ in range(3):
        estate.clock.leap(minutes=1)
        for name in CONTROLLERS:
            console.run("tick", name, "--yes")
    assert vm_id in {vm.vm_id for vm in estate.azure.vms}
    assert "held until " in next(row["notes"] for row in console.run("status").table if row["vm"] == vm_id)
    assert "kept for an operator" in console.run("explain", vm_id).out
    assert console.run("unhold", vm_id, "--yes").status == 0
    estate.tick_until(lambda: vm_id not in {vm.vm_id for vm in estate.azure.vms})


def test_a_machine_is_taken_back_at_once(estate: Estate, console: Console) -> None:
    filled(estate)
    vm_id = min(vm.vm_id for vm in estate.azure.vms)
    assert console.run("spend", vm_id.upper(), "--yes").status == 0
    assert len(available(estate)) == 2
    estate.tick_until(lambda: vm_id not in {vm.vm_id for vm in estate.azure.vms})


def test_a_machine_that_cannot_be_held_or_taken_back_is_named_with_the_reason_and_nothing_is_done(
    estate: Estate, console: Console
) -> None:
    filled(estate)
    (first, second, _) = sorted(vm.vm_id for vm in estate.azure.vms)
    before = keys(estate)
    for words, why in (
        (("spend", first, "nobody"), "nobody: not Available: what waits for a visitor is replaced"),
        (("hold", first, "nobody"), "nobody: not there: neither Redis nor Azure shows it now"),
        (("unhold", second), f"{second}: not held"),
    ):
        said = console.run(*words, "--yes")
        assert (said.status, said.out) == (Exit.NOT_DONE, "")
        assert said.err.startswith(f"nothing was done: {why}")
    for command in ("spend", "hold", "unhold", "renew"):
        said = console.run(command, first[:8], "--yes")
        assert said.status == Exit.NOT_DONE
        assert f"`scaler explain {first[:8]}` shows the whole vm id" in said.err
    assert console.run("hold", first, "--for", "25h", "--yes").status == Exit.MISUSED
    assert (keys(estate), len(available(estate))) == (before, 3)


def test_a_scale_set_is_drained_and_filled_again(estate: Estate, console: Console) -> None:
    filled(estate)
    console.run("reserve", "s-1")
    said = console.run("drain", "VMSS-Pixels", "--yes")
    assert (said.status, [row["step"] for row in said.table]) == (0, ["CONDEMN"] * 2)
    assert dict(estate.azure.set_state.tags)["TOTAL_NODES"] == "0"
    assert available(estate) == set()
    estate.tick_until(lambda: console.run("look", "s-1").out.startswith("open"))
    estate.tick_until(lambda: len(estate.azure.vms) == 1)  # the visitor's
    assert "wanted 0 " in console.run("status").out
    assert console.run("drain", "vmss-pixels", "--undo").status == 0
    assert "TOTAL_NODES" not in dict(estate.azure.set_state.tags)
    estate.tick_until(lambda: len(available(estate)) == 2)


def test_to_undo_a_drain_takes_no_other_number_away(estate: Estate, console: Console) -> None:
    estate.azure.tag(**{"scaler:managed": "true", "TOTAL_NODES": "7"})
    said = console.run("drain", "vmss-pixels", "--undo")
    assert (said.status, said.out) == (Exit.NOT_DONE, "")
    assert said.err.startswith("the tag TOTAL_NODES=7 of vmss-pixels is not that of a drain, and stays")
    assert dict(estate.azure.set_state.tags)["TOTAL_NODES"] == "7"


def test_a_drain_overwrites_no_other_number(estate: Estate, console: Console) -> None:
    estate.azure.tag(**{"scaler:managed": "true", "TOTAL_NODES": "40"})
    said = console.run("drain", "vmss-pixels", "--yes")
    assert (said.status, said.out) == (Exit.NOT_DONE, "")
    assert said.err.startswith("the tag TOTAL_NODES=40 of vmss-pixels is there already")
    assert dict(estate.azure.set_state.tags)["TOTAL_NODES"] == "40"


def test_without_redis_a_drain_sets_the_tag_and_says_that_it_is_not_done(estate: Estate, console: Console) -> None:
    filled(estate)
    offered = available(estate)
    said = console.run("drain", "vmss-pixels", "--yes", REDIS_URL="redis://127.0.0.1:1/0")
    assert (said.status, dict(estate.azure.set_state.tags)["TOTAL_NODES"]) == (Exit.NOT_DONE, "0")
    assert available(estate) == offered
    assert "Where Redis does not answer, the tag is set all the same" in " ".join((drain.__doc__ or "").split())
    assert console.run("drain", "vmss-pixels", "--yes").status == 0
    assert available(estate) == set()


def test_only_a_configured_scale_set_can_be_drained(console: Console) -> None:
    said = console.run("drain", "another", "--yes")
    assert (said.status, said.out) == (Exit.NOT_DONE, "")
    assert said.err.startswith("another is not configured")
