"""look, what is a session id, and what all four calls of the queue manager have in common; on every implementation."""

from dataclasses import replace

import pytest
from contract.registries import EPOCH, ME, OTHER, House, let_in, notes, opened, readable, started

from scaler.errors import ScalerError
from scaler.model.edges import Actor, Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import LIFECYCLE, restore
from scaler.model.row import Row, SpentNote, Status
from scaler.registry.keys import ScriptName, script_text
from scaler.registry.record_json import MAX_SESSION_BYTES
from scaler.registry.reservations import Leaving, Stage


def test_what_cannot_be_read_says_nothing_about_a_session(house: House) -> None:
    let_in(house)
    house.note("a", notes(ended={ME: Edge.EXPIRE}))
    key = house.keys.notes(VmId("a"))
    house.redis.set(key, (house.redis.get(key) or b"")[:-1] + b',"x":"\x01"}')
    assert house.reservations.look(ME).stage is Stage.OPEN  # as far as the record knows
    house.plant("a", (house.raw("a") or b"")[:-1] + b',"x":"\x01"}')
    assert house.reservations.look(ME).stage is Stage.UNKNOWN
    assert house.reservations.reserve(ME) is None


def test_whoever_knows_the_machine_needs_no_pointer(house: House) -> None:
    let_in(house)
    house.redis.delete(house.keys.session(ME))
    assert house.reservations.release(ME) is Leaving.UNKNOWN
    assert house.reservations.look(ME, VmId("A")).stage is Stage.OPEN
    assert house.reservations.release(ME, VmId("a")) is Leaving.RELEASED


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
    house.note("a", opened(row, ended={ME: Edge.EXPIRE}))
    assert house.reservations.look(ME).stage is Stage.ENDED
    house.reservations.cancel(ME)
    assert house.reservations.look(OTHER).stage is Stage.UNKNOWN


def lose_the_sets(house: House) -> None:
    for status in Status:
        house.redis.delete(house.keys.index(status))


@pytest.mark.parametrize("by", ["look", "reserve"])
def test_asking_for_a_session_puts_the_key_of_its_machine_back_where_the_record_says(house: House, by: str) -> None:
    """Nothing else leads to it, should the machine be gone: who looks at Azure would never read that row again."""
    house.admit("a")
    house.reservations.reserve(ME)
    lose_the_sets(house)
    getattr(house.reservations, by)(ME)
    assert [house.members(status) for status in Status] == [set(), {"a"}, set()]
    assert house.registry.reserved() == {"a"}
    house.note("a", opened(house.row("a")))
    row = house.row("a")
    assert row.readable is not None
    house.apply(restore(row, replace(row.readable, status=Status.UNAVAILABLE), Status.UNAVAILABLE))
    lose_the_sets(house)
    getattr(house.reservations, by)(ME)
    assert [house.members(status) for status in Status] == [set(), set(), {"a"}]


@pytest.mark.parametrize("by", ["look", "reserve"])
def test_a_key_in_a_set_where_it_does_not_belong_is_taken_out_of_there(house: House, by: str) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    lose_the_sets(house)
    house.redis.sadd(house.keys.index(Status.AVAILABLE), house.keys.instance(VmId("a")))
    getattr(house.reservations, by)(ME)
    assert [house.members(status) for status in Status] == [set(), {"a"}, set()]


def test_looking_puts_no_key_into_available_and_none_of_somebody_elses_machine_anywhere(house: House) -> None:
    for name in ("a", "b"):
        house.admit(name)
    mine = house.reservations.reserve(ME)
    theirs = house.reservations.reserve(OTHER)
    assert mine is not None
    assert theirs is not None
    house.reservations.cancel(ME)
    lose_the_sets(house)
    assert house.reservations.look(ME, mine.vm_id).stage is Stage.UNKNOWN
    assert house.reservations.look(ME, theirs.vm_id).stage is Stage.UNKNOWN
    assert not any(house.members(status) for status in Status)


def test_whoever_looks_hears_the_answer_though_the_set_is_none(wired_house: House) -> None:
    wired_house.admit("a")
    wired_house.reservations.reserve(ME)
    lose_the_sets(wired_house)
    wired_house.redis.set(wired_house.keys.index(Status.RESERVED), "theirs")
    assert wired_house.reservations.look(ME).stage is Stage.RESERVED


