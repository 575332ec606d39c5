"""Addresses at OPEN, continued: whose word counts, when they are asked for, and what is repaired."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    POLICY,
    SCALE_SET,
    ago,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    row,
    sighting,
)
from clock import ManualClock
from unit.arm_replies import reply

from emulator.behaviour import Behaviour, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from emulator.world import MANAGED
from scaler.actuate import Ports
from scaler.controllers import reconciler, starter
from scaler.errors import Throttled
from scaler.model.edges import CONTROLLERS, Actor, Edge
from scaler.model.instance import Addresses, InstanceId, InstanceRef, PowerState, SessionId
from scaler.model.plan import Why
from scaler.model.policy import Capacity
from scaler.model.row import OpenedNote, Record, SpentNote, StartNote, Status
from scaler.model.sighting import Answer, Method, Pages
from scaler.registry.reservations import Reservations
from scaler.tick import Tick
from scaler.vmss.addresses import configurations, located, to_interfaces

MINE = SessionId("mine")
RUNNING = instance(1, power=PowerState.RUNNING)
NEIGHBOUR = row(9, record(9), notes(9, mark_asked_at=ago(seconds=70)))
IPS = {"public": "20.1.2.3", "private": "10.0.0.4"}
FOUND = Addresses(public="20.1.2.3", private="10.0.0.4")


def opened_with(answer: Mapping[InstanceId, Addresses], **fields: object) -> Record:
    start = StartNote(session=MINE, at=ago(seconds=30), attempts=1)
    waiting = row(1, record(1, Status.RESERVED, session_id=MINE, **fields), notes(1, start=start))
    sees = cloud(RUNNING, look=sighting(Method.TARGETED)).with_addresses(SCALE_SET, answer)
    change = only(starter.decide(fleet(waiting, sees=sees), POLICY).steps).change
    assert change is not None
    assert isinstance(change.record, Record)
    return change.record


def test_what_azure_says_now_counts_more_than_what_stands_in_the_record() -> None:
    old = opened_with({InstanceId("1"): FOUND}, public_ip="198.51.100.7", private_ip="10.9.9.9")
    assert (old.public_ip, old.private_ip) == (FOUND.public, FOUND.private)


@pytest.mark.parametrize("field", ["public_ip", "private_ip"])
def test_what_azure_does_not_say_is_left_as_it_stands(field: str) -> None:
    kept = opened_with({InstanceId("1"): Addresses()}, **{field: "198.51.100.7"})
    assert getattr(kept, field) == "198.51.100.7"


@pytest.mark.parametrize("field", ["public_ip", "private_ip"])
def test_a_repair_overwrites_no_address(field: str) -> None:
    lossy = record(1, Status.UNAVAILABLE, session_id=MINE, **{field: "198.51.100.7"})
    noted = notes(1, opened=OpenedNote(session=MINE, at=ago(minutes=1), record=lossy), ips=IPS)
    step = only(
        reconciler.decide(fleet(row(1, lossy, noted), NEIGHBOUR, sees=cloud(RUNNING, instance(9))), POLICY).steps
    )
    assert step.change is not None
    assert isinstance(step.change.record, Record)
    assert step.why is Why.ADDRESSES
    assert getattr(step.change.record, field) == "198.51.100.7"


def test_a_used_machine_needs_no_addresses_any_more() -> None:
    was = record(1, Status.UNAVAILABLE, session_id=MINE)
    noted = notes(
        1,
        opened=OpenedNote(session=MINE, at=ago(minutes=9), record=was),
        ips=IPS,
        ended={MINE: Edge.RELEASE},
        spent=SpentNote(why=Edge.RELEASE, at=ago(minutes=1)),
    )
    used = row(1, replace(was, used=True), noted)
    assert reconciler.decide(fleet(used, NEIGHBOUR, sees=cloud(RUNNING, instance(9))), POLICY).steps == ()


@pytest.mark.parametrize("group", ["r2", "RH", "xx"])
def test_the_machine_of_another_resource_group_is_none_of_ours_though_its_path_is_as_long(group: str) -> None:
    ours = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute"
    theirs = f"{ours.replace('/rg/', f'/{group}/')}/virtualMachines/pixels_1a2b3c4d"
    nic = {
        "properties": {
            "virtualMachine": {"id": theirs},
            "ipConfigurations": [{"properties": {"privateIPAddress": "10.0.0.4", "primary": True}}],
        }
    }
    assert located(configurations([to_interfaces(reply({"value": [nic]}))], ours), {}) == {}


class _NeverListed(InProcessScaleSet):
    """The budget for listings is used up."""

    def list_instances(self) -> Pages:
        raise Throttled("no budget for list requests now", timedelta(seconds=9))


def test_a_machine_is_opened_with_its_addresses_though_the_listing_was_held_back() -> None:
    """A listing, targeted GETs in its place, addresses: that is the longest way of a tick."""
    policy = replace(POLICY, capacity={SCALE_SET: Capacity(desired=7, warm=7)})
    clock = ManualClock()
    azure = EmulatedScaleSet(clock.now, name=SCALE_SET, behaviour=Behaviour(latencies=Latencies().exact()))
    azure.tag(**MANAGED)
    registry = MemoryRegistry(clock.now)
    face = InProcessScaleSet(azure, clock)
    ticks = {
        name: Tick(
            name,
            Ports(registry=None if name is Actor.PROVISIONER else registry, scale_sets={SCALE_SET: face}, clock=clock),
            policy,
        )
        for name in CONTROLLERS
    }
    for _ in range(60):
        clock.advance(timedelta(seconds=15))
        for tick in ticks.values():
            tick.run()
    reservations = Reservations(registry.client, registry.keys)
    got = [reservations.reserve(SessionId(f"s{number}")) for number in range(6)]
    assert None not in got
    held = Tick(
        Actor.STARTER,
        Ports(registry=registry, scale_sets={SCALE_SET: _NeverListed(azure, clock)}, clock=clock),
        policy,
    )
    for _ in range(4):
        held.run()
        clock.advance(timedelta(seconds=10))
    rows = registry.read().rows
    opened = [rows[each.vm_id].readable for each in got if each is not None]
    assert [each.status for each in opened if each is not None] == [Status.UNAVAILABLE] * 6
    assert all(each is not None and each.private_ip for each in opened)


class _Mute(InProcessScaleSet):
    """For a while no targeted GET is answered."""

    mute = True

    def get(self, ref: InstanceRef) -> Answer:
        if self.mute:
            raise Throttled("no budget for get requests now", timedelta(seconds=9))
        return super().get(ref)


def test_machines_whose_targeted_gets_are_throttled_are_opened_as_soon_as_they_are_answered_and_not_before() -> None:
    clock, policy = ManualClock(), replace(POLICY, capacity={SCALE_SET: Capacity(desired=7)})
    azure = EmulatedScaleSet(clock.now, name=SCALE_SET, behaviour=Behaviour(latencies=Latencies().exact()))
    azure.tag(**MANAGED)
    registry, face = MemoryRegistry(clock.now), _Mute(azure, clock)
    face.mute = False

    def tick(name: Actor) -> Tick:
        knows = None if name is Actor.PROVISIONER else registry
        return Tick(name, Ports(registry=knows, scale_sets={SCALE_SET: face}, clock=clock), policy)

    ticks = [tick(Actor.PROVISIONER), tick(Actor.RECONCILER)]
    for _ in range(60):
        clock.advance(timedelta(seconds=15))
        for each in ticks:
            each.run()
    reservations, starter_tick = Reservations(registry.client, registry.keys), tick(Actor.STARTER)
    got = [reservations.reserve(SessionId(f"s{number}")) for number in range(6)]
    starter_tick.run()
    clock.advance(timedelta(minutes=3))
    face.mute = True
    with pytest.raises(Throttled):
        starter_tick.run()
    rows = registry.read().rows
    assert [rows[each.vm_id].status for each in got if each is not None] == [Status.RESERVED] * 6
    face.mute = False
    clock.advance(timedelta(seconds=5))
    starter_tick.run()
    opened = [registry.read().rows[each.vm_id].readable for each in got if each is not None]
    assert all(each is not None and each.status is Status.UNAVAILABLE and each.private_ip for each in opened)
