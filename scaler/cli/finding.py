"""Machines by the names that operators use (vm id, instance id, session), and a close look at a machine."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from scaler.cli.environment import Operator
from scaler.cli.overview import instance_id_of, place_of, session_of
from scaler.errors import Refused, ScalerError
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import SessionId, VmId
from scaler.model.machine import Machine
from scaler.model.plan import Listing
from scaler.model.sighting import strictest
from scaler.observe import AzureObserver, Listings, Targets
from scaler.observe.looks import AddressesOf
from scaler.registry.rights import READER


class Finder:
    """A look at Redis and Azure, to find machines by name, and then targeted GETs of the found machines."""

    def __init__(self, operator: Operator) -> None:
        self._registry = operator.doors.registry
        self._policy = operator.settings.policy
        ports = operator.doors.ports("explain")
        store = operator.doors.listings.store
        self._observer = AzureObserver(ports.scale_sets, ports.clock, self._policy, listings=Listings(store))
        self._registry.check(READER)
        self._snapshot = self._registry.read()
        self._observer.read(self._snapshot.rows.values())
        self.errors = tuple[ScalerError, ...]()
        pause = strictest(self._policy.pause, self._snapshot.pause)
        self._cloud = Cloud(pause=pause, ceilings=self._registry.ceilings())
        try:
            self._cloud, self.errors = self._observer.look(self._cloud, Listing())
        except ScalerError as error:
            self.errors = (error,)
        self._know(self._cloud.instances)

    def named(self, what: str) -> list[Machine]:
        """The machines that are meant. Raises Refused where there is none."""
        last = self._registry.machine_of(SessionId(what))
        self._know([last] if last is not None else [])
        machines, name = self._fleet().by_id.values(), VmId(what.lower())
        meant: tuple[Callable[[Machine], bool], ...] = (
            lambda machine: machine.vm_id == name,
            lambda machine: _is_of(machine, what),
            lambda machine: machine.vm_id == last,
            lambda machine: machine.vm_id.startswith(name),
        )
        tries = ([machine for machine in machines if is_meant(machine)] for is_meant in meant)
        found = next((found for found in tries if found), [])
        if not found:
            named = f"{what[:80]!r}, as a vm id, an instance id or a session"
            if self.errors:
                raise Refused(f"Redis does not know {named}, and Azure was not looked at: {self.errors[0]}")
            raise Refused(
                f"neither Redis nor Azure knows {named}: it is gone, or never was; `scaler status` shows all machines"
            )
        return sorted(found, key=place_of)

    def seen_closely(self, machine: Machine) -> Fleet:
        """The fleet after a targeted GET of the machine, with the addresses of a running machine."""
        fleet, cloud = self._fleet(), self._cloud
        ref = fleet.address(machine.stored) if machine.instance is None else machine.instance.ref
        try:
            if ref is not None:
                cloud, _ = self._observer.look(cloud, Targets(refs=(ref,)))
                seen = cloud.instances.get(machine.vm_id)
                if seen is not None and seen.runs:
                    cloud, _ = self._observer.look(cloud, AddressesOf(refs=(ref,)))
        except ScalerError as error:
            self.errors = (*self.errors, error)
        return replace(fleet, cloud=cloud)

    def _know(self, vm_ids: Iterable[VmId]) -> None:
        """Read the rows of machines outside the index."""
        unread = sorted(set(vm_ids) - self._snapshot.rows.keys())
        if unread:
            also = self._registry.read_also(unread)
            self._snapshot = replace(self._snapshot, rows={**also, **self._snapshot.rows})

    def _fleet(self) -> Fleet:
        return Fleet.join(self._snapshot, self._cloud, self._policy)


def _is_of(machine: Machine, what: str) -> bool:
    """Whether an operator's name is the machine's instance id, or a present or past session of the machine."""
    notes, session = machine.stored.notes, SessionId(what)
    return (
        what == instance_id_of(machine)
        or session == session_of(machine)
        or (notes is not None and session in notes.ended)
    )
