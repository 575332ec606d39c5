"""Two scale sets with the same instance ids in one registry: whose number, look, address and order is whose."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, UNIQUE_ID, ago, instance, notes, only, record, row, sighting, vm, wants
from clock import ManualClock

from scaler.actuate import Ports, Result, actuate
from scaler.controllers import provisioner, reconciler, starter
from scaler.errors import Garbled, Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import (
    Addresses,
    Instance,
    InstanceId,
    InstanceRef,
    PowerState,
    ScaleSetName,
    SessionId,
    VmId,
)
from scaler.model.plan import Deallocate, Delete, Listing, Plan, PowerOff, SetCapacity, Start, Step, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Record, Row, Snapshot, StartNote, Status
from scaler.model.sighting import Answer, Method, Pages, Pause, ScaleSetView, Sighting
from scaler.observe import AddressesOf, AzureObserver, Targets

FIRST, SECOND, NOBODYS = ScaleSetName("first"), ScaleSetName("second"), ScaleSetName("nobodys")
POLICY = Policy(
    capacity={FIRST: Capacity(desired=4, warm=1), SECOND: Capacity(desired=7, warm=1)},
    regions={FIRST: "EUR", SECOND: "USA"},
)
ME, YOU = SessionId("me"), SessionId("you")
AT_ONCE = timedelta(seconds=30)


def at(scale_set: ScaleSetName, number: int, *, instance_id: str = "0") -> InstanceRef:
    """Different machines; unless said otherwise both are number 0 of their scale set."""
    return InstanceRef(scale_set=scale_set, instance_id=InstanceId(instance_id), vm_id=vm(number))


def machine(
    scale_set: ScaleSetName, number: int, power: PowerState = PowerState.DEALLOCATED, **fields: object
) -> Instance:
    return replace(instance(number, power, **fields), ref=at(scale_set, number))


def look(scale_set: ScaleSetName, by: Method = Method.LISTING, **fields: object) -> Sighting:
    return sighting(by, **({"scale_set": scale_set, "capacity": 4} | fields))


def showing(cloud: Cloud, *those: Instance, by: Method = Method.LISTING) -> Cloud:
    for each in those:
        cloud = cloud.showing(look(each.ref.scale_set, by), each)
    return cloud


def both(*those: Instance, by: Method = Method.LISTING) -> Cloud:
    return showing(Cloud(listings={name: look(name) for name in (FIRST, SECOND)}), *those, by=by)


def answered(*those: Instance) -> Cloud:
    return showing(Cloud(asked={each.vm_id: look(FIRST) for each in those}), *those, by=Method.TARGETED)


def joined(cloud: Cloud, *rows: Row) -> Fleet:
    return Fleet.join(Snapshot(now=NOW, rows={each.vm_id: each for each in rows}), cloud, POLICY)


def stops(plan: Plan) -> Mapping[VmId, type]:
    return {
        each.order.ref.vm_id: type(each.order) for each in plan.steps if isinstance(each.order, PowerOff | Deallocate)
    }


class TestProvisioner:
    """Each scale set by its own numbers."""

    def test_each_grows_to_its_own_size(self) -> None:
        orders = [each.order for each in provisioner.decide(both(), POLICY).steps]
        grown = both()
        grown = replace(grown, listings={name: replace(it, capacity=1) for name, it in grown.listings.items()})
        orders = [each.order for each in provisioner.decide(grown, POLICY).steps]
        assert {(each.scale_set, each.capacity) for each in orders if isinstance(each, SetCapacity)} == {
            (FIRST, 4),
            (SECOND, 7),
        }

    def test_the_warm_of_one_are_not_the_warm_of_the_other(self) -> None:
        new = machine(SECOND, 2, PowerState.RUNNING, marked=False)
        cloud = both(machine(FIRST, 1, PowerState.STOPPED))
        cloud = showing(replace(cloud, asked={new.vm_id: look(SECOND)}), new, by=Method.TARGETED)
        assert stops(provisioner.decide(cloud, POLICY)) == {new.vm_id: PowerOff}

    def test_each_machine_is_stopped_once_and_by_its_own_scale_set(self) -> None:
        new = [machine(name, number, PowerState.RUNNING, marked=False) for number, name in enumerate((FIRST, SECOND))]
        plan = provisioner.decide(both(*new, by=Method.TARGETED), POLICY)
        steps = [each for each in plan.steps if isinstance(each.order, PowerOff | Deallocate)]
        assert [each.order.ref for each in steps if isinstance(each.order, PowerOff | Deallocate)] == [
            each.ref for each in new
        ]

    @pytest.mark.parametrize("halted", [sighting(consent=False), sighting(pause=Pause.ALL)])
    def test_one_that_is_halted_does_not_keep_the_next_from_growing(self, halted: Sighting) -> None:
        listings = {FIRST: replace(halted, scale_set=FIRST, capacity=1), SECOND: look(SECOND, capacity=1)}
        plan = provisioner.decide(Cloud(listings=listings), POLICY)
        assert [each.order.scale_set for each in plan.steps if isinstance(each.order, SetCapacity)] == [SECOND]

    def test_a_capacity_that_is_stuck_is_patched_where_it_is_stuck(self) -> None:
        full = {FIRST: look(FIRST, capacity=4), SECOND: look(SECOND, capacity=7)}
        cloud = Cloud(listings=full, short_since={SECOND: ago(minutes=20)})
        (step,) = provisioner.decide(cloud, POLICY).steps
        assert (step.why, step.facts["scale_set"]) == (Why.CAPACITY_STUCK, SECOND)


class TestRegistry:
    """What a record and its notes say of a scale set."""

    @pytest.mark.parametrize(("scale_set", "region"), [(FIRST, "EUR"), (SECOND, "USA")])
    def test_a_new_record_names_the_region_of_its_scale_set(self, scale_set: ScaleSetName, region: str) -> None:
        ripe = replace(notes(1, admitted_at=None, mark_seen_at=ago(minutes=10)), scale_set=scale_set)
        known = row(9, record(9), replace(notes(9, mark_asked_at=ago(seconds=70)), scale_set=FIRST))
        cloud = both(machine(scale_set, 1), machine(FIRST, 9))
        (step,) = reconciler.decide(joined(cloud, row(1, None, ripe), known), POLICY).steps
        assert step.change is not None
        assert isinstance(step.change.record, Record)
        assert step.change.record.region == region

    def test_what_lies_in_a_scale_set_that_is_not_configured_has_no_address(self) -> None:
        elsewhere = row(1, record(1), replace(notes(1), scale_set=NOBODYS))
        assert joined(both(), elsewhere).address(elsewhere) is None

    def test_a_scale_set_made_anew_under_its_name_offers_none_of_its_former_machines(self) -> None:
        former = row(1, record(1), replace(notes(1), scale_set=FIRST, unique_id=UNIQUE_ID[::-1]))
        step = only(reconciler.decide(joined(both(), former), POLICY).steps)
        assert step.why is Why.LEFT_AVAILABLE
        assert step.change is not None
        assert step.change.index is Status.UNAVAILABLE

    def test_a_scale_set_that_was_not_listed_is_not_asked_for_what_it_lacks(self) -> None:
        lacking = row(1, record(1), replace(notes(1), scale_set=SECOND))
        cloud = Cloud(listings={FIRST: look(FIRST)}, unlisted=frozenset({SECOND}))
        assert not isinstance(wants(reconciler.decide, joined(cloud, lacking), POLICY), Targets)

    def test_without_notes_it_is_gone_as_of_the_earliest_of_all_listings(self) -> None:
        lost = row(1, record(1), None)
        cloud = Cloud(listings={FIRST: look(FIRST, at=ago(seconds=20)), SECOND: look(SECOND)})
        absent = joined(cloud, lost).by_id[vm(1)].absence
        assert absent is not None
        assert absent.at == ago(seconds=20)


def waiting(scale_set: ScaleSetName, number: int, session: SessionId) -> Row:
    start = StartNote(session=session, at=ago(seconds=30), attempts=1)
    noted = replace(notes(number, start=start), scale_set=scale_set, instance_id=InstanceId("0"))
    return row(number, record(number, Status.RESERVED, session_id=session), noted)


class TestAddresses:
    """The same instance id in both, with another address in each."""

    def test_each_visitor_is_told_the_address_in_their_own_scale_set(self) -> None:
        rows = waiting(FIRST, 1, ME), waiting(SECOND, 2, YOU)
        running = [machine(name, number, PowerState.RUNNING) for number, name in ((1, FIRST), (2, SECOND))]
        cloud = answered(*running)
        for name, address in ((FIRST, "10.0.0.1"), (SECOND, "10.0.0.2")):
            cloud = cloud.with_addresses(name, {InstanceId("0"): Addresses(private=address)})
        steps = starter.decide(joined(cloud, *rows), POLICY).steps
        told = {
            each.vm_id: each.change.record.private_ip
            for each in steps
            if each.change is not None and isinstance(each.change.record, Record)
        }
        assert told == {vm(1): "10.0.0.1", vm(2): "10.0.0.2"}

    def test_only_the_scale_sets_in_which_something_is_opened_are_asked(self) -> None:
        rows = waiting(FIRST, 1, ME), waiting(SECOND, 2, YOU)
        shown = [machine(FIRST, 1, PowerState.RUNNING), machine(SECOND, 2, PowerState.STARTING)]
        cloud = answered(*shown)
        assert wants(starter.decide, joined(cloud, *rows), POLICY) == AddressesOf(scale_sets=frozenset({FIRST}))

    def test_a_machine_that_is_refused_or_started_needs_no_address(self) -> None:
        tainted = row(1, record(1, Status.RESERVED, session_id=ME), replace(notes(1), scale_set=FIRST))
        for power in (PowerState.RUNNING, PowerState.DEALLOCATED):
            shown = machine(FIRST, 1, power)
            cloud = answered(shown)
            assert not isinstance(wants(starter.decide, joined(cloud, tainted), POLICY), AddressesOf)


class Face:
    """A scale set that answers as it is told, and keeps what it was asked."""

    def __init__(self, name: ScaleSetName, *, capacity: int = 0, error: ScalerError | None = None) -> None:
        self.name = name
        self.capacity = capacity
        self.error = error
        self.asked: list[str] = []
        self.ordered: list[tuple[str, tuple[InstanceRef, ...]]] = []
        self.at = NOW

    def _answer(self, what: str) -> None:
        self.asked.append(what)
        if self.error is not None:
            raise self.error

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        self._answer("view")
        return ScaleSetView(
            name=self.name,
            unique_id=UNIQUE_ID,
            capacity=self.capacity,
            etag=None,
            managed_by="true",
            at=self.at,
            sent=0.0,
        )

    def list_instances(self) -> Pages:
        self._answer("list")
        return Pages(scale_set=self.name, instances=(), unidentified=0, requests=1, at=self.at, sent=0.0)

    def get(self, asked: InstanceRef) -> Answer:
        self._answer("get")
        return Answer(asked=asked, found=None, at=self.at, sent=0.0)

    def addresses(self) -> Mapping[InstanceId, Addresses]:
        self._answer("addresses")
        return {InstanceId("0"): Addresses(private=f"10.0.0.{len(self.name)}")}

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self.ordered.append(("start", tuple(refs)))

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self.ordered.append(("delete", tuple(refs)))


class Sight:
    """AzureObserver before two scale sets."""

    def __init__(self, first: Face, second: Face) -> None:
        self.clock = ManualClock()
        self.first, self.second = first, second
        self.eyes = AzureObserver({FIRST: first, SECOND: second}, self.clock, POLICY)  # type: ignore[dict-item]


ERRORS = [Unreachable("silence"), Refused("no"), Garbled("nonsense"), Missing("gone")]


class TestEyes:
    """One that does not answer costs its own look."""

    @pytest.mark.parametrize("error", [*ERRORS, Throttled("later", timedelta(seconds=9))])
    def test_one_that_cannot_be_listed_does_not_hide_the_other(self, error: ScalerError) -> None:
        cloud, errors = Sight(Face(FIRST, error=error), Face(SECOND)).eyes.look(Cloud(), Listing())
        assert (set(cloud.listings), errors) == ({SECOND}, (error,))

    @pytest.mark.parametrize("error", [*ERRORS, Throttled("later", timedelta(seconds=9))])
    def test_one_that_cannot_be_asked_does_not_hide_the_other(self, error: ScalerError) -> None:
        sight = Sight(Face(FIRST, error=error), Face(SECOND))
        cloud, errors = sight.eyes.look(Cloud(), Targets(refs=(at(FIRST, 1), at(SECOND, 2))))
        assert (set(cloud.asked), errors) == ({vm(2)}, (error,))

    def test_when_all_are_held_back_by_the_budget_there_is_nothing_to_report_as_a_failure(self) -> None:
        held = Throttled("later", timedelta(seconds=9))
        cloud, errors = Sight(Face(FIRST, error=held), Face(SECOND, error=held)).eyes.look(Cloud(), Listing())
        assert set(cloud.unlisted) == {FIRST, SECOND}
        assert errors == (held, held)

    def test_when_nobody_answers_at_all_the_tick_has_nothing_to_go_by(self) -> None:
        silence = Unreachable("silence")
        sight = Sight(Face(FIRST, error=silence), Face(SECOND, error=silence))
        for asked in (Listing(), Targets(refs=(at(FIRST, 1), at(SECOND, 2)))):
            with pytest.raises(Unreachable):
                sight.eyes.look(Cloud(), asked)

    @pytest.mark.parametrize(
        ("error", "answer"),
        [
            (Refused("no right to read interfaces"), {}),
            (Missing("no such list"), {}),
            (Unreachable("silence"), None),
            (Throttled("later", timedelta(seconds=9)), None),
            (Garbled("nonsense"), None),
        ],
    )
    def test_a_refusal_of_addresses_is_an_answer_and_silence_is_none(
        self, error: ScalerError, answer: Mapping[InstanceId, Addresses] | None
    ) -> None:
        sight = Sight(Face(FIRST, error=error), Face(SECOND))
        cloud, errors = sight.eyes.look(Cloud(), AddressesOf(scale_sets=frozenset({FIRST, SECOND})))
        assert cloud.addresses == {FIRST: answer, SECOND: {InstanceId("0"): Addresses(private="10.0.0.6")}}
        assert errors == (error,)

    def test_each_is_listed_at_its_own_pace(self) -> None:
        sight = Sight(Face(FIRST), Face(SECOND, error=Unreachable("silence")))
        sight.eyes.look(Cloud(), Listing(urgent=False))
        sight.second.error = None
        sight.clock.advance(POLICY.cleaner_lists_every - timedelta(seconds=1))
        cloud, _ = sight.eyes.look(Cloud(), Listing(urgent=False))
        assert (set(cloud.listings), set(cloud.unlisted)) == ({SECOND}, {FIRST})

    def test_shortness_is_timed_for_each(self) -> None:
        sight = Sight(Face(FIRST, capacity=3), Face(SECOND, capacity=3))
        sight.eyes.look(Cloud(), Listing())
        sight.second.capacity = 0
        sight.first.at = NOW + timedelta(minutes=5)
        cloud, _ = sight.eyes.look(Cloud(), Listing())
        assert cloud.short_since == {FIRST: NOW}
        sight.eyes.patched(SECOND)
        cloud, _ = sight.eyes.look(Cloud(), Listing())
        assert cloud.short_since == {FIRST: NOW}
        sight.eyes.patched(FIRST)
        cloud, _ = sight.eyes.look(Cloud(), Listing())
        assert cloud.short_since == {FIRST: NOW + timedelta(minutes=5)}


@pytest.mark.parametrize(("order", "verb"), [(Start, "start"), (Delete, "delete")])
def test_orders_to_the_same_instance_id_go_each_to_its_own_scale_set(order: type, verb: str) -> None:
    faces = {name: Face(name) for name in (FIRST, SECOND)}
    refs = [at(FIRST, 1), at(SECOND, 2)]
    steps = tuple(
        Step(why=Why.RESERVED, vm_id=each.vm_id, order=order(ref=each, rests_on=look(each.scale_set))) for each in refs
    )
    outcomes = actuate(Plan(steps=steps), Ports(registry=None, scale_sets=faces, clock=ManualClock()), POLICY)  # type: ignore[arg-type]
    assert [each.result for each in outcomes] == [Result.DONE, Result.DONE]
    assert {name: face.ordered for name, face in faces.items()} == {
        FIRST: [(verb, (refs[0],))],
        SECOND: [(verb, (refs[1],))],
    }


def test_how_old_a_word_of_consent_may_be() -> None:
    """Right after a listing as old as an order; else a minute."""
    patience: list[timedelta] = []

    class Remembering(Face):
        def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
            patience.append(no_older_than)
            return super().view(no_older_than=no_older_than)

    eyes = Sight(Remembering(FIRST), Remembering(SECOND)).eyes
    eyes.look(Cloud(), Targets(refs=(at(FIRST, 1),)))
    eyes.look(Cloud(listings={FIRST: look(FIRST)}), Targets(refs=(at(FIRST, 1), at(SECOND, 2))))
    eyes.look(Cloud(), Listing())
    assert patience[:3] == [POLICY.view_kept, POLICY.order_horizon, POLICY.view_kept]
    assert patience[3:] == [timedelta(0), timedelta(0)]
