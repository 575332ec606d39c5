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
from scaler.model.policy import Capacity, Mode, Policy, Price
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
    assert settings.policy == Policy(capacity={name: Capacity(mode=Mode.AUTO, desired=4, warm=0)})
    assert (settings.prefix, settings.arm_url) == (Keys().prefix, PUBLIC)
    assert (settings.speed, settings.client_id, settings.watches["starter"]) == (1.0, None, timedelta(seconds=9.8))


def test_an_empty_environment_names_everything_that_is_missing_at_once() -> None:
    with pytest.raises(InvalidSettings) as raised:
        load({})
    named = {each.split(":")[0] for each in raised.value.mistakes}
    assert named == {"AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_VMSS_NAME", "REDIS_URL"}


def test_a_contradiction_is_told_beside_a_mistake_in_another_setting_and_not_for_it() -> None:
    wrong = {"SCALER_POOL_MIN": "9", "SCALER_POOL_MAX": "8", "SCALER_HOTPOOL_SIZE": "3"}
    hot = "SCALER_HOTPOOL_SIZE: 3 leaves none of SCALER_POOL_BUFFER (2) of vmss-pixels at rest"
    least = "SCALER_POOL_MIN: 9 is more than SCALER_POOL_MAX (8) of vmss-pixels"
    price, *others = mistakes(**wrong, SCALER_PRICE="-1/1/1", SCALER_BUDGET="9")
    assert price.startswith("SCALER_PRICE: '-1/1/1' cannot be used")
    assert others == [hot, least]
    assert hot not in mistakes(**wrong, SCALER_POOL_BUFFER="-1")
    assert mistakes(**(wrong | {"SCALER_POOL_MAX": "many"}))[1:] == (hot,)
    window = {"name": "w", "at": "2026-12-24T20:00Z", "within": "1h", "min": 1, "scaleSets": ["vmss-pixels"]}
    (mode,) = mistakes(**wrong, SCALER_CAPACITY="elastic", SCALER_CALENDAR=json.dumps([window]))
    assert mode.startswith("SCALER_CAPACITY: 'elastic'")


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
        ("SCALER_APP_CONFIGURATION", "pixels"),
        ("SCALER_APP_CONFIGURATION", "http://pixels.azconfig.io"),
        ("SCALER_APP_CONFIGURATION", "https://pixels.azconfig.io/kv"),
        ("SCALER_APP_CONFIGURATION", "https://azconfig.io"),
        ("SCALER_APP_CONFIGURATION", "https://pixels.azconfig.io.example"),
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


@pytest.mark.parametrize("host", ["pixels.azconfig.io", "a-1.b.azconfig.azure.us", "pixels.azconfig.azure.cn"])
def test_a_store_of_app_configuration_is_named_by_its_endpoint(host: str) -> None:
    assert load(LEAST | {"SCALER_APP_CONFIGURATION": f"https://{host}/"}).store == f"https://{host}"


def test_a_store_without_its_package_is_a_mistake_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    (mistake,) = mistakes(SCALER_APP_CONFIGURATION="https://pixels.azconfig.io")
    assert mistake == (
        "SCALER_APP_CONFIGURATION: the package azure-appconfiguration is not installed; on this machine `pip install -r"
        ' requirements-appconfig.txt`, for Azure `make package ARGS="--extra appconfig"`'
    )


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
            "SCALER_END_WHEN": "released,second=Unhealthy",
        }
    )
    first, second = ScaleSetName("first"), ScaleSetName("second")
    assert settings.scale_sets == (first, second)
    assert settings.policy.capacity == {first: Capacity(desired=5, warm=1), second: Capacity(desired=3)}
    assert settings.policy.regions == {first: "EUR", second: "USA"}
    assert settings.orchestration == {first: Orchestration.UNIFORM, second: Orchestration.FLEXIBLE}
    assert [settings.policy.ends_by_health(name) for name in (first, second)] == [False, True]


def test_scale_sets_may_share_one_number_by_weight() -> None:
    policy = load(LEAST | {"AZURE_VMSS_NAME": "First,second", "SCALER_POOL_WEIGHTS": "first=2,SECOND=1"}).policy
    assert policy.weights == {"first": 2, "second": 1}
    assert not load(LEAST).policy.weights


def test_price_budget_and_failure_cap_are_each_scale_sets_own_beside_a_shared_number() -> None:
    own = {
        "SCALER_PRICE": "first=1/1/0,second=2/2/0",
        "SCALER_BUDGET": "first=700,second=",
        "SCALER_FAILURE_CAP": "first=3,0",
    }
    first, second = load(
        LEAST | {"AZURE_VMSS_NAME": "first,second", "SCALER_POOL_WEIGHTS": "1", **own}
    ).policy.capacity.values()
    assert (first.budget, first.failure_cap, second.budget, second.failure_cap) == (700, 3, None, 0)


