"""What a waiting visitor can be told: the expected time, the phase, the end, why it ended; on every implementation."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest
from contract.registries import EPOCH, ME, OTHER, House, Server, let_in, notes, readable, started

from scaler.model.edges import Edge
from scaler.model.ending import Ending
from scaler.model.instance import SessionId, Tier, VmId
from scaler.model.lifecycle import note, note_expecting
from scaler.model.plan import Why
from scaler.model.row import OpeningNote, SpentNote, StartNote, Status
from scaler.model.waits import Coming, Waits
from scaler.registry.keys import ScriptName, script_text
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Phase, Reservations, Sight, Stage
from scaler.registry.rights import SCRIPTS

S = timedelta(seconds=1)
TOLD = Waits(at=EPOCH, expected={Tier.WARM: 9.5, Tier.COLD: 110.0}, limit=3600.0, coming=Coming(machines=1))


def registry(house: House) -> RedisRegistry:
    return cast("RedisRegistry", house.registry)


def now(house: House) -> datetime:
    """Redis' time."""
    return house.registry.read().now


def waiting(house: House, *, warm: bool = False, waits: Waits = TOLD) -> Sight:
    """A session that has just reserved a machine."""
    registry(house).leave_waits(waits)
    house.admit("a", warm=warm)
    assert house.reservations.reserve(ME) is not None
    return house.reservations.look(ME)


@pytest.mark.parametrize(("warm", "seconds"), [(True, 10), (False, 110)])
def test_a_reservation_says_when_its_machine_may_be_ready(house: House, warm: bool, seconds: int) -> None:
    before = now(house)
    sight = waiting(house, warm=warm)
    expected = readable(house, "a").expected_ready_at
    assert expected is not None
    assert before + seconds * S <= expected <= now(house) + seconds * S
    assert (sight.stage, sight.phase, sight.expected_ready_at) == (Stage.RESERVED, Phase.WAITING, expected)
    assert sight.reservation is not None
    assert house.reservations.reserve(ME) == sight.reservation, "asked again it tells the same"
    assert sight.reservation.expected_ready_at == expected


@pytest.mark.parametrize(
    "text", [None, b"{", b'{"tiers":{"cold":{"expected":1e9}}}', b'"cold":{"expected":"soon"}', b"\xff"]
)
def test_where_nothing_is_published_or_garbage_a_machine_is_had_all_the_same(house: House, text: bytes | None) -> None:
    if text is not None:
        house.redis.set(house.keys.waits, text)
    house.admit("a", warm=False)
    assert house.reservations.reserve(ME) is not None
    sight = house.reservations.look(ME)
    assert (sight.stage, sight.phase, sight.expected_ready_at) == (Stage.RESERVED, Phase.WAITING, None)
    assert house.reservations.waits() == Waits()
    assert registry(house).waits() == Waits()
    assert house.registry.read().waits == Waits()
    registry(house).leave_waits(TOLD)
    assert house.reservations.waits() == house.registry.read().waits == registry(house).waits() == TOLD


def test_a_key_of_another_type_is_no_reason_to_fail_and_is_published_over(wired_house: House) -> None:
    house = wired_house
    house.redis.rpush(house.keys.waits, "x")
    house.admit("a")
    assert house.reservations.reserve(ME) is not None
    assert house.reservations.look(ME).expected_ready_at is None
    assert house.reservations.waits() == registry(house).waits() == house.registry.read().waits == Waits()
    registry(house).leave_waits(TOLD)
    assert house.reservations.waits() == TOLD


def test_the_phase_follows_the_start(house: House) -> None:
    waiting(house)
    house.note("a", started())
    assert house.reservations.look(ME).phase is Phase.STARTING
    booting = StartNote(session=ME, at=EPOCH, attempts=1, boots_at=EPOCH)
    house.note("a", notes(start=booting))
    assert house.reservations.look(ME).phase is Phase.BOOTING
    house.note("a", notes(start=booting, opening=OpeningNote(session=OTHER, at=EPOCH)))
    assert house.reservations.look(ME).phase is Phase.BOOTING, "the opening is another session's"
    house.note("a", notes(start=booting, opening=OpeningNote(session=ME, at=EPOCH)))
    assert house.reservations.look(ME).phase is Phase.RUNNING
    house.note("a", notes(start=replace(booting, runs_at=EPOCH)))
    assert house.reservations.look(ME).phase is Phase.RUNNING
    house.note("a", notes(start=replace(booting, hot=True)))
    assert house.reservations.look(ME).phase is Phase.RUNNING, "it was ready when its session came"
    house.note("a", notes(start=StartNote(session=SessionId("a"), at=EPOCH, attempts=1)))
    assert house.reservations.look(ME).phase is Phase.STARTING, "started before the session had an id"
    house.note("a", started(OTHER))
    assert house.reservations.look(ME).phase is Phase.WAITING


