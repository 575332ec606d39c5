"""The crowd: one go at a time, the same again from the same dice."""

import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from random import Random

import builders as make
import pytest
from crowd_counter import IMMORTAL, A, Counter

from scaler.model.row import Status
from simulator.happenings import Did, Entry, Manner
from simulator.workload.crowd import KINDS, Crowd
from simulator.workload.habits import MIXED, UNNAMED, Habits
from simulator.workload.visitor import Place

MACHINES = [make.vm(number) for number in range(1, 13)]
BUSY = Habits(per_minute=12.0, most=20, shares=MIXED, patience=(60.0, 120.0), stay=30.0, deaths=0.05)
MESSY = replace(BUSY, shares={**MIXED, Manner.GARBAGE: 1.0}, unasked=0.5)


def keep_house(counter: Counter) -> None:
    """A scaler in three lines: what is reserved is opened, what is used is offered afresh."""
    for vm_id in MACHINES:
        fields = counter.fields(vm_id)
        session = fields.get("sessionId")
        if not fields or fields.get("used"):
            counter.running.discard(vm_id)
            counter.offer(vm_id)
        elif fields.get("status") == "Reserved" and isinstance(session, str):
            counter.open_for(session, vm_id)  # type: ignore[arg-type]


def campaign(seed: int, habits: Habits = BUSY, *, minutes: int = 30, cuts: float = 0.0) -> tuple[Crowd, Counter]:
    """A crowd in a house where Redis is away now and then."""
    counter = Counter(habits=habits)
    counter.offer(*MACHINES)
    crowd, dice = Crowd(counter.access, Random(seed), habits), Random(seed)
    for _ in range(minutes * 30):
        counter.wait(seconds=2)
        counter.commands.away = counter.client.away = dice.random() < cuts
        crowd.go_on()
        keep_house(counter)
    counter.commands.away = counter.client.away = False
    return crowd, counter


def fingerprint(entries: list[Entry]) -> str:
    return sha256("\n".join(map(repr, entries)).encode()).hexdigest()


def test_there_is_a_queue_manager_for_every_manner_and_some_of_each_come() -> None:
    assert set(KINDS) == set(Manner) == {*MIXED, *UNNAMED, Manner.NOTING}
    for shares in (UNNAMED, MIXED):
        crowd, counter = campaign(1, replace(BUSY, shares=shares))
        assert set(crowd.came) == set(shares)
    assert {Did.CONNECTED, Did.LEAVING, Did.GAVE_UP, Did.OVERWROTE, Did.VANISHED} <= set(counter.did)
    assert crowd.deaths > 0


@pytest.mark.long
def test_the_same_dice_bring_the_same_crowd_whatever_order_hashes_have() -> None:
    tests = Path(__file__).parents[1]
    lines = (
        "from unit.test_workload_crowd import MESSY, campaign, fingerprint\n"
        "print(fingerprint(campaign(5, MESSY, minutes=10, cuts=0.1)[1].entries))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", lines],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{tests}:{tests.parent}"},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(answers) == 1


def test_everybody_takes_one_step_at_most_in_one_go() -> None:
    habits = replace(IMMORTAL, per_minute=60.0, most=1, shares={Manner.NAIVE: 1.0}, patience=(1e6, 1e6), impatient=0.0)
    counter = Counter(habits=habits)
    counter.offer(A)
    crowd = Crowd(counter.access, Random(1), habits)
    while not crowd.came:
        counter.wait(seconds=1)
        crowd.go_on()
    told = [list(counter.did)]
    for _ in range(2):
        counter.wait(hours=1)
        crowd.go_on()
        told.append(list(counter.did))
    spop = [Did.ARRIVED, Did.TOOK]
    assert told == [spop, spop, [*spop, Did.QUEUED]]  # then GET; then a SET that would have been too late
    assert counter.listed(A) == set()


def test_who_finds_a_crowd_turns_round_at_the_door() -> None:
    crowd, _ = campaign(1, replace(BUSY, per_minute=60.0, most=3))
    assert sum(len(crowd.at(place)) for place in Place if place is not Place.GONE) <= 3


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_when_it_leaves_off_everybody_inside_leaves_and_whoever_waits_waits_on(seed: int) -> None:
    crowd, counter = campaign(seed)
    before, came = {place: set(crowd.at(place)) for place in Place}, crowd.came.total()
    crowd.leave_off()
    crowd.go_on()
    assert set(crowd.at(Place.INSIDE)) <= before[Place.INSIDE] | before[Place.WAITING]
    assert set(crowd.at(Place.WAITING)) <= before[Place.WAITING] | set(crowd.at(Place.ASKING))
    for _ in range(200):
        counter.wait(seconds=2)
        crowd.go_on()
        keep_house(counter)
    assert not crowd.at_work
    assert crowd.came.total() == came


def test_who_was_disappointed_comes_again_as_another_session() -> None:
    habits = replace(BUSY, persistence=1.0, patience=(5.0, 10.0), impatient=0.0)
    counter = Counter(habits=habits)  # without any machine
    crowd = Crowd(counter.access, Random(1), habits)
    for _ in range(60):
        counter.wait(seconds=1)
        crowd.go_on()
    arrived = [each.session for each in counter.entries if each.did is Did.ARRIVED]
    assert len(arrived) == len(set(arrived))
    assert {"v0001", "v0001+", "v0001++"} <= set(arrived)


@pytest.mark.parametrize("seed", range(5))
def test_the_account_names_one_machine_at_a_time(seed: int) -> None:
    """Promised before let in, let in before connected, and nothing after the departure but the queue manager's own."""
    _, counter = campaign(seed, cuts=0.2)
    unasked = {Did.OVERWROTE, Did.LITTERED, Did.HELD, Did.TOOK}
    stories: dict[str, list[Entry]] = {}
    for entry in counter.entries:
        if entry.did not in unasked:
            stories.setdefault(entry.session, []).append(entry)
    for story in stories.values():
        assert story[0].did is Did.ARRIVED
        promised: str | None = None
        for before, entry in pairwise(story):
            if entry.did is Did.PROMISED:
                promised = entry.vm_id
            elif entry.did is Did.OPENED:
                assert before.did is Did.PROMISED
                assert entry.vm_id == promised
            elif entry.did in {Did.CONNECTED, Did.UNREACHABLE}:
                assert before.did is Did.OPENED
            elif entry.did in {Did.LEAVING, Did.CUT_OFF, Did.DISPLACED, Did.REFUSED, Did.EXPIRED}:
                assert entry.vm_id == promised


def test_a_redis_that_is_away_most_of_the_time_stops_nobody_for_ever() -> None:
    _, counter = campaign(1, cuts=0.7)
    assert counter.did.count(Did.CONNECTED) > 3
    assert all(status in Status for status in counter.listed(A))
