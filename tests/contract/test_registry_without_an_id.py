"""A queue manager that knows the seed's four fields, or the Go struct: its session has its machine's name."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from contract.registries import EPOCH, House, notes, started

from scaler.model.edges import Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.row import OpenedNote, Status
from scaler.registry.reservations import Leaving, Stage

A = VmId("a")
OWN = SessionId("a")
SEED = ("vmId", "instanceId", "status", "used")
GO = ("vmId", "instanceId", "publicIp", "clientIp", "sessionId", "status", "createdAt", "updatedAt", "region", "used")


def reserve(house: House, fields: tuple[str, ...]) -> Mapping[str, Any]:
    """SPOP, GET, SET, SADD, as a struct is marshalled: unknown fields are lost, empty ones are empty."""
    key = house.redis.spop(house.keys.index(Status.AVAILABLE))
    found = {**dict.fromkeys(GO, ""), **json.loads(house.redis.get(key)), "status": "Reserved"}
    written = {name: found[name] for name in fields}
    house.redis.set(key, json.dumps(written))
    house.redis.sadd(house.keys.index(Status.RESERVED), key)
    return written


@pytest.fixture(params=[SEED, GO], ids=["seed", "go"])
def reserved(house: House, request: pytest.FixtureRequest) -> House:
    """Reserved so, of an admitted machine."""
    house.admit("a", public_ip="20.1.2.3")
    reserve(house, request.param)
    return house


def let_in(house: House) -> None:
    """As the starter does."""
    row = house.row("a")
    assert row.readable is not None
    opened = OpenedNote(session=row.readable.session, at=EPOCH, record=row.readable)
    house.note("a", started(OWN, opened=opened))
    house.plant("a", (house.raw("a") or b"").replace(b'"Reserved"', b'"Unavailable"'), Status.UNAVAILABLE)


def test_its_record_is_a_reservation_of_a_session_with_the_machines_name(reserved: House) -> None:
    found = reserved.row("a").readable
    assert found is not None
    assert (found.status, found.session_id, found.session) == (Status.RESERVED, None, OWN)


def test_an_operator_sees_it_by_the_vm_id(reserved: House) -> None:
    assert reserved.reservations.look(OWN, A).stage is Stage.RESERVED
    assert reserved.reservations.look(SessionId("s"), A).stage is Stage.UNKNOWN
    let_in(reserved)
    assert reserved.reservations.look(OWN, A).stage is Stage.OPEN


def test_an_operator_may_cancel_it_before_a_start(reserved: House) -> None:
    assert reserved.reservations.cancel(SessionId("s"), A) is Leaving.UNKNOWN
    assert reserved.reservations.cancel(OWN, A) is Leaving.CANCELLED
    assert reserved.members(Status.AVAILABLE) == {"a"}
    assert reserved.reservations.reserve(SessionId("s")) is not None


def test_an_operator_may_abandon_it_after_a_start_and_release_it_after_its_opening(reserved: House) -> None:
    reserved.note("a", started(OWN))
    assert reserved.reservations.release(OWN, A) is Leaving.RESERVED
    assert reserved.reservations.cancel(OWN, A) is Leaving.ABANDONED
    after = reserved.row("a").notes
    assert after is not None
    assert after.ended == {OWN: Edge.ABANDON}


def test_released_it_has_ended(reserved: House) -> None:
    let_in(reserved)
    assert reserved.reservations.release(SessionId("s"), A) is Leaving.UNKNOWN
    assert reserved.reservations.release(OWN, A) is Leaving.RELEASED
    assert reserved.reservations.look(OWN, A).stage is Stage.ENDED


def test_the_scalers_writes_name_nobody_in_its_record(reserved: House) -> None:
    row = reserved.row("a")
    reserved.apply(Change(row=row, edge=None, record=row.readable, notes=notes()))
    assert "sessionId" not in json.loads(reserved.raw("a") or b"{}")


def test_a_machine_that_nobody_has_is_nobodys_by_its_own_name_either(house: House) -> None:
    house.admit("a")
    assert house.reservations.look(OWN, A).stage is Stage.UNKNOWN
    assert house.reservations.cancel(OWN, A) is Leaving.UNKNOWN
    assert house.reservations.release(OWN, A) is Leaving.UNKNOWN
