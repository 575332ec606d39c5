"""What the schema cannot know: that names agree between the pipelines, the Makefile, the settings and the docs."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bicep.reading import read
from pipelines.expand import PIPELINES, Unusable, expanded, load

from infra.deployment.release import rows
from infra.package.wheels import PYTHON
from scaler.settings import SETTINGS
from scaler.settings import load as load_settings

ROOT = PIPELINES.parent
DEPLOY, BUILD = PIPELINES / "deploy.yml", PIPELINES / "build.yml"
WHOLE = pytest.mark.parametrize("path", [BUILD, DEPLOY], ids=lambda path: path.name)
PREDEFINED = re.compile(r"(Pipeline|Common|Agent|Build|System|resources)\..*|Date:.*|Rev:.*|PIP_CACHE_DIR")
A_GROUP = {
    "FUNCTION_APP_NAME": "pixels-scaler",
    "FUNCTION_APP_RESOURCE_GROUP": "rg-pixels",
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-00000005ca1e",
    "AZURE_RESOURCE_GROUP": "rg-pixels",
    "AZURE_VMSS_NAME": "vmss-pixels",
    "REDIS_HOST": "pixels.redis.cache.windows.net",
    "SCALER_POOL_CAPACITY": "6",
    "SCALER_WARMPOOL_SIZE": "2",
}


def deployments() -> list[tuple[str, dict[str, Any]]]:
    """Every deployment job with the stage it is in."""
    return [(stage["stage"], job) for stage in expanded(DEPLOY)["stages"] for job in stage["jobs"]]


def steps_of(job: dict[str, Any]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = job["strategy"]["runOnce"]["deploy"]["steps"] if "strategy" in job else job["steps"]
    return steps


def step(job: dict[str, Any], task: str) -> dict[str, Any]:
    (found,) = [each for each in steps_of(job) if each.get("task", "").startswith(task)]
    return found


def commands(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that act on Azure, in order."""
    return [each for each in steps_of(job) if each.get("task") == "AzureCLI@2"]


def settings_of(job: dict[str, Any]) -> dict[str, str]:
    """What the deployment sets on the function app."""
    return {row["name"]: row["value"] for row in json.loads(commands(job)[0]["env"]["APP_SETTINGS"])}


def texts(node: Any) -> Iterator[str]:
    """Every string in it."""
    if isinstance(node, dict):
        for each in node.values():
            yield from texts(each)
    elif isinstance(node, list):
        for each in node:
            yield from texts(each)
    elif isinstance(node, str):
        yield node


def filled(text: str) -> str:
    """As the agent writes it, with the variables of a group."""
    return re.sub(r"\$\((\w+)\)", lambda found: A_GROUP[found[1]], text)


def test_both_regions_of_dev_are_deployed_before_those_of_prod_and_one_region_before_the_other() -> None:
    pipeline = expanded(DEPLOY)
    assert [(stage["stage"], stage["dependsOn"]) for stage in pipeline["stages"]] == [("dev", []), ("prod", ["dev"])]
    for stage in pipeline["stages"]:
        assert [(job["deployment"], job["dependsOn"]) for job in stage["jobs"]] == [("EUR", []), ("USA", ["EUR"])]


def test_each_deployment_has_its_own_environment_and_variables_and_the_connection_of_its_stage() -> None:
    for stage, job in deployments():
        name = f"scaler-{stage}-{job['deployment']}"
        assert (job["environment"], job["variables"]) == (name, [{"group": name}])
        inputs = [each["inputs"] for each in steps_of(job) if each.get("task", "").startswith("Azure")]
        assert [each["azureSubscription"] for each in inputs] == [f"scaler-{stage}"] * 3


def test_the_settings_are_checked_then_infrastructure_then_the_package_and_then_it_is_watched() -> None:
    for _, job in deployments():
        names = [next(iter(each.values())) for each in steps_of(job)]
        assert names == [
            "build",
            "UsePythonVersion@0",
            "python check_settings.py scaler-*.zip",
            *["AzureCLI@2"] * 3,
        ]
        scripts = [shlex.split(filled(each["inputs"]["inlineScript"])) for each in commands(job)]
        place = ["--app", "pixels-scaler", "--resource-group", "rg-pixels"]
        build = ["--package", "scaler-*.zip", "--build", "$(resources.pipeline.build.runName)"]
        assert scripts == [
            ["python3", "release.py", *place, "infrastructure", "--template", "infra.json"],
            ["python3", "release.py", *place, "package", *build],
            ["python3", "await_functions.py", *place],
        ]
        checked = next(each for each in steps_of(job) if "script" in each)["env"]["APP_SETTINGS"]
        assert checked == commands(job)[0]["env"]["APP_SETTINGS"]


def test_the_template_takes_the_parameters_that_a_deployment_passes() -> None:
    main = read(ROOT / "infra" / "main.bicep")
    for _, job in deployments():
        passed = rows(commands(job)[0]["env"]["PARAMETERS"])
        assert passed.keys() <= main.of_kind("parameter").keys() - {"name", "settings", "packageUrl"}
        assert passed["assignRoles"] == "false"  # a pipeline need not be able to give rights away


def test_the_build_compiles_the_template_that_is_deployed_and_stops_at_the_first_mistake() -> None:
    (script,) = [each["script"] for each in steps_of(packaging()) if "az bicep" in each.get("script", "")]
    assert script.splitlines()[:2] == ["set -e", "az bicep build --file infra/main.bicep --outfile dist/infra.json"]


