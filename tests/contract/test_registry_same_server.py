"""A failover brings old bytes back; so what was read from one Redis server is never written to another."""

from dataclasses import replace

from clock import ManualClock
from contract.registries import House, StartServer, admission, memory_house, notes, redis_house, started

from scaler.model.instance import VmId
from scaler.model.lifecycle import note
from scaler.model.row import Row
from scaler.registry.keys import Keys

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
