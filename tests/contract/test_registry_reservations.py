"""reserve, release, cancel and look: the queue manager's steps, held by every implementation."""

import json
from datetime import timedelta
from typing import Any

import pytest
from contract.registries import EPOCH, House, notes, record

from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import LIFECYCLE, Edge, Owner, restore
from scaler.model.notes import ClaimNote, Ended, Notes, OpenedNote, ReservedNote, SpentBy, SpentNote, StartNote
from scaler.model.record import Record, Status
from scaler.model.row import Row
from scaler.registry.reservations import Reservations
from scaler.registry.sessions import Leaving, Stage

ME, OTHER = SessionId('visitor "1" / é'), SessionId("other")
KEPT = (("tags", "[]"), ("big", "12345678901234567890.000"), ("odd", '{ "\\u00e9" : [1.0, {}, ""] }'), ("é", '"\\/"'))


def started(session: SessionId = ME, **fields: Any) -> Notes:
    return notes(start=StartNote(session=session, at=EPOCH, attempts=1), **fields)


def opened(row: Row, session: SessionId = ME, **fields: Any) -> Notes:
    assert row.readable is not None
    return started(session, opened=OpenedNote(session=session, at=EPOCH, record=row.readable), **fields)


def let_in(house: House, vm_id: str = "a", session: SessionId = ME, **fields: Any) -> Row:
    """A session on an opened machine."""
    house.admit(vm_id, **fields)
    assert house.reservations.reserve(session) is not None
    row = house.note(vm_id, opened(house.row(vm_id), session))
    assert row.readable is not None
    text = (house.raw(vm_id) or b"").replace(b'"Reserved"', b'"Unavailable"')
    house.redis.srem(house.keys.index(Status.RESERVED), house.keys.instance(VmId(vm_id)))
    house.plant(vm_id, text, Status.UNAVAILABLE)
    return house.row(vm_id)


def readable(house: House, vm_id: str) -> Record:
    found = house.row(vm_id).readable
    assert found is not None
    return found


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
    assert house.row("a").notes == before.notes


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
        notes(spent=SpentNote(why=SpentBy.SPEND, at=EPOCH)),
        notes(claim=ClaimNote(order="power_off", at=EPOCH)),
        notes(presumed_at=EPOCH),
        notes(ended={ME: Ended.MOVE}),
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


STRANGE_NOTES = (
    *(None, b"7", b"[]", b"{}", b'{"v":2}', b"\xff", b"{"),
    b'{"v":1,"admitted_at":"2026-01-01T00:00:00Z"}',
    b'{"v":2,"scale_set":"","unique_id":"","instance_id":"","admitted_at":"2026-01-01T00:00:00Z","presumed_at":"x"}',
    b'{"v":2,"scale_set":"","unique_id":"","instance_id":"","admitted_at":"2026-01-01T00:00:00Z"}',
    b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","presumed_at":"2026-01-01T00:00:00Z","ended":[]}',
    b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","presumed_at":"2026-01-01T00:00:00Z","opened":true}',
    b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","presumed_at":"2026-01-01T00:00:00Z","x":\x01}',
)


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


def test_release_makes_the_machine_used_for_ever(house: House) -> None:
    let_in(house, extra=KEPT)
    assert house.reservations.release(ME) is Leaving.RELEASED
    row = house.row("a")
    assert row.readable is not None
    assert (row.readable.status, row.readable.used, row.readable.extra) == (Status.UNAVAILABLE, True, KEPT)
    assert row.readable.session_id == ME
    assert row.notes is not None
    assert row.notes.ended == {ME: Ended.RELEASE}
    assert row.notes.spent is not None
    assert row.notes.spent.why is SpentBy.RELEASE
    assert row.index == {Status.UNAVAILABLE}


def test_release_twice_is_release_once(house: House) -> None:
    let_in(house)
    house.reservations.release(ME)
    before = house.row("a")
    assert house.reservations.release(ME) is Leaving.ENDED
    assert house.reservations.cancel(ME) is Leaving.ENDED
    assert house.row("a") == before


def test_release_ends_a_presumed_session_that_the_record_names(house: House) -> None:
    let_in(house)
    house.note("a", notes(presumed_at=EPOCH))
    assert house.reservations.release(ME) is Leaving.RELEASED


