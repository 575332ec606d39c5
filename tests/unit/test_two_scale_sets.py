"""Two scale sets with the same instance ids in one registry: whose number, look, address and order is whose."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, UNIQUE_ID, ago, instance, notes, only, record, ref, row, sighting, vm, wants
from clock import ManualClock
from wire.scripted_arm import Said, wired

from scaler.actuate import Ports, Result, actuate
from scaler.controllers import provisioner, reconciler, starter
from scaler.errors import Refused
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
from scaler.model.plan import Deallocate, Delete, Plan, PowerOff, SetCapacity, Start, Step, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Record, Row, Snapshot, StartNote, Status
from scaler.model.sighting import Method, Pause, Sighting
from scaler.observe import AddressesOf, Targets

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
        for number in (1, 2):
            cloud = cloud.with_addresses({vm(number): Addresses(private=f"10.0.0.{number}")})
        steps = starter.decide(joined(cloud, *rows), POLICY).steps
        told = {
            each.vm_id: each.change.record.private_ip
            for each in steps
            if each.change is not None and isinstance(each.change.record, Record)
        }
        assert told == {vm(1): "10.0.0.1", vm(2): "10.0.0.2"}

    def test_only_the_machines_that_are_opened_are_asked_for(self) -> None:
        rows = waiting(FIRST, 1, ME), waiting(SECOND, 2, YOU)
        shown = [machine(FIRST, 1, PowerState.RUNNING), machine(SECOND, 2, PowerState.STARTING)]
        cloud = answered(*shown)
        assert wants(starter.decide, joined(cloud, *rows), POLICY) == AddressesOf(refs=(shown[0].ref,))

    def test_a_machine_that_is_refused_or_started_needs_no_address(self) -> None:
        tainted = row(1, record(1, Status.RESERVED, session_id=ME), replace(notes(1), scale_set=FIRST))
        for power in (PowerState.RUNNING, PowerState.DEALLOCATED):
            shown = machine(FIRST, 1, power)
            cloud = answered(shown)
            assert not isinstance(wants(starter.decide, joined(cloud, tainted), POLICY), AddressesOf)


class Ordered:
    """A scale set that takes every order, and keeps it."""

    def __init__(self) -> None:
        self.ordered: list[tuple[str, tuple[InstanceRef, ...]]] = []

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self.ordered.append(("start", tuple(refs)))

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self.ordered.append(("delete", tuple(refs)))


@pytest.mark.parametrize(("order", "verb"), [(Start, "start"), (Delete, "delete")])
def test_orders_to_the_same_instance_id_go_each_to_its_own_scale_set(order: type, verb: str) -> None:
    faces = {name: Ordered() for name in (FIRST, SECOND)}
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


@pytest.mark.parametrize(
    "changed",
    [{"scale_set": ScaleSetName("others")}, {"instance_id": InstanceId("..")}, {"instance_id": InstanceId("*")}],
)
def test_what_is_none_of_its_machines_is_refused_and_not_asked_for(changed: dict[str, str]) -> None:
    with wired(lambda _: Said(status=200)) as wire:
        wrong = replace(replace(ref(1), scale_set=wire.scale_set.name), **changed)  # type: ignore[arg-type]
        with pytest.raises(Refused, match="not an instance of"):
            wire.scale_set.get(wrong)
        assert wire.asked == []
