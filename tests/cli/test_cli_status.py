"""`scaler status`: what it says of scale sets and machines, and of what it could not look at."""

from collections.abc import Callable
from contextlib import closing

from cli.console import Console
from cli.estate import KEYS, Estate
from go_scaler import Machine
from wire.app_configuration import listing
from wire.scripted_arm import ScriptedArm

from emulator.behaviour import Fault
from emulator.orders import Scale
from scaler import VERSION
from scaler.cli.environment import Exit
from scaler.model.edges import Actor
from scaler.model.row import Status

A, R, U = Status.AVAILABLE, Status.RESERVED, Status.UNAVAILABLE


def test_each_machine_is_a_row_in_the_words_of_the_code(estate: Estate, console: Console) -> None:
    placed = estate.settle(
        Machine(status=U, session="inside", runs=True), Machine(status=R, session="waiting"), Machine(status=A)
    )
    console.run("adopt", "--yes")
    rows = console.run("status").table
    assert [row["vm"] for row in rows] == [each.vm_id for each in placed]
    assert [(row["id"], row["status"], row["power"], row["mark"], row["tier"]) for row in rows] == [
        ("0", "Unavailable", "running", "yes", ""),
        ("1", "Reserved", "deallocated", "yes", "cold"),
        ("2", "Available", "deallocated", "no", "cold"),
    ]
    assert [(row["session"], row["notes"]) for row in rows] == [
        ("inside", "opened"),
        ("waiting", "reserved"),
        ("", "new"),
    ]


def test_consent_and_every_pause_are_named(estate: Estate, console: Console) -> None:
    said = console.run("status").out
    assert "no consent: the tag scaler:managed is not there, SCALER_NAME is 'true'" in said
    estate.allow()
    assert "consent" not in console.run("status").out
    console.run("pause")
    said = console.run("status", SCALER_PAUSED="all").out
    assert "paused by the registry: no orders but starts of what is reserved" in said
    assert "paused by a tag of it, of its resource group, or of App Configuration: no orders but starts" in said
    assert "paused by SCALER_PAUSED: no orders at all" in said


def test_a_document_has_everything_a_table_has(estate: Estate, console: Console) -> None:
    (used,) = estate.settle(Machine(status=U, session="gone", used=True))
    console.run("adopt", "--yes")
    said = console.run("status", "--json").json
    (scale_set,), (machine,) = said["scale_sets"], said["machines"]
    assert (scale_set["name"], scale_set["capacity"], scale_set["wanted"]) == ("vmss-pixels", 1, 3)
    assert (scale_set["consent"], scale_set["managed_by"], scale_set["paused"]) == (False, None, "none")
    assert (machine["vm_id"], machine["standing"], machine["status"]) == (used.vm_id, "used", "Unavailable")
    assert (machine["used"], machine["marked"], machine["tier"]) == (True, True, "cold")
    assert (machine["session"], machine["index"], machine["notes"]) == ("gone", ["Unavailable"], ["used: condemn"])
    assert 0 <= machine["age_s"] < 60
    assert (said["complaints"], said["errors"]) == ([], [])


def test_several_scale_sets_have_a_table_each(estate_of: Callable[..., Estate]) -> None:
    estate = estate_of("first", "second")
    estate.settle(Machine(runs=True))
    console = estate.console
    lines = console.run("status").out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("first", "second"))] == ["first", "second"]
    assert [each["scale_set"] for each in console.run("status", "--json").json["machines"]] == ["first"]


def test_a_record_whose_machine_nobody_has_is_shown_all_the_same(estate: Estate, console: Console) -> None:
    (lost,) = estate.settle(Machine(status=R, session="waiting"))
    estate.azure.happen(Fault.DELETED_BY_SOMEBODY, lost.vm_id)
    estate.clock.leap(minutes=5)
    said = console.run("status")
    assert "of no known scale set" in said.out
    assert [(row["vm"], row["power"]) for row in said.table] == [(lost.vm_id, "–")]


def test_what_azure_does_not_say_redis_does(estate: Estate, console: Console) -> None:
    (waiting,) = estate.settle(Machine(status=R, session="waiting"))
    estate.azure.script(Fault.READ_FAILED, times=None)
    said = console.run("status")
    assert said.status == 1
    assert "vmss-pixels  not looked at" in said.out
    assert "not looked at: " in said.err
    assert [row["vm"] for row in said.table] == [waiting.vm_id]


