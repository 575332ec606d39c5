"""Keys, records, notes and times as bytes: reading never raises, whatever stands there, and nothing foreign is lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import example, given, settings

from scaler.model.edges import ENDINGS, SPENDINGS
from scaler.model.instance import FailureClass, InstanceId, ScaleSetName, SessionId, VmId
from scaler.model.row import (
    Before,
    ClaimNote,
    DeleteNote,
    FailedNote,
    Notes,
    OpenedNote,
    Record,
    ReservedNote,
    SpentNote,
    StartNote,
    Status,
    Unreadable,
)
from scaler.registry.keys import Keys
from scaler.registry.notes_json import decode_notes, encode_notes, newer_version
from scaler.registry.reading import row_of
from scaler.registry.record_json import KNOWN, MAX_DEPTH, decode_record, encode_record, parse_time

A = VmId("a")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
moments = st.datetimes(timezones=st.just(UTC))
our_moments = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
raw_values = st.sampled_from(
    ["[]", "{}", "1.0", "12345678901234567890", "1e-400", '"\\u00e9\\/"', "null", "[ {} , 1 ]", '{"status": "x"}', "-0"]
)
foreign = st.dictionaries(texts.filter(lambda name: name.lower() not in {each.lower() for each in KNOWN}), raw_values)
records = st.builds(
    Record,
    vm_id=st.just(A),
    instance_id=st.builds(InstanceId, texts | st.just("")),
    status=st.sampled_from(Status),
    used=st.booleans(),
    warm=st.booleans(),
    region=st.none() | texts,
    public_ip=st.none() | texts,
    private_ip=st.none() | texts,
    session_id=st.none() | st.builds(SessionId, texts),
    client_ip=st.none() | texts,
    created_at=st.none() | moments,
    updated_at=st.none() | moments,
    moved_to=st.none() | st.builds(VmId, texts),
    moved_from=st.none() | st.builds(VmId, texts),
    move_reason=st.none() | texts,
    extra=foreign.map(lambda each: tuple(each.items())),
)
times = st.none() | moments
sessions = st.builds(SessionId, texts)
starts = st.builds(
    StartNote,
    session=sessions,
    at=our_moments,
    attempts=st.integers(1, 9),
    failure=st.sampled_from([None, *FailureClass]),
)
all_notes = st.builds(
    Notes,
    scale_set=st.builds(ScaleSetName, texts),
    unique_id=texts,
    instance_id=st.builds(InstanceId, texts),
    **{name: st.none() | our_moments for name in Notes.__annotations__ if name.endswith("_at")},
    mark_attempts=st.integers(0, 9),
    reserved=st.none() | st.builds(ReservedNote, session=st.none() | sessions, at=our_moments, movable=st.booleans()),
    start=st.none() | starts,
    opened=st.none() | st.builds(OpenedNote, session=sessions, at=our_moments, record=records),
    ended=st.dictionaries(sessions, st.sampled_from(ENDINGS)),
    spent=st.none() | st.builds(SpentNote, why=st.sampled_from(SPENDINGS), at=our_moments, reason=st.none() | texts),
    claim=st.none() | st.builds(ClaimNote, order=texts, at=our_moments, seen_at=our_moments, since=our_moments),
    delete=st.none() | st.builds(DeleteNote, at=our_moments, attempts=st.integers(1, 9)),
    failed=st.none() | st.builds(FailedNote, failure=st.sampled_from(FailureClass), since=our_moments),
    ips=st.dictionaries(texts, texts),
)
some_names = st.sampled_from([*KNOWN, "STATUS", "Used", "v", "opened"]) | st.text()
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(some_names, inner, max_size=6),
    max_leaves=12,
)


def cut(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """These without one of their bytes; the last one is there to be left out too."""
    return whole.flatmap(lambda raw: st.integers(0, len(raw)).map(lambda at: raw[:at] + raw[at + 1 :]))


cut_records, cut_notes = cut(records.map(encode_record)), cut(all_notes.map(encode_notes))
SPACED = b'{ "unique_id": "u", "who": 1, "scale_set": "s", "instance_id": "7", "mark_seen_at": "2026-01-02T03:04:05Z" }'
"""Notes as nobody of ours writes them: in another order, spaced, and with a member that is not ours."""


@given(records)
def test_a_record_comes_back_as_it_was_written(record: Record) -> None:
    assert decode_record(A, encode_record(record)) == record


@given(all_notes)
@settings(deadline=None)
def test_notes_come_back_as_they_were_written(notes: Notes) -> None:
    assert decode_notes(encode_notes(notes)) == notes


@given(st.binary() | json_values.map(msgspec.json.encode) | cut_records | cut_notes)
@settings(max_examples=400, deadline=None)
@example(b"")
@example(b"null")
@example(b"[" * 100_000)
@example(b'{"x":' * 100_000)
@example(b'{"status":"Available","x":"' + b"x" * 100_000 + b'"}')
@example(b'{"status":"Available","createdAt":"9999-12-31T23:59:59-23:59"}')
@example(b'{"v":1e999}')
@example(b'{"v":2,"v":1}')
@example(SPACED)
def test_reading_never_raises_and_writing_back_changes_nothing(raw: bytes) -> None:
    row = row_of(A, Before(record=raw, notes=raw))
    found = decode_record(A, raw)
    if isinstance(found, Record):
        assert decode_record(A, encode_record(found)) == found
    assert row.notes is not None or raw != SPACED
    if row.notes is not None:
        assert decode_notes(encode_notes(row.notes)) == row.notes


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not JSON"),
        (b'{"status":"Available"', "not JSON"),
        (b'{"status":"Available","x":NaN}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"Available"', "not a JSON object"),
        (b"{}", "it has no status"),
        (b'{"status":null}', "it has no status"),
        (b'{"status":"Gone"}', "its status is 'Gone'"),
        (b'{"status":7}', "its status is not a text"),
        (b'{"status":"Available","used":1}', "its used is neither true nor false"),
        (b'{"status":"Available","used":true,"USED":"no"}', "its used is neither true nor false"),
        (b'{"status":"Available","instanceId":7}', "its instanceId is not a text"),
        (b'{"status":"Available","sessionId":["x"]}', "its sessionId is not a text"),
        (b'{"status":"Available","sessionId":"a\\u0000"}', "its sessionId holds a NUL"),
        (b'{"status":"Available","vmId":"b"}', "its vmId is not its key's"),
        (b'{"status":"Available","x":"\xff"}', "not UTF-8"),
        (b'{"status":"Available","x":' + b"[" * 128 + b"]" * 128 + b"}", f"nested deeper than {MAX_DEPTH}"),
        (b'{"status":"Available","x":"' + b"x" * 70_000 + b'"}', "longer than 65536 bytes"),
    ],
)
def test_what_is_no_record_says_why(raw: bytes, why: str) -> None:
    assert decode_record(A, raw) == Unreadable(why=why)


ODD_VALUES = (
    *(None, True, 7, "", "a", "A", "x" * 257, "x" * 1_025, "é" * 513, "a\0", "\\", "Reserved", "available"),
    *("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678900Z", "2026-01-02T03:04:05+01:00", "2026-01-02 03:04:05Z"),
)


@pytest.mark.parametrize("name", KNOWN)
def test_a_record_is_read_the_same_beside_a_field_of_the_queue_manager(name: str) -> None:
    """Alone, what the scaler writes is read in one pass; anything else, member by member."""
    for odd in ODD_VALUES:
        members = {"vmId": "a", "instanceId": "7", "status": "Available", "used": False, "warm": True, name: odd}
        alone, beside = (decode_record(A, msgspec.json.encode(each)) for each in (members, members | {"x": 0}))
        assert alone == (replace(beside, extra=()) if isinstance(beside, Record) else beside), odd


def test_brackets_in_texts_are_not_nesting() -> None:
    raw = b'{"status":"Available","x":"' + b'[{\\"' * 200 + b'"}'
    assert isinstance(decode_record(A, raw), Record)


def test_the_deepest_allowed_nesting_is_read() -> None:
    raw = b'{"status":"Available","x":' + b"[" * 127 + b"]" * 127 + b"}"
    assert isinstance(decode_record(A, raw), Record)


def test_our_spelling_counts_and_then_the_first_in_byte_order() -> None:
    raw = b'{"STATUS":"Reserved","status":"Available","region":null,"publicip":"2","PUBLICIP":"1","Publicip":"3"}'
    record = decode_record(A, raw)
    assert isinstance(record, Record)
    assert (record.status, record.public_ip, record.extra) == (Status.AVAILABLE, "1", ())


def test_wrong_types_of_what_is_only_informative_are_as_good_as_none() -> None:
    raw = b'{"status":"Available","warm":"yes","region":1,"publicIp":[],"privateIp":{},"clientIp":true,"createdAt":5}'
    assert decode_record(A, raw) == Record(vm_id=A, instance_id=InstanceId(""), status=Status.AVAILABLE)


def test_a_vm_id_may_be_spelled_in_upper_case_inside_the_record() -> None:
    assert isinstance(decode_record(A, b'{"vmId":"A","status":"AVAILABLE"}'), Record)


def test_five_fields_are_always_written_and_the_others_only_when_set() -> None:
    plain = Record(vm_id=A, instance_id=InstanceId(""), status=Status.AVAILABLE, extra=(("tags", "[ 1.0 ]"),))
    assert encode_record(plain) == (
        b'{"vmId":"a","instanceId":"","status":"Available","used":false,"warm":false,"tags":[ 1.0 ]}'
    )


def test_notes_leave_out_what_is_not_there() -> None:
    notes = Notes(scale_set=ScaleSetName("gpu"), unique_id="u", instance_id=InstanceId("7"), admitted_at=NOW)
    assert encode_notes(notes) == (
        b'{"v":1,"scale_set":"gpu","unique_id":"u","instance_id":"7","mark_attempts":0,'
        b'"admitted_at":"2026-01-02T03:04:05.678900Z"}'
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"7",
        b"{}",
        b'{"v":1}',
        b'{"v":0,"scale_set":"","unique_id":"","instance_id":""}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","ended":{"s":"somehow"}}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","ended":{"s":"condemn"}}',  # which ends no session
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","spent":{"why":"admit","at":"2026-01-01T00:00:00Z"}}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","admitted_at":"2026-01-01T00:00:00"}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","spent":{"why":"spend","at":"2026-01-01T00:00:00"}}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","admitted_at":"2026-01-01T00:00:0\\u0030"}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","admitted_at":"2026-01-01T00:00:00.5"}',
        b'{"v":1,"scale_set":"","unique_id":"","instance_id":"\xff"}',
    ],
)
def test_notes_that_cannot_be_read_are_lost(raw: bytes) -> None:
    assert decode_notes(raw) is None
    assert newer_version(raw) is None
    assert row_of(A, Before(notes=raw)).record is None


def test_notes_of_a_newer_scaler_close_the_whole_row() -> None:
    raw = b'{"v":3,"scale_set":{"name":"gpu"}}'
    row = row_of(A, Before(record=b'{"status":"Available"}', notes=raw))
    assert row.record == Unreadable(why="notes were written by a newer scaler (v=3)")
    assert row.notes is None


def updated(moment: datetime) -> Record:
    """A record that was written at this moment."""
    return Record(vm_id=A, instance_id=InstanceId("1"), status=Status.AVAILABLE, updated_at=moment)


@given(moments)
def test_a_time_comes_back_to_the_microsecond(moment: datetime) -> None:
    made = updated(moment)
    assert decode_record(A, encode_record(made)) == made


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05Z", NOW.replace(microsecond=0)),
        ("2026-01-02T03:04:05.678900123Z", NOW),
        ("2026-01-02T04:34:05.6789+01:30", NOW),
        ("2026-01-02T03:04:05", None),
        ("2026-01-02 03:04:05Z", None),
        ("2026-01-02 03:04:05.678900Z", None),
        ("2026-01-02T03:04:05.678900", None),
        ("2026-01-02T03:04:05.67890²Z", None),
        ("2026-01-02T030405.67Z", None),
        ("2026-W01-1T03:04:05Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_rfc_3339_or_nothing(text: str | None, moment: datetime | None) -> None:
    assert parse_time(text) == moment


def test_any_zone_is_written_as_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert b'"updatedAt":"2025-12-31T23:00:00Z"' in encode_record(updated(datetime(2026, 1, 1, 1, tzinfo=east)))


@pytest.mark.parametrize(
    "text",
    [
        b'{"v":1,"scale_set":"s","unique_id":"u","instance_id":"1","delete":{"at":"2026-01-01T00:00:00Z","attempts":0}}',
        b'{"v":1,"scale_set":"s","unique_id":"u","instance_id":"1","mark_seen_at":"9999-12-31T00:00:00Z"}',
        b'{"v":1,"scale_set":"s","unique_id":"u","instance_id":"1","presumed_at":"0001-01-01T00:00:00Z"}',
        b'{"v":1,"scale_set":"s","unique_id":"u","instance_id":"1","mark_attempts":-1}',
    ],
)
def test_notes_that_nobody_could_reckon_with_are_lost(text: bytes) -> None:
    assert decode_notes(text) is None


MACHINE = VmId("0a1b-2c")


def test_the_names_are_the_contract() -> None:
    keys = Keys()
    assert keys.instance(MACHINE) == "vmss:instance:0a1b-2c"
    assert keys.notes(MACHINE) == "vmss:notes:0a1b-2c"
    assert keys.session(SessionId("s")) == "vmss:session:s"
    assert [keys.index(each) for each in Status] == [
        "vmss:status:available",
        "vmss:status:reserved",
        "vmss:status:unavailable",
    ]
    assert keys.pause == "vmss:pause"


def test_a_member_of_the_index_names_a_machine() -> None:
    keys = Keys(prefix="{vmss}")
    assert keys.vm_id_of(keys.instance(MACHINE).encode()) == MACHINE


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"0a1b-2c",
        b"vmss:instance:",
        b"vmss:instance:MACHINE",
        b"vmss:instance:a:b",
        b"vmss:instance:a\n",
        b"vmss:instance:" + b"a" * 65,
        b"vmss:instance:\xff",
        b"vmss:notes:a",
        b"other:instance:a",
    ],
)
def test_what_is_no_record_key_names_none(member: bytes) -> None:
    assert Keys().vm_id_of(member) is None


@pytest.mark.parametrize(
    ("prefix", "kept"), [("vmss", False), ("{vmss}", True), ("a{b}c", True), ("{}", False), ("{a", False)]
)
def test_braces_keep_a_cluster_s_keys_together(prefix: str, kept: bool) -> None:
    assert Keys(prefix=prefix).in_one_slot is kept


@pytest.mark.parametrize("prefix", ["", "a b", "a\n"])
def test_a_prefix_is_one_word(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Keys(prefix=prefix)
