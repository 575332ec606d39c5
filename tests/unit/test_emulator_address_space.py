"""No two machines share an address, and returned addresses are given out again."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from emulator.region import AddressSpace


def test_private_addresses_begin_where_azure_lets_them_and_the_lowest_is_given_first() -> None:
    space = AddressSpace()
    given_out = [space.private() for _ in range(3)]
    assert given_out == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]
    for each in (given_out[2], given_out[0]):
        space.give_back(each)
    assert [space.private() for _ in range(3)] == ["10.0.0.4", "10.0.0.6", "10.0.0.7"]


def test_private_addresses_go_on_behind_a_full_byte() -> None:
    space = AddressSpace()
    assert [space.private() for _ in range(1000)][-1] == "10.0.3.235"


def test_a_public_address_is_not_given_to_the_next_one() -> None:
    space = AddressSpace()
    first = space.public()
    space.give_back(first)
    assert space.public() != first


def test_public_addresses_come_around_without_ever_meeting() -> None:
    space = AddressSpace()
    kept = {space.public() for _ in range(10)}
    for _ in range(2**14 - 10):
        space.give_back(space.public())
    assert space.public() not in kept


def test_a_region_without_a_public_address_left_says_so() -> None:
    space = AddressSpace()
    last = [space.public() for _ in range(2**14)][-1]
    with pytest.raises(RuntimeError, match="in use"):
        space.public()
    space.give_back(last)
    assert space.public() == last


def test_nothing_can_be_given_back_where_nothing_was() -> None:
    space = AddressSpace()
    space.give_back(None)
    assert space.private() == "10.0.0.4"


@given(some.lists(some.tuples(some.booleans(), some.booleans()), max_size=60))
def test_no_address_is_lent_twice(steps: list[tuple[bool, bool]]) -> None:
    space, lent = AddressSpace(), list[str]()
    for takes, is_public in steps:
        if takes or not lent:
            lent.append(space.public() if is_public else space.private())
        else:
            space.give_back(lent.pop(0))
        assert len(set(lent)) == len(lent)