def test_a_watch_goes_on_until_it_is_interrupted(estate: Estate, console: Console) -> None:
    (inside,) = estate.settle(Machine(status=U, session="inside", runs=True))
    said = console.interrupted(inside.vm_id, "status", "--watch")
    assert (said.status, said.err) == (Exit.INTERRUPTED, "")


def test_without_redis_there_is_one_sentence_and_no_traceback(console: Console) -> None:
    said = console.run("status", REDIS_URL="redis://127.0.0.1:1/0")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("Redis at 127.0.0.1:1 does not answer: ")
    assert "Traceback" not in said.err


def test_what_is_left_alone_is_told(estate: Estate, console: Console) -> None:
    (odd,) = estate.settle(Machine(status=A))
    estate.redis.set(KEYS.instance(odd.vm_id), "not a record")
    said = console.run("status")
    assert [row["status"] for row in said.table] == ["unreadable"]
    assert f"{KEYS.instance(odd.vm_id)}: not JSON" in said.err


def test_what_others_wrote_is_shown_and_not_obeyed(estate: Estate, console: Console) -> None:
    estate.settle(Machine(status=R, session="\x1b[31m[bold]s\u202e"))
    said = console.run("status").out
    assert "\\x1b[31m[bold]s\\x202e" in said
    assert "\x1b" not in said
    assert console.run("status", "--json").json["machines"][0]["session"] == "\x1b[31m[bold]s\u202e"


def test_what_azure_refused_is_named_while_fewer_machines_are_there_than_wanted(
    estate: Estate, console: Console
) -> None:
    estate.allow()
    estate.azure.limit(cores=2 * estate.azure.profile.cores)
    assert "no room" not in console.run("status").out
    with estate.process() as tick:
        for name in (Actor.PROVISIONER, Actor.RECONCILER, Actor.PROVISIONER):
            tick(name)
    said = console.run("status").out
    assert "Azure has no room for 3 machines (quota); all that are wanted are asked for again at " in said
    assert "Current Limit: 72, Current Usage: 0, Additional Required: 108" in said
    ((scale_set,),) = [console.run("status", "--json").json["scale_sets"]]
    refused = scale_set["refused"]
    assert (scale_set["capacity"], refused["machines"], refused["failure"]) == (2, 3, "quota")
    estate.azure.limit()
    estate.azure.scale(Scale(capacity=3))
    assert "no room" not in console.run("status").out


def test_a_scale_set_that_is_passed_over_is_named_with_the_reason_whatever_the_mode(
    estate_of: Callable[..., Estate],
) -> None:
    estate = estate_of("first", "second")
    estate.azure.tag()
    for mode in ("fixed", "buffer"):
        settings = {"SCALER_CAPACITY": mode, "SCALER_POOL_WEIGHTS": "first=2,second=1", "SCALER_POOL_BUFFER": "3"}
        said = estate.console.run("status", **settings).out
        assert "0 of 3 by weight 2 of 3; first is passed over: " in said
        assert "3 of 3 by weight 1 of 3; first is passed over: " in said


def test_the_cost_is_told_where_there_are_prices(estate: Estate, console: Console) -> None:
    estate.settle(Machine(status=U, session="inside", runs=True), Machine(status=A))
    console.run("adopt", "--yes")
    assert "costs" not in console.run("status").out
    assert console.run("status", "--json").json["scale_sets"][0]["cost"] is None
    prices = {"SCALER_PRICE": "2/1/0.25", "SCALER_CURRENCY": "EUR"}
    assert "costs 2.25 EUR per hour, 0.00 of it idle; 1642 EUR in a month" in console.run("status", **prices).out
    (scale_set,) = console.run("status", "--json", **prices).json["scale_sets"]
    assert (scale_set["cost"]["per_hour"], scale_set["cost"]["currency"]) == (2.25, "EUR")


def test_what_the_budget_holds_back_is_told(estate: Estate, console: Console) -> None:
    estate.settle(Machine(status=U, session="inside", runs=True), Machine(status=A))
    console.run("adopt", "--yes")
    prices = {"SCALER_PRICE": "2/1/0.25", "SCALER_BUDGET": "1642.5", "SCALER_WARMPOOL_SIZE": "1"}
    said = console.run("status", **prices).out
    assert "the monthly budget of 1642.5 keeps 1 wanted machine from being warm" in said
    assert "the monthly budget of 1642.5 holds 2 of the 3 wanted machines" in said
    assert "budget" not in console.run("status", **(prices | {"SCALER_BUDGET": "9999"})).out
    yen = {"SCALER_PRICE": "2500/1250/310", "SCALER_BUDGET": "2050000.5", "SCALER_WARMPOOL_SIZE": "1"}
    assert "the monthly budget of 2050000.5 " in console.run("status", **yen).out
    (scale_set,) = console.run("status", "--json", **prices).json["scale_sets"]
    assert (scale_set["cost"]["budget"], scale_set["cost"]["machines_in_budget"]) == (1642.5, 2)


