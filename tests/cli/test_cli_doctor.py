"""`scaler doctor`: a healthy estate has no finding, and each planted fault is found, with its remedy."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli import test_cli_environment as credentials
from cli.console import ROOT, Console, Said
from cli.estate import KEYS, Estate
from cli.test_cli_alive import FINE, leave
from contract.registries import Server, free_port, redis_server
from go_scaler import Machine

from emulator.wire.roles import Grant, Role
from emulator.wire.site import SYSTEM_ASSIGNED
from scaler.cli.checks.findings import Finding
from scaler.cli.checks.health import of_health
from scaler.cli.checks.redis import names, of_facts
from scaler.cli.checks.roles import ACTIONS, allowed
from scaler.cli.checks.settings import SCHEDULES
from scaler.cli.checks.shape import of_shape
from scaler.cli.environment import Exit
from scaler.model.instance import Orchestration
from scaler.model.row import Status
from scaler.registry.redis import RedisRegistry
from scaler.registry.rights import NAIVE, SCALER, SCRIPTS
from scaler.registry.server import ServerFacts
from scaler.settings import load

USUAL = {f"{name.upper()}_SCHEDULE": schedule for name, schedule in SCHEDULES.items()} | {
    "SCALER_SPEED": "1",
    "FUNCTIONS_WORKER_RUNTIME": "python",
}
ARM = "AZURE_RESOURCE_MANAGER_URL"
DAY = timedelta(days=1, minutes=1)


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[Server]:
    """A Redis with a file, a replica, and no eviction."""
    with ExitStack() as stack:
        (tmp_path / "1").mkdir()
        (tmp_path / "2").mkdir()
        first = stack.enter_context(redis_server(tmp_path / "1", "--appendonly", "yes"))
        second = stack.enter_context(redis_server(tmp_path / "2", "--replicaof", "127.0.0.1", str(first.port)))
        assert wait_until(lambda: second.client().info("replication")["master_link_status"] == "up")
        yield first


@pytest.fixture
def healthy(safe: Server) -> Iterator[Estate]:
    """An installation that ticks."""
    estate = Estate.beside(safe)
    estate.allow()
    tick_now(estate)
    yield estate
    estate.close()


def wait_until(done: Callable[[], bool]) -> bool:
    """Whether it came to be so."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        if done():
            return True
    return False


def tick_now(estate: Estate) -> None:
    """Signs of life as of now."""
    fine = replace(FINE, at=datetime.now(UTC) - FINE.ago)
    leave(estate, **dict.fromkeys(SCHEDULES, fine))


def examined(estate: Estate, **more: str) -> tuple[Said, dict[str, list[str]]]:
    """The answer, and the remedies by code."""
    said = estate.console.run("doctor", "--json", **(USUAL | more))
    found: dict[str, list[str]] = {}
    for finding in said.json:
        found.setdefault(finding["code"], []).append(finding["remedy"])
    return said, found


def test_a_healthy_installation_has_no_finding(healthy: Estate) -> None:
    said = healthy.console.run("doctor", **USUAL)
    assert (said.status, said.err) == (Exit.DONE, "")
    *areas, verdict = said.out.splitlines()
    assert [line.split(":")[0].split(maxsplit=1) for line in areas] == [
        ["fine", area] for area in ("settings", "azure", "scale set", "role", "cores", "redis", "clocks", "controllers")
    ]
    assert verdict == "0 faults, 0 warnings"


SHAPE = {
    "upgradePolicy": {"mode": "Rolling", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}},
    "overprovision": True,
    "singlePlacementGroup": True,
    "automaticRepairsPolicy": {"enabled": True, "gracePeriod": "PT30M"},
    "resiliencyPolicy": {"automaticZoneRebalancingPolicy": {"enabled": True}},
    "zoneBalance": True,
    "provisioningState": "Failed",
    "virtualMachineProfile": {
        "priority": "Spot",
        "evictionPolicy": "Delete",
        "scheduledEventsProfile": {"terminateNotificationProfile": {"enable": True, "notBeforeTimeout": "PT5M"}},
        "storageProfile": {"osDisk": {"diffDiskSettings": {"option": "Local"}}},
        "networkProfile": {"networkInterfaceConfigurations": [{"name": "nic", "properties": {"ipConfigurations": []}}]},
        "extensionProfile": {"extensions": []},
    },
}
"""Everything that Azure allows and the scaler does not like."""

