"""Which look a tick makes next: in what order, how many targeted GETs, and that no queue starves another."""

from dataclasses import replace

from builders import POLICY, SCALE_SET, ref, sighting, vm

from scaler.model.fleet import Cloud
from scaler.model.instance import ScaleSetName
from scaler.model.plan import Ask, Get, Listing, Locate
from scaler.observe import AddressesOf, Look, Targets, next_look

HERE = Locate(scale_set=SCALE_SET)


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
    here = AddressesOf(scale_sets=frozenset({SCALE_SET}))
    assert made == [Listing(urgent=False), Targets(refs=(ref(1),)), here]


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
