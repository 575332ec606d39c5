"""Hot machines in the registry: `hotSince`, the order of offers, and SWAP; on every implementation."""

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from contract.registries import EPOCH, ME, OTHER, House, let_in, notes, readable, started

from scaler.model.edges import Actor, Edge
from scaler.model.instance import SessionId, Tier, VmId
from scaler.model.lifecycle import Change, IllegalStep, joined, step
from scaler.model.row import HeatedNote, ReservedNote, Row, Status
from scaler.model.waits import Waits
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Leaving, Stage

A, B = VmId("a"), VmId("b")
S = timedelta(seconds=1)
HEATED = HeatedNote(at=EPOCH, seen_at=EPOCH, ready_at=EPOCH)


def hot(house: House, vm_id: str = "a", **fields: object) -> Row:
    """A hot machine on offer."""
    house.admit(vm_id, hot_since=EPOCH, **fields)
    return house.note(vm_id, notes(heated=HEATED))


def swapped(house: House, away: str = "a", to: str = "b") -> Change:
    """The session goes on with another machine, and its own is offered again."""
    left, other = house.row(away), house.row(to)
    assert left.readable is not None
    assert other.readable is not None
    assert left.notes is not None
    free = replace(left.readable, session_id=None, client_ip=None)
    leaves = step(Edge.SWAP, Actor.STARTER, left, free, replace(left.notes, reserved=None), EPOCH)
    arrives = replace(other.readable, session_id=ME, client_ip="10.0.0.1", moved_from=left.vm_id, move_reason="why")
    waits = ReservedNote(session=ME, at=EPOCH, movable=True)
    return joined(leaves, other, arrives, replace(other.notes or notes(), reserved=waits), EPOCH)


def waiting(house: House) -> None:
    """ME on the hot machine a; b is free."""
    hot(house)
    assert house.reservations.reserve(ME, "10.0.0.1") is not None
    house.admit("b")


# -- hotSince


def test_hot_is_handed_out_before_warm_before_cold_and_then_the_oldest(house: House) -> None:
    house.admit("cold-old", created_at=EPOCH - 90 * S)
    house.admit("warm-new", warm=True, created_at=EPOCH)
    house.admit("warm-old", warm=True, created_at=EPOCH - 60 * S)
    hot(house, "hot-new", created_at=EPOCH + 60 * S)
    hot(house, "hot-old", created_at=EPOCH)
    given = [house.reservations.reserve(SessionId(f"v{number}")) for number in range(6)]
    assert [each.vm_id if each is not None else None for each in given] == [
        *("hot-old", "hot-new", "warm-old", "warm-new", "cold-old"),
        None,
    ]


def test_the_same_where_the_order_of_offers_is_lost(house: House) -> None:
    house.admit("warm", warm=True, created_at=EPOCH - 60 * S)
    hot(house, "hot", created_at=EPOCH)
    house.redis.delete(house.keys.offers)
    given = house.reservations.reserve(ME)
    assert given is not None
    assert given.vm_id == "hot"


@pytest.mark.parametrize("text", [b"true", b'"yes"', b'"2026-13-01T00:00:00Z"', b"1", b"null", b'""', b"{}"])
def test_whatever_is_no_time_is_not_hot(house: House, text: bytes) -> None:
    house.admit("warm", warm=True)
    house.admit("odd")
    raw = house.raw("odd")
    assert raw is not None
    house.plant("odd", raw[:-1] + b',"hotSince":' + text + b"}")
    house.redis.delete(house.keys.offers)
    assert readable(house, "odd").tier is Tier.COLD
    given = house.reservations.reserve(ME)
    assert given is not None
    assert given.vm_id == "warm"


def test_a_machine_that_becomes_hot_or_is_hot_no_more_changes_its_place(house: House) -> None:
    house.admit("warm", warm=True)
    house.admit("a")
    house.apply(Change(row=house.row("a"), edge=None, record=replace(readable(house, "a"), hot_since=EPOCH)))
    assert [house.keys.vm_id_of(each) for each in house.redis.zrange(house.keys.offers, 0, 9)] == ["a", "warm"]
    house.apply(Change(row=house.row("a"), edge=None, record=replace(readable(house, "a"), hot_since=None)))
    assert [house.keys.vm_id_of(each) for each in house.redis.zrange(house.keys.offers, 0, 9)] == ["warm", "a"]


