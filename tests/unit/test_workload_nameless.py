"""The queue manager of the campaigns that writes no session id, or writes it while its visitor waits."""

import json

import pytest
from crowd_counter import ANN, BOB, A, Counter

from scaler.model.row import Status
from scaler.registry.reservations import Stage
from simulator.happenings import Did, Manner
from simulator.workload.naive import Nameless

FOUR = {"vmId", "instanceId", "status", "used"}
SEEDS = range(40)


def reserved(seed: int) -> tuple[Counter, Nameless]:
    counter = Counter()
    counter.offer(A)
    manager: Nameless = counter.manager(Manner.NAMELESS, seed=seed)
    assert counter.all_steps(manager.reserve()) == A
    return counter, manager


def test_some_know_four_fields_and_some_a_struct_with_an_empty_session_id() -> None:
    records = [reserved(seed)[0].fields(A) or {} for seed in SEEDS]
    assert all(fields["status"] == "Reserved" and not fields.get("sessionId") for fields in records)
    assert {fields.keys() == FOUR for fields in records} == {True, False}


def test_it_reads_of_its_visitor_where_nobody_is_named_and_nowhere_else() -> None:
    counter, manager = reserved(0)
    assert manager.look(A).stage is Stage.RESERVED
    counter.put(A, Status.UNAVAILABLE)
    assert manager.look(A).stage is Stage.OPEN
    counter.put(A, Status.UNAVAILABLE, session=BOB)
    assert manager.look(A).stage is Stage.UNKNOWN
    assert counter.all_steps(manager.release(A)) is False


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_writes_the_id_later_does_so_only_while_its_visitor_waits(seed: int) -> None:
    counter, manager = reserved(seed)
    for _ in range(20):
        manager.meanwhile(A)
    named = (counter.fields(A) or {}).get("sessionId") == ANN
    assert manager.look(A).stage is Stage.RESERVED
    if not named:
        return
    counter, manager = reserved(seed)
    counter.put(A, Status.UNAVAILABLE)
    for _ in range(20):
        manager.meanwhile(A)
    assert not (counter.fields(A) or {}).get("sessionId")


def test_what_somebody_else_reserved_without_an_id_meanwhile_is_not_taken_for_its_own() -> None:
    counter = Counter()
    counter.offer(A)
    manager = counter.manager(Manner.NAMELESS, seed=1)
    steps = manager.reserve()
    next(steps)
    counter.redis.set(counter.key(A), json.dumps({**(counter.fields(A) or {}), "status": "Reserved"}))
    assert counter.all_steps(steps) is None
    assert Did.PROMISED not in counter.did
