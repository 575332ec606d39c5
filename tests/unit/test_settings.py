"""Settings: what may be left out, what may not, and every mistake at once."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from azure.core import AzureClouds
from azure.mgmt.core.tools import get_arm_endpoints

from emulator.wire.site import Place
from scaler.clouds import PUBLIC
from scaler.model.instance import Orchestration, ScaleSetName
from scaler.model.policy import Capacity, Mode, Policy
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


def test_the_least_that_is_needed_is_enough_and_the_rest_is_as_the_policy_and_the_doors_have_it() -> None:
    settings = load(LEAST)
    (name,) = settings.scale_sets
    assert name == "vmss-pixels"
    assert settings.policy == Policy(capacity={name: Capacity(desired=4, warm=0)})
    assert (settings.prefix, settings.arm_url) == (Keys().prefix, PUBLIC)
    assert (settings.speed, settings.client_id, settings.watches["starter"]) == (1.0, None, timedelta(seconds=9.8))


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
    assert [load(LEAST | each).speed for each in (FAST, {"SCALER_SPEED": "1.0"})] == [20, 1]


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
    ("text", "buffer", "share"), [("5", 5, 0.0), ("0", 0, 0.0), ("20%", 0, 0.2), ("5/25%", 5, 0.25)]
)
def test_a_buffer_is_a_number_a_share_or_the_larger_of_both(text: str, buffer: int, share: float) -> None:
    settings = load(LEAST | {"SCALER_CAPACITY": "buffer", "SCALER_POOL_BUFFER": text})
    (capacity,) = settings.policy.capacity.values()
    assert (capacity.mode, capacity.buffer, capacity.buffer_share) == (Mode.BUFFER, buffer, share)


def test_auto_has_its_bounds_and_its_share_of_visitors() -> None:
    said = {"SCALER_CAPACITY": "auto", "SCALER_POOL_MIN": "1", "SCALER_POOL_MAX": "40", "SCALER_FOUND_AT_ONCE": "99.5%"}
    (capacity,) = load(LEAST | said).policy.capacity.values()
    assert capacity == Capacity(mode=Mode.AUTO, desired=4, least=1, most=40, found_at_once=0.995)


@pytest.mark.parametrize(
    ("value", "pause"), [("", Pause.NONE), ("FALSE", Pause.NONE), ("true", Pause.ORDERS), ("all", Pause.ALL)]
)
def test_the_settings_may_pause(value: str, pause: Pause) -> None:
    assert load(LEAST | {"SCALER_PAUSED": value}).policy.pause is pause


# -- mistakes of several settings, or of several scale sets


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
        (
            {"SCALER_CAPACITY": "a=auto,fixed", "SCALER_POOL_MAX": "5", "SCALER_WARMPOOL_SIZE": "a=9,b=0"},
            "SCALER_WARMPOOL_SIZE: 9 is more than SCALER_POOL_MAX (5) of a",
        ),
        (
            {"SCALER_CAPACITY": "a=buffer,fixed", "SCALER_POOL_MIN": "9", "SCALER_POOL_MAX": "8"},
            "SCALER_POOL_MIN: 9 is more than SCALER_POOL_MAX (8) of a",
        ),
        ({"SCALER_CAPACITY": "elastic"}, "SCALER_CAPACITY: 'elastic' cannot be used; expected fixed, buffer or auto"),
        ({"SCALER_POOL_BUFFER": "a=5,b=-2"}, "SCALER_POOL_BUFFER: '-2' cannot be used; expected machines, a share"),
        ({"SCALER_POOL_BUFFER": "20%/5"}, "SCALER_POOL_BUFFER: '20%/5' cannot be used; expected machines, a share"),
        ({"SCALER_FOUND_AT_ONCE": "0.99"}, "SCALER_FOUND_AT_ONCE: '0.99' cannot be used; expected a share from 50%"),
        ({"SCALER_FOUND_AT_ONCE": "100%"}, "SCALER_FOUND_AT_ONCE: '100%' cannot be used; expected a share from 50%"),
        ({"AZURE_VMSS_ORCHESTRATION": "a=Uniform,b=flex"}, "AZURE_VMSS_ORCHESTRATION: 'flex' cannot be used"),
        ({"SCALER_POOL_CAPACITY": "ten", "SCALER_WARMPOOL_SIZE": "4"}, "SCALER_POOL_CAPACITY: 'ten' cannot be used"),
        ({"SCALER_PAUSED": "later"}, "SCALER_PAUSED: 'later' cannot be used; expected false, true or all"),
        ({"SCALER_START_TIMEOUT": "1m"}, "SCALER_START_TIMEOUT: 1m is less than a cold start takes"),
        ({"SCALER_START_TIMEOUT": "20m"}, "SCALER_START_TIMEOUT: 20m is more than SCALER_RESERVATION_TIMEOUT (15m)"),
        ({"SCALER_NAME": "False"}, "SCALER_NAME: 'False' cannot be used"),
        ({"SCALER_NAME": "0"}, "SCALER_NAME: '0' cannot be used"),
        ({"STARTER_SCHEDULE": "*/5 * * * * *"}, "SCALER_STARTER_WATCH: 9.8s is more than the 5s between two firings"),
        (
            {"SCALER_RECONCILER_WATCH": "40s", "RECONCILER_SCHEDULE": "5,35 * * * * *"},
            "SCALER_RECONCILER_WATCH: 40s is more than the 30s between",
        ),
        ({"CLEANER_SCHEDULE": "every minute"}, "CLEANER_SCHEDULE: 'every minute' cannot be used; expected six fields"),
        ({"SCALER_SPEED": "20"}, "SCALER_SPEED: 20 would shorten every wait against the real Azure"),
        ({"SCALER_POOL_CAPACTIY": "9"}, "SCALER_POOL_CAPACTIY: there is no such setting; did you mean SCALER_POOL_CA"),
        ({"SCALER_XYZZY": "hunter2"}, "SCALER_XYZZY: there is no such setting"),
    ],
)
def test_what_cannot_be_together_is_one_mistake_beside_the_others(changed: dict[str, str], says: str) -> None:
    found = mistakes(**({"AZURE_VMSS_NAME": "a,b"} | changed), AZURE_CLIENT_ID="my-identity")
    (mistake,) = [each for each in found if not each.startswith("AZURE_CLIENT_ID")]
    assert (len(found), mistake[: len(says)]) == (2, says)
    assert "hunter2" not in mistake


def test_where_every_machine_is_warm_a_visitor_may_be_refused_sooner() -> None:
    soon = {"SCALER_RESERVATION_TIMEOUT": "60s", "SCALER_START_TIMEOUT": "30s"}
    assert [each.partition(" takes")[0] for each in mistakes(**soon)] == [
        "SCALER_RESERVATION_TIMEOUT: 1m is less than a cold start",
        "SCALER_START_TIMEOUT: 30s is less than a cold start",
    ]
    warm = {"SCALER_POOL_CAPACITY": "3", "SCALER_WARMPOOL_SIZE": "3"}
    assert load(LEAST | warm | soon).policy.reservation_timeout == timedelta(seconds=60)


def test_the_production_schedules_of_the_deployment_fit_the_watches() -> None:
    text = (ROOT / ".azure-pipelines" / "templates" / "region.yml").read_text(encoding="utf-8")
    schedules = dict(re.findall(r'name: (\w+_SCHEDULE), value: "([^"]+)"', text))
    assert len(schedules) == 4
    load(LEAST | schedules)


@pytest.mark.parametrize("cloud", list(AzureClouds))
def test_each_cloud_of_azure_gets_a_token_that_is_for_it(cloud: AzureClouds) -> None:
    endpoint = get_arm_endpoints(cloud)
    settings = load(LEAST | {"AZURE_RESOURCE_MANAGER_URL": endpoint["resource_manager"]})
    assert f"{settings.arm_audience}/.default" == endpoint["credential_scopes"][0]


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("http://127.0.0.1:18080", "https://management.azure.com"),  # the emulator
        ("https://localhost:8443", "https://management.azure.com"),
        ("http://[::1]:80", "https://management.azure.com"),
        ("https://Management.ChinaCloudAPI.cn/", "https://management.chinacloudapi.cn"),
    ],
)
def test_the_emulator_gets_the_public_clouds_token_and_letter_case_is_nothing(url: str, audience: str) -> None:
    assert load(LEAST | {"AZURE_RESOURCE_MANAGER_URL": url}).arm_audience == audience
