"""Queue managers that break the rules: each breaks its own, and the account says what they did."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import builders as make
import pytest
from crowd_counter import ANN, BOB, IMMORTAL, A, B, Counter, offering, reserved

from scaler.model.instance import SessionId, VmId
from scaler.model.row import Record, Status
from scaler.registry.keys import Keys
from scaler.registry.record_json import decode_record
from simulator.happenings import Did, Manner
from simulator.workload.fields import parsed
from simulator.workload.rule_breakers import no_key, no_record, odd_record

SEEDS = range(20)
ALWAYS = replace(IMMORTAL, unasked=1.0)


def written_at(manner: Manner, seed: int) -> float:
    """Seconds from SPOP to the promise."""
    counter, _ = reserved(manner, seed)
    (taken,), (promised,) = counter.all_told(Did.TOOK), counter.all_told(Did.PROMISED)
    return (promised.at - taken.at).total_seconds()


def test_a_late_one_needs_nearly_all_the_time_that_it_has() -> None:
    needed = [written_at(Manner.LATE, seed) for seed in SEEDS]
    assert all(60 < each < 120 for each in needed)
    assert max(needed) > 100


def test_one_that_is_too_late_writes_all_the_same() -> None:
    needed = [written_at(Manner.TOO_LATE, seed) for seed in SEEDS]
    assert all(120 < each <= 360 for each in needed)


def test_one_that_is_too_late_writes_over_whoever_has_the_machine_by_then_and_says_whom() -> None:
    counter = offering(A)
    steps = counter.manager(Manner.TOO_LATE).reserve()
    counter.clock.advance(next(steps))  # before its GET
    counter.clock.advance(next(steps))  # before its SET
    counter.put(A, Status.UNAVAILABLE, session=BOB)
    assert counter.all_steps(steps) == A
    assert counter.fields(A)["sessionId"] == ANN
    told = [(each.manner, each.whom) for each in counter.all_told(Did.OVERWROTE)]
    assert told == [(Manner.TOO_LATE, BOB)]


def test_a_lossy_one_drops_what_it_does_not_know() -> None:
    counter = offering(A)
    counter.change(A, region="west", theirs=1)
    counter.all_steps(counter.manager(Manner.LOSSY).reserve())
    fields = counter.fields(A)
    assert (fields["region"], fields["sessionId"]) == ("west", ANN)
    assert not {"theirs", "warm"} & fields.keys()


def test_a_lossy_one_undoes_what_the_scaler_wrote_meanwhile() -> None:
    counter, lossy = reserved(Manner.LOSSY, habits=ALWAYS)
    counter.open_for(ANN, A)
    lossy.meanwhile(A)
    assert counter.fields(A)["status"] == "Reserved"
    assert [each.whom for each in counter.all_told(Did.OVERWROTE)] == [None]
    counter.open_for(ANN, A)
    assert counter.all_steps(lossy.release(A))
    fields = counter.fields(A)
    assert (fields["status"], fields["used"]) == ("Reserved", True)


def test_a_greedy_one_takes_several_machines_and_sends_its_visitor_to_the_first() -> None:
    counter = offering(*(make.vm(number) for number in range(1, 5)))
    chosen = counter.all_steps(counter.manager(Manner.GREEDY).reserve())
    promised = [each.vm_id for each in counter.all_told(Did.PROMISED)]
    held = [each.vm_id for each in counter.all_told(Did.HELD)]
    assert promised == [chosen]
    assert held
    assert chosen not in held
    assert all(counter.fields(VmId(str(each)))["sessionId"] == ANN for each in [*promised, *held])


def test_a_greedy_one_may_or_may_not_release_the_others() -> None:
    released = set()
    for seed in SEEDS:
        counter = offering(A, B)
        greedy = counter.manager(Manner.GREEDY, seed=seed)
        chosen = counter.all_steps(greedy.reserve())
        counter.all_steps(greedy.afterwards(chosen))
        spare = B if chosen == A else A
        assert counter.fields(chosen)["used"] is False
        released.add(counter.fields(spare)["used"])
    assert released == {True, False}


def test_a_repeating_one_releases_again_at_once_and_long_after_over_whatever_is_there() -> None:
    counter, repeating = reserved(Manner.REPEATING)
    counter.all_steps(repeating.release(A))
    steps = repeating.afterwards(A)
    counter.clock.advance(next(steps))
    long = next(steps)
    assert long >= timedelta(minutes=2)
    counter.redis.delete(counter.key(A))  # retired
    counter.clock.advance(long)
    counter.all_steps(steps)
    fields = counter.fields(A)
    assert (fields["sessionId"], fields["used"]) == (ANN, True)
    assert counter.entries[-1].did is Did.OVERWROTE


def spoiled(counter: Counter, vm_id: VmId) -> bool:
    record = decode_record(vm_id, counter.redis.get(counter.key(vm_id)) or b"")
    return not isinstance(record, Record)


def test_a_garbage_one_writes_over_anybodys_record_and_says_whose() -> None:
    victims: list[tuple[str | None, str | None]] = []
    for seed in range(40):
        counter = offering(A, habits=ALWAYS)
        counter.all_steps(counter.manager(Manner.ATOMIC, BOB).reserve())
        before = counter.redis.get(counter.key(A))
        counter.manager(Manner.GARBAGE, seed=seed).meanwhile(B)
        told = [(each.vm_id, each.whom) for each in counter.entries if each.did is Did.OVERWROTE and each.vm_id == A]
        assert bool(told) is (counter.redis.get(counter.key(A)) != before)
        victims += told
    assert set(victims) == {(A, BOB)}


def test_a_garbage_one_never_makes_a_machine_available() -> None:
    for seed in range(200):
        counter = Counter(habits=ALWAYS)
        counter.open_for(BOB, A)
        garbage = counter.manager(Manner.GARBAGE, seed=seed)
        for _ in range(3):
            garbage.meanwhile(A)
        record = decode_record(A, counter.redis.get(counter.key(A)) or b"")
        assert not isinstance(record, Record) or record.status is Status.UNAVAILABLE


def test_a_free_machine_is_spoiled_for_everybody_or_not_at_all() -> None:
    for seed in range(100):
        counter = offering(A, habits=ALWAYS)
        before = counter.redis.get(counter.key(A))
        counter.manager(Manner.GARBAGE, seed=seed).meanwhile(A)
        assert counter.redis.get(counter.key(A)) == before or spoiled(counter, A)


def test_litter_in_the_sets_is_told_before_it_is_there() -> None:
    told = 0
    for seed in range(40):
        counter = Counter(habits=ALWAYS)
        counter.put(A, Status.RESERVED, session=ANN)
        counter.manager(Manner.GARBAGE, seed=seed).meanwhile(A)
        keys = counter.registry.keys
        members = [each for status in Status for each in counter.redis.smembers(keys.index(status))]
        assert len(members) == counter.did.count(Did.LITTERED)
        told += len(members)
    assert told > 3


@pytest.mark.parametrize("seed", range(60))
def test_what_is_no_record_is_none_to_the_scaler(seed: int) -> None:
    assert not isinstance(decode_record(A, no_record(Random(seed))), Record)


@pytest.mark.parametrize("seed", range(60))
def test_an_odd_spelling_is_the_same_record_and_perhaps_used(seed: int) -> None:
    fields = {"vmId": A, "instanceId": "1", "status": "Reserved", "used": False, "warm": True, "sessionId": "bob"}
    read = decode_record(A, odd_record(fields, Random(seed)))
    assert isinstance(read, Record)
    assert (read.status, read.session_id) == (Status.RESERVED, SessionId("bob"))


def test_both_opinions_on_used_are_heard() -> None:
    fields = {"vmId": A, "status": "Reserved", "used": False}
    records = [decode_record(A, odd_record(fields, Random(seed))) for seed in range(30)]
    assert {isinstance(each, Record) and each.used for each in records} == {True, False}


@pytest.mark.parametrize("seed", range(30))
def test_a_member_that_is_no_key_names_no_machine_that_ever_was(seed: int) -> None:
    named = Keys().vm_id_of(no_key(Keys(), Random(seed)))
    assert named in {None, "00000000-never"}


def test_the_paper_of_garbage_is_none() -> None:
    assert parsed(b"\xff\xfe\x00") is None
    assert parsed(b'{"a":' * 20_000 + b"0" + b"}" * 20_000) is None
