"""What one tick of each controller costs this process where nothing is to be done: the decision and all around it.

Doors that answer at once, with the same machines each time: neither Redis nor Azure nor decoding is counted. The floor
is one plain pass over the machines, each with its row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from math import log
from time import process_time
from typing import Any

from benchmarks.redis_costs import BEGAN, UNIQUE, admitted
from benchmarks.rows import Bound, in_turn
from benchmarks.rows import Row as Figure
from benchmarks.slow import Slow
from scaler.actuate import Ports
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import Instance, InstanceRef, PowerState, ProvisioningState, ScaleSetName, SessionId, VmId
from scaler.model.policy import Capacity, Policy
from scaler.model.row import OpenedNote, Row, Snapshot, StartNote, Status
from scaler.model.sighting import Answer, OuterTags, Pages, ScaleSetView
from scaler.tick import Tick

SETS = 10
SIZES = (1_000, 10_000)
IN_USE = 20  # every so many machines one has a visitor
GOALS: Mapping[Actor, float] = {Actor.RECONCILER: 200, Actor.STARTER: 50, Actor.CLEANER: 40, Actor.PROVISIONER: 120}
"""Milliseconds at 10,000 machines."""
ROUNDS = 5
NOW = BEGAN + timedelta(days=1)


class StillClock:
    """No time passes."""

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, duration: timedelta) -> None:
        pass


@dataclass(frozen=True)
class StillRegistry:
    """The same rows at every read; nothing is written."""

    snapshot: Snapshot

    def read(self) -> Snapshot:
        return self.snapshot

    def read_also(self, vm_ids: Iterable[VmId]) -> Mapping[VmId, Row]:
        return {vm_id: self.snapshot.rows[vm_id] for vm_id in vm_ids if vm_id in self.snapshot.rows}

    def keep_ceilings(self, *_: object, **__: object) -> None:
        pass


@dataclass(frozen=True)
class StillScaleSet:
    """The same listing at every look; a targeted GET finds what was listed."""

    name: ScaleSetName
    listed: Pages

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        return ScaleSetView(
            name=self.name,
            unique_id=UNIQUE,
            capacity=len(self.listed.instances),
            etag="1",
            managed_by="true",
            at=NOW,
            sent=0.0,
        )

    def group_tags(self) -> OuterTags:
        return OuterTags()

    def list_instances(self) -> Pages:
        return self.listed

    def get(self, ref: InstanceRef) -> Answer:
        found = next(each for each in self.listed.instances if each.ref.instance_id == ref.instance_id)
        return Answer(asked=ref, found=found, at=NOW, sent=0.0)


def machine(number: int, scale_set: ScaleSetName) -> tuple[Row, Instance]:
    """A machine at rest that was offered, or one with a visitor: what Redis holds of it, and what Azure shows."""
    record, notes = admitted(number)
    notes, in_use = replace(notes, scale_set=scale_set), number % IN_USE == 0
    if in_use:
        session = SessionId(f"visitor-{number}")
        record = replace(record, status=Status.UNAVAILABLE, session_id=session)
        start = StartNote(session=session, at=NOW, attempts=1)
        notes = replace(notes, start=start, opened=OpenedNote(session=session, at=NOW, record=record))
    row = Row(vm_id=record.vm_id, record=record, notes=notes, index=frozenset({record.status}))
    instance = Instance(
        ref=InstanceRef(scale_set=scale_set, instance_id=record.instance_id, vm_id=record.vm_id),
        power=PowerState.RUNNING if in_use else PowerState.DEALLOCATED,
        provisioning=ProvisioningState.SUCCEEDED,
        marked=True,
    )
    return row, instance


def still(machines: int) -> tuple[StillRegistry, Mapping[ScaleSetName, StillScaleSet]]:
    """So many machines in SETS scale sets."""
    each = machines // SETS
    rows: dict[VmId, Row] = {}
    scale_sets: dict[ScaleSetName, StillScaleSet] = {}
    for number in range(SETS):
        name = ScaleSetName(f"vmss-{number}")
        made = [machine(number * each + at, name) for at in range(each)]
        rows |= {row.vm_id: row for row, _ in made}
        instances = tuple(instance for _, instance in made)
        listed = Pages(scale_set=name, instances=instances, unidentified=0, requests=1, at=NOW, sent=0.0)
        scale_sets[name] = StillScaleSet(name, listed)
    return StillRegistry(Snapshot(now=NOW, rows=rows)), scale_sets


def costs(machines: int) -> tuple[float, ...]:
    """Milliseconds of this process for a tick of each controller over so many machines, and for the plain pass."""
    registry, scale_sets = still(machines)
    policy = Policy(capacity={name: Capacity(desired=machines // SETS) for name in scale_sets})
    doors: dict[str, Any] = {"scale_sets": scale_sets, "clock": StillClock()}
    known: Any = registry
    ticks = [
        Tick(actor, Ports(registry=None if actor is Actor.PROVISIONER else known, **doors), policy)
        for actor in CONTROLLERS
    ]

    def passed() -> object:
        rows, listed = registry.snapshot.rows, (each.listed for each in scale_sets.values())
        return [(rows[each.ref.vm_id].index, each.power) for pages in listed for each in pages.instances]

    return in_turn(
        ROUNDS, *(partial(milliseconds, partial(quiet, tick)) for tick in ticks), partial(milliseconds, passed)
    )


def quiet(tick: Tick) -> None:
    """One tick, in which nothing is to be done."""
    plan = tick.run().plan
    assert not plan.steps, plan.steps[0]


def milliseconds(work: Callable[[], object]) -> float:
    """Of this process."""
    began = process_time()
    work()
    return (process_time() - began) * 1e3


def figures(_: Slow) -> Iterator[Figure]:
    """Each controller at 10,000 machines, and how its cost grows from 1,000 on."""
    (*few, _few), (*many, floor) = map(costs, SIZES)
    for actor, small, large in zip(CONTROLLERS, few, many, strict=True):
        name = f"a tick of the {actor}, {SIZES[1]:,} machines"
        yield Figure(name=name, unit="ms", ours=large, floor=floor, goal=GOALS[actor], bound=Bound.MOST)
        slope = log(large / small) / log(SIZES[1] / SIZES[0])
        name = f"a tick of the {actor}: slope from {SIZES[0]:,} on"
        yield Figure(name=name, unit="", ours=slope, goal=1.05, bound=Bound.MOST)