SETTINGS = {
    "PYTHON_THREADPOOL_THREAD_COUNT": "2",
    "FUNCTIONS_WORKER_PROCESS_COUNT": "4",
    "FUNCTIONS_WORKER_RUNTIME": "node",
    "AzureWebJobs.cleaner.Disabled": "true",
    "CLEANER_SCHEDULE": "",
    "STARTER_SCHEDULE": "0 * * * * *",
    "SCALER_STARTER_WATCH": "9.8s",
    "SCALER_SPEED": "20",
    "SCALER_PAUSED": "true",
    "SCALER_VM_RUNTIME": "0",
    "SCALER_POOL_CAPACITY": "150",
}

UPDATE = "az vmss update --resource-group rg-pixels --name vmss-pixels --set "
APP = "az functionapp config appsettings set --resource-group GROUP --name APP --settings "
PLANTED = {
    "threads": "--setting-names PYTHON_THREADPOOL_THREAD_COUNT",
    "processes": f"{APP}FUNCTIONS_WORKER_PROCESS_COUNT=1",
    "runtime": f"{APP}FUNCTIONS_WORKER_RUNTIME=python",
    "disabled": "--setting-names AzureWebJobs.cleaner.Disabled",
    "schedule": f"{APP}CLEANER_SCHEDULE='8,23,38,53 * * * * *'",
    "gap": f"{APP}STARTER_SCHEDULE='*/10 * * * * *' SCALER_STARTER_WATCH=9.8s",
    "speed": "--setting-names SCALER_SPEED",
    "paused": "--setting-names SCALER_PAUSED",
    "endless": f"{APP}SCALER_VM_RUNTIME=1h",
    "plain": f"{APP}REDIS_SSL=true",
    "upgrades": f"{UPDATE}upgradePolicy.mode=Manual",
    "os-upgrades": f"{UPDATE}upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade=false",
    "overprovision": f"{UPDATE}overprovision=false",
    "one-group": f"{UPDATE}singlePlacementGroup=false",
    "repairs": f"{UPDATE}automaticRepairsPolicy.enabled=false",
    "notice": f"{UPDATE}virtualMachineProfile.scheduledEventsProfile.terminateNotificationProfile.enable=false",
    "rebalancing": f"{UPDATE}resiliencyPolicy.automaticZoneRebalancingPolicy.enabled=false",
    "strict-zones": f"{UPDATE}zoneBalance=false",
    "ephemeral": "az vmss create --ephemeral-os-disk false",
    "spot": "az vmss create --priority Spot --eviction-policy Deallocate",
    "health": "az vmss extension set --resource-group rg-pixels --vmss-name vmss-pixels",
    "address": "--template-file infra/examples/scale-set.bicep",
    "failed": "az monitor activity-log list --resource-id /subscriptions/",
    "foreign": "az tag update --operation Merge --tags scaler:managed=true --resource-id /subscriptions/",
    "halted": "scaler resume",
    "limit": f"{APP}SCALER_POOL_MAX=100",
    "action": "az role assignment create",
    "optional": "az role assignment create",
    "cores": "az quota update --resource-name standardNVADSA10v5Family",
    "withheld": "az vm list-skus --location westeurope --size Standard_NV36ads_A10_v5",
    "evicts": "CONFIG SET maxmemory-policy noeviction",
    "unsaved": "CONFIG SET appendonly yes",
    "single": "az redisenterprise update",
    "rights-optional": "ACL SETUSER scaler-less-zadd '~vmss:*' -@all",
    "occupied": f"{APP}SCALER_REDIS_PREFIX=ANOTHER",
    "skew": "timedatectl status",
    "late": "az functionapp restart",
    "alarm": "scaler explain --capacity; scaler plan cleaner",
    "host": "az functionapp restart",
    "versions": "az functionapp list",
}
"""What is planted, by the code of its finding, and a part of the remedy."""