@pytest.mark.parametrize(
    ("text", "buffer", "share"), [("5", 5, 0.0), ("0", 0, 0.0), ("20%", 0, 0.2), ("5/25%", 5, 0.25)]
)
def test_a_buffer_is_a_number_a_share_or_the_larger_of_both(text: str, buffer: int, share: float) -> None:
    settings = load(LEAST | {"SCALER_CAPACITY": "buffer", "SCALER_POOL_BUFFER": text})
    (capacity,) = settings.policy.capacity.values()
    assert (capacity.mode, capacity.buffer, capacity.buffer_share) == (Mode.BUFFER, buffer, share)


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ({}, Mode.AUTO),
        ({"SCALER_POOL_CAPACITY": "6"}, Mode.FIXED),
        ({"SCALER_POOL_CAPACITY": "6", "SCALER_CAPACITY": "auto"}, Mode.AUTO),
    ],
    ids=["a new installation", "one that says how many", "one that says both"],
)
def test_the_machines_follow_the_visitors_unless_a_number_is_set(said: dict[str, str], mode: Mode) -> None:
    (capacity,) = load(LEAST | said).policy.capacity.values()
    assert capacity.mode is mode


def test_auto_has_its_bounds_and_its_share_of_visitors() -> None:
    said = {"SCALER_CAPACITY": "auto", "SCALER_POOL_MIN": "1", "SCALER_POOL_MAX": "40", "SCALER_FOUND_AT_ONCE": "99.5%"}
    (capacity,) = load(LEAST | said).policy.capacity.values()
    assert capacity == Capacity(mode=Mode.AUTO, desired=4, least=1, most=40, found_at_once=0.995)


def test_prices_are_per_hour_running_stopped_and_deallocated_for_each_scale_set() -> None:
    both = LEAST | {"AZURE_VMSS_NAME": "first,second", "SCALER_CURRENCY": "eur"}
    first, second = load(both | {"SCALER_PRICE": "first=1.2/1/0.05,second="}).policy.capacity.values()
    assert (first.price, second.price) == (Price(running=1.2, stopped=1.0, deallocated=0.05), None)
    assert load(both).policy.currency == "EUR"


def test_creations_may_fail_without_end_unless_a_cap_is_set_for_a_scale_set() -> None:
    both = LEAST | {"AZURE_VMSS_NAME": "first,second"}
    assert [each.failure_cap for each in load(both).policy.capacity.values()] == [0, 0]
    found = load(both | {"SCALER_FAILURE_CAP": "first=5,second=0"}).policy.capacity
    assert [each.failure_cap for each in found.values()] == [5, 0]


