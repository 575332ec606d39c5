"""The same random steps on the Redis of virtual time, fakeredis and redis-server: the same answers and state."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import hypothesis.strategies as st
from clock import ManualClock
from contract.registries import (
    EPOCH,
    KEPT,
    House,
    Server,
    admission,
    fake_house,
    memory_house,
    notes,
    record,
    redis_house,
)
from hypothesis import given, settings

from scaler.model.edges import ENDINGS, Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import KEEP, Change
from scaler.model.row import (
    ClaimNote,
    DeleteNote,
    Notes,
    OpenedNote,
    Record,
    ReservedNote,
    Row,
    SpentNote,
    StartNote,
    Status,
)
from scaler.registry.keys import Keys
from scaler.registry.record_json import decode_record

type Step = Callable[[House], object]

ODD_RECORDS = (
    b"7",
    b"{",
    b"\xff",
    b'{"status":"Available","X":1e999}',
    b'{"status":"available","vmId":"B","USED":null,"warm":true,"createdAt":"2020-02-30T00:00:00Z"}',
    b'{"status":"Reserved","STATUS":"Available","sessionId":"s","SessionId":"t","x":{"a":[ ]},"createdAt":7}',
    b'{"Status":"RESERVED","sessionid":"s"}',
    b'{"status":"Unavailable","sessionId":"s","used":true}',
    b'{"status":"Unavailable","sessionId":"t","\\u0075sed":false,"x":"\\u00e9\\/"}',
    b'{"status":"Reserved","sessionId":7}',
    b'{"STATUS":"Reserved","STATUS":"Available","x":1,"x":2,"Sessionid":"s","Sessionid":"t"}',
    b'{"status":"Available","warm":"yes","region":3,"createdAt":"2019-01-01T00:00:00+23:59"}',
    b' {"status" : "Available" , "x" : [ 1 , 2 ] } ',
)
ODD_NOTES = (
    b"[]",
    b"{",
    b'{"v":2}',
    b'{"v":1}',
    b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","ended":[]}',
    b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","opened":true,"admitted_at":"2026-01-01T00:00:00Z"}',
)


@dataclass(frozen=True)
class Named:
    """A step with a name, which a failed comparison prints."""

    name: str
    call: Step

    def __repr__(self) -> str:
        return self.name


KINDS = ("admit", "reserve", "end", "look", "write", "record", "odd", "notes", "index")
names = st.sampled_from(["a", "b", "c"]).map(VmId)
sessions = st.sampled_from(["s", "t", "ü/", "a"]).map(SessionId)
maybe_status = st.sampled_from([None, *Status])


@st.composite
def some_notes(draw: st.DrawFn) -> Notes:
    session = draw(sessions)
    opened = OpenedNote(session=session, at=EPOCH, record=record("a", extra=(("x", "[1.0]"),)))
    return notes(
        admitted_at=draw(st.sampled_from([None, EPOCH, EPOCH])),
        reserved=draw(st.sampled_from([None, ReservedNote(session=session, at=EPOCH, movable=True)])),
        start=draw(st.sampled_from([None, None, StartNote(session=draw(sessions), at=EPOCH, attempts=1)])),
        opened=draw(st.sampled_from([None, None, opened])),
        presumed_at=draw(st.sampled_from([None, None, None, EPOCH])),
        missed_at=draw(st.sampled_from([None, None, EPOCH])),
        delete=draw(st.sampled_from([None, None, DeleteNote(at=EPOCH, attempts=1)])),
        ended=draw(st.dictionaries(sessions, st.sampled_from(ENDINGS), max_size=1)),
        spent=draw(st.sampled_from([None, None, SpentNote(why=Edge.REFUSE, at=EPOCH, reason="sorry")])),
        claim=draw(
            st.sampled_from([None, None, None, ClaimNote(order="power_off", at=EPOCH, seen_at=EPOCH, since=EPOCH)])
        ),
    )


@st.composite
def steps(draw: st.DrawFn) -> Named:
    vm_id, session = draw(names), draw(sessions)
    kind = draw(st.sampled_from(KINDS))
    if kind == "admit":
        warm = draw(st.booleans())
        return Named(f"admit {vm_id}", lambda house: won(house, admission(Row(vm_id=vm_id), warm=warm)))
    if kind == "reserve":
        return Named(f"reserve {session}", lambda house: house.reservations.reserve(session, "10.0.0.1"))
    if kind == "end":
        how, known = draw(st.sampled_from(["release", "cancel"])), draw(st.none() | names)
        return Named(f"{how} {session} {known}", lambda house: getattr(house.reservations, how)(session, known))
    if kind == "look":
        known = draw(st.none() | names)
        return Named(f"look {session} {known}", lambda house: house.reservations.look(session, known))
    if kind == "write":
        return draw(writes(vm_id))
    return draw(accidents(vm_id, kind))


@st.composite
def changes(draw: st.DrawFn, vm_id: VmId) -> Change:
    return Change(
        row=Row(vm_id=vm_id),
        edge=None,
        record=draw(st.sampled_from([KEEP, None, record(vm_id, extra=KEPT)])),
        notes=draw(st.sampled_from([KEEP, None]) | some_notes()),
        index=draw(st.sampled_from([KEEP, None, *Status])),
        takes=(takes := draw(st.booleans())),
        beside=draw(st.just(()) | st.tuples(names)) if takes else (),
    )


@st.composite
def writes(draw: st.DrawFn, vm_id: VmId) -> Named:
    """A change of the scaler's; meanwhile the queue manager may have written into the same record."""
    change, end = draw(changes(vm_id)), draw(endings)

    def write(house: House) -> object:
        return won(house, decided(house, change, end))

    return Named(f"write {change}, and meanwhile {end!r}", write)


