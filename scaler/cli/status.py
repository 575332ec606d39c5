"""`scaler status`: each scale set, and each machine in a row; at one moment, from Redis and Azure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

import typer

from scaler.actuate import Ports
from scaler.cli.environment import AsJson, Exit, Operator
from scaler.cli.pausing import halts
from scaler.cli.screen import Screen, age
from scaler.errors import ScalerError
from scaler.model.capacity import Wanted, wanted
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import PowerState, ProvisioningState, ScaleSetName, SessionId
from scaler.model.machine import Machine
from scaler.model.plan import Listing
from scaler.model.policy import Mode, Policy
from scaler.model.row import Notes, Snapshot, Status
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import Pause, ScaleSetView, strictest
from scaler.observe import AzureObserver
from scaler.ports import Registry
from scaler.settings import Settings

_EVERY = timedelta(seconds=30)  # Azure grants ten listings a minute, and the scaler itself may take six of them
_COLUMNS = ("id", "vm", "status", "power", "mark", "tier", "session", "age", "notes")
_FOLD = {"status": len(Status.UNAVAILABLE), "session": 12, "notes": 10}
_TIERS = {PowerState.STOPPED: "warm", PowerState.DEALLOCATED: "cold"}
_NOWHERE = ScaleSetName("")  # of a record without notes

Watch = Annotated[bool, typer.Option("--watch", help="Look again every 30 seconds, until Ctrl-C.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One look. If Azure did not answer, the machines are Redis' alone, and `errors` has the reason."""

    snapshot: Snapshot
    views: Mapping[ScaleSetName, ScaleSetView]
    machines: tuple[Machine, ...]
    wants: Mapping[ScaleSetName, Wanted]  # by this look alone: the running scaler has watched for longer
    ceilings: Mapping[ScaleSetName, Ceiling]  # what Azure lately refused to the running scaler
    errors: tuple[ScalerError, ...]


def look(ports: Ports, registry: Registry, policy: Policy) -> Overview:
    """Redis before Azure, as in a tick. Raises ScalerError when Redis does not answer."""
    snapshot = registry.read()
    cloud, errors = Cloud(pause=strictest(policy.pause, snapshot.pause)), tuple[ScalerError, ...]()
    try:
        cloud, errors = AzureObserver(ports.scale_sets, ports.clock, policy).look(cloud, Listing())
    except ScalerError as error:
        errors = (error,)
    unnamed = sorted(cloud.instances.keys() - snapshot.rows.keys())
    also = registry.read_also(unnamed) if unnamed else {}
    snapshot = replace(snapshot, rows={**also, **snapshot.rows})
    return Overview(
        snapshot=snapshot,
        views={name: ports.scale_sets[name].view(no_older_than=policy.view_kept) for name in cloud.listings},
        machines=tuple(sorted(Fleet.join(snapshot, cloud, policy).by_id.values(), key=_place)),
        wants={name: wanted(cloud.demand.get(name), capacity, policy) for name, capacity in policy.capacity.items()},
        ceilings=registry.ceilings(),
        errors=errors,
    )


def status(context: typer.Context, as_json: AsJson = False, watch: Watch = False) -> None:
    """Show each scale set and each machine.

    From Redis, Azure and the notes: status, power, mark, tier (warm or cold), session, age of this state, and the
    scaler's decisions.
    """
    operator: Operator = context.obj
    settings, registry, screen = operator.settings, operator.doors.registry, Screen()
    ports = operator.doors.ports("status")
    registry.check()
    while True:
        overview = look(ports, registry, settings.policy)
        if as_json:
            screen.json(document(overview, settings))
        else:
            _show(screen, overview, settings)
        if not watch:
            break
        ports.clock.sleep(_EVERY)
        screen.clear()
    if overview.errors:
        raise typer.Exit(Exit.NOT_DONE)


def _show(screen: Screen, overview: Overview, settings: Settings) -> None:
    screen.line(_counted(overview), style="bold")
    halted = {"the registry": overview.snapshot.pause, "SCALER_PAUSED": settings.policy.pause}
    for where, how in halted.items():
        if how is not Pause.NONE:
            screen.line(f"paused by {where}: {halts(how)}", style="yellow")
    for name in (*settings.scale_sets, *_elsewhere(overview, settings)):
        machines = [machine for machine in overview.machines if _scale_set_of(machine) == name]
        screen.line("")
        _head(screen, name, overview, settings.policy)
        if machines:
            screen.table(_COLUMNS, (_row(screen, machine) for machine in machines), _FOLD)
    for complaint in overview.snapshot.complaints:
        screen.complain(f"{complaint.key}: {complaint.why}")
    for error in overview.errors:
        screen.complain(f"not looked at: {error}")


