"""A VM of the emulated scale set, with all earlier states: a late look shows an earlier state."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from emulator.health.record import HealthRecord, Shown
from emulator.orders import Operation, OrderKind, Protection
from scaler.model.instance import FailureClass, PowerState, ProvisioningState

BILLED = frozenset({PowerState.STARTING, PowerState.RUNNING, PowerState.STOPPING, PowerState.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class VmState:
    """A VM at one moment. ARM does not show the power state UNKNOWN."""

    instance_id: str
    vm_id: str
    created_at: datetime
    changed_at: datetime  # when the last operation changed its provisioning state
    power: PowerState = PowerState.UNKNOWN
    former_power: PowerState = PowerState.UNKNOWN  # before its last operation began
    provisioning: ProvisioningState = ProvisioningState.CREATING
    protected: bool = False  # protectFromScaleIn: the mark
    protected_from_actions: bool = False  # protectFromScaleSetActions
    has_policy: bool = False  # a protectionPolicy was set once; one that protects from nothing still shows
    etag: int = 1
    latest_model: bool = True
    os_disks: int = 1  # the number of OS disks so far: a reimage makes another
    failure: FailureClass | None = None  # of its last operation
    identified: bool = True  # ARM shows its vmId
    private_ip: str | None = None  # for life
    public_ip: str | None = None  # while it is allocated
    health: Shown | None = None  # only in the answer to a look; None: not shown

    @property
    def protection(self) -> Protection:
        """The protectionPolicy."""
        return Protection(from_scale_in=self.protected, from_actions=self.protected_from_actions)

    @property
    def billed(self) -> bool:
        """Whether the VM costs the full price."""
        return self.power in BILLED

    @property
    def allocated(self) -> bool:
        """Whether the VM holds one of the region's machines."""
        creating = self.power is PowerState.UNKNOWN and self.provisioning is ProvisioningState.CREATING
        return creating or self.billed or self.power is PowerState.DEALLOCATING

    @property
    def was_made(self) -> bool:
        """Whether its creation did not fail."""
        return not (self.power is PowerState.UNKNOWN and self.provisioning is ProvisioningState.FAILED)

    @property
    def rank(self) -> tuple[int, str]:
        """The sort key among VMs: numeric ids sort by number."""
        return len(self.instance_id), self.instance_id


@dataclass(slots=True, kw_only=True, eq=False)
class Work:
    """The current transition of a VM; a later order may replace the transition."""

    kind: OrderKind
    by: str
    before: VmState  # as it was when the work began
    target: PowerState
    failure: FailureClass | None  # it will end so
    endless: bool = False  # it will not
    operations: list[Operation] = field(default_factory=list)


class Vm:
    """The truth about one VM, with every state it ever had."""

    def __init__(self, state: VmState) -> None:
        self._versions = [(state.created_at, state)]
        self.gone_at: datetime | None = None
        self.work: Work | None = None
        self.counted = True  # sku.capacity counts it
        self.health: HealthRecord | None = None  # None: without the extension
        self._row: tuple[VmState, Shown | None, VmState] | None = None  # what a look saw last
        self._booted_disks = 0  # the number of the OS disk that the latest run booted from

    @property
    def state(self) -> VmState:
        """As it is."""
        return self._versions[-1][1]

    def change(self, at: datetime, **fields: Any) -> None:
        """It is different from `at` on."""
        if fields.get("provisioning", self.state.provisioning) is not self.state.provisioning:
            fields["changed_at"] = at
        if "power" in fields:
            self._run_or_rest(at, runs=fields["power"] is PowerState.RUNNING)
        self._versions.append((at, replace(self.state, **fields)))

    def _run_or_rest(self, at: datetime, *, runs: bool) -> None:
        if runs and self.state.power is not PowerState.RUNNING:
            self.boot(at)
        elif not runs and self.health is not None:
            self.health.end(at)

    def boot(self, at: datetime) -> None:
        """The guest begins anew."""
        first, self._booted_disks = self.state.os_disks != self._booted_disks, self.state.os_disks
        if self.health is not None:
            self.health.begin(at, first=first)

    def with_health(self, state: VmState, shown: Shown | None) -> VmState:
        """A state with the health beside it."""
        if self._row is None or self._row[0] is not state or self._row[1] is not shown:
            self._row = state, shown, replace(state, health=shown)
        return self._row[2]

    def seen_from(self, when: datetime) -> VmState | None:
        """The state at an earlier time; None: not made yet, or already gone."""
        if self.gone_at is not None and self.gone_at <= when:
            return None
        return next((state for since, state in reversed(self._versions) if since <= when), None)
