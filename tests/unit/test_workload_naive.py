"""The naive queue manager of the chaos campaigns: four steps, a death between any two, and six rules kept."""

import json

import pytest
from crowd_counter import ANN, BOB, A, B, Counter

from scaler.model.row import Status
from scaler.registry.reservations import Stage
from simulator.happenings import Did, Manner

RESERVED = {"status": "Reserved", "used": False, "sessionId": "ann"}


def test_all_four_steps_leave_a_reserved_machine_and_a_promise() -> None:
    counter = Counter()
    counter.offer(A)
    assert counter.all_steps(counter.manager(Manner.NAIVE).reserve()) == A
    fields = counter.fields(A)
    assert fields is not None
    assert {name: fields[name] for name in RESERVED} == RESERVED
    assert counter.listed(A) == {Status.RESERVED}
    assert counter.did == [Did.TOOK, Did.PROMISED]


@pytest.mark.parametrize(
    ("pauses", "step", "status", "promised"),
    [(1, "SPOP", "Available", False), (2, "GET", "Available", False), (3, "SET", "Reserved", True)],
)
def test_a_death_after_any_step_leaves_the_steps_before_it(pauses: int, step: str, status: str, promised: bool) -> None:
    counter = Counter()
    counter.offer(A)
    counter.dies_after(pauses, counter.manager(Manner.NAIVE).reserve())
    fields = counter.fields(A)
    assert fields is not None
    assert (fields["status"], Did.PROMISED in counter.did) == (status, promised), step
    assert counter.listed(A) == set()


@pytest.mark.parametrize(("seconds", "written"), [(119, True), (120, False), (121, False)])
def test_it_sets_nothing_once_two_minutes_have_passed_since_its_spop(seconds: float, written: bool) -> None:
    counter = Counter()
    counter.offer(A)
    steps = counter.manager(Manner.NAIVE).reserve()
    next(steps)
    next(steps)
    counter.wait(seconds=seconds)
    assert counter.all_steps(steps) == (A if written else None)
    assert (Did.PROMISED in counter.did) is written


def test_fields_that_it_does_not_know_are_written_back() -> None:
    counter = Counter()
    counter.offer(A)
    counter.redis.set(counter.key(A), json.dumps({**(counter.fields(A) or {}), "theirs": [1]}))
    counter.all_steps(counter.manager(Manner.NAIVE).reserve())
    fields = counter.fields(A)
    assert fields is not None
    assert (fields["theirs"], fields["warm"]) == ([1], False)


@pytest.mark.parametrize("fate", ["lost", "mute"])
def test_a_set_that_is_not_answered_is_looked_after_and_promised_once(fate: str) -> None:
    counter = Counter()
    counter.offer(A)
    getattr(counter.commands, fate).append("set")
    assert counter.all_steps(counter.manager(Manner.NAIVE).reserve()) == A
    assert counter.did == [Did.TOOK, Did.HELD, Did.PROMISED]
    assert counter.listed(A) == {Status.RESERVED}


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        (None, Stage.UNKNOWN),
        ("no JSON", Stage.UNKNOWN),
        ("[]", Stage.UNKNOWN),
        ('{"status": "Reserved", "sessionId": "bob"}', Stage.UNKNOWN),
        ('{"status": "Available", "sessionId": "ann"}', Stage.UNKNOWN),
        ('{"status": "Reserved", "sessionId": "ann", "used": false}', Stage.RESERVED),
        ('{"status": "Unavailable", "sessionId": "ann", "used": false}', Stage.OPEN),
        ('{"status": "Unavailable", "sessionId": "ann", "used": true}', Stage.ENDED),
        ('{"status": "Reserved", "sessionId": "ann", "used": true}', Stage.ENDED),
    ],
)
def test_what_the_record_says_to_a_visitor_who_polls(text: str | None, stage: Stage) -> None:
    counter = Counter()
    if text is not None:
        counter.redis.set(counter.key(A), text)
    assert counter.manager(Manner.NAIVE).look(A).stage is stage


def moved(counter: Counter) -> None:
    counter.put(A, Status.UNAVAILABLE, session=ANN, used=True, moved_to=B)
    counter.put(B, Status.RESERVED, session=ANN, moved_from=A)


def test_who_does_not_follow_a_move_hears_of_it_and_of_an_end() -> None:
    counter = Counter()
    moved(counter)
    heard = counter.manager(Manner.NAIVE).look(A)
    assert (heard.stage, heard.vm_id, heard.moved_to) == (Stage.ENDED, A, B)


def test_who_follows_is_where_the_session_is() -> None:
    counter = Counter()
    moved(counter)
    heard = counter.manager(Manner.FOLLOWING).look(A)
    assert (heard.stage, heard.vm_id) == (Stage.RESERVED, B)


def test_a_release_says_used_and_nothing_else() -> None:
    counter = Counter()
    counter.open_for(ANN, A)
    before = counter.fields(A)
    assert before is not None
    assert counter.all_steps(counter.manager(Manner.NAIVE).release(A))
    assert counter.fields(A) == {**before, "used": True}


def test_a_release_of_what_is_somebody_elses_writes_nothing() -> None:
    counter = Counter()
    counter.open_for(BOB, A)
    before = counter.fields(A)
    assert not counter.all_steps(counter.manager(Manner.NAIVE).release(A))
    assert counter.fields(A) == before


def test_the_account_says_whose_machine_a_blind_set_takes() -> None:
    """As after a failover that put the key back, and gave it to somebody else."""
    counter = Counter()
    counter.offer(A)
    steps = counter.manager(Manner.NAIVE).reserve()
    next(steps)
    next(steps)
    counter.redis.sadd(counter.registry.keys.index(Status.AVAILABLE), counter.key(A))
    counter.all_steps(counter.manager(Manner.ATOMIC, BOB).reserve())
    counter.all_steps(steps)
    told = [each for each in counter.entries if each.did is Did.OVERWROTE]
    assert [(each.session, each.vm_id, each.whom) for each in told] == [(ANN, A, BOB)]
    assert counter.entries.index(told[0]) < counter.did.index(Did.PROMISED, counter.entries.index(told[0]))


def test_who_has_parted_from_a_machine_loses_nothing_by_a_blind_set() -> None:
    counter = Counter()
    counter.offer(A)
    bob = counter.session(BOB)
    bob.tell(Did.PROMISED, A)
    assert counter.ledger.holders(A) == (BOB,)
    bob.tell(Did.LEAVING, A)
    counter.all_steps(counter.manager(Manner.NAIVE).reserve())
    assert counter.ledger.holders(A) == (ANN,)
    assert Did.OVERWROTE not in counter.did


@pytest.mark.parametrize("seed", range(4))
def test_one_that_notes_every_second_changes_its_own_fields_of_its_own_machine_and_nothing_else(seed: int) -> None:
    counter = Counter()
    counter.offer(A)
    manager = counter.manager(Manner.NOTING, seed=seed)
    assert counter.all_steps(manager.reserve()) == A
    before = counter.fields(A) or {}
    counter.wait(seconds=1)
    manager.meanwhile(A)
    after = counter.fields(A) or {}
    assert after["lastSeen"] == after["updatedAt"] == counter.clock.now().isoformat()
    assert {**after, "lastSeen": None, "updatedAt": None} == {**before, "lastSeen": None, "updatedAt": None}
    counter.put(A, Status.UNAVAILABLE, session=BOB)
    manager.meanwhile(A)
    assert "lastSeen" not in (counter.fields(A) or {})
