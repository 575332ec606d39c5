"""The codec and the scripts read the same records: on a redis-server and on fakeredis, at every limit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import fakeredis
import hypothesis.strategies as st
import pytest
from contract.registries import House, fake_house
from fuzz.differential import Scripts, differences
from fuzz.seeds import mutated, seeds_of
from hostile.values import NOTES, RECORDS
from hostile.values import notes as notes_of
from hostile.values import record as record_of
from hypothesis import given, settings

from scaler.errors import ScalerError
from scaler.model.instance import SessionId
from scaler.model.row import Status
from scaler.registry.record_json import MAX_BYTES, MAX_DEPTH, MAX_SESSION_BYTES, OUR_SHARE

GOOD = b'{"vmId":"a","status":"Available","used":false'
LIMITS = {
    "bytes": lambda more: (GOOD + b',"x":"').ljust(MAX_BYTES + OUR_SHARE - 2 + more, b"x") + b'"}',
    "depth": lambda more: GOOD + b',"x":' + b"[" * (MAX_DEPTH - 1 + more) + b"]" * (MAX_DEPTH - 1 + more) + b"}",
    "session": lambda more: GOOD + b',"sessionId":"' + b"s" * (MAX_SESSION_BYTES + more) + b'"}',
    "session in other letters": lambda more: (
        GOOD + b',"sessionId":"' + "é".encode() * (MAX_SESSION_BYTES // 2) + b"s" * max(more, 0) + b'"}'
    ),
}


@pytest.fixture(params=["fakeredis", "redis-server"])
def scripts(request: pytest.FixtureRequest) -> Scripts:
    """The scripts on each."""
    if request.param == "fakeredis":
        return Scripts(fakeredis.FakeRedis(server=fakeredis.FakeServer()))
    house: House = request.getfixturevalue("real_house")
    return Scripts(house.redis)


def pace(scripts: Scripts) -> int:
    """How many texts at a time: fakeredis is slow."""
    return 10 if scripts.fake else 200


def test_what_is_nearly_a_record_is_read_alike(scripts: Scripts) -> None:
    seeds = list(seeds_of("record"))

    @settings(max_examples=20)
    @given(st.randoms(use_true_random=False))
    def nearly(choice: Random) -> None:
        raws = [mutated(choice.choice(seeds), choice) for _ in range(pace(scripts))]
        assert list(differences(scripts, raws)) == []

    nearly()


def test_what_is_hostile_is_read_alike(scripts: Scripts) -> None:
    """But for whole numbers beyond 64 bits, which fakeredis cannot hand to Lua."""
    raws = [raw for name, raw in RECORDS.items() if not (scripts.fake and name == "a number of many digits")]
    assert list(differences(scripts, raws)) == []


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("limit", LIMITS)
def test_every_limit_is_the_same_to_the_byte(scripts: Scripts, limit: str, more: int) -> None:
    make: Any = LIMITS[limit]
    (answer,) = scripts.read([make(more)])
    assert bool(answer) is (more <= 0)
    assert list(differences(scripts, [make(more)])) == []


@pytest.mark.parametrize("server", ["fakeredis", "redis-server"])
def test_a_visitor_is_answered_whatever_stands_in_record_notes_and_pointer(
    server: str, request: pytest.FixtureRequest
) -> None:
    """By an answer or one of our errors; and nobody is given what the notes, as far as they can be read, forbid."""
    house: House = fake_house() if server == "fakeredis" else request.getfixturevalue("real_house")
    records, noted = [*short(RECORDS), *RESERVABLE], [*short(NOTES), notes_of(), notes_of(ended={"s": "refuse"})]

    @settings(max_examples=5 if server == "fakeredis" else 60)
    @given(st.randoms(use_true_random=False))
    def visited(choice: Random) -> None:
        for _ in range(5):
            house.redis.flushall()
            plant(house, maybe(choice, records), maybe(choice, noted), choice)
            visit(house, choice)

    visited()


RESERVABLE = [record_of(), record_of(status="Reserved", sessionId="s"), record_of(status="Unavailable", sessionId="s")]


def short(values: Mapping[str, bytes]) -> list[bytes]:
    """Those that are quickly read."""
    return [raw for raw in values.values() if len(raw) < 5_000]


def maybe(choice: Random, values: Sequence[bytes]) -> bytes:
    """A value from the list, in half of the cases mutated."""
    raw = choice.choice(values)
    return raw if choice.random() < 0.5 else mutated(raw, choice)


def plant(house: House, record: bytes, notes: bytes, choice: Random) -> None:
    """One machine, in any of the sets, and a pointer to anything."""
    house.plant("a", record, choice.choice([Status.AVAILABLE, *Status]))
    house.redis.set("vmss:notes:a", notes)
    house.redis.set("vmss:session:s", choice.choice([b"a", b"a", b"A", b"../x", b"\xff", b"", b"a" * 10_000]))


def visit(house: House, choice: Random) -> None:
    """Everything that a visitor may ask, in any order."""
    calls = ["look", "reserve", "release", "cancel"]
    choice.shuffle(calls)
    for name in calls:
        before = house.row("a")
        with suppress(ScalerError):
            answer = getattr(house.reservations, name)(SessionId("s"))
            if name == "reserve" and answer is not None and before.status is Status.AVAILABLE:
                assert before.readable is not None
                assert not before.readable.used
                assert before.notes is None or before.notes.fresh, before.before


def test_false_is_no_text(scripts: Scripts) -> None:
    """Lua's `and … or nil` took it for nothing at all."""
    for name in ("vmId", "instanceId", "sessionId"):
        assert list(differences(scripts, [f'{{"status":"Available","{name}":false}}'.encode()])) == []
