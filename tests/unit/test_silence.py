"""A scale set that keeps us waiting, or a Microsoft.Network that does, costs the others no order."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from clock import ManualClock
from unit.test_two_scale_sets import FIRST, POLICY, SECOND, Face, at

from scaler.errors import Refused, ScalerError, Unreachable
from scaler.model.fleet import Cloud
from scaler.model.instance import Addresses, InstanceId, InstanceRef, ScaleSetName
from scaler.model.plan import Listing
from scaler.model.sighting import Answer, Pages, ScaleSetView
from scaler.observe import AddressesOf, AzureObserver, Targets

THIRD = ScaleSetName("third")
SILENCE = timedelta(seconds=20)  # what one read takes until it is given up
HORIZON = POLICY.order_horizon.total_seconds()
ALL = AddressesOf(scale_sets=frozenset({FIRST, SECOND}))


class Slow(Face):
    """Takes its time; `error`: and then does not answer."""

    def __init__(self, name: ScaleSetName, clock: ManualClock) -> None:
        super().__init__(name)
        self.clock = clock
        self.takes = timedelta(0)
        self.located_after = timedelta(0)
        self.unlocated: ScalerError | None = None

    def falls_silent(self) -> None:
        self.takes, self.error = SILENCE, Unreachable("ARM does not answer")

    def loses_its_network(self) -> None:
        self.located_after, self.unlocated = SILENCE, Unreachable("Microsoft.Network does not answer")

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        self.clock.advance(self.takes)
        return super().view(no_older_than=no_older_than)

    def list_instances(self) -> Pages:
        sent = self.clock.monotonic()
        pages = super().list_instances()
        return Pages(scale_set=self.name, instances=(), unidentified=0, requests=1, at=pages.at, sent=sent)

    def get(self, asked: InstanceRef) -> Answer:
        answer = super().get(asked)
        return Answer(asked=asked, found=None, at=answer.at, sent=self.clock.monotonic())

    def addresses(self) -> Mapping[InstanceId, Addresses]:
        self.clock.advance(self.located_after)
        found = super().addresses()
        if self.unlocated is not None:
            raise self.unlocated
        return found


class Sight:
    """AzureObserver before two scale sets, with a clock that their answers take their time from."""

    def __init__(self, *names: ScaleSetName) -> None:
        self.clock = ManualClock()
        self.faces = {name: Slow(name, self.clock) for name in names or (FIRST, SECOND)}
        self.eyes = AzureObserver(self.faces, self.clock, POLICY)  # type: ignore[arg-type]

    def looks_taken(self, name: ScaleSetName) -> int:
        return len(self.faces[name].asked)

    def age(self, sent: float) -> float:
        return self.clock.monotonic() - sent

    def later(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))


@pytest.mark.parametrize("silent", [FIRST, SECOND])
def test_while_one_is_silent_the_other_ones_looks_are_fresh_in_every_tick(silent: ScaleSetName) -> None:
    sight, other = Sight(), FIRST if silent == SECOND else SECOND
    sight.faces[silent].falls_silent()
    for _ in range(40):
        cloud, _ = sight.eyes.look(Cloud(), Listing())
        cloud, _ = sight.eyes.look(cloud, Targets(refs=(at(other, 1), at(silent, 2))))
        assert sight.age(cloud.listings[other].sent) <= HORIZON / 2
        sight.later(10)


def test_two_that_fall_silent_do_not_add_up_from_the_second_tick_on() -> None:
    sight = Sight(FIRST, SECOND, THIRD)
    sight.faces[SECOND].falls_silent()
    sight.faces[THIRD].falls_silent()
    sight.eyes.look(Cloud(), Listing())
    for _ in range(40):
        cloud, _ = sight.eyes.look(Cloud(), Listing())
        assert sight.age(cloud.listings[FIRST].sent) <= HORIZON / 2
        sight.later(10)


def test_one_that_is_merely_slow_is_looked_at_before_the_others() -> None:
    sight = Sight()
    sight.faces[SECOND].takes = timedelta(seconds=19)
    sight.eyes.look(Cloud(), Listing())
    cloud, _ = sight.eyes.look(Cloud(), Listing())
    assert set(cloud.listings) == {FIRST, SECOND}
    assert sight.age(cloud.listings[FIRST].sent) == 0


def test_a_silent_one_is_put_off_for_a_while_and_then_tried_again() -> None:
    sight = Sight()
    sight.faces[SECOND].falls_silent()
    sight.eyes.look(Cloud(), Listing())
    cloud, errors = sight.eyes.look(Cloud(), Listing())
    assert (set(cloud.unlisted), errors, sight.looks_taken(SECOND)) == ({SECOND}, (), 1)
    sight.later(HORIZON)
    sight.faces[SECOND].takes, sight.faces[SECOND].error = timedelta(0), None
    cloud, _ = sight.eyes.look(Cloud(), Listing())
    assert set(cloud.listings) == {FIRST, SECOND}
    cloud, _ = sight.eyes.look(Cloud(), Listing())
    assert set(cloud.listings) == {FIRST, SECOND}


@pytest.mark.parametrize("error", [Unreachable("503"), Refused("no")])
def test_one_that_says_no_at_once_is_asked_every_time(error: ScalerError) -> None:
    sight = Sight()
    sight.faces[SECOND].error = error
    for number in range(3):
        assert sight.eyes.look(Cloud(), Listing())[1] == (error,)
        assert sight.looks_taken(SECOND) == number + 1


def test_where_nobody_else_is_asked_a_silent_one_is_asked_every_time() -> None:
    sight = Sight()
    sight.faces[SECOND].falls_silent()
    for _ in range(2):
        with pytest.raises(Unreachable):
            sight.eyes.look(Cloud(), Targets(refs=(at(SECOND, 2),)))
    sight.faces[FIRST].falls_silent()
    assert sight.eyes.look(Cloud(), Listing())[0].listings == {}  # the one was put off, the other fell silent
    for number in range(2, 4):
        with pytest.raises(Unreachable):
            sight.eyes.look(Cloud(), Listing())
        assert sight.looks_taken(FIRST) == number


def test_one_that_was_silent_in_this_tick_is_not_asked_a_second_time_in_it() -> None:
    sight = Sight()
    sight.faces[SECOND].falls_silent()
    cloud, _ = sight.eyes.look(Cloud(), Listing())
    cloud, _ = sight.eyes.look(cloud, Targets(refs=(at(SECOND, 2),)))
    assert sight.looks_taken(SECOND) == 1


def test_a_silent_network_is_waited_for_once_a_tick_each_in_its_turn() -> None:
    """No order rests on an address, and every second of waiting for one is taken from those that were looked at."""
    sight = Sight()
    for face in sight.faces.values():
        face.loses_its_network()
    for number in range(1, 4):
        cloud, _ = sight.eyes.look(Cloud(), Targets(refs=(at(FIRST, 1), at(SECOND, 2))))
        cloud, _ = sight.eyes.look(cloud, ALL)
        assert cloud.addresses == {FIRST: None, SECOND: None}
        assert all(sight.age(each.sent) <= HORIZON / 2 for each in cloud.asked.values())
        assert sum(face.asked.count("addresses") for face in sight.faces.values()) == number
        sight.later(1)
    assert all("addresses" in face.asked for face in sight.faces.values())


def test_after_a_silence_in_this_tick_addresses_are_not_waited_for() -> None:
    sight = Sight()
    sight.faces[SECOND].falls_silent()
    cloud, _ = sight.eyes.look(Cloud(), Targets(refs=(at(FIRST, 1), at(SECOND, 2))))
    sight.faces[FIRST].loses_its_network()
    cloud, _ = sight.eyes.look(cloud, AddressesOf(scale_sets=frozenset({FIRST})))
    assert cloud.addresses == {FIRST: None}
    assert "addresses" not in sight.faces[FIRST].asked


def test_the_network_of_one_says_nothing_of_its_machines() -> None:
    sight = Sight()
    sight.faces[SECOND].loses_its_network()
    sight.eyes.look(Cloud(), ALL)
    cloud, _ = sight.eyes.look(Cloud(), Listing())
    assert set(cloud.listings) == {FIRST, SECOND}
