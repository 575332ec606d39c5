"""PROTOCOL section 6: every combination of record, notes, power, mark and listing has a rule, and the rule ends.

Azure is frozen: it obeys nothing and shows the same for ever. Even so each machine must reach a fate: offered at
rest, stopped by the provisioner, deleted (the order given, again and again), or gone from the registry.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from builders import NOW, POLICY, SCALE_SET, ago, applied, blank_notes, instance, notes, record, sighting, vm

from docs.timeouts_table import WAITINGS
from scaler.controllers import by_hand, cleaner, provisioner, reconciler, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState, SessionId
from scaler.model.plan import Deallocate, Delete, Mark, PowerOff, Step
from scaler.model.row import (
    HeatedNote,
    Notes,
    OpenedNote,
    Record,
    Row,
    Snapshot,
    SpentNote,
    StartNote,
    Status,
    Unreadable,
)
from scaler.model.sighting import Method, Sighting
from scaler.model.standing import Standing, standing

MINE, OTHER = SessionId("mine"), SessionId("other")

RECORDS: Mapping[str, Record | Unreadable | None] = {
    "none": None,
    "unreadable": Unreadable(why="not JSON"),
    "available": record(),
    "available, used": record(used=True),
    "reserved": record(status=Status.RESERVED, session_id=MINE),
    "reserved for nobody": record(status=Status.RESERVED),
    "reserved, used": record(status=Status.RESERVED, session_id=MINE, used=True),
    "unavailable": record(status=Status.UNAVAILABLE, session_id=MINE),
    "unavailable, used": record(status=Status.UNAVAILABLE, session_id=MINE, used=True),
    "unavailable, used by another": record(status=Status.UNAVAILABLE, session_id=OTHER, used=True),
}


def _started(session: SessionId, **fields: object) -> Notes:
    return notes(1, start=StartNote(session=session, at=ago(seconds=100), attempts=1), **fields)


def _opened(session: SessionId) -> Notes:
    was = record(status=Status.UNAVAILABLE, session_id=session)
    return _started(session, opened=OpenedNote(session=session, at=ago(seconds=50), record=was))


NOTES: Mapping[str, Notes | None] = {
    "none": None,
    "blank": blank_notes(),
    "admitting": blank_notes(admitting_at=ago(seconds=5), mark_asked_at=ago(seconds=5), mark_attempts=1),
    "unknown": blank_notes(unknown_at=ago(seconds=5)),
    "admitted": notes(),
    "heated": notes(heated=HeatedNote(at=ago(minutes=9), seen_at=ago(minutes=9), ready_at=ago(minutes=8))),
    "being heated": notes(heated=HeatedNote(at=ago(seconds=5), seen_at=ago(seconds=5))),
    "started": _started(MINE),
    "started for another": _started(OTHER),
    "opened": _opened(MINE),
    "opened for another": _opened(OTHER),
    "presumed": notes(presumed_at=ago(seconds=50)),
    "condemned": notes(spent=SpentNote(why=Edge.CONDEMN, at=ago(seconds=5))),
    "released": replace(
        _opened(MINE), ended={MINE: Edge.RELEASE}, spent=SpentNote(why=Edge.RELEASE, at=ago(seconds=5))
    ),
    "refused": _started(MINE, ended={MINE: Edge.REFUSE}, spent=SpentNote(why=Edge.REFUSE, at=ago(seconds=5))),
    "ended, not spent": notes(ended={MINE: Edge.ABANDON}),
}

FRESH = {"none", "blank", "admitting", "unknown", "admitted", "heated", "being heated"}
"""Notes of machines that nobody was ever promised."""

_P, _V = PowerState, ProvisioningState
POWERS = [
    (_P.DEALLOCATED, _V.SUCCEEDED),
    (_P.STOPPED, _V.SUCCEEDED),
    (_P.RUNNING, _V.SUCCEEDED),
    (_P.RUNNING, _V.FAILED),
    (_P.RUNNING, _V.UPDATING),
    (_P.DEALLOCATED, _V.UPDATING),
    (_P.DEALLOCATED, _V.FAILED),
    (_P.STARTING, _V.UPDATING),
    (_P.UNKNOWN, _V.CREATING),
    (_P.UNKNOWN, _V.FAILED),
    (_P.UNKNOWN, _V.SUCCEEDED),
    (_P.UNKNOWN, _V.UPDATING),
    (_P.RUNNING, _V.DELETING),
    (_P.DEALLOCATED, _V.DELETING),
    (_P.UNKNOWN, _V.DELETING),
]

# within so long each fate must have come: the slowest is a stranger that cannot be seen to run or rest
# (creating_timeout), then presumed (limit + grace), then deleted
PATIENCE = POLICY.creating_timeout + POLICY.limit_of_presumed + POLICY.expiry_grace + timedelta(minutes=30)


def _machines() -> Iterator[Instance]:
    for (power, provisioning), marked in product(POWERS, (True, False)):
        failure = FailureClass.OTHER if provisioning is _V.FAILED else None
        yield instance(power=power, provisioning=provisioning, marked=marked, failure=failure)


def _neighbour(beside: Row) -> Row:
    """One whose mark is taken meanwhile: else a refused mark is Azure's fault, and nothing is deleted for it."""
    asked_at = beside.notes.mark_asked_at if beside.notes is not None else None
    noted = notes(2, mark_asked_at=asked_at or NOW)
    return Row(vm_id=vm(2), record=record(2), notes=noted, index=frozenset({Status.AVAILABLE}))


