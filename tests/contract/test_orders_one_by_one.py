"""Where a scale set takes its orders one by one: what becomes of each is each one's own, up to the notes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from builders import notes, sighting
from contract.scale_sets import EXACT, FLEXIBLE, House

from emulator.behaviour import Fault
from emulator.orders import OrderKind
from emulator.redis.memory import MemoryRegistry
from emulator.switches import Overlap, Switches
from scaler.actuate import Outcome, Ports, Result, actuate
from scaler.model.instance import FailureClass, InstanceRef, PowerState, SessionId, VmId
from scaler.model.lifecycle import note
from scaler.model.plan import Deallocate, Plan, Start, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row, StartNote

POLICY = Policy()


@pytest.fixture(params=["in process", "over the wire"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    strict = replace(EXACT, switches=Switches(overlap=Overlap.CONFLICT))  # what is under way takes no second order
    with (FLEXIBLE.in_process if request.param == "in process" else FLEXIBLE.over_the_wire)(behaviour=strict) as house:
        yield house


class Office:
    """A registry in front of that scale set."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.registry = MemoryRegistry(house.clock.now)

    def act(self, *steps: Step) -> list[Outcome]:
        faces = {self.house.scale_set.name: self.house.scale_set}
        ports = Ports(registry=self.registry, scale_sets=faces, clock=self.house.clock)
        return list(actuate(Plan(steps=steps), ports, POLICY))

    def noted(self, vm_id: VmId) -> Notes:
        known = self.registry.read_also([vm_id])[vm_id].notes
        assert known is not None
        return known

    def start(self, ref: InstanceRef) -> Step:
        self.registry.apply([note(Row(vm_id=ref.vm_id), notes(1))])
        row = self.registry.read_also([ref.vm_id])[ref.vm_id]
        begun = StartNote(session=SessionId("me"), at=self.house.clock.now(), attempts=1)
        change = note(row, replace(notes(1), start=begun))
        order = Start(ref=ref, rests_on=sighting(sent=self.house.clock.monotonic()))
        return Step(why=Why.RESERVED, vm_id=ref.vm_id, change=change, order=order)


def results(outcomes: list[Outcome]) -> list[Result]:
    return [each.result for each in outcomes]


def test_a_start_that_was_taken_keeps_its_note_whatever_becomes_of_another(house: House) -> None:
    office = Office(house)
    first, gone, last = house.with_resting_machines(3)
    house.order(OrderKind.DELETE, gone)
    house.later()
    outcomes = office.act(*map(office.start, (first, gone, last)))
    assert results(outcomes) == [Result.DONE, Result.FAILED, Result.DONE]
    assert all(office.noted(each.vm_id).start is not None for each in (first, gone, last))
    house.later()
    assert {each.power for each in house.seen().values()} == {PowerState.RUNNING}


@pytest.mark.parametrize("fault", [Fault.WRITE_CONFLICT, Fault.WRITE_THROTTLED])
def test_only_the_start_that_never_arrived_is_taken_back(fault: Fault, house: House) -> None:
    office = Office(house)
    first, second = house.with_resting_machines(2)
    steps = office.start(first), office.start(second)
    house.emulated.script(fault)
    outcomes = office.act(*steps)
    taken = {outcome.step.vm_id for outcome in outcomes if outcome.result is Result.DONE}
    assert {each.vm_id for each in (first, second) if office.noted(each.vm_id).start is not None} == taken
    house.later()
    assert {each.vm_id for each in house.seen().values() if each.power is PowerState.RUNNING} == taken


def test_what_keeps_one_from_starting_is_noted_of_that_one_alone(house: House) -> None:
    office = Office(house)
    first, second = house.with_resting_machines(2)
    steps = office.start(first), office.start(second)
    house.emulated.script(Fault.START_REFUSED)
    assert results(office.act(*steps)) == [Result.FAILED, Result.DONE]
    failures = [start.failure for each in (first, second) if (start := office.noted(each.vm_id).start) is not None]
    assert failures == [FailureClass.QUOTA, None]


def test_no_order_is_given_a_second_time_because_of_a_neighbour(house: House) -> None:
    office = Office(house)
    refs = house.with_machines(3)
    steps = [Deallocate(ref=each, rests_on=sighting(sent=house.clock.monotonic())) for each in refs]
    house.emulated.script(Fault.WRITE_CONFLICT)
    outcomes = office.act(*(Step(why=Why.NEW_RUNNING_COLD, vm_id=each.ref.vm_id, order=each) for each in steps))
    assert results(outcomes) == [Result.FAILED, Result.DONE, Result.DONE]
