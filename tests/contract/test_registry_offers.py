"""reserve gives away the best of any number of free machines; where their order is lost, no machine is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from contract.registries import EPOCH, ME, House, Server, admission, readable, redis_house, started

from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.row import Row, Status
from scaler.registry.keys import Keys
from scaler.registry.reservations import Leaving
from scaler.registry.rights import SCRIPTS

MANY = 520  # more than reserve examines where no order is known
VISITORS = (SessionId(f"visitor-{number}") for number in count())


def reserved_next(house: House) -> str | None:
    """The machine that a new session gets."""
    reservation = house.reservations.reserve(next(VISITORS))
    return reservation.vm_id if reservation is not None else None


def admit_aged(house: House, **hours: int) -> None:
    """Free machines so many hours old."""
    rows = [Row(vm_id=VmId(name)) for name in hours]
    aged = [EPOCH - timedelta(hours=age) for age in hours.values()]
    house.apply(*(admission(row, created_at=created) for row, created in zip(rows, aged, strict=True)))


def offers(house: House) -> list[str | None]:
    """The machines on offer, best first."""
    return [house.keys.vm_id_of(member) for member in house.redis.zrange(house.keys.offers, 0, 10_000)]


def test_of_very_many_free_machines_the_oldest_goes_first(house: House) -> None:
    ages = {f"m{number}": number * 7 % MANY for number in range(MANY)}  # 7 and MANY share no factor: all differ
    admit_aged(house, **ages)
    oldest = sorted(ages, key=ages.__getitem__, reverse=True)
    assert [reserved_next(house) for _ in range(5)] == oldest[:5]


def test_a_machine_that_a_naive_queue_manager_took_is_not_given_again(house: House) -> None:
    admit_aged(house, old=2, young=1)
    house.redis.srem(house.keys.index(Status.AVAILABLE), house.keys.instance(VmId("old")))  # SPOP
    assert reserved_next(house) == "young"
    assert reserved_next(house) is None
    assert offers(house) == []


@pytest.mark.parametrize("lost", ["deleted", "a string", "in part"])
def test_where_the_order_is_lost_every_machine_is_still_given_and_the_best_first(house: House, lost: str) -> None:
    admit_aged(house, a=1, b=4, c=3, d=2)
    if lost == "in part":
        house.redis.zrem(house.keys.offers, house.keys.instance(VmId("b")))
        assert {reserved_next(house) for _ in range(4)} == {"a", "b", "c", "d"}
        return
    house.redis.delete(house.keys.offers)
    if lost == "a string":
        house.redis.set(house.keys.offers, "x")
    assert [reserved_next(house) for _ in range(4)] == ["b", "c", "d", "a"]
    assert reserved_next(house) is None


def test_an_order_that_was_lost_comes_back_with_the_next_reservation(house: House) -> None:
    admit_aged(house, a=1, b=4, c=3)
    house.redis.delete(house.keys.offers)
    assert reserved_next(house) == "b"
    assert offers(house) == ["c", "a"]


def test_a_cancelled_machine_takes_its_place_again(house: House) -> None:
    admit_aged(house, old=2, young=1)
    assert house.reservations.reserve(ME) is not None
    assert offers(house) == ["young"]
    assert house.reservations.cancel(ME) is Leaving.CANCELLED
    assert offers(house) == ["old", "young"]


def test_a_machine_that_was_cooled_stands_behind_the_warm_ones(house: House) -> None:
    admit_aged(house, old=3)
    house.admit("warm", warm=True)
    house.admit("was-warm", warm=True, created_at=EPOCH - timedelta(hours=2))
    assert offers(house) == ["was-warm", "warm", "old"]
    house.apply(Change(row=house.row("was-warm"), edge=None, record=replace(readable(house, "was-warm"), warm=False)))
    assert offers(house) == ["warm", "old", "was-warm"]


def test_a_machine_that_comes_back_with_the_record_it_had_takes_its_place_by_it(house: House) -> None:
    admit_aged(house, older=2, younger=1)
    house.apply(Change(row=house.row("older"), edge=None, index=Status.UNAVAILABLE))
    house.apply(Change(row=house.row("older"), edge=None, index=Status.AVAILABLE))
    assert offers(house)[0] == "older"


def test_what_leaves_available_is_not_on_offer_whoever_takes_it_out(house: House) -> None:
    admit_aged(house, parked=3, taken=2, spent=1)
    house.apply(Change(row=house.row("parked"), edge=None, index=Status.UNAVAILABLE))
    house.apply(Change(row=house.row("taken"), edge=None, index=None))
    assert offers(house) == ["spent"]
    assert house.reservations.reserve(ME) is not None
    house.note("spent", started())
    assert house.reservations.cancel(ME) is Leaving.ABANDONED
    assert offers(house) == []


def test_a_machine_that_cannot_be_had_is_passed_over_and_stays_available(house: House) -> None:
    admit_aged(house, strange=3, good=2)
    house.plant("strange", '{"status":"Available","x":NaN}')
    house.plant("good", b'{"status":"Available","v":NaN}')
    house.admit("fine")
    assert reserved_next(house) == "fine"
    assert reserved_next(house) is None
    assert house.members(Status.AVAILABLE) == {"strange", "good"}


@pytest.fixture
def theirs(shared_redis: Server) -> Iterator[House]:
    """The server as a queue manager's user sees it that may not use sorted sets."""
    shared_redis.client().flushall()
    yield redis_house(shared_redis.held_to(SCRIPTS, "zadd", "zrange", "zrem"), Keys())
    shared_redis.close_clients()


def test_a_queue_manager_without_rights_on_sorted_sets_gets_its_machine(shared_redis: Server, theirs: House) -> None:
    house = redis_house(shared_redis.client(), Keys())
    admit_aged(house, a=1, b=3, c=2)
    assert [reserved_next(theirs) for _ in range(4)] == ["b", "c", "a", None]
    assert offers(house) == ["b", "c", "a"]  # stale, and harmless
    house.admit("d")
    assert reserved_next(house) == "d"


def test_a_member_that_its_user_may_not_read_keeps_no_machine_from_it(shared_redis: Server, theirs: House) -> None:
    house = redis_house(shared_redis.client(), Keys())
    house.redis.sadd(house.keys.index(Status.AVAILABLE), "somebody-else:key")
    house.admit("a")
    assert reserved_next(theirs) == "a"
