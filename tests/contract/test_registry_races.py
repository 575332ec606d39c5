"""Many at once, a naive queue manager among them, and another server after a failover: no machine twice, none lost."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from clock import ManualClock
from contract.registries import EPOCH, House, Server, StartServer, admission, memory_house, notes, redis_house, started

from scaler.model.edges import Actor, Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import note, place, step
from scaler.model.row import Row, Status
from scaler.registry.keys import Keys
from scaler.registry.reading import Reading
from scaler.registry.reservations import Leaving

MACHINES = 60


def at_once[T](calls: Sequence[Callable[[], T]], threads: int = 8) -> list[T]:
    """All of them, by several threads."""
    with ThreadPoolExecutor(threads) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


def fill(house: House) -> None:
    changes = [admission(Row(vm_id=VmId(f"m{number}"))) for number in range(MACHINES)]
    assert all(house.apply(*changes))


def spop(house: House) -> VmId | None:
    """The first step of a naive queue manager."""
    member = house.redis.spop(house.keys.index(Status.AVAILABLE))
    return house.keys.vm_id_of(member) if member is not None else None


def test_threads_that_reserve_get_every_machine_once(real_house: House) -> None:
    fill(real_house)
    sessions = [SessionId(f"s{number}") for number in range(2 * MACHINES)]
    got = at_once([lambda session=session: real_house.reservations.reserve(session) for session in sessions])  # type: ignore[misc]
    machines = [each.vm_id for each in got if each is not None]
    assert len(machines) == len(set(machines)) == MACHINES
    assert real_house.members(Status.RESERVED) == set(machines)
    assert real_house.members(Status.AVAILABLE) == set()


def test_one_session_that_asks_many_times_at_once_gets_one_machine(real_house: House) -> None:
    fill(real_house)
    got = at_once([lambda: real_house.reservations.reserve(SessionId("me"))] * 50)
    assert len({each.vm_id for each in got if each is not None}) == 1
    assert len(real_house.members(Status.RESERVED)) == 1


def test_spop_and_reserve_never_share_a_machine(real_house: House) -> None:
    fill(real_house)

    def reserved(number: int) -> VmId | None:
        found = real_house.reservations.reserve(SessionId(f"s{number}"))
        return found.vm_id if found is not None else None

    calls = [lambda n=n: reserved(n) if n % 2 else spop(real_house) for n in range(3 * MACHINES)]
    machines = [each for each in at_once(calls) if each is not None]
    assert len(machines) == len(set(machines)) == MACHINES


def test_of_two_writers_one_wins(real_house: House) -> None:
    row = real_house.admit("a")
    changes = [note(row, notes(mark_attempts=number)) for number in range(1, 41)]
    won = [each for each in at_once([lambda change=change: real_house.apply(change) for change in changes]) if each[0]]  # type: ignore[misc]
    assert len(won) == 1
    assert real_house.row("a") == won[0][0]


def test_after_a_storm_every_machine_is_where_its_record_says(shared_redis: Server, real_house: House) -> None:
    fill(real_house)

    def come_and_go(number: int) -> None:
        house = redis_house(shared_redis.client(), Keys())
        for round_ in range(10):
            session = SessionId(f"s{number}-{round_}")
            if house.reservations.reserve(session) is not None and round_ % 3:
                assert house.reservations.cancel(session) is Leaving.CANCELLED
        house.redis.close()

    at_once([lambda number=number: come_and_go(number) for number in range(8)])  # type: ignore[misc]
    rows = real_house.registry.read().rows
    assert len(rows) == MACHINES
    assert all(row.index == {row.status} for row in rows.values())


def test_what_a_naive_queue_manager_popped_cannot_be_reserved_or_spent(house: House) -> None:
    row = house.admit("a")
    assert spop(house) == "a"
    assert house.reservations.reserve(SessionId("me")) is None
    spend = step(Edge.SPEND, Actor.CLEANER, row, row.readable, notes(), EPOCH)
    assert house.apply(spend) == (None,)


def test_a_naive_reservation_is_seen_like_any_other(house: House) -> None:
    house.admit("a")
    assert spop(house) == "a"
    record = house.redis.get("vmss:instance:a").replace(b'"Available"', b'"Reserved"')[:-1] + b',"SessionId":"me"}'
    house.plant("a", record, Status.RESERVED)
    assert house.registry.reserved() == {"a"}
    row = house.row("a")
    assert row.readable is not None
    assert (row.status, row.readable.session_id, *row.index) == (Status.RESERVED, "me", Status.RESERVED)
    assert house.reservations.cancel(SessionId("me"), VmId("a")) is Leaving.CANCELLED


def test_a_naive_queue_manager_that_died_after_spop_is_repaired(house: House) -> None:
    house.admit("a")
    spop(house)
    (repaired,) = house.apply(place(house.row("a"), Status.AVAILABLE))
    assert repaired is not None
    assert house.reservations.reserve(SessionId("me")) is not None


def test_a_late_naive_set_beats_a_stale_tick(house: House) -> None:
    row = house.admit("a")
    spop(house)
    house.plant("a", (house.raw("a") or b"").replace(b'"Available"', b'"Reserved"'))
    assert house.apply(place(row, Status.AVAILABLE)) == (None,)
    assert house.members(Status.AVAILABLE) == set()


@pytest.mark.parametrize(("seconds", "written"), [(-60, False), (60, True)])
def test_a_batch_that_comes_too_late_by_the_registrys_clock_is_not_written(
    house: House, seconds: int, written: bool
) -> None:
    """Its notes would say that they are older than they are: born ripe, as if no failover could forget them."""
    first, second = house.admit("a"), house.admit("b")
    until = house.registry.read().now + timedelta(seconds=seconds)
    changes = [note(each, notes(mark_attempts=3)) for each in (first, second)]
    accepted = house.registry.apply(changes, good_until=until)
    assert [row is not None for row in accepted] == [written, written]
    assert house.row("a").notes == notes(mark_attempts=3 if written else 0)


# ── a failover brings old bytes back; so what was read from one Redis server is never written to another ─────────────

A, B = VmId("a"), VmId("b")


def two_servers(start_redis: StartServer) -> tuple[House, House]:
    """The second one holds, to the byte, what the first one holds: a failover to it just before any further write."""
    first, second = (redis_house(start_redis().client(), Keys()) for _ in range(2))
    for house in (first, second):
        house.admit("a")
        house.admit("b")
    return first, second


def test_a_change_decided_on_one_server_is_not_written_to_another_that_holds_the_same(start_redis: StartServer) -> None:
    first, second = two_servers(start_redis)
    decided = note(first.row("a"), started())
    assert second.apply(decided) == (None,)
    assert second.row("a").notes == notes()
    assert first.apply(decided)[0] is not None


def test_nor_is_one_that_follows_on_an_accepted_write(start_redis: StartServer) -> None:
    first, second = two_servers(start_redis)
    (written,) = first.apply(note(first.row("a"), started()))
    second.apply(note(second.row("a"), started()))
    assert written is not None
    assert second.apply(note(written, notes())) == (None,)


def test_of_rows_read_from_two_servers_none_is_written(start_redis: StartServer) -> None:
    first, second = two_servers(start_redis)
    changes = [note(first.row("a"), started()), note(second.row("b"), started())]
    assert first.apply(*changes) == second.apply(*changes) == (None, None)


def test_both_halves_of_one_write_are_from_one_server(start_redis: StartServer) -> None:
    first, second = two_servers(start_redis)
    pair = replace(note(second.row("a"), started()), partner=note(first.row("b"), started()))
    assert second.apply(pair) == (None,)
    assert second.row("b").notes == notes()


def test_rows_of_a_server_that_has_not_told_the_index_are_not_written_to_it(start_redis: StartServer) -> None:
    """Redis fails over in the middle of a read."""
    first, second = two_servers(start_redis)
    index = Reading(first.redis, first.keys).index(*Status)
    rows = Reading(second.redis, second.keys).rows(index.machines, index.server)
    assert rows[A].before == second.row("a").before
    assert second.apply(note(rows[A], started())) == (None,)


def test_in_memory_it_is_the_same(clock: ManualClock) -> None:
    house = memory_house(clock)
    house.admit("a")
    decided = note(house.row("a"), started())
    house.registry.server.run_id = "replica"  # type: ignore[attr-defined]
    assert house.apply(decided) == (None,)
    assert house.apply(note(house.row("a"), started()))[0] is not None


def test_a_server_that_does_not_tell_who_it_is_takes_every_change(start_redis: StartServer) -> None:
    server = start_redis()
    house = redis_house(server.client(), Keys())
    house.redis.execute_command("ACL", "SETUSER", "default", "-info")
    house.admit("a")
    assert house.row("a").before.server == ""
    assert house.apply(note(house.row("a"), started()))[0] is not None


def test_a_row_of_which_nothing_is_known_may_be_written_anywhere(house: House) -> None:
    assert house.apply(admission(Row(vm_id=A)))[0] is not None
    assert house.row("a").readable is not None
