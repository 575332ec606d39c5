"""Settings: what may be left out, what may not, and every mistake at once."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.wire.site import Place
from scaler.model.instance import Orchestration, ScaleSetName
from scaler.model.policy import Capacity
from scaler.model.sighting import Pause
from scaler.settings import SETTINGS, InvalidSettings, load

ROOT = Path(__file__).parent.parent.parent
LEAST = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000",
    "AZURE_RESOURCE_GROUP": "rg-pixels",
    "AZURE_VMSS_NAME": "VMSS-Pixels",
    "REDIS_HOST": "redis.example",
}


def mistakes(**changed: str) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as raised:
        load(LEAST | changed)
    return raised.value.mistakes


def test_the_least_that_is_needed_is_enough() -> None:
    settings = load(LEAST)
    assert settings.scale_sets == (ScaleSetName("vmss-pixels"),)
    assert settings.policy.capacity[ScaleSetName("vmss-pixels")] == Capacity(desired=4, warm=0)
    assert (settings.prefix, settings.speed, settings.client_id) == ("vmss", 1.0, None)
    assert settings.watches["starter"] == timedelta(seconds=9.5)


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
    slow, fast = load(LEAST).policy, load(LEAST | {"SCALER_SPEED": "20"}).policy
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
