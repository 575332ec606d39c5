"""Machines, rows and fleets for the tests, each with one word for what matters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from scaler.controllers import reconciler
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import (
    Addresses,
    Instance,
    InstanceId,
    InstanceRef,
    PowerState,
    ProvisioningState,
    ScaleSetName,
    SessionId,
    VmId,
)
from scaler.model.lifecycle import KEEP, Change
from scaler.model.plan import Listing, Plan, Step
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Notes, OpenedNote, Record, Row, Snapshot, StartNote, Status, Unreadable
from scaler.model.sighting import Method, Sighting
from scaler.observe import Look, Targets, next_look

MINE, OTHER = SessionId("mine"), SessionId("other")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCALE_SET = ScaleSetName("vmss-pixels")
UNIQUE_ID = "11111111-0000-0000-0000-000000000000"
POLICY = Policy(capacity={SCALE_SET: Capacity(desired=4, warm=1)})
S, MIN = timedelta(seconds=1), timedelta(minutes=1)


def ago(**duration: float) -> datetime:
    """A moment before NOW."""
    return NOW - timedelta(**duration)


def vm(number: int = 1) -> VmId:
    """A vm id."""
    return VmId(f"{number:08d}-aaaa-4aaa-8aaa-aaaaaaaaaaaa")


def ref(number: int = 1) -> InstanceRef:
    """Where that machine is."""
    return InstanceRef(scale_set=SCALE_SET, instance_id=InstanceId(str(number)), vm_id=vm(number))


def instance(number: int = 1, power: PowerState = PowerState.DEALLOCATED, **fields: object) -> Instance:
    """A machine at rest, marked, unless said otherwise."""
    base = Instance(
        ref=ref(number),
        power=power,
        provisioning=ProvisioningState.SUCCEEDED,
        marked=True,
        etag='"1"',
        created_at=ago(hours=1),
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def sighting(by: Method = Method.LISTING, **fields: object) -> Sighting:
    """A complete look with consent, now."""
    base = Sighting(
        scale_set=SCALE_SET,
        unique_id=UNIQUE_ID,
        at=NOW,
        sent=0.0,
        by=by,
        complete=True,
        plausible=True,
        consent=True,
        capacity=4,
        etag='"7"',
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def record(number: int = 1, status: Status = Status.AVAILABLE, **fields: object) -> Record:
    """A record of that machine."""
    base = Record(vm_id=vm(number), instance_id=InstanceId(str(number)), status=status, created_at=ago(hours=1))
    return replace(base, **fields)  # type: ignore[arg-type]


def notes(number: int = 1, **fields: object) -> Notes:
    """Notes of an admitted machine, unless said otherwise."""
    base = Notes(
        scale_set=SCALE_SET,
        unique_id=UNIQUE_ID,
        instance_id=InstanceId(str(number)),
        found_at=ago(minutes=52),
        admitting_at=ago(minutes=50),
        mark_asked_at=ago(minutes=50),
        mark_seen_at=ago(minutes=49),
        admitted_at=ago(minutes=48),
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def blank_notes(number: int = 1, **fields: object) -> Notes:
    """Notes that say nothing yet but where the machine was found."""
    place = InstanceId(str(number))
    base = Notes(scale_set=SCALE_SET, unique_id=UNIQUE_ID, instance_id=place, found_at=ago(minutes=52))
    return replace(base, **fields)  # type: ignore[arg-type]


def row(
    number: int = 1, what: Record | Unreadable | None = None, noted: Notes | None = None, *, index: bool = True
) -> Row:
    """A row whose key is where its record says, unless `index` is False."""
    status = what.status if isinstance(what, Record) else None
    return Row(
        vm_id=vm(number),
        record=what,
        notes=noted,
        index=frozenset({status}) if status is not None and index else frozenset(),
    )


def start_note(session: SessionId = MINE, attempts: int = 1, *, warm: bool = False, **age: float) -> StartNote:
    """A start that was ordered half a minute ago, unless said otherwise."""
    return StartNote(session=session, at=ago(**(age or {"seconds": 30})), attempts=attempts, warm=warm)


def let_in(number: int = 1, session: SessionId | None = MINE, **age: float) -> Mapping[str, Any]:
    """What the notes say of a session that was let in five minutes ago, unless said otherwise."""
    at, inside = ago(**(age or {"minutes": 5})), record(number, Status.UNAVAILABLE, session_id=session)
    own = session or SessionId(vm(number))
    start = StartNote(session=own, at=at, attempts=1)
    return {"start": start, "opened": OpenedNote(session=own, at=at, record=inside)}


def reserved(noted: Notes | None, session: SessionId | None = MINE, number: int = 1, **fields: object) -> Row:
    """A Reserved machine: a visitor waits for it."""
    return row(number, record(number, Status.RESERVED, session_id=session, **fields), noted)


def unavailable(noted: Notes | None, session: SessionId | None = MINE, number: int = 1, **fields: object) -> Row:
    """A machine that somebody is on, or has used."""
    return row(number, record(number, Status.UNAVAILABLE, session_id=session, **fields), noted)


def cloud(*instances: Instance, look: Sighting | None = None) -> Cloud:
    """A look that shows these machines and no others."""
    look = look or sighting()
    shown = Cloud().showing(look, *instances)
    if look.by is Method.TARGETED:
        return replace(shown, asked=shown.sightings)
    return replace(shown, listings={SCALE_SET: look})


def located(seen: Cloud) -> Cloud:
    """The same, and none of these machines has an address."""
    return seen.with_addresses(dict.fromkeys(seen.instances, Addresses()))


def asked(listed: Cloud, *gone: VmId) -> Cloud:
    """A listing, then a targeted GET of each listed machine, and of some machines that are gone."""
    look = replace(next(iter(listed.listings.values())), by=Method.TARGETED)
    shown = listed.showing(look, *listed.instances.values())
    return replace(shown, asked=dict.fromkeys((*shown.instances, *gone), look))


def fleet(*rows: Row, sees: Cloud | None = None, now: datetime = NOW, policy: Policy = POLICY) -> Fleet:
    """Rows joined with a look."""
    snapshot = Snapshot(now=now, rows={each.vm_id: each for each in rows})
    return Fleet.join(snapshot, sees or Cloud(), policy)


def wants(
    decide: Callable[[Any, Policy], Plan], world: Fleet | Cloud, policy: Policy, asked_before: Sequence[VmId] = ()
) -> Look | None:
    """The next look of a tick, for the plan and for the plan with full permission; None: no look."""
    cloud = world.cloud if isinstance(world, Fleet) else world
    allowed = replace(world, cloud=cloud.as_if_allowed()) if isinstance(world, Fleet) else cloud.as_if_allowed()
    made: list[Look] = [Listing()] if cloud.was_listed else []
    made += [Targets(refs=())] if cloud.asked else []
    asks = (*decide(world, policy).asks, *decide(allowed, policy).asks)
    return next_look(asks, cloud, policy, made, {vm_id: turn for turn, vm_id in enumerate(asked_before)})


def applied(before: Row, change: Change) -> Row:
    """The row after a change that won its race: what a registry does, without one. Of two, the first."""
    after = replace(before)
    if change.record is not KEEP:
        after = replace(after, record=change.record)
    if change.notes is not KEEP:
        after = replace(after, notes=change.notes)
    if change.index is not KEEP:
        after = replace(after, index=frozenset() if change.index is None else frozenset({change.index}))
    return after


def only(steps: Iterable[Step]) -> Step:
    """The one step there is."""
    (step,) = steps
    return step


def change_of(step: Step) -> Change:
    """What a step writes."""
    assert step.change is not None
    return step.change


def changed(step: Step) -> Notes:
    """The notes that a step writes."""
    found = change_of(step).notes
    assert isinstance(found, Notes)
    return found


def published(step: Step) -> Record:
    """The record that a step writes."""
    found = change_of(step).record
    assert isinstance(found, Record)
    return found


def edge(step: Step) -> Edge | None:
    """The edge of the lifecycle that a step takes; None for an order or a note alone."""
    return step.change.edge if step.change is not None else None


def edges(steps: Iterable[Step]) -> list[Edge]:
    """The edges of the lifecycle in a plan's steps."""
    return [each.change.edge for each in steps if each.change is not None and each.change.edge is not None]


RUNNING = instance(1, PowerState.RUNNING)
ASKED = sighting(Method.TARGETED)
NEIGHBOUR = row(9, record(9), notes(9, mark_asked_at=ago(seconds=70)))  # Azure takes marks: the mood is fair


def reconciled(what: Row, *machines: Instance, look: Sighting | None = None) -> Plan:
    """The reconciler's plan for one machine, seen by itself, beside a neighbour whose mark Azure has taken."""
    return reconciler.decide(fleet(what, NEIGHBOUR, sees=asked(cloud(*machines, instance(9), look=look))), POLICY)
