"""The provisioner's few targeted GETs: shared by the scale sets in turn, and in each the longest unasked goes first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import instance, sighting, wants
from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.world import MANAGED
from scaler.actuate import Ports
from scaler.controllers import provisioner
from scaler.errors import Refused
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud
from scaler.model.instance import InstanceRef, PowerState, ScaleSetName
from scaler.model.policy import Capacity, Policy
from scaler.observe import Targets
from scaler.tick import Tick

FIRST, SECOND, THIRD = ScaleSetName("first"), ScaleSetName("second"), ScaleSetName("third")
POLICY = Policy(capacity=dict.fromkeys((FIRST, SECOND, THIRD), Capacity(desired=0)))


def running(**counts: int) -> Cloud:
    """So many new machines run in each scale set."""
    cloud = Cloud(listings={ScaleSetName(name): sighting(scale_set=name) for name in counts})
    for name, count in counts.items():
        for number in range(count):
            machine = instance(len(cloud.instances), PowerState.RUNNING, marked=False)
            machine = replace(machine, ref=replace(machine.ref, scale_set=ScaleSetName(name)))
            cloud = cloud.showing(sighting(scale_set=name, sent=float(number)), machine)
    return cloud


def asked(cloud: Cloud, *before: InstanceRef) -> list[InstanceRef]:
    look = wants(provisioner.decide, cloud, POLICY, [each.vm_id for each in before])
    assert isinstance(look, Targets)
    return list(look.refs)


def of(name: ScaleSetName, refs: Sequence[InstanceRef]) -> list[InstanceRef]:
    return [each for each in refs if each.scale_set == name]


@pytest.mark.parametrize(
    ("counts", "shares"),
    [
        ({"first": 20, "second": 1, "third": 0}, {FIRST: 9, SECOND: 1}),
        ({"first": 20, "second": 20, "third": 2}, {FIRST: 4, SECOND: 4, THIRD: 2}),
        ({"first": 0, "second": 0, "third": 20}, {THIRD: 10}),
    ],
)
def test_no_scale_set_takes_another_ones_share(counts: Mapping[str, int], shares: Mapping[ScaleSetName, int]) -> None:
    refs = asked(running(**counts))
    assert {name: len(of(name, refs)) for name in (FIRST, SECOND, THIRD) if of(name, refs)} == shares


def test_who_was_not_asked_yet_goes_first_then_who_was_asked_longest_ago() -> None:
    cloud = running(first=12)
    first = asked(cloud)
    second = asked(cloud, *first)
    assert not {*second[:2]} & {*first}
    assert second[2:] == first[:8]
    third = asked(cloud, *first[8:], *second)
    assert third[:2] == first[8:]


class Stubborn(InProcessScaleSet):
    """Azure refuses to stop anything there."""

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        raise Refused("a lock", "ScopeLocked", 409)


def test_machines_that_cannot_be_stopped_keep_neither_their_neighbours_nor_another_scale_set_from_it() -> None:
    clock, behaviour = ManualClock(), Behaviour(latencies=Latencies().exact())
    azures = {
        name: EmulatedScaleSet(clock.now, name=name, behaviour=behaviour, seed=seed)
        for seed, name in enumerate((FIRST, SECOND))
    }
    for azure in azures.values():
        azure.tag(**MANAGED)
        azure.scale(Scale(capacity=12), by="operator")
    clock.advance(timedelta(minutes=5))
    faces = {FIRST: Stubborn(azures[FIRST], clock), SECOND: InProcessScaleSet(azures[SECOND], clock)}
    policy = Policy(capacity=dict.fromkeys(faces, Capacity(desired=12)))
    tick = Tick(Actor.PROVISIONER, Ports(registry=None, scale_sets=faces, clock=clock), policy)
    tried: set[str] = set()
    for _ in range(3):
        for outcome in tick.run().outcomes:
            tried.add(str(outcome.step.vm_id))
        clock.advance(timedelta(minutes=1))
    assert {vm.vm_id for vm in azures[SECOND].vms} <= tried
    assert {vm.vm_id for vm in azures[FIRST].vms} <= tried
    assert all(vm.power is PowerState.DEALLOCATED for vm in azures[SECOND].vms)
