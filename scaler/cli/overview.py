"""Machines at one moment, from Redis and Azure, in the words of the code."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scaler.actuate import Ports
from scaler.errors import ScalerError
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import ScaleSetName, SessionId
from scaler.model.machine import Machine
from scaler.model.plan import Listing
from scaler.model.policy import Policy
from scaler.model.row import Notes, Snapshot, Status
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import ScaleSetView, strictest
from scaler.observe import AzureObserver
from scaler.ports import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineView:
    """One machine in the words of the overview."""

    machine: Machine

    @property
    def notes(self) -> Notes | None:
        """The scaler's notes about the machine."""
        return self.machine.stored.notes

    @property
    def scale_set(self) -> str:
        """The machine's scale set by Azure, else by the notes; empty if unknown."""
        instance, notes = self.machine.instance, self.notes
        return (instance.ref.scale_set if instance else notes.scale_set if notes else "") or ""

    @property
    def instance_id(self) -> str:
        """The instance id by Azure, else by the notes, else by the record."""
        instance, notes, record = self.machine.instance, self.notes, self.machine.stored.readable
        said = (instance.ref.instance_id if instance else "", notes.instance_id if notes else "")
        return next((address for address in said if address), record.instance_id if record else "")

    @property
    def session(self) -> SessionId | None:
        """The session on the machine: the notes beat the record."""
        record = self.machine.stored.readable
        noted = self.notes.session if self.notes is not None else None
        handed_out = record is not None and record.status is not Status.AVAILABLE
        return noted or (record.session if record is not None and handed_out else None)

    @property
    def age(self) -> timedelta | None:
        """Time since the scaler's latest decision, by Redis' clock; without notes, since the record's own time."""
        record = self.machine.stored.readable
        since = _latest(self.notes) or (record and (record.updated_at or record.created_at)) or None
        return self.machine.now - since if since is not None else None

    @property
    def place(self) -> tuple[str, int, str]:
        """The sort key of a list: Uniform instance ids are numbers."""
        number = int(self.instance_id) if self.instance_id.isdecimal() else -1
        return (self.scale_set, number, self.machine.vm_id)


def _latest(notes: Notes | None) -> datetime | None:
    """The time of the scaler's latest decision."""
    if notes is None:
        return None
    events = (notes.reserved, notes.start, notes.opened, notes.spent)
    moments = [event.at for event in events if event is not None]
    moments += [at for at in (notes.mark_asked_at, notes.admitted_at, notes.presumed_at) if at is not None]
    return max(moments, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One look. If Azure did not answer, the machines are Redis' alone, and `errors` has the reason."""

    snapshot: Snapshot
    views: dict[ScaleSetName, ScaleSetView]
    machines: tuple[MachineView, ...]
    ceilings: Mapping[ScaleSetName, Ceiling]  # what Azure lately refused to the running scaler
    errors: tuple[ScalerError, ...]


def look(ports: Ports, registry: Registry, policy: Policy) -> Overview:
    """Redis before Azure, as in a tick. Raises ScalerError when Redis does not answer."""
    snapshot = registry.read()
    cloud, errors = _listed(ports, policy, Cloud(pause=strictest(policy.pause, snapshot.pause)))
    unnamed = sorted(cloud.instances.keys() - snapshot.rows.keys())
    also = registry.read_also(unnamed) if unnamed else {}
    snapshot = replace(snapshot, rows={**also, **snapshot.rows})
    machines = [MachineView(machine=machine) for machine in Fleet.join(snapshot, cloud, policy).by_id.values()]
    return Overview(
        snapshot=snapshot,
        views={name: ports.scale_sets[name].view(no_older_than=policy.view_kept) for name in cloud.listings},
        machines=tuple(sorted(machines, key=lambda view: view.place)),
        ceilings=registry.ceilings(),
        errors=errors,
    )


def _listed(ports: Ports, policy: Policy, cloud: Cloud) -> tuple[Cloud, tuple[ScalerError, ...]]:
    try:
        return AzureObserver(ports.scale_sets, ports.clock, policy).look(cloud, Listing())
    except ScalerError as error:
        return cloud, (error,)
