"""Everything that is true of one emulated scale set at this moment; the rules that change it live elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from emulator.agenda import Agenda
from emulator.chance import Chance
from emulator.history import Event, History, What
from emulator.latencies import Latencies, Span
from emulator.operations import Operation, Operations
from emulator.orders import Given
from emulator.refusals import not_active
from emulator.switches import Switches
from emulator.vm import Vm
from scaler.model.instance import ProvisioningState


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState:
    """The scale set itself at one moment."""

    unique_id: str
    created_at: datetime
    capacity: int = 0
    etag: int = 1
    tags: tuple[tuple[str, str], ...] = ()
    provisioning: ProvisioningState = ProvisioningState.SUCCEEDED


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    """The state, and the one clock, dice and history that all rules share."""

    agenda: Agenda
    chance: Chance
    latencies: Latencies
    switches: Switches
    operations: Operations
    set_versions: list[tuple[datetime, SetState]]
    history: History = field(default_factory=History)
    vms: dict[str, Vm] = field(default_factory=dict)  # by instance id
    graves: list[Vm] = field(default_factory=list)  # gone, but an old listing may still show them
    allocatable: int | None = None  # machines the region has for us; None: enough
    quota: int | None = None  # VMs the subscription may have; None: enough
    busy: int = 0  # operations on the scale set itself

    @property
    def at(self) -> datetime:
        """The moment that is being dealt with."""
        return self.agenda.at

    @property
    def set_state(self) -> SetState:
        """The scale set as it is."""
        return self.set_versions[-1][1]

    def change_set(self, **fields: Any) -> None:
        """The scale set is different from now on."""
        self.set_versions.append((self.at, replace(self.set_state, **fields)))

    def named(self, instance_ids: Iterable[str]) -> list[Vm]:
        """The VMs behind these ids; one that is not there refuses all of them."""
        found = []
        for each in dict.fromkeys(instance_ids):
            if each not in self.vms:
                raise not_active(each)
            found.append(self.vms[each])
        return found

    def begin(self, parts: int, *, of_set: bool = False) -> Operation:
        """A new operation; one of the scale set shows in its provisioning state."""
        operation = self.operations.begin(self.at, parts)
        if of_set and operation.ended is None:
            self.busy += 1
            self.change_set(provisioning=ProvisioningState.UPDATING)
            operation.when_done.append(self._set_rests)
        return operation

    def _set_rests(self, operation: Operation) -> None:
        self.busy -= 1
        if self.busy == 0:
            bad = operation.failure is not None and operation.failure.status == "Failed"
            self.change_set(provisioning=ProvisioningState.FAILED if bad else ProvisioningState.SUCCEEDED)

    def write(self, what: What, vm: Vm | None, by: str, *, given: Given | None = None, detail: str = "") -> None:
        """One line of history."""
        event = Event(
            at=self.at,
            what=what,
            by=by,
            vm_id=vm.state.vm_id if vm else None,
            instance_id=vm.state.instance_id if vm else None,
            given_at=given.at if given else None,
            detail=detail,
        )
        self.history.write(event)

    def draw(self, span: Span) -> timedelta:
        """How long it takes this time."""
        return self.chance.within(span)

    def uncount(self, vm: Vm) -> None:
        """sku.capacity does not count it any more."""
        if vm.counted:
            vm.counted = False
            bump = 1 if self.switches.delete_bumps_etag else 0
            self.change_set(capacity=max(0, self.set_state.capacity - 1), etag=self.set_state.etag + bump)

    def bury(self, vm: Vm, by: str) -> None:
        """It is gone, and its instance id is free."""
        self.uncount(vm)
        vm.gone_at = self.at
        vm.work = None
        del self.vms[vm.state.instance_id]
        self.graves.append(vm)
        self.write(What.DELETED, vm, by)