def test_that_nothing_is_created_after_many_failures_is_told(estate: Estate, console: Console) -> None:
    estate.allow()
    estate.azure.script(Fault.CREATE_OTHER, times=None)
    estate.azure.scale(Scale(capacity=2))
    estate.clock.leap(minutes=1)
    said = console.run("status", SCALER_FAILURE_CAP="2").out
    assert "2 creations failed lately: nothing is created before " in said
    assert "creations failed" not in console.run("status", SCALER_FAILURE_CAP="3").out
    (scale_set,) = console.run("status", "--json", SCALER_FAILURE_CAP="2").json["scale_sets"]
    assert scale_set["failed_creations"] == 2


def test_a_redis_that_evicts_is_named_by_status_and_plan(estate: Estate, console: Console) -> None:
    estate.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        for command in (["status"], ["plan", "reconciler"]):
            done = console.run(*command)
            assert "maxmemory-policy is allkeys-lru: records may vanish; use noeviction" in done.out + done.err
    finally:
        estate.redis.config_set("maxmemory-policy", "noeviction")


def test_a_number_of_app_configuration_is_named_as_such_and_so_is_a_store_that_cannot_be_read(
    estate: Estate, console: Console
) -> None:
    """From the setting through the identity endpoint, the SDK and a listing to the reason."""
    estate.allow()
    with closing(ScriptedArm(listing)) as server:
        said = console.run("status", SCALER_APP_CONFIGURATION=server.endpoint, SCALER_POOL_MAX="20")
        assert "TOTAL_NODES=9 by key of App Configuration" in said.out
        assert {each.headers["authorization"][:7] for each in server.asked} == {"Bearer "}
    said = console.run("status", SCALER_APP_CONFIGURATION=server.endpoint)
    assert f"the keys of App Configuration are not read: {server.endpoint}" in " ".join(said.out.split())


def test_the_time_a_session_has_left_and_its_address_stand_beside_it(estate: Estate, console: Console) -> None:
    estate.allow()
    estate.tick_until(lambda: bool(estate.redis.smembers(KEYS.index(A))))
    console.run("reserve", "s-1")
    estate.tick_until(lambda: console.run("look", "s-1").out.startswith("open"))
    (row,) = console.run("status", "--session", "s-1").table
    assert row["address"].startswith("198.18.")
    assert row["ends in"].endswith("s")  # an hour and a minute, twenty times as fast
    (told,) = console.run("status", "--session", "s-1", "--json").json["machines"]
    assert 60 < told["ends_in_s"] <= 183
    assert told["public_ip"] == row["address"]


def test_only_some_machines_are_shown_where_that_is_wanted(estate: Estate, console: Console) -> None:
    estate.settle(Machine(status=U, session="inside", runs=True), Machine(status=R, session="waiting"))
    console.run("adopt", "--yes")

    def sessions(*words: str) -> list[str]:
        return [machine["session"] for machine in console.run("status", "--json", *words).json["machines"]]

    assert sessions() == ["inside", "waiting"]
    assert sessions("--only", "in session") == ["inside"]
    assert sessions("--only", "VMSS-pixels", "--session", "waiting") == ["waiting"]
    assert console.run("status", "--session", "waiting").status == Exit.DONE
    for words in (("--session", "nobody"), ("--session", "waiting", "--only", "in session")):
        assert sessions(*words) == []
        missing = console.run("status", *words)
        assert missing.status == Exit.NOT_DONE
        assert f"no machine of session {words[1]!r} is shown" in missing.err
    wrong = console.run("status", "--only", "sleeping")
    assert (wrong.status, wrong.out) == (Exit.MISUSED, "")
    assert "no scale set and no standing (unseen, gone, new" in " ".join(wrong.err.split())


def test_the_version_is_that_of_the_scaler(console: Console) -> None:
    assert console.run("--version").out == f"{VERSION}\n"
