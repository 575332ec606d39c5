"""Halts: orders withheld, attempts begun anew; and looks, log lines and orders of each scale set by itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    POLICY,
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
from wire.scripted_arm import refusal_said
from wire.test_vmss_flexible import flexible
from wire.test_vmss_flexible import ref as flexible_ref

from emulator.behaviour import Behaviour, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import Scale
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from emulator.world import MANAGED
from scaler.actuate import Ports
from scaler.controllers import reconciler
from scaler.errors import Garbled, ScalerError, Throttled
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.fleet import Fleet
from scaler.model.instance import InstanceRef, PowerState, ScaleSetName, SessionId, VmId
from scaler.model.plan import Listing, Plan, Step, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import OpenedNote, StartNote, Status
from scaler.model.sighting import Answer
from scaler.registry.reservations import Reservations
from scaler.tick import Tick

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
TWO = Policy(capacity={FIRST: Capacity(desired=1), SECOND: Capacity(desired=1)})
ME = SessionId("me")
STRANGE = sighting(consent=False)
NEIGHBOUR = row(9, record(9), notes(9, mark_asked_at=ago(minutes=31), mark_seen_at=ago(minutes=30)))


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("status", [Status.RESERVED, Status.UNAVAILABLE])
def test_without_consent_a_session_that_is_known_stays_as_it_is(status: Status, marked: bool) -> None:
    was = record(1, status, session_id=ME)
    noted = notes(1, start=StartNote(session=ME, at=ago(minutes=3), attempts=1))
    if status is Status.UNAVAILABLE:
        noted = replace(noted, opened=OpenedNote(session=ME, at=ago(minutes=1), record=was))
    sees = cloud(instance(1, PowerState.RUNNING, marked=marked), look=STRANGE)
    assert reconciler.decide(fleet(row(1, was, noted), sees=sees), POLICY).steps == ()


def test_without_consent_what_runs_unmarked_only_leaves_available() -> None:
    sees = cloud(instance(1, PowerState.RUNNING, marked=False), look=STRANGE)
    step = only(reconciler.decide(fleet(row(1, record(1), notes(1)), sees=sees), POLICY).steps)
    assert step.change is not None
    assert (step.why, step.change.edge, step.change.index) == (Why.NO_CONSENT, None, Status.UNAVAILABLE)


class Nonsense(InProcessScaleSet):
    """Answers no targeted GET."""

    error: ScalerError

    def get(self, ref: InstanceRef) -> Answer:
        self.calls["tried"] += 1
        raise self.error


class House:
    """Scale sets and a registry on one clock."""

    def __init__(self, policy: Policy) -> None:
        self.clock = ManualClock()
        self.policy = policy
        behaviour = Behaviour(latencies=Latencies().exact())
        self.azures = {
            name: EmulatedScaleSet(self.clock.now, name=name, behaviour=behaviour, seed=seed)
            for seed, name in enumerate(policy.capacity)
        }
        for azure in self.azures.values():
            azure.tag(**MANAGED)
        self.faces = {name: InProcessScaleSet(azure, self.clock) for name, azure in self.azures.items()}
        self.registry = MemoryRegistry(self.clock.now)

    def tick(self, name: Actor) -> Tick:
        registry = None if name is Actor.PROVISIONER else self.registry
        return Tick(name, Ports(registry=registry, scale_sets=self.faces, clock=self.clock), self.policy)

    def run(self, minutes: int, ticks: Mapping[Actor, Tick]) -> None:
        for _ in range(4 * minutes):
            self.clock.advance(timedelta(seconds=15))
            for tick in ticks.values():
                tick.run()


def test_only_what_is_withheld_is_said_to_be_withheld() -> None:
    """A plan with full permission may differ for the allowed scale set too: only a withheld step is said."""
    house = House(TWO)
    for azure in house.azures.values():
        azure.scale(Scale(capacity=1), by="operator")
    house.azures[SECOND].tag()
    house.clock.advance(timedelta(minutes=5))
    ours, theirs = (VmId(house.azures[name].vms[0].vm_id) for name in (FIRST, SECOND))
    would = Plan(steps=tuple(Step(why=Why.NOTED, vm_id=each) for each in (ours, theirs)))

    def decide(fleet: Fleet, _: Policy) -> Plan:
        return would if fleet.cloud.listings and not fleet.cloud.withheld else Plan(asks=(Listing(),))

    tick = Tick(decide, Ports(registry=house.registry, scale_sets=house.faces, clock=house.clock), TWO)
    assert [each.vm_id for each in tick.plan().would] == [theirs]


def test_the_starter_does_not_ask_again_what_nobody_answered() -> None:
    house = House(TWO)
    house.run(10, {name: house.tick(name) for name in CONTROLLERS})
    got = Reservations(house.registry.client, house.registry.keys).reserve(ME)
    assert got is not None
    for name, azure in house.azures.items():
        face = Nonsense(azure, house.clock)
        face.error = Garbled("nonsense")
        house.faces[name] = face
    house.tick(Actor.STARTER).run()
    assert sum(face.calls["tried"] for face in house.faces.values()) == 1


def test_a_single_start_that_was_throttled_was_not_taken() -> None:
    with flexible(lambda _: refusal_said(429, "TooManyRequests")) as wire, pytest.raises(Throttled):
        wire.scale_set.start([flexible_ref(1)], within=timedelta(seconds=30))