@pytest.fixture
def sick(tmp_path: Path) -> Iterator[Estate]:
    """An installation in which everything is wrong that can be wrong at the same time."""
    with redis_server(tmp_path, "--maxmemory-policy", "allkeys-lru") as server:
        estate = Estate.beside(server)
        user = server.name_of(SCALER, "zadd")
        server.client().execute_command("ACL", "SETUSER", user, "+config|get")  # type: ignore[no-untyped-call]
        estate.redis_url = f"redis://{user}:secret@127.1:{server.port}/0"
        estate.azure.tag(**{"scaler:managed": "another", "scaler:paused": "true"})
        estate.azure.reshape(**SHAPE)
        region = estate.azure.region
        region.cores, region.withheld = 360, True
        actions = (
            "Microsoft.Compute/virtualMachineScaleSets/read",
            "*/skus/read",
            "*/usages/read",
            "*/permissions/read",
        )
        estate.server.site.grants[SYSTEM_ASSIGNED.object_id] = Grant(role=Role(actions=actions))
        odd = replace(FINE, at=datetime.now(UTC) - DAY, alarms=("look at this",), version="0.9")
        leave(estate, cleaner=odd, starter=replace(FINE, ago=DAY))
        RedisRegistry(estate.redis, KEYS).occupy("elsewhere/rg: vmss-other")
        estate.clock.leap(minutes=3)
        yield estate
        estate.close()


def test_each_of_forty_planted_faults_is_found_and_its_remedy_is_named(sick: Estate) -> None:
    said, found = examined(sick, **SETTINGS)
    assert said.status == Exit.ALARM
    assert len(PLANTED) >= 20
    assert PLANTED.keys() - found.keys() == set()
    for code, remedy in PLANTED.items():
        assert any(remedy in each for each in found[code]), (code, found[code])
    assert found.keys() - PLANTED.keys() <= {""}
    clocks = [each["said"] for each in said.json if each["code"] in {"skew", "host"}]
    assert clocks[0].startswith("the clock of Azure is ")
    assert clocks[0].endswith(" ahead of this host's")
    assert clocks[-1] == "the clock of the cleaner's host is 1d behind that of Redis"


@pytest.mark.parametrize(
    ("code", "sentence", "remedy", "settings"),
    [
        ("setting", "AZURE_VMSS_NAME: ", f"{APP}AZURE_VMSS_NAME=VALUE", {"AZURE_VMSS_NAME": "a b"}),
        ("setting", "SCALER_SPEEED: ", f"{APP}SCALER_SPEEED=VALUE", {"SCALER_SPEEED": "1"}),
        ("schedules", "no schedule is among ", "func azure functionapp fetch-app-settings", dict.fromkeys(USUAL, "")),
        (
            "secret",
            "REDIS_PASSWORD is a reference to Key Vault",
            "Key Vault Secrets User",
            {"REDIS_PASSWORD": "@Microsoft.KeyVault(SecretUri=https://x)"},
        ),
        ("token", "no token for Azure: ", "az login", {"IDENTITY_HEADER": "wrong"}),
        ("silent", "ARM does not answer: check AZURE_RESOURCE_MANAGER_URL", "curl ", {ARM: "http://127.0.0.1:1"}),
        (
            "absent",
            "vmss-other is not there: ",
            "az vmss list --subscription ",
            {"AZURE_VMSS_NAME": "vmss-pixels,vmss-other"},
        ),
        (
            "unreadable",
            "the scale set has Uniform orchestration",
            "az vmss show ",
            {"AZURE_VMSS_ORCHESTRATION": "Flexible"},
        ),
        (
            "away",
            "Redis at 127.0.0.1:1 does not answer",
            "redis-cli -h 127.0.0.1 -p 1 ping",
            {"REDIS_URL": "redis://127.0.0.1:1/0"},
        ),
        (
            "unchecked",
            "clocks could not be looked at: Redis at ",
            "scaler doctor",
            {"REDIS_URL": "redis://127.0.0.1:1/0"},
        ),
        ("consent", "vmss-pixels does not carry the tag", "az tag update --operation Merge", {}),
        (
            "never",
            "no controller has ticked on this Redis and prefix",
            "az functionapp function list",
            {"SCALER_REDIS_PREFIX": "vmsss"},
        ),
    ],
)
def test_one_fault_is_one_sentence_with_a_remedy_and_the_rest_is_looked_at(
    estate: Estate, code: str, sentence: str, remedy: str, settings: dict[str, str]
) -> None:
    said = estate.console.run("doctor", "--json", **(USUAL | settings))
    (finding,) = [each for each in said.json if each["code"] == code and sentence in each["said"]]
    assert "\n" not in finding["said"]
    assert "Traceback" not in said.out + said.err
    assert remedy in finding["remedy"]
    faults = [each for each in said.json if each["level"] == "fault"]
    assert said.status == (Exit.ALARM if faults else Exit.DONE)
    areas = {each["area"] for each in said.json}
    assert areas == {"settings"} if code == "setting" else areas >= {"settings", "azure", "redis", "clocks"}
    assert estate.redis.keys() == []