def test_a_budget_is_for_a_month_of_each_scale_set() -> None:
    both = LEAST | {"AZURE_VMSS_NAME": "first,second", "SCALER_PRICE": "1/1/0"}
    assert [each.budget for each in load(both).policy.capacity.values()] == [None, None]
    found = load(both | {"SCALER_BUDGET": "first=2500,second=99.5"}).policy.capacity
    assert [each.budget for each in found.values()] == [2500, 99.5]


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
        (
            {"SCALER_POOL_WEIGHTS": "a=2,b=1", "SCALER_POOL_MAX": "a=5,b=9"},
            "SCALER_POOL_WEIGHTS: the scale sets share one number; expected one value for all of them in",
        ),
        ({"SCALER_POOL_WEIGHTS": "a=2"}, "SCALER_POOL_WEIGHTS: says nothing of b; add b=…"),
        ({"SCALER_READY_WHEN": "a=healthy"}, "SCALER_READY_WHEN: says nothing of b; add b=…"),
        ({"SCALER_WARMPOOL_SIZE": "a=1"}, "SCALER_WARMPOOL_SIZE: says nothing of b; add b=…"),
        ({"SCALER_POOL_WEIGHTS": "a=2,b=0"}, "SCALER_POOL_WEIGHTS: '0' cannot be used; expected a whole number from 1"),
        (
            {
                "SCALER_POOL_WEIGHTS": "a=2,b=1",
                "SCALER_CALENDAR": json.dumps(
                    [{"name": "w", "at": "2026-12-24T20:00Z", "within": "1h", "min": 1, "scaleSets": ["a"]}]
                ),
            },
            "SCALER_POOL_WEIGHTS: the scale sets share one number; expected no `scaleSets` in 'w' of SCALER_CALENDAR",
        ),
        ({"SCALER_POOL_BUFFER": "a=5,b=-2"}, "SCALER_POOL_BUFFER: '-2' cannot be used; expected machines, a share"),
        ({"SCALER_POOL_BUFFER": "20%/5"}, "SCALER_POOL_BUFFER: '20%/5' cannot be used; expected machines, a share"),
        ({"SCALER_FOUND_AT_ONCE": "0.99"}, "SCALER_FOUND_AT_ONCE: '0.99' cannot be used; expected a share from 50%"),
        ({"SCALER_FOUND_AT_ONCE": "100%"}, "SCALER_FOUND_AT_ONCE: '100%' cannot be used; expected a share from 50%"),
        (
            {"SCALER_PRICE": "1.2/1.2/-0.05"},
            "SCALER_PRICE: '1.2/1.2/-0.05' cannot be used; expected prices per hour, none",
        ),
        ({"SCALER_PRICE": "a=1.2,b=1/1/0"}, "SCALER_PRICE: '1.2' cannot be used; expected prices per hour"),
        (
            {"SCALER_BUDGET": "9", "SCALER_PRICE": "a=1/1/0,b="},
            "SCALER_BUDGET: b has no SCALER_PRICE; without, nobody knows what its machines cost",
        ),
        (
            {"SCALER_BUDGET": "-9", "SCALER_PRICE": "1/1/0"},
            "SCALER_BUDGET: '-9' cannot be used; expected an amount above 0",
        ),
        (
            {"SCALER_BUDGET": "0", "SCALER_PRICE": "1/1/0"},
            "SCALER_BUDGET: '0' cannot be used; expected an amount above 0 for a month",
        ),
        (
            {"SCALER_FAILURE_CAP": "-1"},
            "SCALER_FAILURE_CAP: '-1' cannot be used; expected a whole number from 0 to 1000",
        ),
        ({"SCALER_CURRENCY": "euros"}, "SCALER_CURRENCY: 'euros' cannot be used; expected three letters"),
        ({"AZURE_VMSS_ORCHESTRATION": "a=Uniform,b=flex"}, "AZURE_VMSS_ORCHESTRATION: 'flex' cannot be used"),
        ({"SCALER_POOL_CAPACITY": "ten", "SCALER_WARMPOOL_SIZE": "4"}, "SCALER_POOL_CAPACITY: 'ten' cannot be used"),
        (
            {"SCALER_WARMPOOL_SIZE": "some"},
            "SCALER_WARMPOOL_SIZE: 'some' cannot be used; expected a whole number from 0",
        ),
        (
            {"SCALER_WARMPOOL_SIZE": "auto", "SCALER_POOL_WEIGHTS": "1"},
            "SCALER_WARMPOOL_SIZE: auto is for one scale set by itself; expected a number beside SCALER_POOL_WEIGHTS",
        ),
        (
            {"SCALER_HOTPOOL_SIZE": "a=3,b=0", "SCALER_POOL_CAPACITY": "", "SCALER_POOL_BUFFER": "3"},
            "SCALER_HOTPOOL_SIZE: 3 leaves none of SCALER_POOL_BUFFER (3) of a at rest",
        ),
        (
            {"SCALER_HOTPOOL_SIZE": "a=0,b=5", "SCALER_POOL_CAPACITY": "5"},
            "SCALER_HOTPOOL_SIZE: 5 leaves none of SCALER_POOL_CAPACITY (5) of b at rest",
        ),
        (
            {"SCALER_HOTPOOL_SIZE": "a=1,b=0", "SCALER_POOL_CAPACITY": "", "SCALER_POOL_BUFFER": "20%"},
            "SCALER_HOTPOOL_SIZE: 1 leaves none of SCALER_POOL_BUFFER (0) of a at rest",
        ),
        (
            {"SCALER_HOTPOOL_SIZE": "all"},
            "SCALER_HOTPOOL_SIZE: 'all' cannot be used; expected a whole number from 0",
        ),
        (
            {"SCALER_HOTPOOL_SIZE": "a=1,b=2", "SCALER_POOL_BUFFER": "9", "SCALER_POOL_WEIGHTS": "1"},
            "SCALER_POOL_WEIGHTS: the scale sets share one number; expected one value for all of them in",
        ),
        ({"SCALER_PAUSED": "later"}, "SCALER_PAUSED: 'later' cannot be used; expected false, true or all"),
        ({"SCALER_MAX_READY_AGE": "29m"}, "SCALER_MAX_READY_AGE: 29m is hardly longer than it takes to make a machine"),
        ({"SCALER_START_TIMEOUT": "1m"}, "SCALER_START_TIMEOUT: 1m is less than a cold start takes"),
        ({"SCALER_START_TIMEOUT": "20m"}, "SCALER_START_TIMEOUT: 20m is more than SCALER_RESERVATION_TIMEOUT (15m)"),
        ({"SCALER_READY_WHEN": "started"}, "SCALER_READY_WHEN: 'started' cannot be used; expected running or healthy"),
        (
            {"SCALER_READY_WHEN": "healthy", "SCALER_READY_TIMEOUT": "901s"},
            "SCALER_READY_TIMEOUT: 901s is more than SCALER_RESERVATION_TIMEOUT (15m)",
        ),
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


