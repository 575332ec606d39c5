"""A VM of a scale set as Azure shows it at one moment."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

VmId = NewType("VmId", str)
"""Azure's GUID of a VM (`properties.vmId`), lower case. The identity: instance ids are reused, this never is."""
InstanceId = NewType("InstanceId", str)
"""The VM's address inside its scale set: a number for Uniform orchestration, reused after a deletion; else its name."""
ScaleSetName = NewType("ScaleSetName", str)
"""The scale set's resource name, lower case (ARM compares names without regard to case)."""
SessionId = NewType("SessionId", str)
"""The queue manager's name for one visitor's stay."""


_INSTANCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def is_instance_id(instance_id: str) -> bool:
    """Whether it can be one instance's id, a number or the name of a VM: neither a path nor a wildcard."""
    return _INSTANCE_ID.fullmatch(instance_id) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where an instance can be reached; None where it has no such address (now)."""

    public: str | None = None  # of its own; a scale set behind a load balancer has none
    private: str | None = None
    untold: bool = False  # it has a public one, and Azure does not say (yet) which


class Orchestration(StrEnum):
    """How a scale set makes its VMs; each kind has its own ids, lists and orders."""

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


class ProvisioningState(StrEnum):
    """The state of the last operation on the VM: not its health. A running VM can be Failed."""

    CREATING = "Creating"
    UPDATING = "Updating"  # also while it is being started, stopped or protected; its power view lags
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    DELETING = "Deleting"
    OTHER = "Other"  # a word we do not know (Migrating, …): wait, like Updating


class FailureClass(StrEnum):
    """Why Azure could not do it, by what to do about it. How long each is waited out: `Policy.failed_hold`."""

    QUOTA = "quota"  # the subscription's cores are used up: an operator's matter
    ALLOCATION = "allocation"  # the region, zone or cluster is out of this SKU: others may be served before us
    SKU = "sku"  # the region does not sell this SKU to us now, and will not soon
    OTHER = "other"  # anything else (an extension failed, an internal error)

    @property
    def of_capacity(self) -> bool:
        """Whether another machine of the same kind would fail as well."""
        return self is not FailureClass.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRef:
    """Where to send an order, and whom it is meant for: the id is an address, the vm_id the person."""

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
    failure: FailureClass | None = None  # only where provisioning is FAILED and its code is known

    @property
    def vm_id(self) -> VmId:
        """The identity."""
        return self.ref.vm_id

    @property
    def halted(self) -> bool:
        """Stopped or deallocated, whatever its last operation came to."""
        return self.power in {PowerState.STOPPED, PowerState.DEALLOCATED}

    @property
    def at_rest(self) -> bool:
        """Stopped or deallocated, and nothing is under way: a sure statement that nobody is on it."""
        return self.halted and self.provisioning is ProvisioningState.SUCCEEDED

    @property
    def runs(self) -> bool:
        """PowerState running. A missing PowerState is not "running" and not "at rest": it is unknown."""
        return self.power is PowerState.RUNNING

    @property
    def failed(self) -> bool:
        """Its last operation failed and it does not run; it will not come to rest by itself."""
        return self.provisioning is ProvisioningState.FAILED and not self.runs

    @property
    def warm(self) -> bool:
        """Stopped with its allocation kept: full price, starts in seconds."""
        return self.power is PowerState.STOPPED

    @property
    def busy(self) -> bool:
        """An operation is under way: no order but delete."""
        return self.provisioning not in {ProvisioningState.SUCCEEDED, ProvisioningState.FAILED}

    @property
    def settled(self) -> bool:
        """At rest or running: one of the two states in which a machine may stay."""
        return self.at_rest or (self.runs and not self.busy)