def test_it_is_told_while_the_session_waits_and_stays_after_a_cancel(house: House) -> None:
    hot(house)
    given = house.reservations.reserve(ME)
    assert given is not None
    assert given.hot_since == EPOCH
    assert house.reservations.cancel(ME) is Leaving.CANCELLED
    assert readable(house, "a").hot_since == EPOCH
    assert house.row("a").notes == notes(heated=HEATED)


def test_it_is_gone_with_the_session(house: House) -> None:
    hot(house)
    assert house.reservations.reserve(ME) is not None
    house.note("a", started(heated=HEATED))
    assert house.reservations.cancel(ME) is Leaving.ABANDONED
    assert readable(house, "a").hot_since is None
    let_in(house, "b")
    house.plant("b", (house.raw("b") or b"")[:-1] + b',"hotSince":"2026-01-01T00:00:00Z"}')  # a late write
    assert house.reservations.release(ME) is Leaving.RELEASED
    assert readable(house, "b").hot_since is None


@pytest.mark.parametrize("edge", [Edge.PRESUME, Edge.CONDEMN])
def test_no_step_leaves_it_on_a_machine_that_does_not_wait(house: House, edge: Edge) -> None:
    row = hot(house)
    house.apply(step(edge, Actor.RECONCILER, row, row.readable, row.notes, EPOCH))
    assert readable(house, "a").hot_since is None


def test_a_reservation_of_a_hot_machine_is_told_the_wait_of_its_tier(house: House) -> None:
    tiers = {Tier.HOT: 1.0, Tier.WARM: 9.0, Tier.COLD: 110.0}
    cast("RedisRegistry", house.registry).leave_waits(Waits(at=EPOCH, expected=tiers, free={Tier.HOT: 1}))
    hot(house)
    before = house.registry.read().now
    assert house.reservations.reserve(ME) is not None
    expected = readable(house, "a").expected_ready_at
    assert expected is not None
    assert before + S <= expected <= house.registry.read().now + S


# -- SWAP


def test_swap_offers_the_machine_again_and_reserves_the_other_one(house: House) -> None:
    waiting(house)
    assert house.apply(swapped(house)) != (None,)
    left, there = readable(house, "a"), readable(house, "b")
    assert (left.status, left.used, left.session_id, left.hot_since) == (Status.AVAILABLE, False, None, EPOCH)
    assert (there.status, there.session_id, there.moved_from) == (Status.RESERVED, ME, A)
    assert [house.members(status) for status in Status] == [{"a"}, {"b"}, set()]
    given = house.reservations.reserve(OTHER)
    assert given is not None
    assert given.vm_id == "a"


@pytest.mark.parametrize("taken", [False, True], ids=["on offer again", "another visitor's"])
def test_whoever_asks_with_the_old_machine_finds_the_session(house: House, taken: bool) -> None:
    waiting(house)
    house.apply(swapped(house))
    if taken:
        assert house.reservations.reserve(OTHER) is not None
    sight = house.reservations.look(ME, A)
    assert (sight.stage, sight.reservation is not None and sight.reservation.vm_id) == (Stage.RESERVED, B)
    assert house.reservations.look(ME) == sight
    assert house.reservations.cancel(ME, A) is Leaving.CANCELLED
    assert house.members(Status.RESERVED) == ({"a"} if taken else set())


def test_nobody_ends_another_session_by_that(house: House) -> None:
    """A machine that knows nothing of a session leads on only to one that does."""
    waiting(house)
    stranger = SessionId("stranger")
    house.redis.set(house.keys.session(stranger), "b")
    for known in (A, B):
        assert house.reservations.look(stranger, known).stage is Stage.UNKNOWN
        assert house.reservations.cancel(stranger, known) is Leaving.UNKNOWN
    assert house.reservations.look(ME, A).stage is Stage.RESERVED


@pytest.mark.parametrize("spoiled", ["key", "from", "to"])
def test_where_one_half_loses_its_race_nothing_is_swapped(house: House, spoiled: str) -> None:
    waiting(house)
    change = swapped(house)
    if spoiled == "key":
        house.redis.srem(house.keys.index(Status.AVAILABLE), house.keys.instance(B))
    else:
        house.note("a" if spoiled == "from" else "b", started())
    before = house.raw("a"), house.raw("b")
    assert house.apply(change) == (None,)
    assert (house.raw("a"), house.raw("b")) == before
    assert house.members(Status.RESERVED) == {"a"}


def test_only_a_reserved_machine_is_swapped(house: House) -> None:
    let_in(house, "a")
    house.admit("b")
    with pytest.raises(IllegalStep):
        swapped(house)