@pytest.mark.parametrize(("late", "then"), [(5, 10), (15, 30), (45, 70)])
def test_an_expected_time_that_has_passed_moves_on_when_it_is_told_and_is_never_over(
    house: House, late: int, then: int
) -> None:
    waiting(house)
    moment = now(house)
    row = house.row("a")
    assert row.notes is not None
    assert house.apply(note_expecting(row, row.notes, moment - late * S)) != (None,)
    assert house.reservations.look(ME).expected_ready_at == moment + (then - late) * S


@pytest.mark.parametrize("odd", [b"7", b'"soon"', b"[]", b"null", b'"9999-12-31T23:59:59Z"', b'"2026-02-30T00:00:00Z"'])
def test_a_time_that_cannot_be_read_is_not_told_and_nothing_else_is_lost(house: House, odd: bytes) -> None:
    waiting(house)
    text = (house.raw("a") or b"")[:-1]
    head, _, rest = text.partition(b'"expectedReadyAt":')
    house.plant("a", head + b'"expectedReadyAt":' + odd + b"}")
    sight = house.reservations.look(ME)
    assert (sight.stage, sight.expected_ready_at) == (Stage.RESERVED, None)
    assert rest
    assert house.reservations.cancel(ME) == "cancelled"
    assert readable(house, "a").expected_ready_at is None


def test_who_gives_up_or_is_let_in_leaves_no_expected_time_behind(house: House) -> None:
    waiting(house)
    house.reservations.cancel(ME)
    assert b"expectedReadyAt" not in (house.raw("a") or b"")
    house.reservations.reserve(ME)
    house.note("a", started())
    house.reservations.cancel(ME)
    assert b"expectedReadyAt" not in (house.raw("a") or b"")


def test_an_expected_time_is_noted_over_a_heartbeat_and_names_no_machine_of_a_session(house: House) -> None:
    """A queue manager's write in between neither loses the start nor is lost; only a step moves a session's pointer."""
    house.admit("a")
    house.reservations.reserve(ME)
    house.redis.delete(house.keys.session(ME))
    row = house.row("a")
    assert row.notes is not None
    house.plant("a", (house.raw("a") or b"")[:-1] + b',"heart":7}')
    assert house.apply(note_expecting(row, started(reserved=row.notes.reserved), EPOCH)) != (None,)
    after = readable(house, "a")
    assert (after.expected_ready_at, after.extra, after.status) == (EPOCH, (("heart", "7"),), Status.RESERVED)
    assert not house.redis.get(house.keys.session(ME))
    house.plant("a", (house.raw("a") or b"").replace(b'"expectedReadyAt":"2026-01-01T00:00:00Z"', b'"x":1'))
    assert house.apply(note(house.row("a"), started())) != (None,)


def test_a_field_that_is_only_told_loses_no_race(house: House) -> None:
    waiting(house)
    row = house.row("a")
    house.plant("a", (house.raw("a") or b"").replace(b'"expectedReadyAt":', b'"expectedReadyAT":7,"x":'))
    assert house.apply(note(row, started())) != (None,)


def test_an_open_session_hears_when_its_limit_is_over(house: House) -> None:
    let_in(house)
    assert house.reservations.look(ME).ends_at is None, "nothing is published"
    registry(house).leave_waits(TOLD)
    assert house.reservations.look(ME).ends_at == EPOCH + timedelta(hours=1)
    registry(house).leave_waits(replace(TOLD, limit=0.0))
    assert house.reservations.look(ME).ends_at is None, "sessions are unlimited"
    registry(house).leave_waits(TOLD)
    house.note("a", notes(presumed_at=EPOCH))
    sight = house.reservations.look(ME)
    assert (sight.stage, sight.ends_at) == (Stage.OPEN, None)


