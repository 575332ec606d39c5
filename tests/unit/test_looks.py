"""Which look a tick makes next, how many targeted GETs, and that neither a queue nor a scale set starves another."""

from dataclasses import replace

import pytest
from builders import MINE, NOW, POLICY, ago, instance, let_in, notes, ref, sighting, unavailable, vm, wants

from scaler.controllers import cleaner, provisioner
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import Instance, InstanceRef, PowerState, ScaleSetName
from scaler.model.plan import Ask, Get, Listing, Locate
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row, Snapshot, SpentNote
from scaler.model.sighting import Pause, Sighting
from scaler.observe import AddressesOf, Look, Targets, next_look

HERE = Locate(ref=ref(1))


def get(number: int, queue: str = "", *, urgent: bool = False) -> Get:
    return Get(ref=ref(number), queue=queue, place=(float(number),), urgent=urgent)


def looked_at(*asks: Ask, cloud: Cloud | None = None, asked_before: tuple[int, ...] = ()) -> list[int]:
    turns = {vm(number): turn for turn, number in enumerate(asked_before)}
    look = next_look(asks, cloud or Cloud(), POLICY, (), turns)
    assert isinstance(look, Targets)
    return [int(each.instance_id) for each in look.refs]


def test_a_listing_goes_before_targeted_gets_and_these_before_addresses_and_each_once() -> None:
    made: list[Look] = []
    while (look := next_look([HERE, get(1), Listing(urgent=False)], Cloud(), POLICY, made, {})) is not None:
        made.append(look)
    assert made == [Listing(urgent=False), Targets(refs=(ref(1),)), AddressesOf(refs=(ref(1),))]


def test_of_two_listings_the_urgent_one_is_made() -> None:
    assert next_look([Listing(urgent=False), Listing()], Cloud(), POLICY, (), {}) == Listing()


def test_the_queues_take_turns_until_the_budget_of_a_tick_is_spent() -> None:
    asks = [*(get(number, "a") for number in range(20, 40)), get(2, "b"), get(1, "b"), get(7, "c")]
    assert looked_at(*asks) == [20, 1, 7, 21, 2, 22, 23, 24, 25, 26]


def test_what_a_visitor_waits_for_goes_first_and_has_a_budget_of_its_own() -> None:
    starts = [get(number, urgent=True) for number in range(100, 100 + POLICY.max_start_looks + 5)]
    looked = looked_at(*(get(number) for number in range(1, 20)), *starts)
    assert looked[: POLICY.max_start_looks] == list(range(100, 100 + POLICY.max_start_looks))
    assert looked[POLICY.max_start_looks :] == list(range(1, POLICY.max_gets + 1))


def test_where_no_order_may_be_given_comes_last() -> None:
    theirs = sighting(scale_set=ScaleSetName("theirs"), consent=False)
    halted = replace(get(1), ref=replace(ref(1), scale_set=theirs.scale_set))
    assert looked_at(halted, get(5), cloud=Cloud(listings={theirs.scale_set: theirs})) == [5, 1]


def test_of_one_place_who_was_asked_for_longest_ago_comes_first() -> None:
    asks = [replace(get(number), place=()) for number in range(1, 5)]
    assert looked_at(*asks, asked_before=(2, 1)) == [3, 4, 2, 1]


def test_nobody_is_asked_for_twice_in_one_look() -> None:
    assert looked_at(get(1, "a"), get(1, "b"), get(2, "b")) == [1, 2]


# -- one scale set that may not be acted on, or does not answer, takes no looks from another one

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
TWO = Policy(capacity={FIRST: Capacity(desired=20), SECOND: Capacity(desired=2)})
NOT_OURS = sighting(scale_set=FIRST, consent=False, capacity=20)
HALTED = [NOT_OURS, replace(NOT_OURS, consent=True, pause=Pause.ORDERS)]
OURS = sighting(scale_set=SECOND, capacity=2)


def at(scale_set: ScaleSetName, number: int) -> InstanceRef:
    return replace(ref(number), scale_set=scale_set)


def running(scale_set: ScaleSetName, number: int, *, marked: bool = True) -> Instance:
    return replace(instance(number, PowerState.RUNNING, marked=marked), ref=at(scale_set, number))


def spent(scale_set: ScaleSetName, number: int, minutes: float) -> Row:
    ended = SpentNote(why=Edge.RELEASE, at=ago(minutes=minutes))
    noted = notes(number, **let_in(number, hours=1), ended={MINE: Edge.RELEASE}, spent=ended)
    return unavailable(replace(noted, scale_set=scale_set), number=number, used=True)


def cleaned(sees: Cloud) -> Look | None:
    """The cleaner's next look, at ten used machines of the first scale set and one of the second."""
    rows = [spent(FIRST, number, 30) for number in range(1, 11)] + [spent(SECOND, 50, 5)]
    snapshot = Snapshot(now=NOW, rows={each.vm_id: each for each in rows})
    return wants(cleaner.decide, Fleet.join(snapshot, sees, TWO), TWO)


@pytest.mark.parametrize("halted", HALTED)
def test_the_provisioner_looks_at_new_machines_that_it_may_stop_before_those_it_may_not(halted: Sighting) -> None:
    cloud = Cloud(listings={FIRST: halted, SECOND: OURS})
    cloud = cloud.showing(halted, *(running(FIRST, number, marked=False) for number in range(1, 21)))
    look = wants(provisioner.decide, cloud.showing(OURS, running(SECOND, 50, marked=False)), TWO)
    assert isinstance(look, Targets)
    assert at(SECOND, 50) in look.refs


@pytest.mark.parametrize("halted", [*HALTED, None])
def test_the_cleaner_looks_at_used_machines_that_it_may_delete_before_those_it_may_not(halted: Sighting | None) -> None:
    """None: the first was deleted in Azure (or forbids us to look): no listing, no GET will ever answer."""
    cloud = Cloud(listings={SECOND: OURS})
    if halted is not None:
        cloud = Cloud(listings={FIRST: halted, SECOND: OURS})
        cloud = cloud.showing(halted, *(running(FIRST, number) for number in range(1, 11)))
    look = cleaned(cloud.showing(OURS, running(SECOND, 50)))
    assert isinstance(look, Targets)
    assert at(SECOND, 50) in look.refs


def test_rows_of_a_scale_set_that_was_do_not_keep_the_cleaner_from_a_machine_that_is_there() -> None:
    mine, *ghosts = (spent(SECOND, number, 5 if number == 50 else 30) for number in range(50, 1050))
    assert mine.notes is not None
    was = replace(mine.notes, unique_id="of a scale set that was")
    rows = {each.vm_id: each for each in (mine, *(replace(each, notes=was) for each in ghosts))}
    cloud = Cloud(listings={SECOND: OURS}).showing(OURS, running(SECOND, 50))
    look = wants(cleaner.decide, Fleet.join(Snapshot(now=NOW, rows=rows), cloud, TWO), TWO)
    assert isinstance(look, Targets)
    assert (look.refs[0], len(look.refs)) == (at(SECOND, 50), TWO.max_gets)