def _cloud(machine: Instance | None, look: Sighting) -> Cloud:
    looked = Cloud(listings={SCALE_SET: look}) if look.by is Method.LISTING else Cloud(asked={vm(): look})
    return looked.showing(look, instance(2), *([machine] if machine is not None else []))


def _is_about(step: Step, row: Row) -> bool:
    """Whether name, change and order of a step are all about this machine."""
    ref = getattr(step.order, "ref", None)
    changes = step.change is None or step.change.row == row
    return changes and step.vm_id == row.vm_id and (step.order is None or (ref is not None and ref.vm_id == row.vm_id))


class _World:
    """One machine, always as Azure showed it first, before the four controllers."""

    def __init__(self, row: Row, machine: Instance | None, *, takes_marks: bool = False) -> None:
        self.row = row
        self.machine = machine
        self._takes_marks = takes_marks

    def tick(self, now: datetime) -> list[Step]:
        """Tick the controllers in turn; each controller reads the notes written by the controllers before."""
        listed = _cloud(self.machine, sighting(at=now))
        asked = _cloud(self.machine, sighting(Method.TARGETED, at=now))
        steps = list(provisioner.decide(replace(asked, listings={SCALE_SET: sighting(at=now)}), POLICY).steps)
        for decide, cloud in (
            (reconciler.decide, listed),
            (reconciler.decide, replace(asked, listings=listed.listings)),
            (starter.decide, asked),
            (cleaner.decide, listed),
            (cleaner.decide, asked),
        ):
            snapshot = Snapshot(now=now, rows={each.vm_id: each for each in (self.row, _neighbour(self.row))})
            for step in decide(Fleet.join(snapshot, cloud, POLICY), POLICY).steps:
                assert _is_about(step, self.row), step
                steps.append(step)
                if step.change is not None:
                    self.row = applied(self.row, step.change)
                if isinstance(step.order, Mark) and self.machine is not None:
                    self.machine = replace(self.machine, marked=self.machine.marked or self._takes_marks)
        return steps

    def fate(self) -> str | None:
        """The end of the machine; None without an end within PATIENCE."""
        now, passed = NOW, timedelta(0)
        while passed < PATIENCE:
            steps = self.tick(now + passed)
            ended = self._ended(steps)
            if ended is not None:
                return ended
            passed += timedelta(seconds=20) if passed < timedelta(minutes=4) else timedelta(minutes=3)
        return None

    def _ended(self, steps: Sequence[Step]) -> str | None:
        for step in steps:
            if isinstance(step.order, Delete):
                return "deleted"
            if isinstance(step.order, PowerOff | Deallocate):
                return "stopped by the provisioner"
        row = self.row
        if self.machine is None:
            nothing_but_notes = row.record is None and not row.index  # which Redis keeps for a day
            left_alone = row.notes is None and not row.index and isinstance(row.record, Unreadable)
            return "gone from the registry" if nothing_but_notes or left_alone else None
        offered = row.status is Status.AVAILABLE and row.index == {Status.AVAILABLE} and self.machine.at_rest
        return "offered" if offered and self.machine.marked and not steps else None


def _row(recorded: str, noted: str, *, indexed: bool = True) -> Row:
    what = RECORDS[recorded]
    status = what.status if isinstance(what, Record) else Status.UNAVAILABLE if what is not None else None
    index = frozenset({status}) if status is not None and indexed else frozenset[Status]()
    return Row(vm_id=vm(), record=what, notes=NOTES[noted], index=index)


