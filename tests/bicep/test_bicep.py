"""The Bicep in infra/: read by two parsers, and held against Microsoft's types, the settings, and the docs.

Azure's own compiler reads it in build.yml. Whatever a planted mistake shows to be found here is found before.
"""

import json
import re
from pathlib import Path

import pytest
from bicep.complaints import complaints
from bicep.reading import FILES, INFRA, Bicep, literal, objects, properties, read, spelled, within

from infra.package.wheels import PYTHON
from scaler.registry.rights import SCALER
from scaler.settings import SETTINGS, load

ROOT = INFRA.parent
MAIN, APP = read(INFRA / "main.bicep"), read(INFRA / "modules" / "app.bicep")
PREFIX = "SCALER_REDIS_PREFIX"
MAY_HOLD_A_SECRET = "REDIS_URL"
BUILT_IN = {  # roles of Azure, from its documentation
    "blobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "blobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
}


def text_of(bicep: Bicep, variable: str) -> str:
    """The literal that a variable is."""
    return spelled(bicep.declarations[variable].named_children[-1]).strip("'")


def keys(bicep: Bicep, *variables: str) -> set[str]:
    """The keys of variables that are objects, or an object on a condition."""
    found = (node for each in variables for node in objects(bicep.declarations[each]))
    return {key for node in found for key in properties(node)}


def asked_settings() -> set[str]:
    """The settings that a deployment may name."""
    return set(properties(MAIN.declarations["Settings"]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(INFRA)))
def test_nothing_is_wrong_with_a_file(path: Path) -> None:
    assert complaints(read(path)) == []


@pytest.mark.parametrize(
    ("name", "right", "wrong", "found"),
    [
        ("main.bicep", "param plan string =", "param plan string", "no Bicep"),
        ("main.bicep", "@maxValue(730)", "@maxValue(730", "line "),
        ("main.bicep", "plan: plan", "plan: plans", "nothing is called plans"),
        ("main.bicep", "    retentionDays: retentionDays\n", "", "module monitoring needs the parameter retentionDays"),
        ("main.bicep", "    retentionDays: retentionDays\n", "", "parameter retentionDays is not used"),
        ("main.bicep", "    plan: plan", "    tier: plan", "module app has no parameter tier"),
        ("main.bicep", "modules/app.bicep", "modules/apps.bicep", "module app: there is no modules/apps.bicep"),
        ("main.bicep", "outputs.packagesUrl", "outputs.packageUrl", "module app has no output packageUrl"),
        ("main.bicep", "trim(", "strip(", "no function strip"),
        ("main.bicep", "@description('Region of", "@metadata('Region of", "no @description"),
        ("modules/app.bicep", "alwaysOn:", "alwaysOnn:", "there is no properties.siteConfig.alwaysOnn"),
        ("modules/app.bicep", "    httpsOnly:", "    httpOnly:", "resource app: there is no properties.httpOnly"),
        ("modules/app.bicep", "maximumElasticWorkerCount", "maximumWorkerCount", "resource serverFarm: there is no"),
        ("modules/app.bicep", "{ allTraffic: true }", "{ all: true }", "no properties.outboundVnetRouting.all"),
        (
            "modules/app.bicep",
            "sites@2024-11-01",
            "sites@2042-11-01",
            "Microsoft.Web/sites is asked for in version 2042",
        ),
        ("modules/app.bicep", "union(host, package", "union(package", "variable host is not used"),
        ("modules/access.bicep", "role in roles:", "role in rolls:", "nothing is called rolls"),
        ("modules/access.bicep", "/azure-role.json", "/role.json", "there is no ../../docs/role.json"),
        ("examples/scale-set.bicep", "upgradePolicy:", "upgradePolices:", "there is no properties.upgradePolices"),
        ("examples/scale-set.bicep", "  sku: {", "  sku: {\n    tier: size", "a key stands twice"),
        (
            "examples/network.bicep",
            "          priority: 110\n",
            "",
            "there must be properties.securityRules.properties.pr",
        ),
    ],
)
def test_a_mistake_is_found_and_named(name: str, right: str, wrong: str, found: str) -> None:
    path = INFRA / name
    text = path.read_text(encoding="utf-8")
    assert right in text, f"{name} has changed; plant the mistake elsewhere"
    said = complaints(Bicep(path, text.replace(right, wrong, 1)))
    assert any(found in each for each in said), said


def test_every_setting_of_the_scaler_can_be_set_and_no_other() -> None:
    by_template = (keys(APP, "host") & {each.name for each in SETTINGS}) | keys(APP, "password")
    known = asked_settings() | by_template | {MAY_HOLD_A_SECRET}
    assert known == {each.name for each in SETTINGS}, "the type Settings in infra/main.bicep has a line for each"
    assert asked_settings().isdisjoint({MAY_HOLD_A_SECRET, "REDIS_PASSWORD", "AZURE_CLIENT_ID"})


def test_a_setting_must_be_given_if_the_scaler_or_the_host_requires_it() -> None:
    kinds = properties(MAIN.declarations["Settings"])
    assert {name for name, kind in kinds.items() if spelled(kind) == "string"} == {
        each.name for each in SETTINGS if each.default is None or each.name.endswith("_SCHEDULE")
    }
    assert {spelled(kind) for kind in kinds.values()} == {"string", "string?"}


