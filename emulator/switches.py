"""What nobody could tell us about Azure: each a switch, so that the scaler can be tried both ways."""

from dataclasses import dataclass
from enum import StrEnum


class Overlap(StrEnum):
    """What becomes of an order to a VM that is still busy with another one."""

    PREEMPT = "preempt"  # the later one wins; the earlier operation ends as OperationPreempted
    CONFLICT = "conflict"  # the later one gets a 409


class Eviction(StrEnum):
    """What an eviction does: the scale set's evictionPolicy."""

    DEALLOCATE = "Deallocate"
    DELETE = "Delete"  # and sku.capacity falls


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The defaults are the likelier answer, or the more unpleasant one where neither is likelier."""

    overlap: Overlap = Overlap.PREEMPT
    eviction: Eviction = Eviction.DEALLOCATE
    reuse_ids: bool = True  # a new VM gets the lowest free instance id; else ids only rise
    vm_id_at_once: bool = True  # a VM that is being created shows its vmId already
    stopped_before_running: bool = False  # `stopped` shows for a moment before a new or started VM runs
    delete_lowers_capacity_at_once: bool = True  # else when the VM is gone
    delete_bumps_etag: bool = True  # the scale set's etag
    deleting_rows_lose_id: bool = False  # a row on its way out has an empty id and no vmId
    mark_on_deallocated: bool = True  # else the PUT is refused with 409 there
    mark_makes_updating: bool = True  # else the protection is simply there
    mark_keeps_latest_model: bool = True  # else latestModelApplied turns false
    mark_bucket_per_vm: bool = True  # which token bucket the PUT is charged to; else one for the whole scale set
    vm_etags: bool = True  # VMs in answers carry an etag
    ragged_listings: bool = False  # in an old listing every row is old by its own measure
    empty_ids_mean_all: bool = True  # what POST …/deallocate {"instanceIds": []} does