endings = st.sampled_from([None, None, b',"heart":7}', b',"used":true}', b',"updatedAt":"x"}', b"]"])


def decided(house: House, change: Change, meanwhile: bytes | None) -> Change:
    """The change on the row as it is; the end of the record's text is another one by the time of the write."""
    vm_id = change.row.vm_id
    row, raw = house.row(vm_id), house.raw(vm_id)
    if meanwhile is not None and raw is not None:
        put(house, house.keys.instance(vm_id), raw[:-1] + meanwhile)
    return replace(change, row=row)


@st.composite
def accidents(draw: st.DrawFn, vm_id: VmId, kind: str) -> Named:
    if kind in {"record", "odd"}:
        status, text = draw(maybe_status), draw(st.none() | st.sampled_from(ODD_RECORDS))
        return Named(f"plant {vm_id} {text!r} {status}", lambda house: plant(house, vm_id, text, status))
    if kind == "notes":
        raw = draw(st.none() | st.sampled_from(ODD_NOTES))
        return Named(f"notes {vm_id} {raw!r}", lambda house: put(house, house.keys.notes(vm_id), raw))
    status = draw(st.sampled_from(Status))
    return Named(
        f"drop {vm_id} from {status}",
        lambda house: bool(house.redis.srem(house.keys.index(status), house.keys.instance(vm_id))),
    )


def won(house: House, change: Change) -> bool:
    return house.apply(change) != (None,)


def put(house: House, key: str, raw: bytes | None) -> None:
    if raw is None:
        house.redis.delete(key)
    else:
        house.redis.set(key, raw)


def plant(house: House, vm_id: VmId, raw: bytes | None, status: Status | None) -> None:
    put(house, house.keys.instance(vm_id), raw)
    if status is not None:
        house.redis.sadd(house.keys.index(status), house.keys.instance(vm_id))


def state(house: House) -> object:
    """Everything but the times, which three clocks tell."""
    snapshot = house.registry.read()
    rows = {**house.registry.read_also(map(VmId, "abc")), **snapshot.rows}
    pointers = [house.redis.get(house.keys.session(SessionId(session))) for session in ("s", "t", "ü/")]
    kinds = (house.keys.instance, house.keys.notes)
    lifetimes = [house.redis.ttl(key(VmId(name))) > 0 for name in "abc" for key in kinds]
    offers = house.redis.zrange(house.keys.offers, 0, 9)
    return {vm_id: timeless(row) for vm_id, row in rows.items()}, snapshot.complaints, pointers, lifetimes, offers


