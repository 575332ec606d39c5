"""The atomic queue manager of the chaos campaigns: asks until it is answered, and follows its session."""

import builders as make
import pytest
from crowd_counter import ANN, BOB, A, B, Counter

from scaler.errors import Unreachable
from scaler.model.edges import Edge
from scaler.model.instance import VmId
from scaler.model.row import SpentNote, Status
from scaler.registry.notes_json import encode_notes
from scaler.registry.reservations import Stage
from simulator.happenings import Did, Manner


def test_who_dies_before_the_answer_has_promised_nothing_and_gets_the_same_machine_again() -> None:
    counter = Counter()
    counter.offer(A, B)
    atomic = counter.manager(Manner.ATOMIC)
    counter.dies_after(1, atomic.reserve())
    assert counter.did == [Did.TOOK]
    reserved = next(each for each in (A, B) if Status.RESERVED in counter.listed(each))
    assert counter.all_steps(atomic.reserve()) == reserved


def test_a_call_that_was_not_answered_may_be_made_again() -> None:
    counter = Counter()
    counter.offer(A, B)
    counter.client.mute.append("reserve")
    atomic = counter.manager(Manner.ATOMIC)
    with pytest.raises(Unreachable):
        next(atomic.reserve())
    counter.all_steps(atomic.reserve())
    assert sum(Status.RESERVED in counter.listed(each) for each in (A, B)) == 1


def moved(counter: Counter) -> None:
    """What a MOVE of the starter's leaves in Redis."""
    counter.put(A, Status.UNAVAILABLE, session=ANN, used=True, moved_to=B)
    spent = SpentNote(why=Edge.MOVE, at=counter.clock.now())
    notes = make.notes(1, spent=spent, ended={ANN: Edge.MOVE})
    counter.redis.set(counter.registry.keys.notes(A), encode_notes(notes))
    counter.put(B, Status.RESERVED, session=ANN, moved_from=A)
    counter.redis.set(counter.registry.keys.session(ANN), B)


@pytest.mark.parametrize("seed", range(8))  # with and without the vm id
def test_it_follows_its_session_to_another_machine(seed: int) -> None:
    counter = Counter()
    moved(counter)
    heard = counter.manager(Manner.ATOMIC, seed=seed).look(A)
    assert (heard.stage, heard.vm_id) == (Stage.RESERVED, B)


def test_a_release_that_finds_nobody_is_tried_again_for_two_minutes() -> None:
    counter = Counter()
    counter.put(A, Status.RESERVED, session=BOB)
    began = counter.clock.now()
    assert not counter.all_steps(counter.manager(Manner.ATOMIC).release(A))
    assert 120 <= (counter.clock.now() - began).total_seconds() < 125


def test_a_release_while_its_record_is_under_repair_is_heard_once_it_is_repaired() -> None:
    counter = Counter()
    counter.put(A, Status.RESERVED, session=BOB)
    counter.redis.set(counter.registry.keys.session(ANN), A)
    steps = counter.manager(Manner.ATOMIC).release(A)
    counter.clock.advance(next(steps))
    counter.open_for(ANN, A)
    assert counter.all_steps(steps)
    assert (counter.fields(A) or {})["used"] is True


@pytest.mark.parametrize("vm_id", [A, None])
def test_who_gives_up_cancels_what_they_know_of_and_what_they_do_not(vm_id: VmId | None) -> None:
    counter = Counter()
    counter.offer(A)
    atomic = counter.manager(Manner.ATOMIC)
    counter.dies_after(1, atomic.reserve())
    assert counter.all_steps(atomic.cancel(vm_id))
    assert counter.listed(A) == {Status.AVAILABLE}
