"""Tags of the resource group and of App Configuration: their rank, labels, failures, and the time before an answer."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from tick_house import NAME, House

from scaler.errors import Refused, ScalerError, Throttled, Unreachable
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud
from scaler.model.instance import ScaleSetName
from scaler.model.plan import Listing, SetCapacity, Why
from scaler.model.policy import Capacity, Mode, Policy
from scaler.model.sighting import OuterTags, Pause, Source, Tag
from scaler.observe import AzureObserver, Listings
from scaler.report import Report
from scaler.telemetry import Telemetry
from scaler.tick import Tick

SECOND = ScaleSetName("vmss-second")
BUSY = Throttled("busy", timedelta(seconds=1))
AUTO = Policy(capacity={NAME: Capacity(mode=Mode.BUFFER, buffer=1, most=20)})


class Store:
    """A store of the operator's numbers, by the keys of all scale sets and of some; fails where a test says so."""

    def __init__(self, *, of: ScaleSetName = NAME, label: dict[str, str] | None = None, **keys: str) -> None:
        own = OuterTags(tags={f"scaler:{key}": Tag(value, Source.LABELLED) for key, value in (label or {}).items()})
        self.says = OuterTags(
            tags={f"scaler:{key}": Tag(value, Source.STORE) for key, value in keys.items()}, labelled={of: own}
        )
        self.fails: ScalerError | None = None
        self.asked = 0

    def read(self) -> OuterTags:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return self.says


class Process:
    """The controllers of one process, which share what they are told, before a scale set of three machines at rest."""

    def __init__(self, policy: Policy | None = None, store: Store | None = None) -> None:
        self.house = House(policy).rested(3)
        self.listings = Listings(store)

    def tick(self, name: Actor = Actor.PROVISIONER) -> Report:
        """One tick, half a minute after the last."""
        self.house.later(seconds=30)
        return Tick(name, self.house.ports(name), self.house.policy, None, None, self.listings).plan()

    def because(self) -> str:
        """The reason of the wanted number."""
        report = self.tick()
        return report.cloud.wanted(NAME, self.house.policy).why

    def throttle_group(self) -> None:
        """The resource group answers 429 from now on."""

        def throttled() -> OuterTags:
            raise BUSY

        self.house.face.group_tags = throttled  # type: ignore[method-assign]


def raised_to(report: Report) -> list[int]:
    return [step.order.capacity for step in report.plan.steps if isinstance(step.order, SetCapacity)]


# -- before they were read


def test_no_capacity_is_raised_before_the_group_which_may_say_another_number_has_answered() -> None:
    process = Process(Policy(capacity={NAME: Capacity(desired=9)}))
    process.throttle_group()
    report = process.tick()
    assert raised_to(report) == []
    assert report.cloud.wanted(NAME, process.house.policy).why == (
        "as it is, until the tags of the resource group are known"
    )
    del process.house.face.group_tags
    process.house.azure.region.group_tags = {"TOTAL_NODES": "4"}
    assert raised_to(process.tick()) == [4]


def test_a_group_that_is_throttled_for_a_minute_holds_nothing_up_any_more() -> None:
    process = Process(Policy(capacity={NAME: Capacity(desired=9)}))
    process.throttle_group()
    assert [raised_to(process.tick()) for _ in range(3)] == [[], [], [9]]


def test_a_group_that_cannot_be_read_holds_nothing_up() -> None:
    """Without a role on the group its tags do not count."""
    process = Process(Policy(capacity={NAME: Capacity(desired=9)}))

    def refused() -> OuterTags:
        raise Refused("no role", status=403)

    process.house.face.group_tags = refused  # type: ignore[method-assign]
    assert raised_to(process.tick()) == [9]


def test_a_controller_that_begins_while_another_asks_the_group_asks_as_well() -> None:
    """The timers of a new process fire together."""
    process = Process(AUTO)
    process.house.azure.region.group_tags = {"scaler:min": "4"}
    asks = process.house.face.group_tags
    one, other = (
        AzureObserver(process.house.faces, process.house.clock, AUTO, listings=process.listings) for _ in range(2)
    )
    seen: list[Cloud] = []

    def asked() -> OuterTags:
        process.house.face.group_tags = asks  # type: ignore[method-assign]
        seen.append(other.look(Cloud(), Listing())[0])
        return asks()

    process.house.face.group_tags = asked  # type: ignore[method-assign]
    one.look(Cloud(), Listing())
    assert [cloud.demand[NAME].tags.numbers for cloud in seen] == [{"least": 4}]


def test_nothing_is_surplus_or_too_warm_before_the_group_has_answered() -> None:
    policy = replace(AUTO, tags_read_every=timedelta(minutes=20))
    process = Process(policy)
    process.throttle_group()
    cloud = process.tick().cloud
    for _ in range(20):
        cloud = process.tick().cloud
    assert cloud.demand[NAME].lasting_surplus(timedelta(minutes=5)) == 0
    assert cloud.demand[NAME].lasting_warm_surplus(timedelta(minutes=5)) == 0