def timeless(row: Row) -> tuple[object, ...]:
    seen, noted = row.record, row.notes
    if isinstance(seen, Record):
        seen = replace(seen, updated_at=None)
    if noted is not None and noted.spent is not None:
        noted = replace(noted, spent=replace(noted.spent, at=EPOCH))
    if noted is not None and noted.reserved is not None:
        noted = replace(noted, reserved=replace(noted.reserved, at=EPOCH))
    return seen, noted, row.index


@settings(max_examples=50, deadline=None)
@given(st.lists(steps(), min_size=5, max_size=25))
def test_the_scripts_do_the_same_on_every_redis(shared_redis: Server, walk: list[Named]) -> None:
    client = shared_redis.client()
    client.flushall()
    houses = [memory_house(ManualClock()), fake_house(), redis_house(client, Keys())]
    for number, each in enumerate(walk):
        answers = [each.call(house) for house in houses]
        assert answers[0] == answers[1] == answers[2], (number, each)
        states = [state(house) for house in houses]
        assert states[0] == states[1] == states[2], (number, each)
    client.close()


@settings(max_examples=120, deadline=None)
@given(
    st.lists(steps(), max_size=10),
    st.tuples(*(st.tuples(changes(VmId(name)), endings) for name in "abc")),
    st.sampled_from([None, None, 0, 1]),
)
def test_a_batch_does_what_its_changes_do_one_by_one(
    shared_redis: Server, walk: list[Named], wanted: tuple[tuple[Change, bytes | None], ...], joined: int | None
) -> None:
    client = shared_redis.client()
    client.flushall()
    at_once, one_by_one = redis_house(client, Keys()), memory_house(ManualClock())
    answers = []
    for house in (at_once, one_by_one):
        for each in walk:
            each.call(house)
        batch = [decided(house, change, end) for change, end in wanted]
        if joined is not None:
            batch[joined : joined + 2] = [replace(batch[joined], partner=batch[joined + 1])]
        rows = house.apply(*batch) if house is at_once else [row for each in batch for row in house.apply(each)]
        answers.append([row is not None for row in rows])
    assert answers[0] == answers[1]
    assert state(at_once) == state(one_by_one)
    client.close()


JSON_WORDS = (
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b" ", b"\n", b"true", b"false", b"null"),
    *(b"1", b"-0", b"0", b".", b"e+5", b"NaN", b"Infinity", b"0x1"),
    *(b'"status"', b'"Available"', b'"x"', b'"used"'),
    *(b"\\", b"\\/", b'"\\u00e9"', b'"\\ud83d\\ude00"', b'"\\ud83d"'),
    *("é".encode(), b"\xe9", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\0", b"\x1f", b"\x7f"),
)
pieces = st.sampled_from(JSON_WORDS)
values = st.lists(pieces, min_size=1, max_size=6).map(b"".join)
almost_records = st.builds(
    lambda value, name, end: b'{"status":"Available","x":' + value + b',"' + name + b'":1}' + end,
    values,
    st.lists(pieces, max_size=2).map(b"".join),
    st.sampled_from([b"", b"", b" ", b"}", b",", b"\0"]),
)


@settings(max_examples=400, deadline=None)
@given(almost_records)
def test_the_scripts_read_what_the_codec_reads_and_keep_the_rest_to_the_byte(shared_redis: Server, raw: bytes) -> None:
    client = shared_redis.client()
    client.flushall()
    house = redis_house(client, Keys())
    house.admit("a")
    house.plant("a", raw)
    before = decode_record(VmId("a"), raw)
    reservation = house.reservations.reserve(SessionId("s"))
    assert (reservation is not None) is isinstance(before, Record)
    after = decode_record(VmId("a"), house.redis.get("vmss:instance:a") or b"")
    if isinstance(before, Record):
        assert isinstance(after, Record)
        assert after.extra == before.extra
    client.close()
