"""Records as large as they may be, notes that only grow, sessions of every length: what we write stays readable."""

import json

import pytest
from contract.registries import House, record
from hostile.values import record as text_of
from hostile.world import World, a_world

from scaler.model.edges import Actor
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import KEEP, Change
from scaler.model.plan import Why
from scaler.model.row import Record, Status
from scaler.registry.notes_json import MAX_ENDED, MAX_NOTES
from scaler.registry.record_json import MAX_BYTES, MAX_SESSION_BYTES, OUR_SHARE


def fill_up(world: World, size: int) -> VmId:
    """The one machine's record, as large as that: a queue manager keeps things there."""
    (machine,) = world.emulated.vms
    vm_id = VmId(machine.vm_id)
    fields = json.loads(world.house.raw(vm_id) or b"{}")
    bare = json.dumps(fields | {"kept": ""}, separators=(",", ":")).encode()
    kept = '"' * ((size - len(bare)) // 2) + "x" * ((size - len(bare)) % 2)  # quotes: in our notes they double again
    text = json.dumps(fields | {"kept": kept}, separators=(",", ":")).encode()
    assert len(text) == size
    world.house.redis.set(world.house.keys.instance(vm_id), text)
    return vm_id


def admitted(world: World) -> None:
    """One machine that visitors may have."""
    world.machines(1)
    for why in (Why.NEW_AT_REST, Why.MARK_SEEN, Why.HORIZON_PASSED):
        assert world.did(Actor.RECONCILER, why)
        world.later()


@pytest.mark.parametrize("size", [1_000, 40_000, MAX_BYTES - 1, MAX_BYTES])
def test_a_record_of_the_largest_size_goes_through_a_whole_visit(house: House, clock: object, size: int) -> None:
    session = SessionId("s" * 1024)
    with a_world(house, clock) as world:  # type: ignore[arg-type]
        admitted(world)
        vm_id = fill_up(world, size)
        kept = json.loads(house.raw(vm_id) or b"{}")["kept"]
        assert house.reservations.reserve(session, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff") is not None
        assert world.did(Actor.STARTER, Why.RESERVED)
        world.later()
        assert world.did(Actor.STARTER, Why.RUNS)
        world.tick(Actor.RECONCILER)
        row = house.row(vm_id)
        assert row.notes is not None
        assert row.notes.opened is not None
        assert row.notes.presumed_at is None
        assert house.reservations.look(session).stage == "open"
        assert json.loads(house.raw(vm_id) or b"{}")["kept"] == kept
        assert house.reservations.release(session) == "released"
        assert world.did(Actor.CLEANER, Why.RIPE)


def test_a_record_that_would_become_too_long_to_be_read_is_not_written(house: House) -> None:
    house.admit("a")
    row = house.row("a")
    too_long = record("a", extra=(("x", '"' + "x" * (MAX_BYTES + OUR_SHARE) + '"'),))
    assert house.apply(Change(row=row, edge=None, record=too_long)) == (None,)
    assert house.row("a") == row


def test_a_machine_whose_record_would_become_too_long_is_given_to_nobody(house: House) -> None:
    """Nobody's fault but its queue manager's, who was asked for less; and the next machine is given."""
    house.admit("a")
    bare = len(text_of(x=""))
    house.plant("a", text_of(x="x" * (MAX_BYTES + OUR_SHARE - bare)))
    assert house.row("a").readable is not None
    assert house.reservations.reserve(SessionId("s" * 128)) is None
    house.admit("b")
    found = house.reservations.reserve(SessionId("s" * 128))
    assert found is not None
    assert found.vm_id == "b"


@pytest.mark.parametrize(("length", "is_one"), [(MAX_SESSION_BYTES, True), (MAX_SESSION_BYTES + 1, False)])
def test_a_session_id_is_so_long_at_most(house: House, length: int, is_one: bool) -> None:
    house.admit("a")
    house.plant("a", text_of(status="Reserved", sessionId="s" * length), Status.RESERVED)
    assert (house.row("a").readable is not None) is is_one


def test_late_writes_by_hundreds_of_sessions_do_not_fill_the_notes(house: House, clock: object) -> None:
    """Each is undone, and each is noted, so that nobody is moved because of it twice: but not for ever."""
    with a_world(house, clock) as world:  # type: ignore[arg-type]
        admitted(world)
        assert house.reservations.reserve(SessionId("own")) is not None
        assert world.did(Actor.STARTER, Why.RESERVED)
        world.later()
        assert world.did(Actor.STARTER, Why.RUNS)
        assert house.reservations.release(SessionId("own")) == "released"
        (machine,) = world.emulated.vms
        vm_id = VmId(machine.vm_id)
        for number in range(2 * MAX_ENDED):
            house.plant(vm_id, text_of(status="Reserved", sessionId=f"late-{number}" + "x" * 1_000), Status.RESERVED)
            world.tick(Actor.STARTER)
        row = house.row(vm_id)
    assert row.notes is not None
    assert row.notes.spent is not None
    assert len(row.notes.ended) <= MAX_ENDED
    assert row.notes.ended[SessionId("own")] == "release"
    assert f"late-{2 * MAX_ENDED - 1}" in str(list(row.notes.ended)[-1])
    assert len(row.before.notes or b"") < MAX_NOTES


def test_cancelling_for_hundreds_of_sessions_does_not_fill_the_notes(house: House) -> None:
    house.admit("a")
    for number in range(400):
        session = SessionId(f"s{number}".ljust(128, "x"))
        house.plant("a", text_of(status="Reserved", sessionId=session), Status.RESERVED)
        house.reservations.cancel(session, VmId("a"))
        row = house.row("a")
        assert row.notes is not None, number
        assert isinstance(row.record, Record)
    (after,) = house.apply(Change(row=row, edge=None, notes=row.notes, record=KEEP))
    assert after is not None
    assert len(after.before.notes or b"") < MAX_NOTES
