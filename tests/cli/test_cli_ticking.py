"""`scaler plan` changes nothing, `scaler tick` changes what the plan said, and both say how they ended."""

import pytest
from cli.console import Console
from cli.estate import KEYS, Estate
from contract.registries import Server
from go_scaler import Machine
from wire.role_life import actions

from emulator.behaviour import Fault
from scaler.cli.environment import Exit
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.plan import Why
from scaler.model.row import Status
from scaler.registry.rights import OPERATOR, READER

U = Status.UNAVAILABLE


def test_a_plan_is_for_one_controller_or_for_all(estate: Estate, console: Console) -> None:
    estate.allow()
    assert list(console.run("plan", "--json").json) == list(CONTROLLERS)
    assert list(console.run("plan", "provisioner", "--json").json) == ["provisioner"]
    headings = [line.partition(":")[0] for line in console.run("plan").out.splitlines()]
    assert [each for each in headings if each in CONTROLLERS] == list(CONTROLLERS)


def test_a_plan_changes_nothing(estate: Estate, console: Console) -> None:
    estate.settle(Machine(runs=True), Machine())
    estate.allow()
    keys = estate.redis.keys()
    before = (estate.azure.capacity, [vm.power for vm in estate.azure.vms], len(estate.azure.history.events))
    said = console.run("plan", "--json").json
    assert [each["order"] for each in said["provisioner"]["steps"]] == ["SetCapacity", "Deallocate"]
    assert [each["order"] for each in said["reconciler"]["steps"]] == [None, "Mark"]  # of the first, a note
    assert (estate.azure.capacity, [vm.power for vm in estate.azure.vms], len(estate.azure.history.events)) == before
    assert estate.redis.keys() == keys


def test_the_cleaner_alone_knows_what_is_to_be_replaced(estate: Estate, console: Console) -> None:
    """In the functions host it knows by listings of the others, which a command of its own lacks."""
    estate.allow()
    estate.tick_until(lambda: estate.redis.scard(KEYS.index(Status.AVAILABLE)) == 3)
    vm_id = estate.azure.vms[0].vm_id
    console.run("renew", vm_id, "--yes")
    assert "SPEND  an operator asked for its replacement" in console.run("plan", "cleaner").out
    console.run("tick", "cleaner", "--yes")
    assert estate.redis.scard(KEYS.index(Status.AVAILABLE)) == 2


def test_what_only_a_missing_consent_keeps_from_being_done_is_told_apart(estate: Estate, console: Console) -> None:
    estate.settle(Machine(runs=True))
    said = console.run("plan", "provisioner")
    assert [row["kind"] for row in said.table] == ["would", "would", "held"]
    assert said.out.startswith("provisioner: 2 withheld, 1 held back\n")
    assert console.run("plan", "provisioner", "--json").json["provisioner"]["steps"] == []


@pytest.mark.parametrize("allowed", [True, False])
def test_the_exit_status_tells_whether_there_is_something_to_do(
    estate: Estate, console: Console, allowed: bool
) -> None:
    if allowed:
        estate.allow()
    assert console.run("plan", "provisioner").status == Exit.DONE
    assert console.run("plan", "provisioner", "--exit-status").status == Exit.SOMETHING
    assert console.run("plan", "starter", "--exit-status").status == Exit.DONE


def test_a_tick_is_taken_when_somebody_agrees(estate: Estate, console: Console) -> None:
    estate.allow()
    refused = console.run("tick", "provisioner", typed="n\n")
    assert (refused.status, estate.azure.capacity) == (1, 0)
    agreed = console.run("tick", "provisioner", typed="y\n")
    assert (agreed.status, estate.azure.capacity) == (0, 3)
    assert agreed.out.count("SetCapacity") == 2, "as a plan, and as done"


def test_a_tick_with_nothing_to_do_asks_nobody(estate: Estate, console: Console) -> None:
    estate.allow()
    assert console.run("tick", "starter").out == "starter: nothing to do\n"
    assert console.run("tick", "starter", "--yes").out == "starter: nothing to do\n"


def test_a_tick_that_could_not_do_it_all_says_so(estate: Estate, console: Console) -> None:
    estate.allow()
    estate.azure.script(Fault.SOLD_OUT)
    said = console.run("tick", "provisioner", "--yes")
    assert said.status == 1
    assert "OutOfCapacity" in said.out
    estate.azure.script(Fault.SOLD_OUT)
    assert [each["result"] for each in console.run("tick", "provisioner", "--yes", "--json").json["outcomes"]] == [
        "failed"
    ]