def _counted(overview: Overview) -> str:
    """The number of machines, in all and by standing."""
    counts = Counter(str(machine.standing) for machine in overview.machines)
    total = len(overview.machines)
    kinds = ", ".join(f"{number} {standing}" for standing, number in sorted(counts.items()))
    return f"{total} machine{'' if total == 1 else 's'}{': ' if kinds else ''}{kinds}"


def _elsewhere(overview: Overview, settings: Settings) -> list[ScaleSetName]:
    """Scale sets that only Redis knows; the empty name stands for records without notes."""
    return sorted(set(map(_scale_set_of, overview.machines)) - set(settings.scale_sets))


def _head(screen: Screen, name: ScaleSetName, overview: Overview, policy: Policy) -> None:
    wants, view = overview.wants.get(name), overview.views.get(name)
    if wants is None:
        screen.line(f"{name or 'of no known scale set'}  not in AZURE_VMSS_NAME", style="yellow")
        return
    if view is None:
        screen.line(f"{name}  not looked at", style="yellow")
        return
    warm = policy.capacity[name].warm
    screen.line(
        f"{name}  capacity {view.capacity}, wanted {wants.machines} ({warm} warm), etag {view.etag or '–'}",
        style="bold",
    )
    if policy.capacity[name].mode is not Mode.FIXED:
        screen.line(f"wanted by this look alone: {wants.why}")
    refused = _refused(name, overview)
    if refused is not None:
        screen.line(
            f"Azure has no room for {refused.refused} machines ({refused.failure}); all that are wanted are asked for"
            f" again at {refused.until:%H:%M:%S} UTC: {refused.said}",
            style="bold red",
        )
    if view.managed_by != policy.managed_by:
        said = f"is {view.managed_by!r}" if view.managed_by is not None else "is not there"
        screen.line(f"no consent: the tag scaler:managed {said}, SCALER_NAME is {policy.managed_by!r}", style="yellow")
    if view.pause is not Pause.NONE:
        screen.line(f"paused by its tag: {halts(view.pause)}", style="yellow")


def _refused(name: ScaleSetName, overview: Overview) -> Ceiling | None:
    """Why a scale set is below the wanted number; past reasons are left out."""
    view, ceiling = overview.views.get(name), overview.ceilings.get(name)
    return ceiling if view is not None and view.capacity < overview.wants[name].machines else None


def _row(screen: Screen, machine: Machine) -> tuple[str, ...]:
    row, record, instance, since = machine.stored, machine.stored.readable, machine.instance, _age(machine)
    status = "unreadable" if row.is_unreadable else str(row.status or "–")
    power = str(instance.power) if instance is not None else "–"
    unusual = instance is not None and instance.provisioning is not ProvisioningState.SUCCEEDED
    return (
        _instance_id(machine) or "–",
        screen.vm(machine.vm_id),
        f"{status} used" if record is not None and record.used else status,
        f"{power} ({instance.provisioning})" if unusual and instance is not None else power,
        "–" if instance is None else "yes" if instance.marked else "no",
        _TIERS.get(instance.power, "") if instance is not None else "",
        _session(machine) or "",
        age(since) if since is not None else "",
        "; ".join(_noted(machine)),
    )


def _scale_set_of(machine: Machine) -> ScaleSetName:
    """The machine's scale set by Azure, else by the notes; empty if unknown."""
    instance, notes = machine.instance, machine.stored.notes
    return instance.ref.scale_set if instance is not None else notes.scale_set if notes is not None else _NOWHERE


def _instance_id(machine: Machine) -> str:
    """The instance id by Azure, else by the notes, else by the record; empty if unknown."""
    instance = machine.instance
    known = (instance.ref if instance is not None else None, machine.stored.notes, machine.stored.readable)
    return next((place.instance_id for place in known if place is not None and place.instance_id), "")


def _place(machine: Machine) -> tuple[str, int, str]:
    """The sort key of a list: Uniform instance ids are numbers."""
    instance_id = _instance_id(machine)
    return _scale_set_of(machine), int(instance_id) if instance_id.isdecimal() else -1, machine.vm_id