@pytest.mark.parametrize(
    ("preset", "found_at_once", "warm", "follows"),
    [("thrifty", 0.999, 0, False), ("Balanced", 0.999, 0, True), ("instant", 0.99, 20, False)],
)
def test_a_preset_is_other_defaults(preset: str, found_at_once: float, warm: int, follows: bool) -> None:
    (capacity,) = load(LEAST | {"SCALER_PRESET": preset}).policy.capacity.values()
    assert (capacity.mode, capacity.warm, capacity.warm_follows) == (Mode.AUTO, warm, follows)
    assert capacity.found_at_once == pytest.approx(found_at_once)


def test_what_is_set_wins_over_the_preset() -> None:
    said = {"SCALER_PRESET": "thrifty", "SCALER_WARMPOOL_SIZE": "3", "SCALER_POOL_CAPACITY": "5"}
    (capacity,) = load(LEAST | said).policy.capacity.values()
    assert (capacity.mode, capacity.desired, capacity.warm) == (Mode.FIXED, 5, 3)
    assert capacity.found_at_once == pytest.approx(0.999)


def test_an_unknown_preset_is_a_mistake() -> None:
    assert mistakes(SCALER_PRESET="cheap") == (
        "SCALER_PRESET: 'cheap' cannot be used; expected thrifty, balanced or instant",
    )


def test_a_surplus_lasts_an_hour_unless_another_time_is_set() -> None:
    kept = [load(LEAST | {"SCALER_SURPLUS_KEPT": each}).policy.surplus_kept for each in ("", "10m", "2h")]
    assert kept == [timedelta(hours=1), timedelta(minutes=10), timedelta(hours=2)]


def test_the_warm_share_is_a_number_or_follows_the_visitors_for_each_scale_set() -> None:
    names = {"AZURE_VMSS_NAME": "a,b", "SCALER_WARMPOOL_SIZE": "a=Auto,b=2"}
    a, b = load(LEAST | names).policy.capacity.values()
    assert ((a.warm, a.warm_follows), (b.warm, b.warm_follows)) == ((0, True), (2, False))


def test_hot_machines_are_a_number_for_each_scale_set_less_than_the_spare_ones() -> None:
    names = {"AZURE_VMSS_NAME": "a,b", "SCALER_HOTPOOL_SIZE": "a=2,b=0", "SCALER_POOL_BUFFER": "3"}
    settings = load(LEAST | names)
    assert [capacity.hot for capacity in settings.policy.capacity.values()] == [2, 0]
    assert settings.wants_hot
    assert not load(LEAST).wants_hot
    fixed = load(LEAST | {"SCALER_POOL_CAPACITY": "3", "SCALER_HOTPOOL_SIZE": "2"})
    assert [capacity.hot for capacity in fixed.policy.capacity.values()] == [2]


def test_the_calendar_may_want_hot_machines_as_well() -> None:
    window = '[{"name": "w", "at": "2026-12-24T20:00Z", "within": "1h", "hot": 1}]'
    assert load(LEAST | {"SCALER_CALENDAR": window}).wants_hot


def test_a_warm_surplus_lasts_ten_minutes_unless_another_time_is_set() -> None:
    kept = [load(LEAST | {"SCALER_WARM_SURPLUS_KEPT": each}).policy.warm_surplus_kept for each in ("", "0", "1h")]
    assert kept == [timedelta(minutes=10), timedelta(0), timedelta(hours=1)]


def test_machines_may_be_replaced_when_they_are_half_an_hour_old_or_never() -> None:
    ages = [load(LEAST | {"SCALER_MAX_READY_AGE": each}).policy.max_ready_age for each in ("30m", "0", "12h")]
    assert ages == [timedelta(minutes=30), timedelta(0), timedelta(hours=12)]


def test_what_must_be_healthy_is_said_for_each_scale_set_and_caps_failed_creations() -> None:
    two = {"AZURE_VMSS_NAME": "one,two", "SCALER_READY_WHEN": "one=running,two=healthy"}
    policy = load(LEAST | two).policy
    assert [policy.awaits_health(ScaleSetName(name)) for name in ("one", "two")] == [False, True]
    assert [policy.capacity[ScaleSetName(name)].failure_cap for name in ("one", "two")] == [0, 5]
    said = load(LEAST | two | {"SCALER_FAILURE_CAP": "0"}).policy
    assert [each.failure_cap for each in said.capacity.values()] == [0, 0]
    assert load(LEAST | two | {"SCALER_READY_TIMEOUT": "15m"}).policy.ready_timeout == timedelta(minutes=15)
    assert load(LEAST | {"SCALER_READY_TIMEOUT": "2h"}).policy.ready_timeout == timedelta(hours=2)


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