def test_every_setting_that_is_deployed_exists_and_every_required_one_is_deployed() -> None:
    known = {each.name for each in SETTINGS}
    for _, job in deployments():
        settings = settings_of(job)
        assert settings.keys() <= known - {"AZURE_CLIENT_ID", "REDIS_PASSWORD", "REDIS_URL"}
        assert {each.name for each in SETTINGS if each.default is None} <= settings.keys()


def test_the_scaler_can_use_what_is_deployed() -> None:
    for _, job in deployments():
        settings = load_settings({name: filled(value) for name, value in settings_of(job).items()})
        assert settings.redis.url.startswith("rediss://pixels.redis.cache.windows.net:6380")
        assert settings.redis.entra
        assert set(settings.policy.regions.values()) == {job["deployment"]}


def test_the_schedules_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"\| `(\w+_SCHEDULE)` \| `([^`]+)` \|", readme))
    assert len(documented) == 4
    for _, job in deployments():
        assert documented.items() <= settings_of(job).items()


def test_the_variables_are_those_that_the_docs_tell_to_define() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))
    used = {name for text in texts(expanded(DEPLOY)) for name in re.findall(r"\$\(([^)]+)\)", text)}
    assert {name for name in used if not PREDEFINED.fullmatch(name)} == documented == A_GROUP.keys()


def packaging() -> dict[str, Any]:
    """The job of the build that publishes what is deployed."""
    jobs: list[dict[str, Any]] = expanded(BUILD)["jobs"]
    (job,) = [job for job in jobs if any("publish" in each for each in steps_of(job))]
    return job


def test_the_package_is_made_where_no_development_package_was_installed() -> None:
    job = packaging()
    others = [each["job"] for each in expanded(BUILD)["jobs"] if each["job"] != job["job"]]
    assert others
    assert job["dependsOn"] == others  # a machine of its own, once all tests have passed
    assert any(each.get("script") == "python -m infra.package" for each in steps_of(job))
    installs = re.compile(r"\b(make|pip|apt-get|venv|pytest)\b")
    assert not [text for text in texts([each.get("script", "") for each in steps_of(job)]) if installs.search(text)]
    assert {each["task"] for each in steps_of(job) if "task" in each} == {"UsePythonVersion@0"}  # and no cache


def test_what_is_deployed_is_what_was_built() -> None:
    (published,) = [each for each in steps_of(packaging()) if "publish" in each]
    (resource,) = expanded(DEPLOY)["resources"]["pipelines"]
    for _, deployment in deployments():
        (download,) = [each for each in steps_of(deployment) if "download" in each]
        assert download == {"download": resource["pipeline"], "artifact": published["artifact"]}
        folder = f"$(Pipeline.Workspace)/{resource['pipeline']}/{published['artifact']}"
        named = [text for text in texts(steps_of(deployment)) if "Pipeline.Workspace" in text]
        assert named
        assert all(folder in text for text in named)


def test_every_script_that_a_deployment_runs_is_published_by_the_build() -> None:
    assert "cp infra/deployment/*.py dist/" in [each.get("script") for each in steps_of(packaging())]
    run = {name for text in texts([job for _, job in deployments()]) for name in re.findall(r"(\w+\.py)\b", text)}
    assert run == {path.name for path in (ROOT / "infra" / "deployment").glob("*.py")}


@WHOLE
def test_every_make_target_exists(path: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    used = {name for text in texts(expanded(path)) for name in re.findall(r"^make ([\w-]+)", text, flags=re.MULTILINE)}
    assert used <= targets
    assert path != BUILD or {"check", "test-all"} <= used


@WHOLE
def test_the_python_is_the_one_that_the_package_is_made_for(path: Path) -> None:
    jobs = expanded(path).get("jobs") or [job for _, job in deployments()]
    assert {step(job, "UsePythonVersion")["inputs"]["versionSpec"] for job in jobs} == {PYTHON}
    assert (ROOT / ".python-version").read_text(encoding="utf-8").startswith(f"{PYTHON}.")


def test_every_parameter_is_used() -> None:
    for path in PIPELINES.rglob("*.yml"):
        text = path.read_text(encoding="utf-8")
        assert all(f"parameters.{each['name']}" in text for each in load(path).get("parameters", ()))


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("region.yml", "regions.yml", "deploy.yml: there is no templates/regions.yml"),
        ("after: ${{ region.after }}", "before: [EUR]", "has no parameter before, needs the parameter after"),
        ("after: ${{ region.after }}", "after: EUR", "takes no 'EUR' as after"),
        ("region: ${{ region.name }}", "region: ${{ region.nam }}", "region.nam: there is no nam"),
        ("region: ${{ region.name }}", "region: ${{ lower('EUR') }}", "an expression that expand.py does not know"),
    ],
)
def test_a_template_that_is_used_wrongly_is_found(tmp_path: Path, right: str, wrong: str, complaint: str) -> None:
    for path in PIPELINES.rglob("*.yml"):
        copy = tmp_path / path.relative_to(PIPELINES)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    text = DEPLOY.read_text(encoding="utf-8")
    assert right in text
    (tmp_path / "deploy.yml").write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(Unusable, match=re.escape(complaint)):
        expanded(tmp_path / "deploy.yml")
