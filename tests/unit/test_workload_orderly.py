"""Queue managers of the campaigns that keep the rules: atomic, naive, following, noting, nameless."""

import pytest
from crowd_counter import ANN, BOB, A, B, Counter, offering, reserved

from scaler.errors import Unreachable
from scaler.model.instance import VmId
from scaler.model.row import Status
from scaler.registry.reservations import Stage
from simulator.happenings import Did, Manner

FOUR = {"vmId", "instanceId", "status", "used"}
SEEDS = range(40)

# -- atomic: asks until it is answered, and follows its session


def test_who_dies_before_the_answer_has_promised_nothing_and_gets_the_same_machine_again() -> None:
    counter = offering(A, B)
    atomic = counter.manager(Manner.ATOMIC)
    counter.dies_after(1, atomic.reserve())
    assert counter.did == [Did.TOOK]
    theirs = next(each for each in (A, B) if Status.RESERVED in counter.listed(each))
    assert counter.all_steps(atomic.reserve()) == theirs


def test_a_call_that_was_not_answered_may_be_made_again() -> None:
    counter = offering(A, B)
    counter.client.mute.append("reserve")
    atomic = counter.manager(Manner.ATOMIC)
    with pytest.raises(Unreachable):
        next(atomic.reserve())
    counter.all_steps(atomic.reserve())
    assert sum(Status.RESERVED in counter.listed(each) for each in (A, B)) == 1


@pytest.mark.parametrize("seed", range(8))  # with and without the vm id
def test_it_follows_its_session_to_another_machine(seed: int) -> None:
    counter = Counter()
    counter.move(ANN, A, B)
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
    assert counter.fields(A)["used"] is True


@pytest.mark.parametrize("vm_id", [A, None])
def test_who_gives_up_cancels_what_they_know_of_and_what_they_do_not(vm_id: VmId | None) -> None:
    counter = offering(A)
    atomic = counter.manager(Manner.ATOMIC)
    counter.dies_after(1, atomic.reserve())
    assert counter.all_steps(atomic.cancel(vm_id))
    assert counter.listed(A) == {Status.AVAILABLE}


# -- naive: four steps, a death between any two, and six rules kept


def test_all_four_steps_leave_a_reserved_machine_and_a_promise() -> None:
    counter, _ = reserved(Manner.NAIVE)
    fields = counter.fields(A)
    assert (fields["status"], fields["used"], fields["sessionId"]) == ("Reserved", False, "ann")
    assert counter.listed(A) == {Status.RESERVED}
    assert counter.did == [Did.TOOK, Did.PROMISED]


@pytest.mark.parametrize(
    ("pauses", "step", "status", "promised"),
    [(1, "SPOP", "Available", False), (2, "GET", "Available", False), (3, "SET", "Reserved", True)],
)
def test_a_death_after_any_step_leaves_the_steps_before_it(pauses: int, step: str, status: str, promised: bool) -> None:
    counter = offering(A)
    counter.dies_after(pauses, counter.manager(Manner.NAIVE).reserve())
    assert (counter.fields(A)["status"], Did.PROMISED in counter.did) == (status, promised), step
    assert counter.listed(A) == set()


@pytest.mark.parametrize(("seconds", "written"), [(119, True), (120, False), (121, False)])
def test_it_sets_nothing_once_two_minutes_have_passed_since_its_spop(seconds: float, written: bool) -> None:
    counter = offering(A)
    steps = counter.manager(Manner.NAIVE).reserve()
    next(steps)
    next(steps)
    counter.wait(seconds=seconds)
    assert counter.all_steps(steps) == (A if written else None)
    assert (Did.PROMISED in counter.did) is written


def test_fields_that_it_does_not_know_are_written_back() -> None:
    counter = offering(A)
    counter.change(A, theirs=[1])
    counter.all_steps(counter.manager(Manner.NAIVE).reserve())
    assert (counter.fields(A)["theirs"], counter.fields(A)["warm"]) == ([1], False)


@pytest.mark.parametrize("fate", ["lost", "mute"])
def test_a_set_that_is_not_answered_is_looked_after_and_promised_once(fate: str) -> None:
    counter = offering(A)
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


@pytest.mark.parametrize(
    ("manner", "heard"), [(Manner.NAIVE, (Stage.ENDED, A, B)), (Manner.FOLLOWING, (Stage.RESERVED, B, None))]
)
def test_who_follows_a_move_is_where_the_session_is_and_who_does_not_hears_of_an_end(
    manner: Manner, heard: tuple[Stage, VmId, VmId | None]
) -> None:
    counter = Counter()
    counter.move(ANN, A, B)
    look = counter.manager(manner).look(A)
    assert (look.stage, look.vm_id, look.moved_to) == heard


