"""The provisioner: Azure in, a plan out; and whole ticks before a quota, a lock, and machines without identity."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import MIN, NOW, POLICY, SCALE_SET, S, cloud, instance, ref, sighting, vm, wants
from tick_house import EXACT, NAME, House

from emulator.behaviour import Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.region import Profile, Region
from emulator.switches import Switches
from scaler.controllers import provisioner
from scaler.errors import Refused
from scaler.model.capacity import after_listing
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, Instance, InstanceRef, PowerState, ProvisioningState, ScaleSetName
from scaler.model.newcomers import Followed, Phase
from scaler.model.plan import Deallocate, Listing, Plan, PowerOff, Refusal, SetCapacity, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import Method, Pages
from scaler.observe import Targets
from scaler.settings.table import SETTINGS
from scaler.tick import Tick

FIRST, SECOND, THIRD = ScaleSetName("first"), ScaleSetName("second"), ScaleSetName("third")
THREE = Policy(capacity=dict.fromkeys((FIRST, SECOND, THIRD), Capacity(desired=0)))
CORES = 36


def new(number: int, **fields: object) -> Instance:
    return instance(number, **{"power": PowerState.RUNNING, "marked": False, **fields})  # type: ignore[arg-type]


def asked(*instances: Instance, **listed: object) -> Cloud:
    """A listing, and a targeted GET of each machine in it."""
    answers = cloud(*instances, look=sighting(Method.TARGETED))
    return replace(answers, listings={SCALE_SET: sighting(Method.LISTING, **listed)})


def test_it_asks_for_a_listing_first_and_then_for_each_machine_it_would_stop() -> None:
    assert wants(provisioner.decide, Cloud(), POLICY) == Listing()
    listed = cloud(new(1), instance(2))
    assert wants(provisioner.decide, listed, POLICY) == Targets(refs=(new(1).ref,))
    assert wants(provisioner.decide, asked(new(1)), POLICY) is None


def test_it_does_nothing_when_its_listing_was_put_off() -> None:
    assert wants(provisioner.decide, Cloud(unlisted=frozenset({SCALE_SET})), POLICY) is None


def test_it_raises_capacity_to_what_is_desired_with_the_etag_it_read() -> None:
    (step,) = provisioner.decide(cloud(look=sighting(capacity=1)), POLICY).steps
    assert step.order == SetCapacity(scale_set=SCALE_SET, capacity=4, etag='"7"', rests_on=sighting(capacity=1))
    assert step.why is Why.BELOW_DESIRED


def test_it_creates_at_most_max_surge_a_tick() -> None:
    many = replace(POLICY, capacity={SCALE_SET: Capacity(desired=100)})
    (step,) = provisioner.decide(cloud(look=sighting(capacity=3)), many).steps
    assert isinstance(step.order, SetCapacity)
    assert step.order.capacity == 13


def growing(ready: int, waiting: int, since: float | None, *, late: bool = True) -> Plan:
    """Beside machines that are ready, new ones that wait for their marks, and a raise of so many seconds ago."""
    many = replace(POLICY, capacity={SCALE_SET: Capacity(desired=100)})
    shown = [instance(number) for number in range(ready)]
    pages = Pages(scale_set=SCALE_SET, instances=tuple(shown), unidentified=0, requests=1, at=NOW, sent=0.0)
    line = {vm(50 + each): Followed(ref=ref(50 + each), phase=Phase.RESTS, due_in=MIN) for each in range(waiting)}
    seen = replace(
        cloud(*shown, look=sighting(capacity=ready)),
        demand={SCALE_SET: after_listing(None, pages, many.capacity[SCALE_SET], many)},
        newcomers=line,
        grown={SCALE_SET: since * S} if since is not None else {},
        late_marks=frozenset({SCALE_SET} if late else ()),
    )
    return provisioner.decide(seen, many)


@pytest.mark.parametrize(
    ("ready", "waiting", "since", "grows"),
    [
        (1, 0, None, True),
        (1, 0, 49, False),
        (1, 0, 50, True),
        (1, 4, 109, False),  # each of them costs 15 s of the budget that it may share with this raise
        (1, 4, 110, True),
        (0, 4, 109, False),
        (1, 40, 119, False),
        (1, 40, 120, True),  # marks may have a budget of their own
        (0, 0, 1, True),  # nothing is ready, and no mark would have to wait
    ],
)
def test_it_raises_the_capacity_once_a_minute_and_later_where_new_machines_wait_for_their_marks(
    ready: int, waiting: int, since: float | None, grows: bool
) -> None:
    plan = growing(ready, waiting, since)
    assert any(isinstance(step.order, SetCapacity) for step in plan.steps) is grows
    assert (Why.RAISE_LATER in {held.why for held in plan.refusals}) is not grows


def test_where_no_mark_was_late_lately_every_raise_is_made_at_once() -> None:
    plan = growing(1, 4, 1, late=False)
    assert any(isinstance(step.order, SetCapacity) for step in plan.steps)


@pytest.mark.parametrize("capacity", [4, 5, 900])
def test_it_never_lowers_capacity(capacity: int) -> None:
    assert provisioner.decide(cloud(look=sighting(capacity=capacity)), POLICY).steps == ()


def test_it_stops_new_machines_warm_first_and_deallocates_the_rest() -> None:
    plan = provisioner.decide(asked(new(1), new(2), new(3)), POLICY)
    assert [type(step.order) for step in plan.steps] == [PowerOff, Deallocate, Deallocate]


@pytest.mark.parametrize("power", [PowerState.STOPPED, PowerState.STOPPING])
def test_the_warm_share_counts_what_is_still_on_its_way_to_rest(power: PowerState) -> None:
    plan = provisioner.decide(asked(new(1), instance(2, power=power)), POLICY)
    assert [type(step.order) for step in plan.steps] == [Deallocate]


def test_a_stop_rests_on_a_targeted_get_never_on_a_listing() -> None:
    assert provisioner.decide(cloud(new(1)), POLICY).steps == ()
    (step,) = provisioner.decide(asked(new(1)), POLICY).steps
    assert step.order is not None
    assert step.order.rests_on.by is Method.TARGETED


@pytest.mark.parametrize(
    "machine",
    [
        new(1, marked=True),
        new(1, provisioning=ProvisioningState.CREATING),
        new(1, provisioning=ProvisioningState.UPDATING),
        new(1, provisioning=ProvisioningState.DELETING),
        new(1, power=PowerState.UNKNOWN),
        new(1, power=PowerState.STARTING),
    ],
    ids=["marked", "creating", "updating", "deleting", "unknown", "starting"],
)
def test_it_leaves_alone_what_is_marked_busy_or_not_surely_running(machine: Instance) -> None:
    assert provisioner.decide(asked(machine), POLICY).steps == ()


def test_a_failed_machine_that_runs_is_stopped_all_the_same() -> None:
    (step,) = provisioner.decide(asked(new(1, provisioning=ProvisioningState.FAILED)), POLICY).steps
    assert step.vm_id == vm(1)


def test_without_consent_it_only_says_so() -> None:
    look = replace(asked(new(1)), listings={SCALE_SET: sighting(consent=False, capacity=0)})
    plan = provisioner.decide(look, POLICY)
    assert plan.steps == ()
    assert [held.why for held in plan.refusals] == [Why.NO_CONSENT]


# -- its few targeted GETs: shared by the scale sets in turn, and in each the longest unasked goes first


def running(**counts: int) -> Cloud:
    """So many new machines run in each scale set."""
    cloud = Cloud(listings={ScaleSetName(name): sighting(scale_set=name) for name in counts})
    for name, count in counts.items():
        for number in range(count):
            machine = instance(len(cloud.instances), PowerState.RUNNING, marked=False)
            machine = replace(machine, ref=replace(machine.ref, scale_set=ScaleSetName(name)))
            cloud = cloud.showing(sighting(scale_set=name, sent=float(number)), machine)
    return cloud


def asked_for(cloud: Cloud, *before: InstanceRef) -> list[InstanceRef]:
    look = wants(provisioner.decide, cloud, THREE, [each.vm_id for each in before])
    assert isinstance(look, Targets)
    return list(look.refs)


@pytest.mark.parametrize(
    ("counts", "shares"),
    [
        ({"first": 20, "second": 1, "third": 0}, {FIRST: 9, SECOND: 1}),
        ({"first": 20, "second": 20, "third": 2}, {FIRST: 4, SECOND: 4, THIRD: 2}),
        ({"first": 0, "second": 0, "third": 20}, {THIRD: 10}),
    ],
)
def test_no_scale_set_takes_another_ones_share(counts: Mapping[str, int], shares: Mapping[ScaleSetName, int]) -> None:
    assert Counter(each.scale_set for each in asked_for(running(**counts))) == shares


def test_who_was_not_asked_yet_goes_first_then_who_was_asked_longest_ago() -> None:
    cloud = running(first=12)
    first = asked_for(cloud)
    second = asked_for(cloud, *first)
    assert not {*second[:2]} & {*first}
    assert second[2:] == first[:8]
    third = asked_for(cloud, *first[8:], *second)
    assert third[:2] == first[8:]


class Stubborn(InProcessScaleSet):
    """Azure refuses to stop anything there."""

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        raise Refused("a lock", "ScopeLocked", 409)


def test_machines_that_cannot_be_stopped_keep_neither_their_neighbours_nor_another_scale_set_from_it() -> None:
    house = House(Policy(capacity=dict.fromkeys((FIRST, SECOND), Capacity(desired=12))))
    for azure in house.azures.values():
        azure.scale(Scale(capacity=12), by="operator")
    house.later(minutes=5)
    house.faces[FIRST] = Stubborn(house.azures[FIRST], house.clock)
    tick, tried = house.tick(Actor.PROVISIONER), set[str]()
    for _ in range(3):
        tried |= {str(outcome.step.vm_id) for outcome in tick.run().outcomes}
        house.later(minutes=1)
    assert {vm.vm_id for azure in house.azures.values() for vm in azure.vms} <= tried
    assert all(vm.power is PowerState.DEALLOCATED for vm in house.azures[SECOND].vms)


# -- a quota that is smaller than what is wanted: the pool gets what fits, and whoever looks is told why it is no more


class Crowded(House):
    """A region with little room, and one process: its provisioner and its reconciler, once a minute."""

    def __init__(self, *, wanted: int, room: int) -> None:
        region = Region(cores=room * CORES)
        super().__init__(Policy(capacity={NAME: Capacity(desired=wanted)}), profile=Profile(cores=CORES, region=region))
        self.refusals, ceilings = 0, dict[ScaleSetName, Ceiling]()
        self.ticks = [
            Tick(name, self.ports(name), self.policy, ceilings) for name in (Actor.PROVISIONER, Actor.RECONCILER)
        ]

    def minutes(self, number: int) -> list[Why]:
        """Run both controllers once a minute; return the reasons of the alarms."""
        held: list[Why] = []
        for _ in range(number):
            self.later(minutes=1)
            for tick in self.ticks:
                report = tick.run()
                self.refusals += sum(each.error is not None for each in report.outcomes)
                held += [each.why for each in report.plan.refusals if each.alarm]
        return held


def test_a_quota_with_room_for_two_of_four_gives_two_and_one_refusal_in_ten_minutes() -> None:
    house = Crowded(wanted=4, room=2)
    held = house.minutes(10)
    assert (house.azure.capacity, house.refusals) == (2, 1)
    assert set(held) == {Why.QUOTA_TOO_SMALL}


def test_a_machine_that_was_used_and_deleted_is_replaced_though_the_quota_is_full() -> None:
    house = Crowded(wanted=4, room=2)
    house.minutes(6)
    house.azure.order(OrderKind.DELETE, [house.azure.vms[0].instance_id])
    house.minutes(4)
    assert house.azure.capacity == 2


def test_more_quota_is_noticed_within_the_hold() -> None:
    house = Crowded(wanted=4, room=2)
    house.minutes(5)
    house.azure.limit()
    house.minutes(round(house.policy.refused_hold / timedelta(minutes=1)))
    assert house.azure.capacity == 4
    assert house.minutes(1) == []


def test_the_reconciler_writes_down_what_the_provisioner_was_refused_for_as_long_as_it_holds() -> None:
    house = Crowded(wanted=4, room=2)
    house.minutes(2)
    (ceiling,) = house.registry.ceilings().values()
    assert (ceiling.refused, ceiling.failure) == (3, FailureClass.QUOTA)
    assert "Current Limit: 72" in ceiling.said
    house.clock.advance(house.policy.refused_hold)
    assert house.registry.ceilings() == {}


@pytest.mark.parametrize("room", [1, 2, 3, 5, 9, 10])
def test_any_room_is_used_up_to_the_last_machine(room: int) -> None:
    house = Crowded(wanted=10, room=room)
    house.minutes(6)
    assert house.azure.capacity == room


# -- machines that Azure lists and never identifies hold a place in the capacity: the operator hears of them


def told(*later: timedelta, made_in: float = 2.0) -> tuple[Refusal, ...]:
    """What is held back in the last of such ticks, while three machines are made in so many hours without identity."""
    latencies = Latencies(create=(made_in * 3600, made_in * 3600)).exact()
    behaviour = replace(EXACT, latencies=latencies, switches=Switches(vm_id_at_once=False))
    house = House(Policy(capacity={NAME: Capacity(desired=3)}), behaviour=behaviour)
    tick = house.tick(Actor.PROVISIONER)
    tick.run()
    for number, each in enumerate((timedelta(seconds=1), *later)):  # the first listing that shows them
        house.clock.advance(each)
        held = tick.run().plan.refusals
        assert not held or number == len(later)
    return held


@pytest.mark.parametrize(("seconds", "alarms"), [(-1, 0), (0, 1), (1, 1)])
def test_an_alarm_names_them_once_nothing_can_still_be_making_them(seconds: int, alarms: int) -> None:
    held = told(POLICY.creating_timeout + timedelta(seconds=seconds))
    facts = {"scale_set": NAME, "machines": 3, "instance_ids": "0, 1, 2"}
    assert [(each.why, each.alarm, each.facts) for each in held] == [(Why.NO_IDENTITY, True, facts)] * alarms


def test_who_says_who_they_are_meanwhile_is_not_told_of_and_the_time_of_another_row_begins_anew() -> None:
    assert told(POLICY.creating_timeout, POLICY.creating_timeout, made_in=0.1) == ()
    assert told(timedelta(hours=0.5), timedelta(hours=0.5), made_in=0.4) == ()


def test_a_reason_names_the_settings_to_change_and_not_the_mode() -> None:
    """Who wants fewer machines for less quota or money lowers a number; which one is the mode's."""
    named = {why: set(re.findall(r"SCALER_[A-Z_]+", why)) for why in Why}
    numbers = {"SCALER_POOL_CAPACITY", "SCALER_POOL_MAX"}
    assert named[Why.QUOTA_TOO_SMALL] == numbers
    assert named[Why.OVER_BUDGET] == numbers | {"SCALER_BUDGET"}
    assert set().union(*named.values()) <= {setting.name for setting in SETTINGS} - {"SCALER_CAPACITY"}
