"""Settings: what may be left out, what may not, and every mistake at once."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from azure.core import AzureClouds
from azure.mgmt.core.tools import get_arm_endpoints

from emulator.wire.site import Place
from scaler.clouds import PUBLIC
from scaler.model.instance import Orchestration, ScaleSetName
from scaler.model.policy import Capacity, Policy
from scaler.model.sighting import Pause
from scaler.registry.keys import Keys
from scaler.settings import SETTINGS, InvalidSettings, load

ROOT = Path(__file__).parent.parent.parent
LEAST = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000",
    "AZURE_RESOURCE_GROUP": "rg-pixels",
    "AZURE_VMSS_NAME": "VMSS-Pixels",
    "REDIS_HOST": "redis.example",
}


FAST = {"SCALER_SPEED": "20", "AZURE_RESOURCE_MANAGER_URL": "http://127.0.0.1:18080"}


def mistakes(**changed: str) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as raised:
        load(LEAST | changed)
    return raised.value.mistakes


def test_the_least_that_is_needed_is_enough() -> None:
    settings = load(LEAST)
    assert settings.scale_sets == (ScaleSetName("vmss-pixels"),)
    assert settings.policy.capacity[ScaleSetName("vmss-pixels")] == Capacity(desired=4, warm=0)
    assert (settings.prefix, settings.speed, settings.client_id) == ("vmss", 1.0, None)
    assert settings.watches["starter"] == timedelta(seconds=9.8)


def test_an_empty_environment_names_everything_that_is_missing_at_once() -> None:
    with pytest.raises(InvalidSettings) as raised:
        load({})
    named = {each.split(":")[0] for each in raised.value.mistakes}
    assert named == {"AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_VMSS_NAME", "REDIS_URL"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AZURE_SUBSCRIPTION_ID", "my subscription"),
        ("AZURE_VMSS_NAME", "../../other"),
        ("AZURE_RESOURCE_GROUP", "a/b"),
        ("AZURE_RESOURCE_MANAGER_URL", "management.azure.com"),
        ("AZURE_RESOURCE_MANAGER_URL", "http://management.azure.com"),
        ("AZURE_RESOURCE_MANAGER_URL", "https://management.azure.com/subscriptions"),
        ("AZURE_RESOURCE_MANAGER_URL", "https://management.azure.com.example"),
        ("AZURE_RESOURCE_MANAGER_URL", "https://arm.contoso.example"),
        ("AZURE_RESOURCE_MANAGER_URL", "https://management.core.usgovcloudapi.net"),
        ("AZURE_CLIENT_ID", "my-identity"),
        ("REDIS_PORT", "0"),
        ("REDIS_PORT", "6379.5"),
        ("REDIS_SSL", "maybe"),
        ("SCALER_REDIS_PREFIX", "two words"),
        ("SCALER_POOL_CAPACITY", "-1"),
        ("SCALER_POOL_CAPACITY", "many"),
        ("SCALER_POOL_CAPACITY", "nan"),
        ("SCALER_VM_RUNTIME", "an hour"),
        ("SCALER_VM_RUNTIME", "9" * 400),
        ("SCALER_STARTER_WATCH", "1h"),
        ("SCALER_PRESUMED_LIMIT", "0"),
        ("SCALER_SPEED", "0"),
        ("SCALER_SPEED", "inf"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_is_expected(name: str, value: str) -> None:
    (mistake,) = mistakes(**{name: value})
    assert mistake.startswith(f"{name}: ")


def test_more_warm_than_machines_is_a_mistake() -> None:
    assert "SCALER_POOL_CAPACITY" in mistakes(SCALER_POOL_CAPACITY="2", SCALER_WARMPOOL_SIZE="3")[0]


def test_a_capacity_that_cannot_be_read_is_one_mistake_not_two() -> None:
    assert len(mistakes(SCALER_POOL_CAPACITY="ten", SCALER_WARMPOOL_SIZE="4")) == 1


def test_a_password_in_a_url_is_not_shown() -> None:
    assert "hunter2" not in mistakes(REDIS_URL="http://user:hunter2@redis")[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("360", 360), ("90s", 90), ("15m", 900), ("1.5h", 5400), ("0", 0), ("500ms", 0.5), (" 2 M ", 120)],
)
def test_durations_are_read_as_people_write_them_and_plain_numbers_are_seconds(text: str, seconds: float) -> None:
    assert load(LEAST | {"SCALER_VM_RUNTIME": text}).policy.session_limit == timedelta(seconds=seconds)


def test_speed_divides_every_duration_of_the_policy_and_no_count() -> None:
    slow, fast = load(LEAST).policy, load(LEAST | FAST).policy
    assert fast.order_horizon == slow.order_horizon / 20
    assert fast.session_limit == slow.session_limit / 20
    assert {each: hold * 20 for each, hold in fast.failed_hold.items()} == dict(slow.failed_hold)
    assert (fast.max_surge, fast.date_resolution) == (slow.max_surge, slow.date_resolution)


def test_every_setting_that_is_read_is_in_the_table() -> None:
    names = [each.name for each in SETTINGS]
    assert len(names) == len(set(names))
    assert all(each.meaning for each in SETTINGS)


def test_the_example_settings_of_the_local_run_fit_the_emulator() -> None:
    values = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    settings = load(values)
    place = Place()
    assert (settings.subscription, settings.resource_group) == (place.subscription, place.resource_group)
    assert settings.scale_sets == (ScaleSetName("vmss-pixels"),)


def test_the_settings_can_be_checked_from_a_shell() -> None:
    def check(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "scaler", "settings"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    good = check(**LEAST, REDIS_PASSWORD="hunter2")
    assert (good.returncode, "hunter2" in good.stdout) == (0, False)
    bad = check(**LEAST | {"SCALER_POOL_CAPACITY": "many", "REDIS_PORT": "x"})
    assert bad.returncode == 2
    assert "SCALER_POOL_CAPACITY: 'many'" in bad.stderr
    assert "REDIS_PORT: 'x'" in bad.stderr


# -- several scale sets


def test_several_scale_sets_share_one_value_or_have_their_own() -> None:
    settings = load(
        LEAST
        | {
            "AZURE_VMSS_NAME": "First, second",
            "SCALER_POOL_CAPACITY": "FIRST=5,second=3",
            "SCALER_WARMPOOL_SIZE": "1, second=0",
            "SCALER_GEO_NAME": "first=EUR,second=USA",
            "AZURE_VMSS_ORCHESTRATION": "second=flexible,Uniform",
        }
    )
    first, second = ScaleSetName("first"), ScaleSetName("second")
    assert settings.scale_sets == (first, second)
    assert settings.policy.capacity == {first: Capacity(desired=5, warm=1), second: Capacity(desired=3)}
    assert settings.policy.regions == {first: "EUR", second: "USA"}
    assert settings.orchestration == {first: Orchestration.UNIFORM, second: Orchestration.FLEXIBLE}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"AZURE_VMSS_NAME": "a,b,A"}, "AZURE_VMSS_NAME: 'a' cannot be used; expected each name once"),
        ({"AZURE_VMSS_NAME": "a,,b"}, "AZURE_VMSS_NAME: '' cannot be used"),
        ({"AZURE_VMSS_NAME": "a,../b"}, "AZURE_VMSS_NAME: '../b' cannot be used"),
        ({"SCALER_POOL_CAPACITY": "a=5,b=x"}, "SCALER_POOL_CAPACITY: 'x' cannot be used; expected a whole number"),
        ({"SCALER_POOL_CAPACITY": "a=5"}, "SCALER_POOL_CAPACITY: says nothing of b; add b=…"),
        ({"SCALER_POOL_CAPACITY": "a=5,b=3,c=1"}, "SCALER_POOL_CAPACITY: 'c=1' cannot be used; expected the name"),
        ({"SCALER_POOL_CAPACITY": "a=5,b=3,a=1"}, "SCALER_POOL_CAPACITY: 'a=1' cannot be used; expected only one"),
        ({"SCALER_POOL_CAPACITY": "5,3"}, "SCALER_POOL_CAPACITY: '3' cannot be used; expected only one value for all"),
        ({"SCALER_POOL_CAPACITY": "a=2,b=9", "SCALER_WARMPOOL_SIZE": "3"}, "SCALER_WARMPOOL_SIZE: 3 is more than"),
        ({"AZURE_VMSS_ORCHESTRATION": "a=Uniform,b=flex"}, "AZURE_VMSS_ORCHESTRATION: 'flex' cannot be used"),
    ],
)
def test_a_mistake_about_one_scale_set_names_it(changed: dict[str, str], says: str) -> None:
    (mistake,) = mistakes(**({"AZURE_VMSS_NAME": "a,b"} | changed))
    assert mistake.startswith(says)


@pytest.mark.parametrize(
    ("value", "pause"), [("", Pause.NONE), ("FALSE", Pause.NONE), ("true", Pause.ORDERS), ("all", Pause.ALL)]
)
def test_the_settings_may_pause(value: str, pause: Pause) -> None:
    assert load(LEAST | {"SCALER_PAUSED": value}).policy.pause is pause


def test_a_pause_that_nobody_understands_is_a_mistake() -> None:
    assert mistakes(SCALER_PAUSED="later")[0].startswith("SCALER_PAUSED: 'later' cannot be used; expected false, true")


# -- settings that make each other impossible


IMPOSSIBLE: dict[str, dict[str, str]] = {
    "SCALER_RESERVATION_TIMEOUT: 1m is less than a cold start takes": {
        "SCALER_RESERVATION_TIMEOUT": "60s",
        "SCALER_START_TIMEOUT": "60s",
    },
    "SCALER_START_TIMEOUT: 1m is less than a cold start takes": {"SCALER_START_TIMEOUT": "1m"},
    "SCALER_START_TIMEOUT: 20m is more than SCALER_RESERVATION_TIMEOUT (15m)": {"SCALER_START_TIMEOUT": "20m"},
    "SCALER_NAME: 'False' cannot be used": {"SCALER_NAME": "False"},
    "SCALER_NAME: '0' cannot be used": {"SCALER_NAME": "0"},
    "SCALER_STARTER_WATCH: 9.8s is more than the 5s between two firings of STARTER_SCHEDULE": {
        "STARTER_SCHEDULE": "*/5 * * * * *"
    },
    "SCALER_RECONCILER_WATCH: 40s is more than the 30s between": {
        "SCALER_RECONCILER_WATCH": "40s",
        "RECONCILER_SCHEDULE": "5,35 * * * * *",
    },
    "CLEANER_SCHEDULE: 'every minute' cannot be used; expected six fields": {"CLEANER_SCHEDULE": "every minute"},
    "SCALER_SPEED: 20 would shorten every wait against the real Azure": {"SCALER_SPEED": "20"},
    "SCALER_POOL_CAPACTIY: there is no such setting; did you mean SCALER_POOL_CAPACITY?": {"SCALER_POOL_CAPACTIY": "9"},
    "SCALER_XYZZY: there is no such setting": {"SCALER_XYZZY": ""},
}


@pytest.mark.parametrize("says", IMPOSSIBLE)
def test_what_cannot_be_together_is_refused_with_the_other_mistakes(says: str) -> None:
    found = mistakes(**IMPOSSIBLE[says], AZURE_CLIENT_ID="my-identity")
    assert [each for each in found if each.startswith(says)], found
    assert [each for each in found if each.startswith("AZURE_CLIENT_ID")]


def test_where_every_machine_is_warm_a_visitor_may_be_refused_sooner() -> None:
    warm = {"SCALER_POOL_CAPACITY": "3", "SCALER_WARMPOOL_SIZE": "3"}
    settings = load(LEAST | warm | {"SCALER_RESERVATION_TIMEOUT": "60s", "SCALER_START_TIMEOUT": "30s"})
    assert settings.policy.reservation_timeout == timedelta(seconds=60)


def test_a_mistyped_setting_does_not_show_its_value() -> None:
    assert "hunter2" not in str(mistakes(SCALER_REDIS_PASSWORD="hunter2"))


def test_the_production_schedules_of_the_deployment_fit_the_watches() -> None:
    text = (ROOT / ".azure-pipelines" / "templates" / "region.yml").read_text(encoding="utf-8")
    schedules = dict(re.findall(r'name: (\w+_SCHEDULE), value: "([^"]+)"', text))
    assert len(schedules) == 4
    load(LEAST | schedules)


def test_a_speed_is_for_an_azure_on_this_machine() -> None:
    emulator = {"AZURE_RESOURCE_MANAGER_URL": "http://127.0.0.1:18080", "SCALER_SPEED": "20"}
    assert load(LEAST | emulator).speed == 20
    assert load(LEAST | {"SCALER_SPEED": "1.0"}).speed == 1


def test_what_nobody_set_is_as_the_policy_and_the_doors_have_it() -> None:
    """Each default stands once: what the table says is taken from there."""
    name = ScaleSetName("vmss-pixels")
    settings = load(LEAST | {"SCALER_POOL_CAPACITY": "4"})
    assert settings.policy == Policy(capacity={name: Capacity(desired=4)})
    assert (settings.prefix, settings.arm_url) == (Keys().prefix, PUBLIC)


@pytest.mark.parametrize("cloud", list(AzureClouds))
def test_each_cloud_of_azure_gets_a_token_that_is_for_it(cloud: AzureClouds) -> None:
    endpoint = get_arm_endpoints(cloud)
    settings = load(LEAST | {"AZURE_RESOURCE_MANAGER_URL": endpoint["resource_manager"]})
    assert f"{settings.arm_audience}/.default" == endpoint["credential_scopes"][0]


@pytest.mark.parametrize("url", ["http://127.0.0.1:18080", "https://localhost:8443", "http://[::1]:80"])
def test_the_emulator_gets_the_public_clouds_token(url: str) -> None:
    assert load(LEAST | {"AZURE_RESOURCE_MANAGER_URL": url}).arm_audience == "https://management.azure.com"


def test_a_clouds_address_may_be_spelled_in_any_letter_case() -> None:
    china = load(LEAST | {"AZURE_RESOURCE_MANAGER_URL": "https://Management.ChinaCloudAPI.cn/"})
    assert china.arm_audience == "https://management.chinacloudapi.cn"
