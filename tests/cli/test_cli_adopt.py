"""`scaler adopt` against a hand-made installation of the Go scaler, from its first check to the life after the tag."""

from cli.console import Console
from cli.estate import KEYS, Estate
from go_scaler import Machine

from emulator.behaviour import Fault
from scaler.cli.environment import Exit
from scaler.model.row import Status

A, R, U = Status.AVAILABLE, Status.RESERVED, Status.UNAVAILABLE


def stage(console: Console, session: str) -> str:
    """Where a session is."""
    said: str = console.run("look", session, "--json").json["stage"]
    return said


def test_an_installation_is_adopted_allowed_and_lives_on(estate: Estate, console: Console) -> None:
    inside, waiting, arriving, used, fresh = estate.settle(
        Machine(status=U, session="inside", runs=True),
        Machine(status=R, session="waiting"),
        Machine(status=R, session="arriving", runs=True),
        Machine(status=U, session="gone", used=True),
        Machine(status=A),
    )
    check = console.run("adopt", "--check")
    assert check.status == 1
    assert {row["vm"] for row in check.table} == {each.vm_id for each in (inside, waiting, arriving, used)}

    adopted = console.run("adopt", "--yes")
    assert (adopted.status, adopted.out.splitlines()[-1]) == (0, "nothing is left to adopt")
    assert console.run("adopt", "--check").status == 0
    assert {vm.vm_id for vm in estate.azure.vms if vm.protected} == {
        each.vm_id for each in (inside, waiting, arriving, used)
    }

    estate.allow()
    estate.tick_until(lambda: stage(console, "waiting") == stage(console, "arriving") == "open")
    estate.tick_until(lambda: estate.is_gone(used))
    assert stage(console, "inside") == "open", "and was never disturbed"
    assert console.run("release", "inside").out == "released\n"
    estate.tick_until(lambda: estate.is_gone(inside))
    estate.tick_until(lambda: console.run("reserve", "next").status == 0)
    assert not estate.is_gone(fresh)


def test_nothing_is_done_before_somebody_agrees(estate: Estate, console: Console) -> None:
    (inside,) = estate.settle(Machine(status=U, session="inside", runs=True))
    assert console.run("adopt", typed="n\n").status == 1
    silent = console.run("adopt", typed="")
    assert (silent.status, silent.err.splitlines()[-1]) == (
        1,
        "no answer, so nothing was done; with --yes the command does not ask",
    )
    assert not estate.azure.vms[0].protected
    assert estate.redis.get(KEYS.notes(inside.vm_id)) is None
    assert console.run("adopt", typed="y\n").status == 0
    assert estate.azure.vms[0].protected


def test_where_the_controllers_act_already_nothing_is_adopted(estate: Estate, console: Console) -> None:
    estate.settle(Machine(runs=True))
    estate.allow()
    said = console.run("adopt", "--yes")
    assert (said.status, said.err) == (0, "vmss-pixels: managed already, nothing is adopted there\n")
    assert not estate.azure.vms[0].protected


def test_what_carries_another_name_is_somebody_elses(estate: Estate, console: Console) -> None:
    estate.settle(Machine(status=U, session="theirs", runs=True))
    estate.azure.tag(**{"scaler:managed": "another"})
    for words in (("adopt", "--yes"), ("adopt", "--check")):
        said = console.run(*words)
        assert said.status == 1
        assert "it is another installation's" in said.err
    assert not estate.azure.vms[0].protected


def test_what_azure_refuses_to_mark_is_named_with_its_reason(estate: Estate, console: Console) -> None:
    refused, taken = estate.settle(
        Machine(status=U, session="first", runs=True), Machine(status=U, session="second", runs=True)
    )
    estate.azure.script(Fault.MARK_REFUSED, times=None, instance_id=refused.instance_id)
    said = console.run("adopt", "--yes")
    assert said.status == 1
    assert "Refused" in said.out
    assert {row["vm"] for row in said.table} == {refused.vm_id}
    assert [vm.protected for vm in estate.azure.vms] == [False, True]
    assert taken.session == "second"


def test_an_interrupted_adoption_is_gone_on_with(estate: Estate, console: Console) -> None:
    estate.settle(Machine(status=U, session="inside", runs=True))
    estate.azure.script(Fault.ORDER_SWALLOWED)
    said = console.interrupted("ordered so far", "adopt", "--yes")
    assert said.status == Exit.INTERRUPTED
    assert said.err == "interrupted: the adoption is not finished, and nothing is lost; run `scaler adopt` again\n"
    assert console.run("adopt", "--check").status == 1
    assert console.run("adopt", "--yes").status == 0


def test_a_document_is_all_that_a_machine_reads(estate: Estate, console: Console) -> None:
    (inside,) = estate.settle(Machine(status=U, session="inside", runs=True))
    left = console.run("adopt", "--check", "--json")
    assert (left.status, [each["vm_id"] for each in left.json["steps"]]) == (1, [inside.vm_id])
    done = console.run("adopt", "--yes", "--json")
    assert done.status == 0
    assert [(each["vm_id"], each["result"]) for each in done.json["outcomes"]] == [(inside.vm_id, "done")]
    assert (done.json["steps"], done.json["held"]) == ([], [])


def test_a_scale_set_that_is_missing_does_not_keep_the_others_from_being_adopted(
    estate: Estate, console: Console
) -> None:
    (inside,) = estate.settle(Machine(status=U, session="inside", runs=True))
    both = {"AZURE_VMSS_NAME": "gone,vmss-pixels"}
    adopted = console.run("adopt", "--yes", **both)
    assert [vm.vm_id for vm in estate.azure.vms if vm.protected] == [inside.vm_id]
    assert adopted.status == Exit.NOT_DONE
    assert "gone: there is no such scale set in AZURE_RESOURCE_GROUP; the others are adopted" in adopted.err
    assert console.run("adopt", "--check").status == Exit.DONE
