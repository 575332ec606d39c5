"""AzureObserver before several doors: one that is silent, slow or held back costs the others no look and no order."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, BrokenBarrierError

import pytest
from builders import NOW, UNIQUE_ID, sighting, vm
from clock import ManualClock

from scaler.errors import Garbled, Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.fleet import Cloud
from scaler.model.instance import Addresses, InstanceId, InstanceRef, ScaleSetName, VmId
from scaler.model.plan import Listing
from scaler.model.policy import Capacity, Policy
from scaler.model.sighting import Answer, OuterTags, Pages, ScaleSetView
from scaler.observe import AddressesOf, AzureObserver, Targets
from scaler.ports import Together, one_by_one

FIRST, SECOND, THIRD = ScaleSetName("first"), ScaleSetName("second"), ScaleSetName("third")
POLICY = Policy(capacity=dict.fromkeys((FIRST, SECOND, THIRD), Capacity(desired=4)))
SILENCE = timedelta(seconds=20)  # what one read takes until it is given up
HORIZON = POLICY.order_horizon.total_seconds()
HELD = Throttled("later", timedelta(seconds=9))


def at(scale_set: ScaleSetName, number: int) -> InstanceRef:
    """Different machines, each the number 0 of its scale set."""
    return InstanceRef(scale_set=scale_set, instance_id=InstanceId("0"), vm_id=vm(number))


BOTH = Targets(refs=(at(FIRST, 1), at(SECOND, 2)))
ALL = AddressesOf(refs=BOTH.refs)


class Face:
    """A scale set without machines that answers as it is told, takes its time, and keeps what it was asked."""

    def __init__(self, name: ScaleSetName, clock: ManualClock | None = None) -> None:
        self.name, self.clock = name, clock or ManualClock()
        self.capacity, self.at = 0, NOW
        self.error: ScalerError | None = None
        self.unlocated: ScalerError | None = None
        self.takes = self.located_after = timedelta(0)
        self.asked: list[str] = []
        self.unanswered: tuple[InstanceRef, ...] = ()  # no answer says where these are
        self.patience: list[timedelta] = []

    def falls_silent(self) -> None:
        self.takes, self.error = SILENCE, Unreachable("ARM does not answer")

    def loses_its_network(self) -> None:
        self.located_after, self.unlocated = SILENCE, Unreachable("Microsoft.Network does not answer")

    def _answer(self, what: str, error: ScalerError | None) -> float:
        """When it was asked."""
        self.asked.append(what)
        if error is not None:
            raise error
        return self.clock.monotonic()

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        self.patience.append(no_older_than)
        self.clock.advance(self.takes)
        self._answer("view", self.error)
        named = {"name": self.name, "unique_id": UNIQUE_ID, "capacity": self.capacity, "managed_by": "true"}
        return ScaleSetView(**named, etag=None, at=self.at, sent=0.0)  # type: ignore[arg-type]

    def group_tags(self) -> OuterTags:
        return OuterTags()

    def list_instances(self) -> Pages:
        sent = self._answer("list", self.error)
        return Pages(scale_set=self.name, instances=(), unidentified=0, requests=1, at=self.at, sent=sent)

    def get(self, asked: InstanceRef) -> Answer:
        return Answer(asked=asked, found=None, at=self.at, sent=self._answer("get", self.error))

    def addresses(
        self, refs: Sequence[InstanceRef], together: Together
    ) -> tuple[Mapping[VmId, Addresses | None], Sequence[ScalerError]]:
        self.clock.advance(self.located_after)
        self._answer("addresses", self.unlocated or self.error)
        silent = dict.fromkeys((ref.vm_id for ref in refs if ref in self.unanswered), None)
        told = {ref.vm_id: Addresses(private=f"10.0.0.{len(self.name)}") for ref in refs}
        return {**told, **silent}, [Unreachable("no answer about one")] * len(silent)


class Sight:
    """AzureObserver before scale sets of those names, with a clock that their answers take their time from."""

    def __init__(self, *names: ScaleSetName, errors: Mapping[ScaleSetName, ScalerError] | None = None) -> None:
        self.clock = ManualClock()
        self.faces = {name: Face(name, self.clock) for name in names or (FIRST, SECOND)}
        for name, error in (errors or {}).items():
            self.faces[name].error = error
        self.eyes = AzureObserver(self.faces, self.clock, POLICY)  # type: ignore[arg-type]

    def look(self, look: Listing | Targets | AddressesOf, cloud: Cloud | None = None) -> Cloud:
        return self.eyes.look(cloud or Cloud(), look)[0]

    def looks_taken(self, name: ScaleSetName) -> int:
        return len(self.faces[name].asked)

    def age(self, sent: float) -> float:
        return self.clock.monotonic() - sent

    def later(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))


# -- one that does not answer costs its own look

ERRORS = [Unreachable("silence"), Refused("no"), Garbled("nonsense"), Missing("gone"), HELD]


@pytest.mark.parametrize("error", ERRORS)
def test_one_that_cannot_be_looked_at_does_not_hide_the_other(error: ScalerError) -> None:
    sight = Sight(errors={FIRST: error})
    cloud, errors = sight.eyes.look(Cloud(), Listing())
    assert (set(cloud.listings), errors) == ({SECOND}, (error,))
    sight = Sight(errors={FIRST: error})
    cloud, errors = sight.eyes.look(Cloud(), BOTH)
    assert (set(cloud.asked), errors) == ({vm(2)}, (error,))


def test_when_all_are_held_back_by_the_budget_there_is_nothing_to_report_as_a_failure() -> None:
    cloud, errors = Sight(errors={FIRST: HELD, SECOND: HELD}).eyes.look(Cloud(), Listing())
    assert (set(cloud.unlisted), errors) == ({FIRST, SECOND}, (HELD, HELD))


def test_when_nobody_answers_at_all_the_tick_has_nothing_to_go_by() -> None:
    sight = Sight(errors=dict.fromkeys((FIRST, SECOND), Unreachable("silence")))
    for look in (Listing(), BOTH):
        with pytest.raises(Unreachable):
            sight.look(look)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Refused("no right to read interfaces"), Addresses()),
        (Missing("no such list"), Addresses()),
        (Unreachable("silence"), None),
        (HELD, None),
        (Garbled("nonsense"), None),
    ],
)
def test_a_refusal_of_addresses_is_an_answer_and_silence_is_none(error: ScalerError, answer: Addresses | None) -> None:
    cloud, errors = Sight(errors={FIRST: error}).eyes.look(Cloud(), ALL)
    assert cloud.addresses == {vm(1): answer, vm(2): Addresses(private="10.0.0.6")}
    assert errors == (error,)


def test_each_is_listed_at_its_own_pace() -> None:
    sight = Sight(errors={SECOND: Unreachable("silence")})
    sight.look(Listing(urgent=False))
    sight.faces[SECOND].error = None
    sight.clock.advance(POLICY.cleaner_lists_every - timedelta(seconds=1))
    cloud = sight.look(Listing(urgent=False))
    assert (set(cloud.listings), set(cloud.unlisted)) == ({SECOND}, {FIRST})


def test_shortness_is_timed_for_each() -> None:
    sight = Sight()
    sight.faces[FIRST].capacity = sight.faces[SECOND].capacity = 3
    sight.look(Listing())
    sight.faces[SECOND].capacity = 0
    sight.faces[FIRST].at = NOW + timedelta(minutes=5)
    assert sight.look(Listing()).short_since == {FIRST: NOW}
    sight.eyes.patched(SECOND, done=True)
    assert sight.look(Listing()).short_since == {FIRST: NOW}
    sight.eyes.patched(FIRST, done=True)
    assert sight.look(Listing()).short_since == {FIRST: NOW + timedelta(minutes=5)}


def test_how_old_a_word_of_consent_may_be() -> None:
    """Right after a listing as old as an order; else a minute."""
    sight = Sight()
    sight.look(Targets(refs=(at(FIRST, 1),)))
    sight.look(BOTH, Cloud(listings={FIRST: sighting(scale_set=FIRST)}))
    sight.look(Listing())
    assert sight.faces[FIRST].patience == [POLICY.view_kept, POLICY.order_horizon, timedelta(0)]
    assert sight.faces[SECOND].patience == [POLICY.view_kept, timedelta(0)]


# -- silence, of a scale set or of Microsoft.Network


@pytest.mark.parametrize("silent", [FIRST, SECOND])
def test_while_one_is_silent_the_other_ones_looks_are_fresh_in_every_tick(silent: ScaleSetName) -> None:
    sight, other = Sight(), FIRST if silent == SECOND else SECOND
    sight.faces[silent].falls_silent()
    for _ in range(40):
        cloud = sight.look(Listing())
        cloud = sight.look(Targets(refs=(at(other, 1), at(silent, 2))), cloud)
        assert sight.age(cloud.listings[other].sent) <= HORIZON / 2
        sight.later(10)


def test_two_that_fall_silent_do_not_add_up_from_the_second_tick_on() -> None:
    sight = Sight(FIRST, SECOND, THIRD)
    sight.faces[SECOND].falls_silent()
    sight.faces[THIRD].falls_silent()
    sight.look(Listing())
    for _ in range(40):
        cloud = sight.look(Listing())
        assert sight.age(cloud.listings[FIRST].sent) <= HORIZON / 2
        sight.later(10)


def test_one_that_is_merely_slow_is_looked_at_before_the_others() -> None:
    sight = Sight()
    sight.faces[SECOND].takes = timedelta(seconds=19)
    sight.look(Listing())
    cloud = sight.look(Listing())
    assert set(cloud.listings) == {FIRST, SECOND}
    assert sight.age(cloud.listings[FIRST].sent) == 0


def test_a_silent_one_is_put_off_for_a_while_and_then_tried_again() -> None:
    sight = Sight()
    sight.faces[SECOND].falls_silent()
    sight.look(Listing())
    cloud, errors = sight.eyes.look(Cloud(), Listing())
    assert (set(cloud.unlisted), errors, sight.looks_taken(SECOND)) == ({SECOND}, (), 1)
    sight.later(HORIZON)
    sight.faces[SECOND].takes, sight.faces[SECOND].error = timedelta(0), None
    cloud = sight.look(Listing())
    assert set(cloud.listings) == {FIRST, SECOND}
    cloud = sight.look(Listing())
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
            sight.look(Targets(refs=(at(SECOND, 2),)))
    sight.faces[FIRST].falls_silent()
    assert sight.look(Listing()).listings == {}  # the one was put off, the other fell silent
    for number in range(2, 4):
        with pytest.raises(Unreachable):
            sight.look(Listing())
        assert sight.looks_taken(FIRST) == number


def test_one_that_was_silent_in_this_tick_is_not_asked_a_second_time_in_it() -> None:
    sight = Sight()
    sight.faces[SECOND].falls_silent()
    cloud = sight.look(Listing())
    cloud = sight.look(Targets(refs=(at(SECOND, 2),)), cloud)
    assert sight.looks_taken(SECOND) == 1


def test_a_silent_network_is_waited_for_once_a_tick_each_in_its_turn() -> None:
    """No order rests on an address, and every second of waiting for one is taken from those that were looked at."""
    sight = Sight()
    for face in sight.faces.values():
        face.loses_its_network()
    for number in range(1, 4):
        cloud = sight.look(BOTH)
        cloud = sight.look(ALL, cloud)
        assert cloud.addresses == {vm(1): None, vm(2): None}
        assert all(sight.age(each.sent) <= HORIZON / 2 for each in cloud.asked.values())
        assert sum(face.asked.count("addresses") for face in sight.faces.values()) == number
        sight.later(1)
    assert all("addresses" in face.asked for face in sight.faces.values())


def test_after_a_silence_in_this_tick_addresses_are_not_waited_for() -> None:
    sight = Sight()
    sight.faces[SECOND].falls_silent()
    cloud = sight.look(BOTH)
    sight.faces[FIRST].loses_its_network()
    cloud = sight.look(AddressesOf(refs=(at(FIRST, 1),)), cloud)
    assert cloud.addresses == {vm(1): None}
    assert "addresses" not in sight.faces[FIRST].asked


def test_one_machine_without_an_answer_hides_no_others_addresses_and_is_a_silence() -> None:
    sight = Sight()
    face = sight.faces[FIRST]
    face.located_after, face.unanswered = SILENCE, (at(FIRST, 1),)
    cloud, errors = sight.eyes.look(sight.look(BOTH), AddressesOf(refs=(at(FIRST, 1), at(FIRST, 3), at(SECOND, 2))))
    assert cloud.addresses == {vm(1): None, vm(3): Addresses(private="10.0.0.5"), vm(2): None}
    assert [str(error) for error in errors] == ["no answer about one"]
    assert "addresses" not in sight.faces[SECOND].asked


def test_the_network_of_one_says_nothing_of_its_machines() -> None:
    sight = Sight()
    sight.faces[SECOND].loses_its_network()
    sight.look(ALL)
    cloud = sight.look(Listing())
    assert set(cloud.listings) == {FIRST, SECOND}


# -- targeted GETs at the same time: as many as there are threads, and no further one once nobody answers

REFS = tuple(at(FIRST, number) for number in range(1, 6))


class Meeting(Face):
    """Answers nothing before `number` requests are under way, and then all but those about `silent`."""

    def __init__(self, number: int, *silent: InstanceRef) -> None:
        super().__init__(FIRST)
        self.meeting = Barrier(number, timeout=10)
        self.silent = silent

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        self._meet()
        return super().view(no_older_than=no_older_than)

    def get(self, asked: InstanceRef) -> Answer:
        self._meet()
        if asked in self.silent:
            raise Unreachable("silence")
        return super().get(asked)

    def _meet(self) -> None:
        try:
            self.meeting.wait()
        except BrokenBarrierError:
            raise Unreachable("the others were not asked meanwhile") from None


class Fails(Face):
    """A door that raises an error for the GET of one machine and answers all others."""

    def __init__(self, number: int, how: ScalerError) -> None:
        super().__init__(FIRST)
        self.number, self.how, self.gets = number, how, 0

    def get(self, asked: InstanceRef) -> Answer:
        self.gets += 1
        if asked == REFS[self.number]:
            raise self.how
        return super().get(asked)


@pytest.fixture
def threads() -> Iterator[Together]:
    with ThreadPoolExecutor(6) as pool:
        yield lambda requests: pool.map(lambda request: request(), requests)


def asked(face: Face, together: Together = one_by_one) -> tuple[Cloud, tuple[ScalerError, ...]]:
    return AzureObserver({FIRST: face}, ManualClock(), POLICY, together).look(Cloud(), Targets(refs=REFS))  # type: ignore[dict-item]


def test_the_view_and_all_targeted_gets_are_under_way_at_the_same_time(threads: Together) -> None:
    cloud, errors = asked(Meeting(1 + len(REFS)), threads)
    assert not errors
    assert set(cloud.asked) == {each.vm_id for each in REFS}


@pytest.mark.parametrize(("error", "gets", "answers"), [(Unreachable("silence"), 3, 2), (Garbled("nonsense"), 5, 4)])
def test_one_by_one_nobody_is_asked_after_a_silence(error: ScalerError, gets: int, answers: int) -> None:
    face = Fails(2, error)
    cloud, errors = asked(face)
    assert (face.gets, len(cloud.asked), errors) == (gets, answers, (error,))


def test_what_was_answered_beside_a_silence_counts(threads: Together) -> None:
    cloud, errors = asked(Meeting(1 + len(REFS), *REFS[:2]), threads)
    assert {each.vm_id for each in REFS[2:]} == set(cloud.asked)
    assert [str(each) for each in errors] == ["silence"]  # of several one is enough