@pytest.mark.long
@pytest.mark.parametrize("noted", NOTES)
@pytest.mark.parametrize("recorded", RECORDS)
def test_every_combination_reaches_its_fate_and_only_what_was_never_handed_over_is_offered(
    recorded: str, noted: str
) -> None:
    untouched = recorded in {"none", "available"} and noted in FRESH
    for machine in _machines():
        world = _World(_row(recorded, noted), machine)
        word = standing(world.row, machine, sighting(), POLICY)
        frozen_in_azure = (machine.power, machine.provisioning, machine.marked)
        assert word in Standing
        fate = world.fate()
        assert fate is not None, (word, frozen_in_azure, world.row)
        assert fate != "offered" or untouched, (word, frozen_in_azure, world.row)


@pytest.mark.parametrize("recorded", RECORDS)
def test_of_all_these_combinations_a_few_reach_their_fate_in_everyday_tests(recorded: str) -> None:
    machines = list(_machines())
    for number, noted in enumerate(NOTES):
        machine = machines[(7 * number + len(recorded)) % len(machines)]
        row = _row(recorded, noted, indexed=number % 2 == 0)
        assert _World(row, machine).fate() is not None, (noted, machine)


@pytest.mark.parametrize("noted", NOTES)
@pytest.mark.parametrize("recorded", [name for name, what in RECORDS.items() if isinstance(what, Record)])
def test_a_gone_machine_leaves_the_registry(recorded: str, noted: str) -> None:
    assert _World(_row(recorded, noted), None).fate() == "gone from the registry"


@pytest.mark.parametrize("noted", NOTES)
@pytest.mark.parametrize("recorded", ["none", "unreadable"])
def test_a_gone_machine_without_a_readable_record_leaves_every_set_and_its_notes_do_not_stay(
    recorded: str, noted: str
) -> None:
    for index in (frozenset[Status](), *(frozenset({status}) for status in Status), frozenset(Status)):
        world = _World(replace(_row(recorded, noted), index=index), None)
        assert world.fate() == "gone from the registry", (index, world.row)
        assert world.row.record == RECORDS[recorded]  # what cannot be read is left to the byte
        assert not world.tick(NOW + PATIENCE), "and nobody goes on about it"


@pytest.mark.long
@pytest.mark.parametrize("noted", NOTES)
def test_a_machine_without_its_place_in_the_index_finds_it_again(noted: str) -> None:
    for recorded in RECORDS:
        for machine in _machines():
            assert _World(_row(recorded, noted, indexed=False), machine).fate() is not None, (recorded, machine)


def _adopted(row: Row, machine: Instance, *, takes_marks: bool) -> _World:
    """As an adoption leaves it, of a scale set that nobody had allowed us to manage."""
    for _ in range(2):
        cloud = _cloud(machine, sighting(consent=False))
        snapshot = Snapshot(now=NOW, rows={each.vm_id: each for each in (row, _neighbour(row))})
        for step in by_hand.adopt(Fleet.join(snapshot, cloud, POLICY), POLICY).steps:
            assert step.change is not None
            row = applied(row, step.change)
            machine = replace(machine, marked=takes_marks)
    return _World(row, machine, takes_marks=takes_marks)


@pytest.mark.long
@pytest.mark.parametrize(("noted", "takes_marks"), [*((noted, True) for noted in NOTES), ("none", False)])
@pytest.mark.parametrize("recorded", RECORDS)
def test_what_is_adopted_reaches_its_fate(recorded: str, noted: str, takes_marks: bool) -> None:
    fates = set()
    for machine in _machines():
        if machine.marked:  # handed over already: the same as without adoption
            continue
        world = _adopted(_row(recorded, noted), machine, takes_marks=takes_marks)
        fate = world.fate()
        assert fate is not None, (machine, world.row)
        fates.add(fate)
        if fate == "offered":
            assert machine.at_rest
            assert recorded in {"none", "available"}
            assert noted in FRESH
    if (recorded, noted, takes_marks) == ("none", "none", True):
        assert "offered" in fates


@pytest.mark.parametrize("recorded", RECORDS)
def test_nobody_disturbs_what_ran_when_it_was_adopted(recorded: str) -> None:
    running = replace(instance(power=_P.RUNNING), marked=False)
    world = _adopted(_row(recorded, "none"), running, takes_marks=True)
    for minute in range(round(POLICY.limit_of_presumed / timedelta(minutes=1))):
        orders = [step.order for step in world.tick(NOW + timedelta(minutes=minute)) if step.order is not None]
        assert not orders


def test_every_standing_has_its_ending() -> None:
    assert {each.standing for each in WAITINGS} - {None} == set(Standing)
