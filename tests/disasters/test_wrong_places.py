"""The settings name another scale set, or Azure shows an empty one: nobody's session is ended, nothing is emptied."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from disasters.disaster_house import MINUTE, PROMPT, SCALE_SET, House

from emulator.in_process import InProcessScaleSet
from emulator.orders import Protection, Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.world import MANAGED
from scaler.model.plan import Why
from scaler.model.policy import Policy
from scaler.model.sighting import Pages, ScaleSetView
from scaler.registry.reservations import Stage

INSIDE, READY = 500, 20
POLICY = Policy(session_limit=90 * MINUTE)
A_FEW = 100  # where hours pass, and the numbers are proven elsewhere
SCALER = "scaler-"


class ShowsNothing(InProcessScaleSet):
    """A listing without a single row, and without an error."""

    def list_instances(self) -> Pages:
        """None."""
        return replace(super().list_instances(), instances=())


class KnowsOfNone(ShowsNothing):
    """The scale set itself says the same, and even its identity is right. Only whoever asks for a machine finds it."""

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        """Of capacity zero."""
        return replace(super().view(no_older_than=no_older_than), capacity=0)


def elsewhere(house: House, machines: int, tags: Mapping[str, str]) -> EmulatedScaleSet:
    """Another resource group's scale set of the same name: its machines run, in sessions of its own."""
    other = EmulatedScaleSet(house.clock.now, name=SCALE_SET, seed=9, behaviour=PROMPT, tags=tags)
    if machines:
        other.scale(Scale(capacity=machines), by="its own scaler")
    house.clock.advance(5 * MINUTE)
    for each in other.vms:
        other.protect(each.instance_id, Protection(from_scale_in=True), by="its own scaler")
    house.clock.advance(MINUTE)
    return other


def ordered(azure: EmulatedScaleSet) -> list[str]:
    """What the scaler has done to machines that it did not make."""
    mine = {event.vm_id for event in azure.history.events if event.what == "created" and event.by.startswith(SCALER)}
    events = [each for each in azure.history.events if each.vm_id is not None and each.vm_id not in mine]
    return [each.what for each in events if each.by.startswith(SCALER)]


@pytest.mark.parametrize("machines", [INSIDE, 0], ids=["full", "empty"])
def test_an_hour_in_another_resource_group_costs_nothing(machines: int) -> None:
    house = House.full_of(INSIDE, READY, POLICY)
    other = elsewhere(house, machines, tags={})
    began = house.clock.now()
    house.configure(other)
    house.run(60 * MINUTE, pace=4)
    assert ordered(other) == []
    assert house.stages() == {Stage.OPEN: INSIDE}
    assert house.said(Why.NO_CONSENT)
    house.configure(house.azure)
    assert house.until_well(within=5 * MINUTE) <= 5 * MINUTE
    assert (house.wrongs, house.deleted_since(began)) == ([], 0)


@pytest.mark.parametrize("machines", [100, 0], ids=["full", "empty"])
def test_not_even_where_the_tag_allows_it(machines: int) -> None:
    """Two installations with the same SCALER_NAME, and the settings of one in the other."""
    house = House.full_of(A_FEW, READY, POLICY)
    other = elsewhere(house, machines, MANAGED)
    began = house.clock.now()
    house.configure(other)
    house.run(8 * MINUTE)
    assert ordered(other) == []
    assert house.stages() == {Stage.OPEN: A_FEW}
    house.configure(house.azure)
    house.run(3 * MINUTE)
    assert house.arrive(5) == 5
    house.run(3 * MINUTE)
    assert (len(house.inside), house.wrongs, house.deleted_since(began)) == (A_FEW + 5, [], 0)
    house.run(POLICY.limit_of_presumed + 60 * MINUTE, pace=3)
    assert (house.wrongs, house.strays()) == ([], [])


def test_a_listing_without_rows_is_not_believed() -> None:
    house = House.full_of(INSIDE, READY, POLICY)
    began = house.clock.now()
    house.configure(house.azure, face=ShowsNothing)
    house.run(10 * MINUTE)
    assert house.stages() == {Stage.OPEN: INSIDE}
    house.configure(house.azure)
    assert house.amiss() == []
    assert (house.wrongs, house.deleted_since(began)) == ([], 0)


def test_nor_is_it_where_the_scale_set_agrees_for_a_targeted_get_has_the_last_word() -> None:
    house = House.full_of(INSIDE, READY, POLICY)
    began = house.clock.now()
    house.configure(house.azure, face=KnowsOfNone)
    house.run(10 * MINUTE)
    assert house.stages() == {Stage.OPEN: INSIDE}
    house.configure(house.azure)
    house.until_well(within=15 * MINUTE)
    assert house.wrongs == []
    assert house.deleted_since(began) <= READY, "what was ready is forgotten, and then nobody can say that it is fresh"


def test_a_scale_set_made_anew_is_filled_and_the_old_ones_records_go_when_nobodys_time_is_left() -> None:
    house = House.full_of(60, READY, replace(POLICY, session_limit=60 * MINUTE))
    house.azure.make_anew()
    house.inside.clear()
    house.run(20 * MINUTE)
    assert house.arrive(5) == 5
    assert len(house.strays()) == 60 + READY, "it might be another resource group's"
    house.until_well(within=60 * MINUTE, pace=2)