def _session(machine: Machine) -> SessionId | None:
    """The session on the machine: the notes beat the record."""
    record, notes = machine.stored.readable, machine.stored.notes
    handed_out = record is not None and record.status is not Status.AVAILABLE
    return (notes.session if notes is not None else None) or (record.session if record and handed_out else None)


def _age(machine: Machine) -> timedelta | None:
    """Time since the scaler's latest decision, by Redis' clock; without notes, since the record's own time."""
    record, notes = machine.stored.readable, machine.stored.notes
    moments = list[datetime | None]()
    if notes is not None:
        events = (notes.reserved, notes.start, notes.opened, notes.spent)
        moments += [event.at for event in events if event is not None]
        moments += [notes.mark_asked_at, notes.admitted_at, notes.presumed_at]
    own = (record.updated_at or record.created_at) if record is not None else None
    since = max((at for at in moments if at is not None), default=own)
    return machine.now - since if since is not None else None


def _noted(machine: Machine) -> Iterator[str]:
    """The notes, the weightiest first; the standing of a machine without notes."""
    notes = machine.stored.notes
    if notes is None:
        yield str(machine.standing)
        return
    yield from _decided(notes, str(machine.standing))
    if notes.missed_at is not None:
        yield "missed in Azure"
    if notes.failed is not None:
        yield f"failed: {notes.failed.failure}"


def _decided(notes: Notes, standing: str) -> Iterator[str]:
    if notes.spent is not None:
        yield f"used: {notes.spent.why}" + (f" ({notes.spent.reason})" if notes.spent.reason else "")
        if notes.delete is not None:
            yield f"delete ordered {_times(notes.delete.attempts)}"
    elif notes.claim is not None:
        yield f"claimed: {notes.claim.order}"
    elif notes.opened is not None:
        yield "opened"
    elif notes.presumed_at is not None:
        yield "presumed in use"
    elif notes.start is not None:
        failure = f", failed: {notes.start.failure}" if notes.start.failure is not None else ""
        yield f"start ordered {_times(notes.start.attempts)}{failure}"
    elif notes.mark_attempts:
        yield f"mark refused {_times(notes.mark_attempts)}"
    else:
        yield standing


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def document(overview: Overview, settings: Settings) -> Mapping[str, object]:
    """The status as JSON: names as in the code, times in ISO 8601."""
    return {
        "now": overview.snapshot.now.isoformat(),
        "paused": {"registry": overview.snapshot.pause, "settings": settings.policy.pause},
        "scale_sets": [_scale_set(name, overview, settings.policy) for name in settings.scale_sets],
        "machines": [_machine(machine) for machine in overview.machines],
        "complaints": [asdict(complaint) for complaint in overview.snapshot.complaints],
        "errors": [str(error) for error in overview.errors],
    }


def _scale_set(name: ScaleSetName, overview: Overview, policy: Policy) -> Mapping[str, object]:
    view, wants, refused = overview.views.get(name), overview.wants[name], _refused(name, overview)
    return {
        "name": name,
        "wanted": wants.machines,
        "because": wants.why,
        "demand": wants.facts,
        "wanted_warm": policy.capacity[name].warm,
        "capacity": view.capacity if view is not None else None,
        "etag": view.etag if view is not None else None,
        "managed_by": view.managed_by if view is not None else None,
        "consent": view.managed_by == policy.managed_by if view is not None else None,
        "paused": view.pause if view is not None else None,
        "refused": _refusal(refused) if refused is not None else None,
    }


def _refusal(ceiling: Ceiling) -> Mapping[str, object]:
    return {
        "machines": ceiling.refused,
        "failure": ceiling.failure,
        "until": ceiling.until.isoformat(),
        "azure": ceiling.said,
    }


def _machine(machine: Machine) -> Mapping[str, object]:
    row, record, instance, since = machine.stored, machine.stored.readable, machine.instance, _age(machine)
    return {
        "vm_id": machine.vm_id,
        "instance_id": _instance_id(machine) or None,
        "scale_set": _scale_set_of(machine) or None,
        "standing": machine.standing,
        "status": row.status,
        "used": record.used if record is not None else None,
        "index": sorted(row.index),
        "power": instance.power if instance is not None else None,
        "provisioning": instance.provisioning if instance is not None else None,
        "marked": instance.marked if instance is not None else None,
        "tier": _TIERS.get(instance.power) if instance is not None else None,
        "session": _session(machine),
        "age_s": round(since.total_seconds(), 1) if since is not None else None,
        "notes": list(_noted(machine)),
    }