def test_whoever_was_opened_on_a_spent_machine_is_out(house: House) -> None:
    row = let_in(house)
    house.note("a", opened(row, spent=SpentNote(why=Edge.CONDEMN, at=EPOCH)))
    assert house.reservations.look(ME).stage is Stage.ENDED
    house.note("a", notes(presumed_at=EPOCH, spent=SpentNote(why=Edge.CONDEMN, at=EPOCH)))
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
    spent = SpentNote(why=Edge.REFUSE, at=EPOCH, reason="no machine could be started")
    house.note("a", notes(ended={ME: Edge.REFUSE}, spent=spent))
    sight = house.reservations.look(ME)
    assert (sight.stage, sight.reason, sight.reservation) == (Stage.REFUSED, "no machine could be started", None)


def test_a_visitor_whose_session_the_scaler_ended_hears_why(house: House) -> None:
    let_in(house)
    house.note("a", notes(ended={ME: Edge.EXPIRE}, spent=SpentNote(why=Edge.EXPIRE, at=EPOCH, reason="evicted")))
    sight = house.reservations.look(ME)
    assert (sight.stage, sight.reason, sight.reservation) == (Stage.ENDED, "evicted", None)


def test_a_visitor_who_left_hears_no_reason(house: House) -> None:
    let_in(house)
    house.note("a", notes(ended={ME: Edge.RELEASE}, spent=SpentNote(why=Edge.RELEASE, at=EPOCH, reason="a secret")))
    sight = house.reservations.look(ME)
    assert (sight.stage, sight.reason) == (Stage.ENDED, None)


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
    assert set(taken) == {edge for edge, rule in LIFECYCLE.items() if Actor.VISITOR in rule.owners}
    for edge, (before, after) in taken.items():
        rule = LIFECYCLE[edge]
        assert before.status in rule.sources, edge
        assert after.readable is not None
        assert (after.status, after.readable.used) == (rule.target, rule.used), edge
        assert after.index == {rule.target}, edge


LONGEST = ["s" * MAX_SESSION_BYTES, "é" * (MAX_SESSION_BYTES // 2), "s" * 129]
NONE = ["", "s" * (MAX_SESSION_BYTES + 1), "é" * (MAX_SESSION_BYTES // 2) + "s", "a\nb", "a\0b", "\x7f", "\x1b[2J"]
SENTENCE = f"a session id is 1 to {MAX_SESSION_BYTES} bytes of UTF-8 without control characters"


@pytest.mark.parametrize("text", LONGEST, ids=len)
def test_what_can_be_reserved_can_be_looked_at_cancelled_and_read(house: House, text: str) -> None:
    session = SessionId(text)
    house.admit("a")
    assert house.reservations.reserve(session) is not None
    found = house.row("a").readable
    assert found is not None
    assert found.session_id == session
    assert house.reservations.look(session).stage is Stage.RESERVED
    assert house.reservations.release(session) is Leaving.RESERVED
    assert house.reservations.cancel(session) is Leaving.CANCELLED


@pytest.mark.parametrize("text", [*NONE, "\ud800"], ids=lambda text: str(len(text)))
@pytest.mark.parametrize("call", ["reserve", "look", "release", "cancel"])
def test_what_is_none_is_refused_by_the_client_with_the_sentence(house: House, call: str, text: str) -> None:
    house.admit("a")
    with pytest.raises(ValueError, match=SENTENCE):
        getattr(house.reservations, call)(SessionId(text))


@pytest.mark.parametrize("text", [*NONE, b"\xff"], ids=lambda text: str(len(text)))
@pytest.mark.parametrize("name", [name for name in ScriptName if name.of_a_session])
def test_the_scripts_refuse_it_with_the_same_sentence(wired_house: House, name: ScriptName, text: str | bytes) -> None:
    wired_house.admit("a")
    keys = ["vmss:session:x", "vmss:status:available", "vmss:status:reserved", "vmss:status:unavailable"]
    with pytest.raises(Exception, match=SENTENCE) as refused:
        wired_house.redis.eval(script_text(name), len(keys), *keys, text, "")
    assert not isinstance(refused.value, ScalerError)
    assert wired_house.members(wired_house.row("a").readable.status) == {"a"}  # type: ignore[union-attr]