# -- rank


def test_a_key_of_the_store_goes_before_the_settings_and_behind_every_tag() -> None:
    process = Process(AUTO, Store(min="4"))
    assert process.because().endswith("scaler:min=4 by key of App Configuration")
    process.house.azure.region.group_tags = {"scaler:min": "5"}
    process.house.later(seconds=60)
    assert process.because().endswith("scaler:min=5 by tag of the resource group")


def test_a_key_with_the_scale_sets_label_goes_before_one_without() -> None:
    process = Process(AUTO, Store(min="4", max="9", label={"min": "6"}))
    assert process.because().endswith(
        "scaler:max=9 by key of App Configuration, scaler:min=6 by key of App Configuration with label vmss-pixels"
    )


def test_a_label_of_another_scale_set_says_nothing_here() -> None:
    assert "App Configuration" not in Process(AUTO, Store(of=SECOND, label={"min": "6"})).because()


def test_of_a_shared_number_a_key_without_label_counts_and_one_with_label_is_a_mistake() -> None:
    policy = replace(AUTO, weights={NAME: 1})
    process = Process(policy, Store(min="4", label={"max": "2", "buffer": "7"}))
    cloud = process.tick().cloud
    tags = cloud.demand[NAME].tags
    assert (tags.numbers, tags.most_here) == ({"least": 4}, 2)
    assert [(bad.name, bad.source) for bad in tags.bad] == [("scaler:buffer", Source.LABELLED)]


def test_a_pause_of_the_store_holds_as_one_by_tag_does() -> None:
    store = Store()
    store.says = OuterTags(labelled={NAME: OuterTags(pause=Pause.ORDERS)})
    assert Process(AUTO, store).tick().cloud.listings[NAME].pause is Pause.ORDERS


# -- failures


def test_a_key_that_cannot_be_used_is_named_with_label_and_value_and_the_last_good_value_holds() -> None:
    store = Store(label={"min": "4"})
    process = Process(AUTO, store)
    process.tick()
    store.says = Store(label={"min": "-4"}).says
    process.house.later(seconds=60)
    report = process.tick()
    (refusal,) = report.plan.refusals
    assert refusal.why is Why.BAD_TAG
    assert refusal.facts["where"] == "key of App Configuration with label vmss-pixels"
    assert (refusal.facts["tag"], refusal.facts["value"], refusal.facts["holds"]) == ("scaler:min", "-4", "4")
    assert report.cloud.demand[NAME].tags.numbers == {"least": 4}


def test_a_store_that_fails_keeps_what_it_said_and_the_provisioner_says_why() -> None:
    store = Store(min="4")
    process = Process(AUTO, store)
    process.tick()
    store.fails = Unreachable("https://pixels.azconfig.io: silence")
    process.house.later(seconds=60)
    report = process.tick()
    assert report.cloud.demand[NAME].tags.numbers == {"least": 4}
    (refusal,) = report.plan.refusals
    assert refusal.why is Why.STORE_UNREAD
    assert refusal.facts["error"] == ("the keys of App Configuration are not read: https://pixels.azconfig.io: silence")
    store.fails = None
    process.house.later(seconds=60)
    assert process.tick().plan.refusals == ()


def test_a_store_that_fails_for_long_is_one_warning_that_names_store_and_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store(min="4")
    store.fails = Refused("https://pixels.azconfig.io: 403 Forbidden", status=403)
    process, telemetry = Process(AUTO, store), Telemetry(Actor.PROVISIONER, AUTO)
    with caplog.at_level(logging.WARNING, "scaler"):
        for _ in range(12):
            telemetry.report(process.tick())
    (warning,) = caplog.messages
    assert warning.startswith(Why.STORE_UNREAD)
    assert "https://pixels.azconfig.io: 403 Forbidden" in warning


def test_a_429_of_the_store_changes_nothing() -> None:
    store = Store(min="4")
    process = Process(AUTO, store)
    process.tick()
    store.fails = BUSY
    process.house.later(seconds=60)
    report = process.tick()
    assert (report.cloud.demand[NAME].tags.numbers, report.plan.refusals, report.errors) == ({"least": 4}, (), ())


@pytest.mark.parametrize("fails", [None, BUSY, Unreachable("silence")], ids=["answers", "throttled", "silent"])
def test_the_store_is_asked_once_a_minute_whoever_asks(fails: ScalerError | None) -> None:
    store = Store(min="4")
    process = Process(AUTO, store)
    process.tick()
    store.fails = fails
    observers = [
        AzureObserver(process.house.faces, process.house.clock, AUTO, listings=process.listings) for _ in range(3)
    ]
    for _ in range(6):
        for observer in observers:
            observer.look(Cloud(), Listing())
        process.house.later(seconds=30)
    assert store.asked == 3