def test_a_file_that_cannot_be_read_is_a_mistake_in_the_command_line(estate: Estate, tmp_path: Path) -> None:
    said = estate.console.run("--settings", str(tmp_path / "none.json"), "doctor")
    assert (said.status, said.out) == (Exit.MISUSED, "")
    assert "none.json: cannot be read (No such file or directory)" in said.err


def test_every_mistake_in_the_settings_is_a_finding(estate: Estate) -> None:
    _, found = examined(estate, AZURE_RESOURCE_GROUP="", SCALER_POOL_CAPACITY="many", SCALER_NAME="no")
    assert {key: len(remedies) for key, remedies in found.items()} == {"setting": 3}


def test_a_role_that_may_not_tell_its_actions_is_unknown_and_no_fault(estate: Estate) -> None:
    estate.may(["Microsoft.Compute/virtualMachineScaleSets/*"])
    said, found = examined(estate)
    assert "az role assignment list" in found["role-unseen"][0]
    assert "az vm list-usage --location westeurope" in found["cores-unseen"][0]
    assert said.status == Exit.DONE
    estate.may([])
    said, found = examined(estate)
    assert "az role assignment create" in found["forbidden"][0]
    assert said.status == Exit.ALARM


def test_the_roles_of_the_apps_identity_are_looked_at_by_its_object_id(estate: Estate) -> None:
    site, it = estate.server.site, "11111111-2222-3333-4444-555555555555"
    role = Role.read(ROOT / "docs" / "azure-role.json")
    site.grants[it] = Grant(role=role, scope=site.group_id)
    assert [each["level"] for each in of_role(estate, it)] == ["fine"]
    site.grants[it] = Grant(role=role, scope=site.set_id(estate.azure))
    (of_group,) = of_role(estate, it)
    assert (of_group["code"], "resourceGroups/read" in of_group["said"]) == ("optional", True)
    site.grants[it] = Grant(role=replace(role, not_actions=("*/delete/action",)), scope=site.group_id)
    (deletes,) = of_role(estate, it)
    assert (deletes["code"], f"--assignee-object-id {it} " in deletes["remedy"]) == ("action", True)
    nobody = of_role(estate, it.replace("1", "9"))
    assert [each["code"] for each in nobody].count("action") == 8
    assert estate.console.run("doctor", "--identity", "me").status == Exit.MISUSED


def of_role(estate: Estate, identity: str) -> list[dict[str, str]]:
    """The findings about the role of that identity."""
    said = estate.console.run("doctor", "--identity", identity, "--json", **USUAL).json
    return [each for each in said if each["area"] == "role"]


