"""What the functions host is told: the example, what the user wants of the scaler, and nothing else of theirs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import SCALE_SET

from emulator.behaviour import Latencies
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.policy import Capacity, Policy
from simulator.observer.patience import Pace, Patience
from simulator.parts.environment import SetupFailed, assemble


def test_it_is_the_example_at_the_chosen_speed() -> None:
    environment = assemble({}, speed=50)
    assert environment.variables["SCALER_SPEED"] == "50"
    assert environment.settings.speed == 50
    assert environment.settings.policy.order_horizon == Policy().order_horizon / 50
    assert set(environment.pace.every) == set(CONTROLLERS)


def test_a_slow_run_has_slower_timers_and_watches_unless_the_user_chose_some() -> None:
    every = assemble({}, speed=20).pace.every
    assert assemble({}, speed=5).pace.every == every
    slow = assemble({"CLEANER_SCHEDULE": "*/7 * * * * *"}, speed=1)
    assert slow.pace.every[Actor.PROVISIONER] == slow.pace.every[Actor.STARTER] == timedelta(seconds=30)
    assert slow.variables["SCALER_STARTER_WATCH"] == "27s"
    assert slow.variables["CLEANER_SCHEDULE"] == "*/7 * * * * *"
    assert assemble({}, speed=4).pace.every[Actor.PROVISIONER] == timedelta(seconds=10)


def test_the_users_scaler_variables_and_schedules_win() -> None:
    wanted = {"SCALER_POOL_CAPACITY": "3", "SCALER_WARMPOOL_SIZE": "1", "CLEANER_SCHEDULE": "00:00:07"}
    environment = assemble({**wanted, "AzureWebJobs__cleaner__Disabled": "1"}, speed=20)
    (capacity,) = environment.settings.policy.capacity.values()
    assert replace(capacity, price=None) == Capacity(desired=3, warm=1)
    assert environment.pace.every[Actor.CLEANER] == timedelta(seconds=7)
    assert environment.variables["AzureWebJobs__cleaner__Disabled"] == "1"


def test_more_scale_sets_are_named_after_the_examples_and_each_has_the_capacity_that_is_set() -> None:
    environment = assemble({"SCALER_POOL_CAPACITY": "3", "SCALER_WARMPOOL_SIZE": "0"}, speed=20, scale_sets=2)
    first, second = environment.settings.scale_sets
    assert second == f"{first}-2"
    capacities = environment.settings.policy.capacity.values()
    assert {(each.desired, each.warm) for each in capacities} == {(3, 0)}


def test_a_timer_that_is_disabled_is_known_to_be() -> None:
    assert assemble({"AzureWebJobs__cleaner__Disabled": "1"}, speed=20).off == {Actor.CLEANER}
    assert assemble({}, speed=20).off == frozenset()


def test_the_users_own_azure_and_redis_stay_out() -> None:
    theirs = {"AZURE_SUBSCRIPTION_ID": "theirs", "AZURE_CLIENT_SECRET": "theirs", "REDIS_HOST": "theirs"}
    environment = assemble({**theirs, "IDENTITY_ENDPOINT": "theirs", "MSI_ENDPOINT": "theirs"}, speed=20)
    assert "theirs" not in environment.variables.values()


def test_it_is_pointed_at_this_runs_own_redis_and_azure() -> None:
    variables = assemble({}, speed=20).at(redis_url="redis://here", azure_url="http://there")
    assert variables["REDIS_URL"] == "redis://here"
    assert variables["AZURE_RESOURCE_MANAGER_URL"] == "http://there"
    assert variables["IDENTITY_ENDPOINT"] == "http://there/msi/token"


@pytest.mark.parametrize(("name", "value"), [("SCALER_POOL_CAPACITY", "ten"), ("CLEANER_SCHEDULE", "now and then")])
def test_what_the_scaler_or_the_host_cannot_use_is_named(name: str, value: str) -> None:
    with pytest.raises(SetupFailed, match=name):
        assemble({name: value}, speed=20)


def patience(policy: Policy, speed: float = 20, every: float = 2) -> timedelta:
    pace = Pace(every={name: timedelta(seconds=every) for name in CONTROLLERS})
    return Patience.of(policy.at_speed(speed), Latencies().at_speed(speed), pace).idle


def test_patience_shrinks_with_the_speed_but_not_below_what_the_timers_need() -> None:
    assert patience(Policy(), speed=1) > patience(Policy(), speed=20) > patience(Policy(), speed=1000)
    assert patience(Policy(), speed=1000) > timedelta(seconds=4)


def test_patience_covers_a_fleet_that_wants_to_be_deleted_at_once() -> None:
    ten = Policy(capacity={SCALE_SET: Capacity(desired=10)})
    assert patience(ten) > patience(replace(ten, max_deletes=1.0))
    assert patience(ten, every=5) > patience(ten, every=2)


def test_patience_is_longer_than_the_longest_step_of_a_machine() -> None:
    assert patience(Policy(), speed=1) > timedelta(seconds=Latencies().create[1])


def test_in_the_local_run_a_leak_shows_within_a_minute() -> None:
    environment = assemble({}, speed=20)
    latencies = Latencies().at_speed(20)
    assert Patience.of(environment.settings.policy, latencies, environment.pace).idle < timedelta(seconds=40)
