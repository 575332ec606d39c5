"""The operator's tags: overridden numbers, the order of precedence, and the last good value of an unusable tag."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import MIN, NOW, POLICY, SCALE_SET, UNIQUE_ID

from scaler.controllers import provisioner
from scaler.model.calendar import Window
from scaler.model.capacity import before_listings, wanted
from scaler.model.fleet import Cloud
from scaler.model.in_force import in_force
from scaler.model.plan import Refusal, SetCapacity, Why
from scaler.model.policy import Capacity, Mode, Policy
from scaler.model.sighting import Pages, ScaleSetView, Source, Tag
from scaler.model.tags import Overrides, of_a_part, overrides

AUTO = Capacity(mode=Mode.AUTO, buffer=2, least=1, most=20)


def tagged(_before: Mapping[str, Tag] | None = None, _capacity: Capacity = AUTO, /, **values: str) -> Overrides:
    """What such tags say; `_` stands for a colon or a hyphen in a name."""
    names = {"found": "scaler:found-at-once", "total": "total_nodes"}
    tags = {names.get(name, f"scaler:{name}"): Tag(value) for name, value in values.items()}
    return overrides(tags, _before or {}, _capacity)


def seen(cloud: Cloud, policy: Policy, after: timedelta = timedelta(0), **tags: str) -> Cloud:
    """The cloud after a listing without machines, of a scale set with these tags."""
    view = ScaleSetView(
        name=SCALE_SET,
        unique_id=UNIQUE_ID,
        capacity=0,
        etag='"1"',
        managed_by="true",
        tags={f"scaler:{name}": Tag(value) for name, value in tags.items()},
        at=NOW + after,
        sent=0.0,
    )
    pages = Pages(scale_set=SCALE_SET, instances=(), unidentified=0, requests=1, at=NOW + after, sent=0.0)
    return Cloud(demand=cloud.demand).with_listing(view, pages, policy)


def told(cloud: Cloud, policy: Policy) -> tuple[Refusal, ...]:
    return provisioner.decide(cloud, policy).refusals


# -- hot machines: fewer than spare ones, by every tag

SPARE = Capacity(mode=Mode.BUFFER, buffer=4, hot=2)


@pytest.mark.parametrize(
    ("capacity", "tags", "hot", "bad"),
    [
        (SPARE, {"scaler:hot": "3"}, 3, ""),
        (SPARE, {"scaler:hot": "0"}, 0, ""),
        (SPARE, {"scaler:hot": "4"}, 2, "scaler:hot: fewer hot machines (4) than spare ones (4)"),
        (SPARE, {"scaler:buffer": "2"}, 2, "scaler:buffer: fewer hot machines (2) than spare ones (2)"),
        (SPARE, {"scaler:buffer": "9", "scaler:hot": "8"}, 8, ""),
        (SPARE, {"scaler:buffer": "20%"}, 2, "scaler:buffer: fewer hot machines (2) than spare ones (0)"),
        (SPARE, {"total_nodes": "2"}, 2, "total_nodes: fewer hot machines (2) than spare ones (2)"),
        (Capacity(desired=4, hot=2), {"scaler:min": "2"}, 2, "scaler:min: fewer hot machines (2) than spare ones (2)"),
        (Capacity(desired=4, hot=2), {"scaler:max": "2"}, 2, "scaler:max: fewer hot machines (2) than spare ones (2)"),
        (SPARE, {"scaler:hot": "two"}, 2, "scaler:hot: a whole number from 0 to 1000"),
    ],
)
def test_a_tag_that_would_leave_no_spare_machine_at_rest_is_told_of_and_changes_nothing(
    capacity: Capacity, tags: dict[str, str], hot: int, bad: str
) -> None:
    policy = Policy(capacity={SCALE_SET: capacity})
    found, said = in_force(SCALE_SET, {name: Tag(value) for name, value in tags.items()}, None, NOW, policy)
    assert (found.hot, found.hot_target) == (hot, hot)
    assert [f"{each.name}: {each.expected}" for each in said.bad] == ([bad] if bad else [])


def test_a_tag_beside_a_window_leaves_one_at_rest() -> None:
    window = Window(name="fair", start=NOW - MIN, end=NOW + MIN, numbers={"hot": 3})
    policy = Policy(capacity={SCALE_SET: SPARE}, calendar=(window,))
    found, said = in_force(SCALE_SET, {"scaler:buffer": Tag("3")}, None, NOW, policy)
    assert (said.bad, found.hot_target) == ((), 2)


# -- what they say


def test_tags_override_the_numbers_that_they_name_and_no_other() -> None:
    said = tagged(min="3", max="40", buffer="5/20%", found="99.5%", warm="2")
    assert said.numbers == {
        "least": 3, "most": 40, "buffer": 5, "buffer_share": 0.2, "found_at_once": 0.995, "warm": 2
    }  # fmt: skip
    assert tagged(warm=" 2 ").numbers == {"warm": 2}
    assert tagged() == Overrides()


def test_total_nodes_is_the_number_whatever_the_mode_is() -> None:
    found, _ = in_force(SCALE_SET, {"total_nodes": Tag("7")}, None, NOW, Policy(capacity={SCALE_SET: AUTO}))
    assert (found.mode, found.desired) == (Mode.FIXED, 7)
    assert found.because == "TOTAL_NODES=7 by tag of the scale set"


def test_tags_go_before_the_calendar_and_the_calendar_before_the_settings() -> None:
    window = Window(name="fair", start=NOW - MIN, end=NOW + 60 * MIN, numbers={"least": 9, "warm": 4}, visitors=8)
    policy = Policy(capacity={SCALE_SET: AUTO}, calendar=(window,))
    found, _ = in_force(SCALE_SET, {"scaler:min": Tag("5", Source.GROUP)}, None, NOW, policy)
    assert (found.least, found.warm, found.most) == (5, 4, 20)
    assert found.because == (
        "min and warm of fair, 8 visitors expected (fair), scaler:min=5 by tag of the resource group"
    )
    fixed, _ = in_force(SCALE_SET, {"total_nodes": Tag("6")}, None, NOW, policy)
    assert fixed.expected == 0


def test_a_tag_changes_what_the_provisioner_wants_at_the_next_listing_and_says_so() -> None:
    policy = replace(POLICY, capacity={SCALE_SET: AUTO})
    cloud = seen(seen(Cloud(), policy), policy, 1 * MIN, min="6")
    (step,) = provisioner.decide(cloud, policy).steps
    assert isinstance(step.order, SetCapacity)
    assert step.order.capacity == 6
    assert str(step.facts["because"]).endswith("scaler:min=6 by tag of the scale set")
    assert cloud.wanted(SCALE_SET, policy) == wanted(cloud.demand[SCALE_SET], policy)
    back = seen(cloud, policy, 2 * MIN)
    assert back.wanted(SCALE_SET, policy).machines == 2


# -- what cannot be used


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("min", "-1", "a whole number from 0 to 1000"),
        ("min", "", "a whole number from 0 to 1000"),
        ("max", "1001", "a whole number from 0 to 1000"),
        ("warm", "two", "a whole number from 0 to 1000"),
        ("buffer", "20%/5", "`5`, `20%` or `5/20%`"),
        ("found", "100%", "a share from 50% to 99.99%"),
        ("found", "0.99", "a share from 50% to 99.99%"),
        ("min", "21", "at most 20, the maximum of the scale set"),
        ("warm", "21", "at most 20, the maximum of the scale set"),
        ("total", "21", "at most 20, the maximum of the scale set"),
        ("max", "0", "at least 1, the minimum or the warm share of the scale set"),
    ],
)
def test_a_tag_that_cannot_be_used_changes_nothing_and_is_told_of(name: str, value: str, expected: str) -> None:
    said = tagged(**{name: value})
    assert said.numbers == {}
    (bad,) = said.bad
    assert (bad.value, bad.expected) == (value, expected)


def test_the_last_good_value_holds_as_long_as_the_tag_is_there() -> None:
    good = tagged(min="5", max="30").good
    broken = tagged(good, min="lots", max="30")
    assert (broken.numbers, [bad.name for bad in broken.bad]) == ({"least": 5, "most": 30}, ["scaler:min"])
    assert tagged(broken.good, min="lots", max="30").numbers == {"least": 5, "most": 30}
    assert tagged(broken.good, max="30").numbers == {"most": 30}


def test_a_last_good_value_that_no_longer_fits_holds_no_longer() -> None:
    good = tagged(min="15").good
    said = tagged(good, min="lots", max="10")
    assert (said.numbers, [bad.name for bad in said.bad]) == ({"most": 10}, ["scaler:min"])


def test_two_tags_that_contradict_each_other_leave_the_maximum() -> None:
    said = tagged(min="9", max="8")
    assert (said.numbers, [bad.name for bad in said.bad]) == ({"most": 8}, ["scaler:min"])


def test_the_provisioner_names_tag_value_and_what_holds() -> None:
    policy = replace(POLICY, capacity={SCALE_SET: AUTO})
    cloud = seen(seen(Cloud(), policy, min="3"), policy, 1 * MIN, min="3 or so")
    (held,) = told(cloud, policy)
    assert (held.why, held.alarm) == (Why.BAD_TAG, False)
    assert held.facts == {
        "scale_set": SCALE_SET,
        "tag": "scaler:min",
        "value": "3 or so",
        "where": "tag of the scale set",
        "expected": "a whole number from 0 to 1000",
        "holds": "3",
    }
    assert cloud.wanted(SCALE_SET, policy).machines == 3


def test_a_mistyped_tag_is_named_with_the_known_ones_and_says_nothing() -> None:
    policy = replace(POLICY, capacity={SCALE_SET: AUTO})
    cloud = seen(seen(Cloud(), policy), policy, 1 * MIN, mim="3", share="99%")
    told_of = {held.facts["tag"]: held for held in told(cloud, policy)}
    assert list(told_of) == ["scaler:mim", "scaler:share"]
    assert told_of["scaler:mim"].why is Why.BAD_TAG
    assert told_of["scaler:mim"].facts["expected"] == (
        "a known name: scaler:buffer, scaler:found-at-once, scaler:hot, scaler:managed, scaler:max, scaler:min,"
        " scaler:paused, scaler:warm or TOTAL_NODES"
    )
    assert cloud.demand[SCALE_SET].capacity == AUTO


def test_a_mistyped_tag_of_one_of_several_with_one_number_is_called_unknown() -> None:
    (bad,) = of_a_part({"scaler:mim": Tag("3")}, {}, AUTO).bad
    assert bad.expected.startswith("a known name: ")


def test_a_group_whose_tags_are_not_read_is_told_of_and_changes_nothing() -> None:
    policy = replace(POLICY, capacity={SCALE_SET: AUTO})
    cloud = seen(Cloud(), policy)
    (held,) = told(replace(cloud, unread={Source.GROUP: "403: a role with resourceGroups/read"}), policy)
    assert (held.why, held.alarm) == (Why.GROUP_UNREAD, False)
    assert "resourceGroups/read" in str(held.facts["error"])


def test_a_warning_names_total_nodes_as_the_operator_writes_it() -> None:
    capacity, tags = in_force(SCALE_SET, {"total_nodes": Tag("-1")}, None, NOW, POLICY)
    demand = replace(before_listings(capacity), tags=tags)
    cloud = replace(seen(Cloud(), POLICY), demand={SCALE_SET: demand})
    assert [held.facts["tag"] for held in told(cloud, POLICY)] == ["TOTAL_NODES"]


@pytest.mark.parametrize(
    ("tags", "machines"),
    [({"total_nodes": "45"}, 45), ({"scaler:min": "45"}, 45), ({"scaler:max": "5"}, 5), ({"total_nodes": "51"}, 50)],
)
def test_a_fixed_number_is_its_own_limit_and_a_maximum_by_tag_bounds_it(tags: Mapping[str, str], machines: int) -> None:
    """`SCALER_POOL_CAPACITY=50` needs no SCALER_POOL_MAX."""
    policy = Policy(capacity={SCALE_SET: Capacity(desired=50)})
    said = {name: Tag(value) for name, value in tags.items()}
    capacity, _ = in_force(SCALE_SET, said, None, NOW, policy)
    assert wanted(before_listings(capacity), policy).machines == machines


def test_a_maximum_by_tag_holds_in_a_window_with_a_larger_minimum() -> None:
    window = Window(name="fair", start=NOW - MIN, end=NOW + MIN, numbers={"least": 10, "warm": 8})
    policy = Policy(capacity={SCALE_SET: AUTO}, calendar=(window,))
    capacity, said = in_force(SCALE_SET, {"scaler:max": Tag("5")}, None, NOW, policy)
    assert (said.bad, wanted(before_listings(capacity), policy).machines) == ((), 5)
