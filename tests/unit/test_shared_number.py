"""Scale sets that share one number: placed by weight, and one for which Azure has no room is passed over."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from statistics import NormalDist

import pytest
from builders import NOW, instance
from tick_house import House

from emulator.in_process import InProcessScaleSet
from emulator.region import Profile
from scaler.errors import Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.capacity import Use
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, PowerState, ScaleSetName
from scaler.model.placement import Part, Seal, in_words, placed
from scaler.model.plan import Listing, Why
from scaler.model.policy import Capacity, Mode, Policy, Price
from scaler.model.price import MONTH
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import Pages, ScaleSetView
from scaler.observe import AzureObserver, Listings
from scaler.tick import Tick

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
CORES = 36
FULL = Seal(why="QuotaExceeded", until=NOW)


def parts(*, first: int = 0, second: int = 0, **fields: object) -> dict[ScaleSetName, Part]:
    """Two scale sets that hold so many machines, of weight 2 and 1; `fields` are those of the first."""
    one = Part(weight=2, machines=first, occupied=0, most=1000)
    return {
        FIRST: replace(one, **fields),  # type: ignore[arg-type]
        SECOND: Part(weight=1, machines=second, occupied=0, most=1000),
    }


# -- the arithmetic


@pytest.mark.parametrize(
    ("total", "first", "second"), [(0, 0, 0), (1, 1, 0), (2, 1, 1), (3, 2, 1), (9, 6, 3), (10, 7, 3)]
)
def test_an_empty_house_is_filled_by_weight(total: int, first: int, second: int) -> None:
    assert placed(total, parts()) == {FIRST: first, SECOND: second}


def test_no_machine_is_made_or_deleted_for_the_weights_alone() -> None:
    assert placed(9, parts(first=1, second=8)) == {FIRST: 1, SECOND: 8}


def test_new_machines_make_up_for_the_weights() -> None:
    assert placed(12, parts(first=1, second=8)) == {FIRST: 4, SECOND: 8}


def test_what_is_too_much_goes_where_most_is_for_the_weight() -> None:
    assert placed(6, parts(first=4, second=5)) == {FIRST: 4, SECOND: 2}


def test_occupied_machines_count_where_they_are() -> None:
    assert placed(2, parts(first=5, occupied=5, second=3)) == {FIRST: 5, SECOND: 0}


def test_a_sealed_scale_set_keeps_its_machines_and_the_next_one_grows() -> None:
    assert placed(9, parts(first=2, seal=FULL)) == {FIRST: 2, SECOND: 7}


def test_a_scale_set_grows_into_the_room_that_azure_has_told_of() -> None:
    assert placed(9, parts(first=2, seal=replace(FULL, room=4))) == {FIRST: 4, SECOND: 5}


def test_where_nobody_else_has_room_a_sealed_scale_set_is_asked_all_the_same() -> None:
    sealed = {name: replace(part, seal=FULL) for name, part in parts(first=2).items()}
    assert sum(placed(9, sealed).values()) == 9


def test_a_maximum_holds_and_what_fits_nowhere_is_placed_nowhere() -> None:
    assert placed(9, parts(first=5, most=3)) == {FIRST: 3, SECOND: 6}
    assert placed(9, {name: replace(part, most=2) for name, part in parts().items()}) == {FIRST: 2, SECOND: 2}


def test_the_reason_names_weights_and_who_is_passed_over_until_when() -> None:
    said = in_words(SECOND, {FIRST: 2, SECOND: 7}, 9, parts(first=2, seal=FULL))
    assert said == f"7 of 9 by weight 1 of 3; first is passed over until {NOW:%H:%M:%S} UTC: QuotaExceeded"


def test_a_scale_set_with_room_left_is_not_called_passed_over() -> None:
    room = parts(first=2, seal=replace(FULL, room=4))
    assert in_words(SECOND, {FIRST: 3, SECOND: 1}, 4, room) == "1 of 4 by weight 1 of 3"
    assert "first is passed over" in in_words(SECOND, {FIRST: 4, SECOND: 3}, 7, room)


# -- through listings and ticks


def policy(capacity: Capacity, *weights: int) -> Policy:
    return Policy(
        capacity=dict.fromkeys((FIRST, SECOND), capacity), weights=dict(zip((FIRST, SECOND), weights, strict=True))
    )


def wants(house: House, cloud: Cloud) -> Mapping[ScaleSetName, int]:
    return {name: cloud.wanted(name, house.policy).machines for name in house.azures}


def test_the_number_is_of_both_together_and_the_visitors_of_both_are_counted() -> None:
    house = House(policy(Capacity(mode=Mode.BUFFER, buffer=3, most=100, warm=3), 2, 1)).rested(4)
    cloud, _ = AzureObserver(house.faces, house.clock, house.policy).look(Cloud(), Listing())
    assert cloud.total is not None
    assert cloud.total.counts[Use.COMING] == 8
    assert wants(house, cloud) == {FIRST: 2, SECOND: 1}
    assert {name: cloud.warm(name, house.policy) for name in house.azures} == {FIRST: 2, SECOND: 1}


def test_until_every_scale_set_was_looked_at_nothing_grows_and_nothing_is_spent() -> None:
    house = House(policy(Capacity(desired=9), 2, 1)).rested(1)
    house.azures[SECOND].make_anew()
    door = house.faces.pop(SECOND)
    cloud, _ = AzureObserver(house.faces, house.clock, house.policy).look(Cloud(), Listing())
    assert cloud.wanted(FIRST, house.policy).machines == 1
    assert "until second was looked at" in cloud.wanted(FIRST, house.policy).why
    house.faces[SECOND] = door


def test_a_visitor_counts_once_whoever_looks_and_however_often() -> None:
    """Every controller takes each listing, and two scale sets are listed in the same second."""
    house = House(policy(Capacity(mode=Mode.AUTO, most=100), 2, 1))
    views = {name: face.view() for name, face in house.faces.items()}
    cloud = Cloud()
    marked_now, taken = (instance(1, power) for power in (PowerState.DEALLOCATED, PowerState.RUNNING))
    for seconds, shown in ((-1440, ()), (-720, ()), (0, ()), (30, (marked_now,)), (60, (taken,))):
        at = NOW + timedelta(seconds=seconds)
        pages = {
            name: Pages(scale_set=name, instances=machines, unidentified=0, requests=1, at=at, sent=0.0)
            for name, machines in ((FIRST, shown), (SECOND, ()))
        }
        for name in (FIRST, SECOND, FIRST, SECOND):
            cloud = cloud.with_listing(views[name], pages[name], house.policy)
    assert cloud.total is not None
    usual = NormalDist().inv_cdf(0.99)
    assert cloud.total.safety == pytest.approx(usual + 0.05 * 0.99, abs=1e-3)


class _Deleted(InProcessScaleSet):
    """The door to a scale set that Azure does not know."""

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        raise Missing(f"there is no scale set {self.name}")


@pytest.mark.parametrize("before", [0, 4], ids=["after a restart", "beside machines that were seen there"])
def test_the_others_take_the_part_of_a_scale_set_that_is_not_there(before: int) -> None:
    house = House(policy(Capacity(desired=9), 2, 1)).rested(before)
    provisioner, second = house.tick(Actor.PROVISIONER), house.faces[SECOND]
    if before:
        house.run(1, provisioner)
    house.faces[SECOND] = _Deleted(house.azures[SECOND], house.clock)
    house.run(3, provisioner, minutes=1)
    assert house.azures[FIRST].capacity == 9
    house.faces[SECOND] = second
    house.run(3, provisioner, minutes=1)
    assert {name: azure.capacity for name, azure in house.azures.items()} == {FIRST: 9, SECOND: before}


def budgeted(*machines: int | None) -> Policy:
    """Nine machines for both, whose budgets pay so many."""
    shared = policy(Capacity(desired=9, price=Price(running=1.0, stopped=1.0, deallocated=1.0)), 2, 1)
    budgets = dict(zip(shared.capacity, machines, strict=True))
    own = {
        name: replace(each, budget=MONTH * budget if (budget := budgets[name]) is not None else None)
        for name, each in shared.capacity.items()
    }
    return replace(shared, capacity=own)


def test_a_scale_set_at_its_monthly_budget_is_passed_over_and_the_next_one_grows() -> None:
    house = House(budgeted(3, None))
    provisioner = house.tick(Actor.PROVISIONER)
    house.run(4, provisioner, minutes=1)
    report = provisioner.plan()
    assert {name: azure.capacity for name, azure in house.azures.items()} == {FIRST: 3, SECOND: 6}
    assert Why.OVER_BUDGET not in {each.why for each in report.plan.refusals}
    why = report.cloud.wanted(SECOND, house.policy).why
    assert "first is passed over: its monthly budget pays no more machines" in why


def test_where_no_budget_is_left_the_alarm_says_so() -> None:
    house = House(budgeted(3, 2))
    provisioner = house.tick(Actor.PROVISIONER)
    house.run(4, provisioner, minutes=1)
    assert {name: azure.capacity for name, azure in house.azures.items()} == {FIRST: 3, SECOND: 2}
    assert Why.OVER_BUDGET in {each.why for each in provisioner.plan().plan.refusals}


class _Silent(InProcessScaleSet):
    """Refuses its listings, and where a test says so its view."""

    error: ScalerError = Refused("no role", status=403)
    shows_itself = True

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        if not self.shows_itself:
            raise self.error
        return super().view(no_older_than=no_older_than)

    def list_instances(self) -> Pages:
        raise self.error


def silenced(house: House, error: ScalerError, *, shows_itself: bool = True) -> Tick:
    """The provisioner of a new process, which cannot list the second scale set."""
    silent = _Silent(house.azures[SECOND], house.clock)
    silent.error, silent.shows_itself = error, shows_itself
    house.faces[SECOND] = silent
    return house.tick(Actor.PROVISIONER)


@pytest.mark.parametrize(
    "error", [Refused("no role", status=403), Throttled("busy", timedelta(seconds=30)), Unreachable("silence")], ids=str
)
@pytest.mark.parametrize(("shows_itself", "first"), [(True, 8), (False, 9)])
def test_a_scale_set_that_cannot_be_listed_since_the_start_holds_up_the_others_for_five_minutes(
    error: ScalerError, shows_itself: bool, first: int
) -> None:
    house = House(policy(Capacity(desired=9), 2, 1)).rested(1)
    provisioner = silenced(house, error, shows_itself=shows_itself)
    house.run(10, provisioner, seconds=30)
    assert house.azures[FIRST].capacity == 1
    house.run(3, provisioner, seconds=30)
    assert house.azures[FIRST].capacity == first


def test_while_a_scale_set_cannot_be_listed_nothing_of_the_others_is_surplus() -> None:
    house = House(policy(Capacity(mode=Mode.BUFFER, buffer=1, most=100), 2, 1)).rested(4)
    provisioner = silenced(house, Unreachable("silence"))
    house.run(11, provisioner, seconds=30)
    cloud = provisioner.plan().cloud
    should_be = cloud.wanted(FIRST, house.policy)
    assert should_be.machines == 4
    assert "second is passed over: it could not be looked at for minutes" in should_be.why
    house.run(20, provisioner, seconds=30)
    assert provisioner.plan().cloud.demand[FIRST].lasting_surplus(timedelta(minutes=5)) == 0
    house.faces[SECOND] = InProcessScaleSet(house.azures[SECOND], house.clock)
    assert wants(house, AzureObserver(house.faces, house.clock, house.policy).look(Cloud(), Listing())[0]) == {
        FIRST: 1, SECOND: 0
    }  # fmt: skip


@pytest.mark.parametrize("actor", [Actor.PROVISIONER, Actor.RECONCILER])
def test_a_ceiling_that_the_provisioner_learnt_seals_for_every_controller(actor: Actor) -> None:
    house = House(policy(Capacity(desired=9), 2, 1))
    until = house.clock.now() + timedelta(minutes=10)
    full = Ceiling(refused=1, exact=True, failure=FailureClass.QUOTA, until=until, said="full")
    report = Tick(actor, house.ports(actor), house.policy, {FIRST: full}, listings=Listings()).plan()
    assert wants(house, report.cloud) == {FIRST: 0, SECOND: 9}


def test_a_region_without_room_for_one_is_made_up_for_by_the_other_and_tried_again() -> None:
    house = House(policy(Capacity(desired=9), 2, 1), profile=Profile(cores=CORES))
    house.azures[FIRST].region.cores = 2 * CORES
    ceilings: dict[ScaleSetName, Ceiling] = {}
    listings = Listings()
    tick = Tick(Actor.PROVISIONER, house.ports(Actor.PROVISIONER), house.policy, ceilings, listings=listings)
    held = set[Why]()
    for _ in range(6):
        house.later(minutes=1)
        held |= {each.why for each in tick.run().plan.refusals}
    assert {name: azure.capacity for name, azure in house.azures.items()} == {FIRST: 2, SECOND: 7}
    assert Why.QUOTA_TOO_SMALL not in held
    house.azures[FIRST].region.cores = None
    for _ in range(15):
        house.later(minutes=1)
        tick.run()
    assert {name: azure.capacity for name, azure in house.azures.items()} == {FIRST: 2, SECOND: 7}
    house.policy = policy(Capacity(desired=12), 2, 1)
    tick = Tick(Actor.PROVISIONER, house.ports(Actor.PROVISIONER), house.policy, ceilings, listings=listings)
    for _ in range(3):
        house.later(minutes=1)
        tick.run()
    assert {name: azure.capacity for name, azure in house.azures.items()} == {FIRST: 5, SECOND: 7}