def test_a_release_says_used_and_nothing_else_and_of_what_is_somebody_elses_nothing() -> None:
    counter = Counter()
    for session, released in ((ANN, {"used": True}), (BOB, {})):
        counter.open_for(session, A)
        before = counter.fields(A)
        assert counter.all_steps(counter.manager(Manner.NAIVE).release(A)) is bool(released)
        assert counter.fields(A) == {**before, **released}


def test_the_account_says_whose_machine_a_blind_set_takes() -> None:
    """As after a failover that put the key back, and gave it to somebody else."""
    counter = offering(A)
    steps = counter.manager(Manner.NAIVE).reserve()
    next(steps)
    next(steps)
    counter.redis.sadd(counter.registry.keys.index(Status.AVAILABLE), counter.key(A))
    counter.all_steps(counter.manager(Manner.ATOMIC, BOB).reserve())
    counter.all_steps(steps)
    (told,) = counter.all_told(Did.OVERWROTE)
    assert (told.session, told.vm_id, told.whom) == (ANN, A, BOB)
    assert counter.entries.index(told) < counter.did.index(Did.PROMISED, counter.entries.index(told))


def test_who_has_parted_from_a_machine_loses_nothing_by_a_blind_set() -> None:
    counter = offering(A)
    bob = counter.session(BOB)
    bob.tell(Did.PROMISED, A)
    assert counter.ledger.holders(A) == (BOB,)
    bob.tell(Did.LEAVING, A)
    counter.all_steps(counter.manager(Manner.NAIVE).reserve())
    assert counter.ledger.holders(A) == (ANN,)
    assert Did.OVERWROTE not in counter.did


@pytest.mark.parametrize("seed", range(4))
def test_one_that_notes_every_second_changes_its_own_fields_of_its_own_machine_and_nothing_else(seed: int) -> None:
    counter, manager = reserved(Manner.NOTING, seed)
    before = counter.fields(A)
    counter.wait(seconds=1)
    manager.meanwhile(A)
    after = counter.fields(A)
    assert after["lastSeen"] == after["updatedAt"] == counter.clock.now().isoformat()
    assert {**after, "lastSeen": None, "updatedAt": None} == {**before, "lastSeen": None, "updatedAt": None}
    counter.put(A, Status.UNAVAILABLE, session=BOB)
    manager.meanwhile(A)
    assert "lastSeen" not in counter.fields(A)


# -- nameless: writes no session id, or writes it while its visitor waits


def test_some_know_four_fields_and_some_a_struct_with_an_empty_session_id() -> None:
    records = [reserved(Manner.NAMELESS, seed)[0].fields(A) for seed in SEEDS]
    assert all(fields["status"] == "Reserved" and not fields.get("sessionId") for fields in records)
    assert {fields.keys() == FOUR for fields in records} == {True, False}


def test_it_reads_of_its_visitor_where_nobody_is_named_and_nowhere_else() -> None:
    counter, manager = reserved(Manner.NAMELESS, 0)
    assert manager.look(A).stage is Stage.RESERVED
    counter.put(A, Status.UNAVAILABLE)
    assert manager.look(A).stage is Stage.OPEN
    counter.put(A, Status.UNAVAILABLE, session=BOB)
    assert manager.look(A).stage is Stage.UNKNOWN
    assert counter.all_steps(manager.release(A)) is False


def test_whoever_writes_the_id_later_does_so_only_while_its_visitor_waits() -> None:
    named = set()
    for seed in SEEDS:
        for status in (Status.RESERVED, Status.UNAVAILABLE):
            counter, manager = reserved(Manner.NAMELESS, seed)
            counter.change(A, status=status)
            for _ in range(20):
                manager.meanwhile(A)
            assert manager.look(A).stage is (Stage.RESERVED if status is Status.RESERVED else Stage.OPEN)
            named.add((status, counter.fields(A).get("sessionId") or None))
    assert named == {(Status.RESERVED, ANN), (Status.RESERVED, None), (Status.UNAVAILABLE, None)}


def test_what_somebody_else_reserved_without_an_id_meanwhile_is_not_taken_for_its_own() -> None:
    counter = offering(A)
    steps = counter.manager(Manner.NAMELESS).reserve()
    next(steps)
    counter.change(A, status="Reserved")
    assert counter.all_steps(steps) is None
    assert Did.PROMISED not in counter.did