def test_a_scale_set_that_does_not_answer_ends_a_plan_with_1(estate: Estate, console: Console) -> None:
    estate.azure.script(Fault.READ_FAILED, times=None)
    said = console.run("plan", "provisioner")
    assert said.status == 1
    assert "Traceback" not in said.err


READS = [action for action in actions("azure-role.json") if action.endswith("/read")]
MARK, TAG = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/write", "Microsoft.Resources/tags/write"


def test_each_command_needs_the_rights_that_docs_cli_md_says(estate: Estate, console: Console) -> None:
    estate.settle(Machine(runs=True))
    estate.may(READS)
    for words in (["status"], ["plan"], ["adopt", "--check"], ["distrust", "--yes"]):
        said = console.run(*words)
        assert "403" not in said.out + said.err, words
    assert f"a role with {MARK}" in "".join(console.run("adopt", "--yes").out.split("\n"))
    estate.may([*READS, MARK])
    assert console.run("adopt", "--yes").status == Exit.DONE
    estate.allow()
    estate.may(actions("azure-role.json"))
    assert [console.run("tick", name, "--yes").status for name in CONTROLLERS] == [Exit.DONE] * 4
    assert TAG in console.run("pause").err
    estate.may([*READS, TAG])
    assert (console.run("pause").status, console.run("resume").status) == (Exit.DONE, Exit.DONE)


def test_each_command_needs_the_redis_user_that_the_contract_says(
    estate: Estate, console: Console, redis_for_commands: Server
) -> None:
    """One `reader` for looking, and one `operator` for all else; a user who may less is told what is missing."""
    (placed,) = estate.settle(Machine(runs=True))
    reader, operator, less = (
        estate.redis_url.replace("//", f"//{redis_for_commands.name_of(rights, *without)}:secret@")
        for rights, *without in ((READER,), (OPERATOR,), (OPERATOR, "sadd", "mset"))
    )
    for words in (["status"], ["plan"], ["explain", placed.vm_id], ["explain", "--capacity"]):
        said = console.run(*words, REDIS_URL=reader)
        assert (said.status, "ACL" in said.out + said.err) == (Exit.DONE, False), words
    refused = console.run("adopt", "--yes", REDIS_URL=reader)
    assert (refused.status, "ACL SETUSER reader +" in refused.out + refused.err) == (Exit.NOT_DONE, True)
    refused = console.run("tick", "starter", REDIS_URL=less)
    assert (refused.status, "+mset +sadd" in refused.err) == (Exit.NOT_DONE, True)
    for words in (["adopt", "--yes"], ["tick", "starter", "--yes"], ["pause"], ["resume"], ["distrust", "--yes"]):
        said = console.run(*words, REDIS_URL=operator)
        assert (said.status, "ACL" in said.out + said.err) == (Exit.DONE, False), words
    for words in (["look", "s"], ["cancel", "s"], ["reserve", "s"]):
        assert "ACL" not in console.run(*words, REDIS_URL=operator).err, words


def test_a_controller_that_is_none_is_a_mistake_in_the_command(console: Console) -> None:
    said = console.run("tick", "gardener")
    assert said.status == 2
    assert "gardener" in said.err


def test_the_session_and_the_attempt_stand_beside_the_reason(estate: Estate, console: Console) -> None:
    (waiting,) = estate.settle(Machine(status=Status.RESERVED, session="s-1"))
    console.run("adopt", "--yes")
    estate.allow()
    (row,) = console.run("plan", "starter").table
    assert (row["kind"], row["vm"], row["id"], row["step"]) == ("do", waiting.vm_id, "0", "Start")
    assert row["why"] == "reserved  session=s-1 attempt=1 warm=False"
    assert estate.redis.get(KEYS.notes(waiting.vm_id)) is not None


def test_a_plan_knows_what_azure_refused_to_the_running_scaler(estate: Estate, console: Console) -> None:
    estate.allow()
    estate.azure.limit(cores=2 * estate.azure.profile.cores)
    with estate.process() as tick:
        tick(Actor.PROVISIONER)
        tick(Actor.RECONCILER)
    (alarm, step) = console.run("plan", "provisioner").table[::-1]
    assert (alarm["kind"], step["kind"]) == ("alarm", "do")
    (held,) = console.run("plan", "provisioner", "--json").json["provisioner"]["held"]
    assert (held["why"], held["facts"]["wanted"]) == (Why.QUOTA_TOO_SMALL, 3)