def test_the_example_of_parameters_can_be_used() -> None:
    text = (INFRA / "parameters.example.json").read_text(encoding="utf-8")
    values = {name: each["value"] for name, each in json.loads(text)["parameters"].items()}
    assert values.keys() <= MAIN.of_kind("parameter").keys()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    schedules = dict(re.findall(r"\| `(\w+_SCHEDULE)` \| `([^`]+)` \|", readme))
    assert len(schedules) == 4
    assert schedules.items() <= values["settings"].items()
    settings = load(values["settings"])
    assert settings.redis.entra
    assert settings.redis.host.startswith(values["redisName"])


def test_all_settings_of_the_app_are_set_at_once_and_those_of_the_deployment_win() -> None:
    body = properties(APP.declarations["appSettings"])
    assert spelled(body["properties"]) == "union(host, package, password, settings)"


def test_no_key_and_no_secret_is_needed_or_told() -> None:
    storage = properties(properties(APP.declarations["storage"])["properties"])
    assert spelled(storage["allowSharedKeyAccess"]) == "false"
    assert not [key for key in keys(APP, "host") if re.search("KEY|CONTENT|AzureWebJobsStorage$", key)]
    assert not re.search(r"listKeys|AccountKey|instrumentationKey", "".join(read(path).text for path in FILES))


def test_the_app_runs_on_the_python_that_the_package_is_made_for() -> None:
    assert f"linuxFxVersion: 'PYTHON|{PYTHON}'" in APP.text


def test_the_roles_of_azure_are_the_documented_ones() -> None:
    guids = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert {name: text_of(APP, name) for name in BUILT_IN} == BUILT_IN
    assert all(path == APP.path for path in FILES if guids.search(read(path).text))


def test_the_roles_of_the_scaler_are_those_of_the_docs() -> None:
    access = read(INFRA / "modules" / "access.bicep")
    assert "Microsoft.Compute" not in re.sub(r"'Microsoft\.\w+/\w+@", "", access.text)
    for path in (ROOT / "docs").glob("azure-role*.json"):
        role = json.loads(path.read_text(encoding="utf-8"))
        assert f"/docs/{path.name}'" in access.text
        assert not role["NotActions"] + role["DataActions"] + role["NotDataActions"]
    assert [each for each in role_actions() if each.startswith("Microsoft.Resources/")]


def role_actions() -> list[str]:
    """Of the scaler's role on its scale sets."""
    actions: list[str] = json.loads((ROOT / "docs" / "azure-role.json").read_text(encoding="utf-8"))["Actions"]
    return actions


def test_the_rights_in_redis_are_those_of_the_scaler_and_what_a_cluster_takes() -> None:
    module = read(INFRA / "modules" / "redis-access.bicep")
    given = properties(properties(module.declarations["policy"])["properties"])["permissions"]
    needed = SCALER.access_string("${prefix}").split()
    assert set(spelled(given).strip("'").split()) == {*needed, "+cluster|slots", "+asking", "+eval"}


def test_the_prefix_of_the_keys_is_the_scalers() -> None:
    (default,) = [each.default for each in SETTINGS if each.name == PREFIX]
    assert f"settings.?{PREFIX} ?? '{default}'" in MAIN.text


def test_every_alert_has_what_its_rule_is_made_of() -> None:
    module = read(INFRA / "modules" / "monitoring.bicep")
    wanted = set(re.findall(r"\balert\.(\w+)", module.text))
    alerts = json.loads((ROOT / "monitoring" / "alerts.json").read_text(encoding="utf-8"))
    assert alerts
    assert [alert["name"] for alert in alerts if alert.keys() != wanted] == []
    assert len({alert["name"] for alert in alerts}) == len(alerts)


def test_every_output_of_the_template_is_used_by_the_deployment_or_its_page() -> None:
    told = "".join(
        path.read_text(encoding="utf-8") for path in (*(INFRA / "deployment").glob("*.py"), ROOT / "docs" / "deploy.md")
    )
    assert {each for each in MAIN.outputs if each not in told} == set()


def test_the_example_of_a_scale_set_is_one_that_the_scaler_can_work_with() -> None:
    example = read(INFRA / "examples" / "scale-set.bicep")
    whole = properties(example.declarations["scaleSet"])
    shape = properties(whole["properties"])
    assert {key: spelled(shape[key]) for key in ("orchestrationMode", "overprovision", "singlePlacementGroup")} == {
        "orchestrationMode": "'Uniform'",
        "overprovision": "false",
        "singlePlacementGroup": "false",
    }
    assert spelled(properties(shape["upgradePolicy"])["mode"]) == "'Manual'"
    assert "'scaler:managed': managed" in spelled(whole["tags"])
    assert text_of(example, "capacity") == "0"
    forbidden = {"automaticRepairsPolicy", "resiliencyPolicy", "scheduledEventsProfile", "diffDiskSettings"}
    assert forbidden.isdisjoint(spelled(node) for node in within(example.root) if node.type == "identifier")


def test_the_example_of_a_redis_keeps_everything_and_knows_no_key() -> None:
    example = read(INFRA / "examples" / "redis.bicep")
    database = properties(properties(example.declarations["database"])["properties"])
    assert {key: spelled(value).strip("'") for key, value in database.items()} == {
        "clientProtocol": "Encrypted",
        "port": "10000",
        "clusteringPolicy": "NoCluster",
        "evictionPolicy": "NoEviction",
        "accessKeysAuthentication": "Disabled",
    }
    assert literal(example.declarations["redis"]).startswith("Microsoft.Cache/redisEnterprise@")