def test_release_before_anybody_was_let_in_does_nothing(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    assert house.reservations.release(ME) is Leaving.RESERVED
    assert readable(house, "a").status is Status.RESERVED


def test_cancel_before_a_start_gives_the_machine_back(house: House) -> None:
    first = house.admit("a", extra=KEPT)
    house.reservations.reserve(ME, "10.0.0.1")
    house.note("a", notes(reserved=ReservedNote(session=ME, at=EPOCH)))
    assert house.reservations.cancel(ME) is Leaving.CANCELLED
    row = house.row("a")
    assert row.readable is not None
    assert (row.readable.status, row.readable.used, row.readable.extra) == (Status.AVAILABLE, False, KEPT)
    assert (row.readable.session_id, row.readable.client_ip) == (None, None)
    assert row.notes == first.notes
    assert row.index == {Status.AVAILABLE}
    assert house.redis.get(house.keys.session(ME)) is None
    assert house.reservations.cancel(ME) is Leaving.UNKNOWN
    assert house.reservations.reserve(OTHER) is not None


@pytest.mark.parametrize("session", [ME, OTHER])
def test_cancel_after_any_start_spends_the_machine(house: House, session: SessionId) -> None:
    house.admit("a", extra=KEPT)
    house.reservations.reserve(ME)
    house.note("a", started(session))
    assert house.reservations.cancel(ME) is Leaving.ABANDONED
    row = house.row("a")
    assert row.readable is not None
    assert (row.readable.status, row.readable.used, row.readable.extra) == (Status.UNAVAILABLE, True, KEPT)
    assert row.notes is not None
    assert row.notes.ended == {ME: Ended.ABANDON}
    assert row.notes.spent is not None
    assert row.notes.spent.why is SpentBy.ABANDON
    assert row.index == {Status.UNAVAILABLE}


def test_cancel_once_inside_is_a_release(house: House) -> None:
    let_in(house)
    assert house.reservations.cancel(ME) is Leaving.RELEASED


def test_a_late_write_for_a_session_that_ended_is_left_to_the_starter(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    late = house.raw("a") or b""
    house.note("a", started())
    house.reservations.cancel(ME)
    house.plant("a", late, Status.RESERVED)
    assert house.reservations.cancel(ME) is Leaving.ENDED
    assert house.reservations.release(ME) is Leaving.ENDED
    assert house.reservations.look(ME).stage is Stage.ENDED
    assert house.raw("a") == late
    assert house.reservations.reserve(ME) is None


def test_a_machine_that_says_used_is_not_given_back(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    house.plant("a", (house.raw("a") or b"").replace(b'"used":false', b'"used":true'))
    assert house.reservations.cancel(ME) is Leaving.ABANDONED


def test_what_was_spent_by_somebody_else_has_ended(house: House) -> None:
    let_in(house)
    house.note("a", notes(presumed_at=EPOCH, spent=SpentNote(why=SpentBy.CONDEMN, at=EPOCH)))
    before = house.row("a")
    assert house.reservations.release(ME) is Leaving.ENDED
    assert house.row("a") == before
    house.admit("b")
    again = house.reservations.reserve(ME)
    assert again is not None
    assert again.vm_id == "b"


def test_a_machine_that_nobody_opened_cannot_be_released(house: House) -> None:
    let_in(house)
    house.note("a", started())
    assert house.reservations.release(ME) is Leaving.UNKNOWN
    assert house.reservations.cancel(ME) is Leaving.UNKNOWN


def test_a_machine_that_is_available_again_is_nobody_s(house: House) -> None:
    let_in(house)
    house.plant("a", (house.raw("a") or b"").replace(b'"Unavailable"', b'"Available"'))
    assert house.reservations.release(ME) is Leaving.UNKNOWN
    assert house.reservations.cancel(ME) is Leaving.UNKNOWN


def test_whose_machine_says_used_gets_another(house: House) -> None:
    let_in(house)
    house.plant("a", (house.raw("a") or b"").replace(b'"used":false', b'"used":true'))
    house.admit("b")
    again = house.reservations.reserve(ME)
    assert again is not None
    assert again.vm_id == "b"


def test_whose_session_ended_there_gets_another(house: House) -> None:
    let_in(house)
    house.note("a", notes(ended={ME: Ended.MOVE}))
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


def test_what_cannot_be_read_says_nothing_about_a_session(house: House) -> None:
    let_in(house)
    house.note("a", notes(ended={ME: Ended.EXPIRE}))
    key = house.keys.notes(VmId("a"))
    house.redis.set(key, (house.redis.get(key) or b"")[:-1] + b',"x":"\x01"}')
    assert house.reservations.look(ME).stage is Stage.OPEN  # as far as the record knows
    house.plant("a", (house.raw("a") or b"")[:-1] + b',"x":"\x01"}')
    assert house.reservations.look(ME).stage is Stage.UNKNOWN
    assert house.reservations.reserve(ME) is None


def test_an_earlier_reason_for_being_spent_stays(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    spent = SpentNote(why=SpentBy.SPEND, at=EPOCH)
    house.note("a", notes(spent=spent, ended={OTHER: Ended.MOVE}))
    assert house.reservations.cancel(ME) is Leaving.ABANDONED
    after = house.row("a").notes
    assert after is not None
    assert (after.spent, after.ended) == (spent, {OTHER: Ended.MOVE, ME: Ended.ABANDON})


@pytest.mark.parametrize("lost", STRANGE_NOTES)
def test_what_has_lost_its_notes_is_not_touched(house: House, lost: bytes | None) -> None:
    let_in(house)
    house.redis.delete(house.keys.notes(VmId("a")))
    if lost is not None:
        house.redis.set(house.keys.notes(VmId("a")), lost)
    before = house.raw("a")
    assert house.reservations.release(ME) is Leaving.UNKNOWN
    assert house.reservations.cancel(ME) is Leaving.UNKNOWN
    assert house.raw("a") == before


def test_what_names_another_session_is_not_touched(house: House) -> None:
    let_in(house, session=SessionId("me"))
    late = house.redis.get(house.keys.instance(VmId("a"))).replace(b'"sessionId":"me"', b'"sessionId":"other"')
    house.plant("a", late)
    assert readable(house, "a").session_id == OTHER
    assert house.reservations.release(SessionId("me")) is Leaving.UNKNOWN
    assert house.reservations.cancel(OTHER, VmId("a")) is Leaving.UNKNOWN
    assert house.raw("a") == late


def test_whoever_knows_the_machine_needs_no_pointer(house: House) -> None:
    let_in(house)
    house.redis.delete(house.keys.session(ME))
    assert house.reservations.release(ME) is Leaving.UNKNOWN
    assert house.reservations.look(ME, VmId("A")).stage is Stage.OPEN
    assert house.reservations.release(ME, VmId("a")) is Leaving.RELEASED


def test_the_scripts_keep_notes_that_they_do_not_know(house: House) -> None:
    if not isinstance(house.reservations, Reservations):
        pytest.skip("there are no scripts in memory")
    let_in(house)
    key = house.keys.notes(VmId("a"))
    house.redis.set(key, (house.redis.get(key) or b"")[:-1] + b',"later":[1.50,[],{}]}')
    house.reservations.release(ME)
    assert b'"later":[1.50,[],{}]' in (house.redis.get(key) or b"")


def test_a_polling_visitor_hears_each_stage(house: House) -> None:
    assert house.reservations.look(ME).stage is Stage.UNKNOWN
    house.admit("a", public_ip="20.1.2.3")
    house.reservations.reserve(ME)
    waiting = house.reservations.look(ME)
    assert waiting.stage is Stage.RESERVED
    row = house.note("a", opened(house.row("a")))
    inside = house.reservations.look(ME)
    assert inside.stage is Stage.OPEN
    assert inside.reservation is not None
    assert inside.reservation.public_ip == "20.1.2.3"
    house.note("a", opened(row, ended={ME: Ended.EXPIRE}))
    assert house.reservations.look(ME).stage is Stage.ENDED
    house.reservations.cancel(ME)
    assert house.reservations.look(OTHER).stage is Stage.UNKNOWN


def test_whoever_was_opened_on_a_spent_machine_is_out(house: House) -> None:
    row = let_in(house)
    house.note("a", opened(row, spent=SpentNote(why=SpentBy.CONDEMN, at=EPOCH)))
    assert house.reservations.look(ME).stage is Stage.ENDED
    house.note("a", notes(presumed_at=EPOCH, spent=SpentNote(why=SpentBy.CONDEMN, at=EPOCH)))
    assert house.reservations.look(ME).stage is Stage.ENDED
    house.note("a", notes(presumed_at=EPOCH))
    assert house.reservations.look(ME).stage is Stage.OPEN
    house.plant("a", (house.raw("a") or b"").replace(b'"used":false', b'"used":true'))
    assert house.reservations.look(ME).stage is Stage.ENDED
    house.plant("a", (house.raw("a") or b"").replace(b'"Unavailable"', b'"Available"'))
    assert house.reservations.look(ME).stage is Stage.UNKNOWN


def test_a_refused_visitor_hears_why(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    spent = SpentNote(why=SpentBy.REFUSE, at=EPOCH, reason="no machine could be started")
    house.note("a", notes(ended={ME: Ended.REFUSE}, spent=spent))
    sight = house.reservations.look(ME)
    assert (sight.stage, sight.reason, sight.reservation) == (Stage.REFUSED, "no machine could be started", None)


def test_a_session_is_open_though_a_late_write_hides_it(house: House) -> None:
    let_in(house)
    house.plant("a", '{"status":"Reserved","sessionId":"other"}')
    assert house.reservations.look(ME).stage is Stage.OPEN


def test_looking_writes_nothing(house: House) -> None:
    let_in(house)
    before = house.registry.read()
    for session in (ME, OTHER):
        house.reservations.look(session)
    assert house.registry.read().rows == before.rows


@pytest.mark.parametrize("bad", ["", "x" * 129, "a\nb", "a\0b", "\x7f", "\ud800"])
def test_what_is_no_session_id_is_an_error(house: House, bad: str) -> None:
    for call in (house.reservations.reserve, house.reservations.release, house.reservations.cancel):
        with pytest.raises(ValueError):  # noqa: PT011 - two of them, of one kind
            call(SessionId(bad))


def test_the_longest_session_id_is_kept_whole(house: House) -> None:
    session = SessionId("é" * 128)
    house.admit("a")
    house.reservations.reserve(session)
    assert readable(house, "a").session_id == session
    assert house.reservations.look(session).stage is Stage.RESERVED


def test_the_pointer_from_session_to_machine_lives_a_day(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    assert 86_000 <= house.redis.ttl(house.keys.session(ME)) <= 86_400
    house.redis.expire(house.keys.session(ME), 10)
    row = house.row("a")
    house.apply(restore(row, readable(house, "a"), Status.RESERVED))
    assert 86_000 <= house.redis.ttl(house.keys.session(ME)) <= 86_400


def test_a_moved_session_finds_its_new_machine(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    row = house.admit("b", session_id=ME)
    text = (house.raw("b") or b"").replace(b'"Available"', b'"Reserved"')
    house.plant("b", text)
    assert row.readable is not None
    house.apply(restore(house.row("b"), readable(house, "b"), Status.RESERVED))
    sight = house.reservations.look(ME)
    assert sight.reservation is not None
    assert sight.reservation.vm_id == "b"


def steps_of_the_visitor(house: House) -> dict[Edge, tuple[Row, Row]]:
    """Each edge of the visitor's, with the rows before and after."""
    house.admit("a")
    free = house.row("a")
    house.reservations.reserve(ME)
    reserved = house.row("a")
    house.reservations.cancel(ME)
    cancelled = house.row("a")
    house.reservations.reserve(ME)
    starting = house.note("a", started())
    house.reservations.cancel(ME)
    abandoned = house.row("a")
    inside = let_in(house, "b", OTHER)
    house.reservations.release(OTHER)
    return {
        Edge.RESERVE: (free, reserved),
        Edge.CANCEL: (reserved, cancelled),
        Edge.ABANDON: (starting, abandoned),
        Edge.RELEASE: (inside, house.row("b")),
    }


def test_the_scripts_take_the_steps_of_the_table_and_all_of_the_visitors(house: House) -> None:
    taken = steps_of_the_visitor(house)
    assert set(taken) == {edge for edge, rule in LIFECYCLE.items() if Owner.VISITOR in rule.owners}
    for edge, (before, after) in taken.items():
        rule = LIFECYCLE[edge]
        assert before.status in rule.sources, edge
        assert after.readable is not None
        assert (after.status, after.readable.used) == (rule.target, rule.used), edge
        assert after.index == {rule.target}, edge