def test_a_person_is_told_how_to_see_the_role_of_the_app(estate: Estate, tmp_path: Path) -> None:
    person = {name: value for name, value in estate.environment.items() if not name.startswith("IDENTITY_")}
    path = credentials.az(tmp_path, script=credentials.TestCredential.TOKEN)
    client = "99999999-2222-3333-4444-555555555555"
    said = Console(environment=person).pipe("doctor", "--json", PATH=path, AZURE_CLIENT_ID=client, **USUAL)
    (role,) = [each for each in said.json if each["area"] == "role"]
    assert role["level"] == "unknown"
    assert role["remedy"].startswith(f"scaler doctor --identity $(az identity list --query \"[?clientId=='{client}']")


def test_a_redis_that_refuses_names_the_right_that_is_missing(estate: Estate, redis_for_commands: Server) -> None:
    for without, code, remedy in (("mset", "rights", "+mset"), ("info", "uninformed", "+info")):
        user = redis_for_commands.name_of(SCALER, without)
        place = f"redis://{user}:secret@127.0.0.1:{redis_for_commands.port}/0"
        _, found = examined(estate, REDIS_URL=place)
        assert f"ACL SETUSER {user} " in found[code][0]
        assert remedy in found[code][0]
    _, found = examined(estate, REDIS_URL=place.replace("secret", "wrong"))
    assert found["refused"]


