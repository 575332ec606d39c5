"""reserve: whom a session gets, and whom it never gets; held by every implementation."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from contract.registries import (
    EPOCH,
    KEPT,
    ME,
    OTHER,
    STRANGE_NOTES,
    House,
    let_in,
    notes,
    readable,
    record,
    started,
)

from scaler.model.edges import Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.row import ClaimNote, Notes, OpenedNote, SpentNote, Status
from scaler.registry.reservations import Leaving

NO_COUNTS = ('"n":01', '"n":0x10', '"n":1.', '"n":NaN', '"n":01,"n":1', '"n":1,"n":0x1')
"""Members of an object that are no JSON: cjson takes most of them for numbers."""


def test_a_session_gets_a_machine_and_its_record_says_so(house: House) -> None:
    before = house.admit("a", region="westeurope", public_ip="20.1.2.3", extra=KEPT)
    reservation = house.reservations.reserve(ME, "10.0.0.1")
    assert reservation is not None
    assert (reservation.vm_id, reservation.instance_id, reservation.public_ip) == ("a", "7", "20.1.2.3")
    after = readable(house, "a")
    assert after.status is reservation.status is Status.RESERVED
    assert (after.session_id, after.client_ip, after.extra) == (ME, "10.0.0.1", KEPT)
    assert after.updated_at is not None
    assert before.readable is not None
    assert after.updated_at >= EPOCH
    assert house.row("a").index == {Status.RESERVED}
    noted = house.row("a").notes
    assert noted is not None
    assert replace(noted, reserved=None) == before.notes


def test_nothing_free_is_none(house: House) -> None:
    assert house.reservations.reserve(ME) is None


def test_asking_again_gives_the_same_machine(house: House) -> None:
    for name in "abc":
        house.admit(name)
    first = house.reservations.reserve(ME)
    stored = house.raw("a")
    assert house.reservations.reserve(ME, "10.9.9.9") == first
    assert house.raw("a") == stored
    assert house.members(Status.AVAILABLE) == {"b", "c"}


def test_asking_again_once_inside_gives_the_same_machine(house: House) -> None:
    let_in(house)
    house.admit("b")
    again = house.reservations.reserve(ME)
    assert again is not None
    assert (again.vm_id, again.status) == ("a", Status.UNAVAILABLE)


def test_no_two_sessions_share_a_machine(house: House) -> None:
    house.admit("a")
    assert house.reservations.reserve(ME) is not None
    assert house.reservations.reserve(OTHER) is None


def test_warm_machines_go_first_and_then_the_oldest(house: House) -> None:
    ages = {"young": 1, "old": 3, "middle": 2}
    for name, hours in ages.items():
        house.admit(name, created_at=EPOCH - timedelta(hours=hours))
        house.admit(f"warm-{name}", warm=True, created_at=EPOCH - timedelta(hours=hours))
    house.admit("ageless", created_at=None)
    got = [house.reservations.reserve(SessionId(f"s{number}")) for number in range(7)]
    order = ["warm-old", "warm-middle", "warm-young", "old", "middle", "young", "ageless"]
    assert [each.vm_id for each in got if each is not None] == order


def test_ages_are_compared_as_times_not_as_texts(house: House) -> None:
    texts = [
        "2023-12-31T23:59:59.999999999Z",
        "2024-01-01T08:00:00+08:00",
        "2024-01-01T00:00:00.5Z",
        "2023-12-31T23:30:00-01:00",
        "2024-02-29T12:00:00Z",
        "2024-03-09T00:00:00Z",
        "2024-02-30T00:00:00Z",  # no such day: as old as one without a date
    ]
    for number, text in enumerate(reversed(texts)):
        house.admit(f"m{6 - number}")
        house.plant(f"m{6 - number}", f'{{"status":"Available","createdAt":"{text}"}}')
    got = [house.reservations.reserve(SessionId(f"s{number}")) for number in range(7)]
    assert [each.vm_id for each in got if each is not None] == [f"m{number}" for number in range(7)]


@pytest.mark.parametrize(
    "unfit",
    [
        notes(admitted_at=None),
        notes(spent=SpentNote(why=Edge.SPEND, at=EPOCH)),
        notes(claim=ClaimNote(order="power_off", at=EPOCH, seen_at=EPOCH, since=EPOCH)),
        notes(presumed_at=EPOCH),
        notes(ended={ME: Edge.MOVE}),
        started(OTHER),
        started(ME),
        notes(opened=OpenedNote(session=OTHER, at=EPOCH, record=record("a"))),
    ],
)
def test_a_machine_is_not_offered_whose_notes_forbid_it(house: House, unfit: Notes) -> None:
    house.admit("a")
    house.note("a", unfit)
    before = house.raw("a")
    assert house.reservations.reserve(ME) is None
    assert house.raw("a") == before
    assert house.members(Status.AVAILABLE) == {"a"}


@pytest.mark.parametrize("lost", STRANGE_NOTES)
def test_a_machine_without_readable_notes_is_not_offered(house: House, lost: bytes | None) -> None:
    house.admit("a")
    house.redis.delete(house.keys.notes(VmId("a")))
    if lost is not None:
        house.redis.set(house.keys.notes(VmId("a")), lost)
    assert house.reservations.reserve(ME) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"status":"Reserved"}',
        '{"status":"Unavailable"}',
        '{"status":"Available","used":true}',
        '{"status":"Available","used":true,"Used":false,"USED":false,"uSed":false}',
        '{"status":"Available","used":false,"Used":true,"USED":false,"uSed":false}',
        '{"status":"Available","used":false,"Used":false,"USED":false,"uSed":true}',
        '{"status":"Available","used":"no"}',
        '{"status":"Available","vmId":"b"}',
        '{"status":"Available","sessionId":7}',
        '{"status":"Available","x":NaN}',
        '{"status":"Available","x":01}',
        '{"status":"Available","x":1.}',
        *(f'{{"vmId":"a","instanceId":"7","status":"Available",{odd}}}' for odd in NO_COUNTS),
        '{"status":"Available","x":"\x01"}',
        '{"status":"Available","x":"\\ud800"}',
        '{"status":"Available","x":' + "[" * 200 + "]" * 200 + "}",
        '{"status":"Available","x":"' + "x" * 70_000 + '"}',
        '{"status":"Available"',
        '{"status":"Available"} {}',
        '{"status":"Available",}',
        "[]",
        "",
        "\0",
    ],
)
def test_a_record_that_is_not_plainly_available_is_not_offered_and_not_touched(house: House, text: str) -> None:
    house.admit("a")
    house.plant("a", text)
    assert house.reservations.reserve(ME) is None
    assert house.raw("a") == text.encode()


@pytest.mark.parametrize("bad", [b"\xe9", b"\xc0\x80", b"\xed\xa0\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xf8"])
def test_a_record_that_is_not_utf_8_is_not_offered(house: House, bad: bytes) -> None:
    house.admit("a")
    house.plant("a", b'{"status":"Available","x":"' + bad + b'"}')
    assert house.reservations.reserve(ME) is None


@pytest.mark.parametrize("odd", NO_COUNTS)
def test_a_machine_is_not_offered_whose_notes_hold_what_only_cjson_takes_for_a_number(house: House, odd: str) -> None:
    house.admit("a")
    key = house.keys.notes(VmId("a"))
    house.redis.set(key, house.redis.get(key)[:-1] + f",{odd}}}".encode())
    assert house.reservations.reserve(ME) is None


def test_counts_are_kept_and_a_known_field_that_is_one_is_replaced(house: House) -> None:
    house.admit("a")
    house.plant("a", '{"vmId":"a","instanceId":"7","visits":12,"status":"Available","updatedAt":3,"x":"y","z":0}')
    assert house.reservations.reserve(ME) is not None
    kept = readable(house, "a")
    assert (kept.session_id, kept.extra) == (ME, (("visits", "12"), ("x", '"y"'), ("z", "0")))
    assert kept.updated_at is not None


def test_any_utf_8_is_offered_and_kept(house: House) -> None:
    house.admit("a")
    text = "\x7f\x80\u07ff\u0800\ucfff\ud7ff\ue000\uffff\U00010000\U000fffff\U0010ffff"
    house.plant("a", f'{{"status":"Available","x":"{text}"}}')
    assert house.reservations.reserve(ME) is not None
    assert readable(house, "a").extra == (("x", f'"{text}"'),)


def test_strange_members_of_available_do_no_harm(house: House) -> None:
    house.redis.sadd(house.keys.index(Status.AVAILABLE), b"vmss:instance:", b"x", b"vmss:instance:A", b"\xff")
    house.admit("long")
    for key in (house.keys.instance, house.keys.notes):
        house.redis.set(key(VmId("l" * 65)), house.redis.get(key(VmId("long"))).replace(b'"vmId":"long",', b""))
    house.redis.sadd(house.keys.index(Status.AVAILABLE), house.keys.instance(VmId("l" * 65)))
    house.redis.srem(house.keys.index(Status.AVAILABLE), house.keys.instance(VmId("long")))
    house.admit("a", created_at=EPOCH + timedelta(hours=1))
    reservation = house.reservations.reserve(ME)
    assert reservation is not None
    assert reservation.vm_id == "a"


def test_spellings_collapse_when_the_script_writes(house: House) -> None:
    house.admit("a")
    house.plant(
        "a",
        '{"VMID":"A","Status":"Reserved","status":"AVAILABLE","InstanceId":"9","custom":{"Status":1},'
        '"region":null,"PUBLICIP":"1","publicip":"3","Publicip":"2","privateIp":"4","PRIVATEIP":"5"}',
    )
    reservation = house.reservations.reserve(ME)
    assert reservation is not None
    assert reservation.instance_id == "9"
    stored = json.loads(house.raw("a") or b"")
    del stored["updatedAt"]
    assert stored == {
        "vmId": "a",
        "instanceId": "9",
        "status": "Reserved",
        "used": False,
        "warm": False,
        "publicIp": "1",
        "privateIp": "4",
        "sessionId": ME,
        "custom": {"Status": 1},
    }


def test_a_session_that_ended_on_a_machine_gets_another(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    house.note("a", started())
    assert house.reservations.cancel(ME) is Leaving.ABANDONED
    assert house.reservations.reserve(ME) is None
    house.admit("b")
    reservation = house.reservations.reserve(ME)
    assert reservation is not None
    assert reservation.vm_id == "b"


def test_whose_machine_says_used_gets_another(house: House) -> None:
    let_in(house)
    house.plant("a", (house.raw("a") or b"").replace(b'"used":false', b'"used":true'))
    house.admit("b")
    again = house.reservations.reserve(ME)
    assert again is not None
    assert again.vm_id == "b"


def test_whose_session_ended_there_gets_another(house: House) -> None:
    let_in(house)
    house.note("a", notes(ended={ME: Edge.MOVE}))
    assert house.reservations.reserve(ME) is None


def test_whose_machine_names_another_session_gets_another(house: House) -> None:
    let_in(house)
    house.plant("a", '{"status":"Reserved","sessionId":"other"}')
    assert house.reservations.reserve(ME) is None


def test_who_was_cancelled_by_a_naive_set_is_reserved_anew(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    house.redis.srem(house.keys.index(Status.RESERVED), house.keys.instance(VmId("a")))
    house.plant("a", (house.raw("a") or b"").replace(b'"Reserved"', b'"Available"'), Status.AVAILABLE)
    again = house.reservations.reserve(ME)
    assert again is not None
    assert again.status is Status.RESERVED
    assert house.row("a").index == {Status.RESERVED}