ENDED = [
    (Edge.EXPIRE, Why.LIMIT, Stage.ENDED, Ending.LIMIT),
    (Edge.EXPIRE, Why.PRESUMED_LIMIT, Stage.ENDED, Ending.LIMIT),
    (Edge.EXPIRE, Why.EVICTED, Stage.ENDED, Ending.EVICTED),
    (Edge.EXPIRE, Why.CAME_TO_REST, Stage.ENDED, Ending.STOPPED),
    (Edge.EXPIRE, Why.UNHEALTHY, Stage.ENDED, Ending.UNHEALTHY),
    (Edge.EXPIRE, "a newer scaler's reason", Stage.ENDED, None),
    (Edge.EXPIRE, None, Stage.ENDED, None),
    (Edge.REFUSE, Why.CANNOT_START, Stage.REFUSED, Ending.REFUSED),
    (Edge.RELEASE, None, Stage.ENDED, Ending.RELEASED),
    (Edge.RELEASE, Why.ENDED_BY_HAND, Stage.ENDED, Ending.OPERATOR),
    (Edge.ABANDON, Why.GAVE_UP, Stage.ENDED, Ending.ABANDONED),
    (Edge.MOVE, Why.CANNOT_START, Stage.ENDED, None),
]


@pytest.mark.parametrize(("step", "reason", "stage", "because"), ENDED)
def test_who_is_out_hears_why(
    house: House, step: Edge, reason: str | None, stage: Stage, because: Ending | None
) -> None:
    let_in(house)
    house.note("a", notes(ended={ME: step}, spent=SpentNote(why=step, at=EPOCH, reason=reason)))
    sight = house.reservations.look(ME)
    assert (sight.stage, sight.ended_because, sight.expected_ready_at) == (stage, because, None)


def test_what_the_machine_said_stands_behind_the_reason_and_changes_no_word_of_ours(house: House) -> None:
    let_in(house)
    spent = SpentNote(why=Edge.EXPIRE, at=EPOCH, reason=Why.UNHEALTHY, said='last player left "<b>"')
    house.note("a", notes(ended={ME: Edge.EXPIRE}, spent=spent))
    sight = house.reservations.look(ME)
    assert (sight.ended_because, sight.reason) == (Ending.UNHEALTHY, spent.told)
    assert spent.told == f'{Why.UNHEALTHY}; it says: last player left "<b>"'


def test_a_late_session_is_refused_for_its_own_reason(house: House) -> None:
    let_in(house)
    ended = {ME: Edge.EXPIRE, OTHER: Edge.REFUSE}
    house.note("a", notes(ended=ended, spent=SpentNote(why=Edge.EXPIRE, at=EPOCH, reason=Why.LIMIT)))
    assert house.reservations.look(OTHER, VmId("a")).ended_because is Ending.REFUSED
    assert house.reservations.look(ME).ended_because is Ending.LIMIT


@pytest.mark.parametrize("by_hand", [True, False])
def test_whoever_ends_it_is_told_apart(house: House, by_hand: bool) -> None:
    let_in(house)
    assert house.reservations.release(ME, by_hand=by_hand) == "released"
    because = house.reservations.look(ME).ended_because
    assert because is (Ending.OPERATOR if by_hand else Ending.RELEASED)
    house.admit("b")
    house.reservations.reserve(OTHER)
    house.note("b", started(OTHER))
    assert house.reservations.cancel(OTHER, by_hand=by_hand) == "abandoned"
    because = house.reservations.look(OTHER).ended_because
    assert because is (Ending.OPERATOR if by_hand else Ending.ABANDONED)


@pytest.mark.parametrize(
    "found",
    [
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","start":7}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","start":{"session":[],"runs_at":7}}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","spent":{"why":[],"reason":{}}}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","opened":{"at":7}}',
    ],
)
def test_odd_notes_are_no_reason_to_fail(house: House, found: bytes) -> None:
    waiting(house)
    house.redis.set(house.keys.notes(VmId("a")), found)
    assert house.reservations.look(ME).stage in {Stage.RESERVED, Stage.ENDED}


def test_who_asks_for_nothing_more_hears_what_was_always_answered(wired_house: House) -> None:
    waiting(wired_house)
    keys = [wired_house.keys.session(ME), *map(wired_house.keys.index, Status)]
    answer = wired_house.redis.eval(script_text(ScriptName.LOOK), len(keys), *keys, ME, "")
    assert answer == [b"reserved", b"a", wired_house.raw("a"), b""]
    answer = wired_house.redis.eval(script_text(ScriptName.LOOK), len(keys), *keys, "nobody", "", "more")
    assert answer == [b"unknown", b"", b"", b"", b"{}"]


def test_a_queue_manager_that_may_not_read_what_is_published_gets_machines_all_the_same(
    shared_redis: Server, real_house: House
) -> None:
    """The users of an older page."""
    registry(real_house).leave_waits(TOLD)
    real_house.admit("a")
    client = shared_redis.held_to(replace(SCRIPTS, name="older", reads=()))
    reservations = Reservations(client, real_house.keys)
    assert reservations.reserve(ME) is not None
    assert reservations.look(ME).phase is Phase.WAITING
    assert readable(real_house, "a").expected_ready_at is None
