"""A VM of a scale set as Azure shows it at one moment."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

VmId = NewType("VmId", str)
"""Azure's GUID of a VM (`properties.vmId`), lower case. The identity: unlike instance ids, never reused."""
InstanceId = NewType("InstanceId", str)
"""The VM's address inside the scale set: a number for Uniform orchestration, reused after a deletion; else a name."""
ScaleSetName = NewType("ScaleSetName", str)
"""The scale set's resource name, lower case (ARM compares names without regard to case)."""
SessionId = NewType("SessionId", str)
"""The queue manager's name for one visitor's stay."""


_INSTANCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def is_instance_id(instance_id: str) -> bool:
    """Whether a text can be an instance id, a number or the name of a VM: neither a path nor a wildcard."""
    return _INSTANCE_ID.fullmatch(instance_id) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where an instance can be reached; None where it has no such address (now)."""

    public: str | None = None  # of its own; a scale set behind a load balancer has none
    private: str | None = None
    untold: bool = False  # it has a public one, and Azure does not say (yet) which


class Orchestration(StrEnum):
    """How a scale set makes VMs; ids, lists and orders differ."""

    UNIFORM = "Uniform"
    FLEXIBLE = "Flexible"  # experimental


class PowerState(StrEnum):
    """The suffix of the instance view's `PowerState/…` code."""

    STARTING = "starting"  # billed
    RUNNING = "running"  # billed; the guest may still be booting
    STOPPING = "stopping"  # billed
    STOPPED = "stopped"  # billed: the allocation is kept
    DEALLOCATING = "deallocating"  # not billed any more
    DEALLOCATED = "deallocated"  # not billed; only the disk is
    UNKNOWN = "unknown"  # absent while creating, and now and then for no reason: says nothing


class Tier(StrEnum):
    """How a machine waits while offered: this decides the wait for the machine, and the cost meanwhile."""

    HOT = "hot"  # running, and ready: full price, at once
    WARM = "warm"  # stopped, its allocation kept: full price, starts in seconds
    COLD = "cold"  # deallocated: only its disk is billed, starts in minutes

    @classmethod
    def of(cls, *, warm: bool, hot: bool = False) -> "Tier":
        """The tier of a machine: `hot`: running and ready; else by the rest, `warm` or cold."""
        return cls.HOT if hot else cls.WARM if warm else cls.COLD


class ProvisioningState(StrEnum):
    """The state of the last operation on the VM: not its health. A running VM can be Failed."""

    CREATING = "Creating"
    UPDATING = "Updating"  # also while it is being started, stopped or protected; its power view lags
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    DELETING = "Deleting"
    OTHER = "Other"  # a word we do not know (Migrating, …): wait, like Updating


class FailureClass(StrEnum):
    """The class of a failure of Azure, by the remedy. `Policy.failed_hold` and `Policy.unattractive` hold the waits."""

    QUOTA = "quota"  # the subscription's cores are used up: an operator's matter
    ALLOCATION = "allocation"  # the region, zone or cluster is out of this SKU: others may be served before us
    SKU = "sku"  # the region does not sell this SKU to us now, and will not soon
    OTHER = "other"  # anything else (an extension failed, an internal error)

    @property
    def of_capacity(self) -> bool:
        """Whether another machine of the same kind would fail as well."""
        return self is not FailureClass.OTHER


class HealthState(StrEnum):
    """The verdict of the Application Health extension inside a VM. Hostile guests say what they like."""

    HEALTHY = "healthy"  # the extension and Azure's own status agree
    UNHEALTHY = "unhealthy"  # the extension and Azure's own status agree
    INITIALIZING = "initializing"  # no verdict yet in this run of the VM
    UNKNOWN = "unknown"  # no verdict any more, or a contradiction: decides nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The health in a VM's instance view, perhaps of an earlier run of the VM."""

    state: HealthState
    at: datetime | None = None  # of the last change or the last report, which is not documented; Azure's clock
    said: str = ""  # the guest's reason, for people only: untrusted, cut, printable


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRef:
    """The address of an order and the machine that is meant: `instance_id` is the address, `vm_id` the identity."""

    scale_set: ScaleSetName
    instance_id: InstanceId
    vm_id: VmId


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One row of a listing, or the answer of a targeted GET."""

    ref: InstanceRef
    power: PowerState
    provisioning: ProvisioningState
    marked: bool  # protectFromScaleIn: handed over to the registry
    etag: str | None = None  # for the mark's If-Match, where the answer has one
    created_at: datetime | None = None
    latest_model: bool | None = None  # made by the scale set's latest model (image, size, …); None: Azure does not say
    failure: FailureClass | None = None  # only where provisioning is FAILED and its code is known
    health: Health | None = None  # None: Azure shows none, which says nothing (no extension, or a Flexible listing)

    @property
    def vm_id(self) -> VmId:
        return self.ref.vm_id

    @property
    def halted(self) -> bool:
        """Whether the VM is stopped or deallocated, after any last operation."""
        return self.power in {PowerState.STOPPED, PowerState.DEALLOCATED}

    @property
    def at_rest(self) -> bool:
        """Whether the VM is stopped or deallocated with no operation under way: surely without a visitor."""
        return self.halted and self.provisioning is ProvisioningState.SUCCEEDED

    @property
    def runs(self) -> bool:
        """Whether PowerState is running. A missing PowerState is unknown: neither "running" nor "at rest"."""
        return self.power is PowerState.RUNNING

    @property
    def failed(self) -> bool:
        """Whether the last operation failed and the VM does not run: such a VM never comes to rest alone."""
        return self.provisioning is ProvisioningState.FAILED and not self.runs

    @property
    def warm(self) -> bool:
        """Whether the VM is stopped with the allocation kept: full price, starts in seconds."""
        return self.power is PowerState.STOPPED

    @property
    def busy(self) -> bool:
        """An operation is under way: no order but delete."""
        return self.provisioning not in {ProvisioningState.SUCCEEDED, ProvisioningState.FAILED}

    @property
    def settled(self) -> bool:
        """Whether the VM is at rest or running, the two lasting states."""
        return self.at_rest or (self.runs and not self.busy)