def test_a_clustered_redis_wants_a_prefix_in_braces(estate: Estate, tmp_path: Path) -> None:
    with redis_server(tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        server.client().execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")  # type: ignore[no-untyped-call]
        assert wait_until(lambda: b"cluster_state:ok" in server.client().execute_command("CLUSTER", "INFO"))  # type: ignore[no-untyped-call]
        place = f"redis://127.0.0.1:{server.port}/0"
        _, found = examined(estate, REDIS_URL=place)
        assert f"{APP}SCALER_REDIS_PREFIX='{{vmss}}'" in found["crossslot"][0]
        _, found = examined(estate, REDIS_URL=place, SCALER_REDIS_PREFIX="{vmss}")
        assert "crossslot" not in found


def test_a_record_that_cannot_be_read_and_a_blip_are_warnings(estate: Estate) -> None:
    tick_now(estate)
    estate.redis.set(KEYS.scale_sets, load(estate.environment).place)
    estate.redis.sadd("vmss:status:available", "vmss:instance:../../etc")
    blip = replace(FINE, at=datetime.now(UTC) - FINE.ago, failure="a blip")
    leave(estate, **dict.fromkeys(SCHEDULES, blip))
    said, found = examined(estate)
    assert len(found["trouble"]) == len(SCHEDULES)
    assert found["odd"] == ["scaler status"]
    assert said.status == Exit.DONE


HOT = {"SCALER_CAPACITY": "buffer", "SCALER_POOL_CAPACITY": "", "SCALER_POOL_BUFFER": "3", "SCALER_HOTPOOL_SIZE": "2"}


def test_hot_machines_without_a_replica_are_a_fault(estate: Estate) -> None:
    said, found = examined(estate, **HOT)
    assert said.status != Exit.DONE
    (remedy,) = found["hot-alone"]
    assert "--settings SCALER_HOTPOOL_SIZE=0 " in remedy
    assert "hot-alone" not in examined(estate)[1]


def test_what_tags_say_of_hot_machines_goes_before_the_setting(estate: Estate) -> None:
    estate.allow()
    estate.azure.tag(**{"scaler:managed": "true", "scaler:hot": "1"})
    assert "hot-alone" in examined(estate)[1]
    estate.azure.tag(**{"scaler:managed": "true", "scaler:hot": "0"})
    assert "hot-alone" not in examined(estate, **HOT)[1]


def test_and_none_with_a_replica_that_answers(healthy: Estate) -> None:
    said, found = examined(healthy, **HOT)
    assert (said.status, set(found)) == (Exit.DONE, {""})


def test_what_a_server_tells_of_itself_is_weighed(estate: Estate) -> None:
    settings = load(estate.environment)
    bad = ServerFacts(
        user="u", occupant=None, trip=0.051, told=True, version="5.0.14", eviction="noeviction", full=0.81, replicas=1,
        persistent=True,
    )  # fmt: skip
    assert codes(of_facts(settings, bad, names(settings))) == {"slow", "old", "full"}
    good = replace(bad, occupant=settings.place, trip=0.05, version="6.0.0", full=0.8)
    assert codes(of_facts(settings, good, names(settings))) == set()
    unseen = replace(good, persistent=None, replicas=None, eviction=None, full=None, version=None)
    assert codes(of_facts(settings, unseen, names(settings))) == {"saves-unseen"}


def codes(found: Iterable[Finding]) -> set[str]:
    """Their codes."""
    return {finding.code for finding in found}


@pytest.mark.parametrize("odd", [None, 7, [], {}, {"properties": []}, {"properties": {"virtualMachineProfile": 1}}])
def test_a_body_of_another_form_is_no_traceback(odd: object) -> None:
    facts = dict.fromkeys(("set", "group"), "x")
    assert codes(of_shape(odd, 10, facts)) == {"address"}
    assert codes(of_health(odd, facts, decides=False)) == {"health"}


def test_a_name_that_a_shell_would_obey_is_a_word_of_the_command() -> None:
    (finding,) = of_shape({"properties": {"overprovision": True, **PLAIN}}, 10, {"set": "a;b", "group": "$(c)"})
    assert finding.remedy == "az vmss update --resource-group '$(c)' --name 'a;b' --set overprovision=false"


PLAIN = {
    "virtualMachineProfile": {
        "extensionProfile": {"extensions": [{"properties": {"type": "ApplicationHealthLinux"}}]},
        "networkProfile": {
            "networkInterfaceConfigurations": [
                {"properties": {"ipConfigurations": [{"properties": {"publicIPAddressConfiguration": {"name": "p"}}}]}}
            ]
        },
    }
}


def test_the_actions_are_those_of_the_two_roles_with_the_losses_that_were_seen() -> None:
    page = (ROOT / "docs" / "identities.md").read_text(encoding="utf-8")
    for orchestration, file in (
        (Orchestration.UNIFORM, "azure-role.json"),
        (Orchestration.FLEXIBLE, "azure-role-flexible.json"),
    ):
        listed = json.loads((ROOT / "docs" / file).read_text(encoding="utf-8"))["Actions"]
        assert sorted(action.name for action in ACTIONS[orchestration]) == sorted(listed)
        table = page.partition(f"| [{file}]({file}) |")[2].partition("\n\n")[0]
        for action in ACTIONS[orchestration]:
            assert f"| `{action.name}` | {'optional' if action.optional else 'needed'} | {action.loss} |" in table


def test_the_schedules_in_the_remedies_are_those_of_the_example() -> None:
    example = json.loads((ROOT / "infra" / "parameters.example.json").read_text(encoding="utf-8"))
    settings = example["parameters"]["settings"]["value"]
    assert {f"{name.upper()}_SCHEDULE": schedule for name, schedule in SCHEDULES.items()}.items() <= settings.items()


def test_an_action_that_another_line_takes_away_is_missing_unless_a_second_role_has_it() -> None:
    read = "Microsoft.Compute/virtualMachineScaleSets/read"
    wide = {"actions": ["microsoft.compute/*"], "notActions": ["*/virtualMachineScaleSets/READ"]}
    assert allowed("Microsoft.Compute/virtualMachines/read", [wide])
    assert not allowed(read, [wide])
    assert allowed(read, [wide, {"actions": ["*/read"]}])
    assert not allowed(read, [{"actions": "*"}, None, {}])


def test_cores_in_use_count_against_the_quota(estate: Estate) -> None:
    estate.settle(*[Machine(status=Status.AVAILABLE)] * 2)
    region, each = estate.azure.region, 36
    region.cores = 3 * each
    _, found = examined(estate, SCALER_POOL_CAPACITY="3")
    assert "cores" not in found
    assert "cores" in examined(estate, SCALER_POOL_CAPACITY="", SCALER_CAPACITY="auto")[1], "which may have 20"
    region.cores -= 1
    said, found = examined(estate, SCALER_POOL_CAPACITY="3", SCALER_POOL_MAX="3")
    of_family, of_all = (finding["said"] for finding in said.json if finding["code"] == "cores")
    assert of_family == (
        "vmss-pixels: to grow by 1 to the settings' limit takes 36 cores, and the quota standardNVADSA10v5Family has 35"
        " left in westeurope"
    )
    assert "and the quota cores has 35 left" in of_all
    assert "value=108 " in found["cores"][0]


def test_a_capacity_reservation_covers_all_machines_or_says_how_many(estate: Estate) -> None:
    group = f"{estate.server.site.group_id}/providers/Microsoft.Compute/capacityReservationGroups/crg"
    estate.azure.reshape(virtualMachineProfile={"capacityReservation": {"capacityReservationGroup": {"id": group}}})
    _, found = examined(estate)
    assert "unchecked" in found  # there is no such group
    estate.azure.region.reserved = 3
    _, found = examined(estate, SCALER_POOL_MAX="3")
    assert not found.keys() & {"unchecked", "reserved"}
    _, found = examined(estate, SCALER_POOL_CAPACITY="4", SCALER_POOL_MAX="4")
    assert found["reserved"] == [f"az capacity reservation update --capacity 4 --ids {group}/capacityReservations/NAME"]


def test_the_rights_of_a_queue_manager_are_those_of_one_of_the_two_kinds(
    estate: Estate, redis_for_commands: Server
) -> None:
    for rights in (SCRIPTS, NAIVE):
        assert "fine" in of_queue(estate, redis_for_commands.name_of(rights))
    (less,) = of_queue(estate, redis_for_commands.name_of(SCRIPTS, "zrem")).values()
    assert "may not run ZREM" in less["said"]
    assert "ACL SETUSER scripts-less-zrem '~vmss:instance:*'" in less["remedy"]
    (elsewhere,) = of_queue(estate, redis_for_commands.name_of(NAIVE, prefix="other")).values()
    assert "may not run SPOP, GET, SET, SADD, neither" not in elsewhere["remedy"]
    assert elsewhere["level"] == "fault"
    (nobody,) = of_queue(estate, "nobody").values()
    assert (nobody["level"], "ACL GETUSER nobody" in nobody["remedy"]) == ("unknown", True)


def of_queue(estate: Estate, user: str) -> dict[str, dict[str, str]]:
    """The findings about the queue manager's user; `fine` where there is none."""
    said = estate.console.run("doctor", "--queue-manager", user, "--json", **USUAL).json
    found = {each["code"]: each for each in said if each["code"].startswith("queue")}
    return found or {"fine": {}}


def test_the_mark_is_tried_only_where_it_changes_nothing(estate: Estate) -> None:
    marked, fresh = estate.settle(Machine(status=Status.UNAVAILABLE, session="s", runs=True), Machine())
    estate.console.run("adopt", "--yes")
    assert estate.console.run("doctor", "--try-mark", marked.vm_id, typed="n\n", **USUAL).status == Exit.NOT_DONE
    assert of_mark(estate, marked.vm_id) == []
    assert sum(call.method == "PUT" and call.caller == "doctor" for call in estate.server.calls) == 1
    assert of_mark(estate, fresh.vm_id) == ["mark-untried"]
    assert of_mark(estate, "nobody") == ["mark-untried"]
    estate.may(["*/read", "Microsoft.Authorization/permissions/read"])
    assert of_mark(estate, marked.vm_id) == ["mark"]


def of_mark(estate: Estate, vm_id: str) -> list[str]:
    """The codes of the findings about the mark."""
    estate.clock.leap(minutes=2)
    said = estate.console.run("doctor", "--try-mark", vm_id, "--yes", "--json", **USUAL)
    return [each["code"] for each in said.json if each["code"].startswith("mark")]
