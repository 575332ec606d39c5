"""Unknown answers of Azure as switches, so that the scaler can be tried with all answers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum


class Overlap(StrEnum):
    """The answer to an order to a busy VM."""

    PREEMPT = "preempt"  # the later one wins; the earlier operation ends as OperationPreempted
    SOME = "some"  # a delete wins; one that starts, stops or restarts the VM gets a 409
    CONFLICT = "conflict"  # the later one gets a 409


class SetOverlap(StrEnum):
    """The answer to a change of the capacity, or a delete, while an earlier change is under way."""

    BOTH = "both"  # they go on side by side
    PREEMPT = "preempt"  # the earlier operation ends as OperationPreempted, though its VMs go on
    CONFLICT = "conflict"  # the later one gets a 409


class Eviction(StrEnum):
    """What an eviction does: the scale set's evictionPolicy."""

    DEALLOCATE = "Deallocate"
    DELETE = "Delete"  # and sku.capacity falls


class Renewal(StrEnum):
    """What becomes of a VM at rest that is reimaged or redeployed."""

    RUNS = "runs"  # powered on, and billed from then on
    STAYS = "stays"  # at rest as before
    REFUSED = "refused"  # 409, as a restart gets


class EmptyIds(StrEnum):
    """What `{"instanceIds": []}` means."""

    ALL = "all"  # as no body does
    NONE = "none"  # accepted, and nothing happens
    REFUSED = "refused"  # 400


class FailedOperation(StrEnum):
    """How the status of an operation that failed says why."""

    CODE = "code"  # in `error.code`
    DETAILS = "details"  # in `error.details`, below a code that says no more than that it failed
    SILENT = "silent"  # not at all


class ConflictCode(StrEnum):
    """The code of a 409 because of another request under way; Conflict, if the request names no VM."""

    OPERATION_NOT_ALLOWED = "OperationNotAllowed"  # the message tells it from all else that is not allowed
    CONFLICT = "Conflict"
    ANOTHER_OPERATION = "AnotherOperationInProgress"


class QuotaCode(StrEnum):
    """The code of a refusal for want of quota; its message speaks of the quota in any case."""

    OPERATION_NOT_ALLOWED = "OperationNotAllowed"
    QUOTA_EXCEEDED = "QuotaExceeded"


class AllocationCode(StrEnum):
    """The code of a failed allocation: it depends on the scale set's zones and constraints."""

    ALLOCATION = "AllocationFailed"
    ZONAL = "ZonalAllocationFailed"
    OVERCONSTRAINED = "OverconstrainedAllocationRequest"
    OVERCONSTRAINED_ZONAL = "OverconstrainedZonalAllocationRequest"


class FrontDoorCode(StrEnum):
    """The code of a 429 by ARM itself, not by Microsoft.Compute behind ARM."""

    SUBSCRIPTION = "SubscriptionRequestsThrottled"
    TOO_MANY = "TooManyRequests"


class StoppedHealth(StrEnum):
    """The health of a VM that does not run."""

    LAST = "last"  # the last one of the run that is over
    UNHEALTHY = "unhealthy"  # as one pool manager's tests expect it
    ABSENT = "absent"


class HealthTime(StrEnum):
    """The time beside a health status."""

    CHANGE = "change"  # since when it is this one, perhaps since an earlier run
    REPORT = "report"  # when the extension last said so


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The defaults are the likelier answer, or the more unpleasant one where neither is likelier."""

    # orders and operations
    overlap: Overlap = Overlap.SOME
    set_overlap: SetOverlap = SetOverlap.BOTH
    conflict_code: ConflictCode = ConflictCode.OPERATION_NOT_ALLOWED
    failed_operation: FailedOperation = FailedOperation.CODE
    empty_ids: EmptyIds = EmptyIds.ALL
    protection_holds_named: bool = False  # protectFromScaleSetActions refuses a stop by a list of ids: 409
    protected_survive_scale_in: bool = True  # a lowered capacity spares protected VMs; else only Autoscale does
    flexible_batches: bool = False  # start, stop, restart and deallocate as a batch work on Flexible; else 409
    # VMs
    eviction: Eviction = Eviction.DEALLOCATE
    renewal_at_rest: Renewal = Renewal.RUNS
    reuse_ids: bool = True  # a new VM gets the lowest free instance id; else ids only rise
    vm_id_at_once: bool = True  # a VM that is being created shows its vmId already
    stopped_before_running: bool = False  # `stopped` shows for a moment before a new or started VM runs
    # sku.capacity, quota and etags
    delete_lowers_capacity_at_once: bool = True  # else when the VM is gone
    delete_bumps_etag: bool = True  # the scale set's etag
    eviction_bumps_etag: bool = True  # the same, for an eviction that deletes
    completion_bumps_etag: bool = False  # the same, once more when what was begun is done
    quota_refused_at_once: bool = True  # 409; else it is accepted, and the VMs fail
    quota_code: QuotaCode = QuotaCode.OPERATION_NOT_ALLOWED
    deallocated_hold_quota: bool = True  # else a start may run into the quota
    allocation_code: AllocationCode = AllocationCode.ALLOCATION
    # the mark
    mark_on_deallocated: bool = True  # else the PUT is refused with 409 there
    mark_makes_updating: bool = True  # else the protection is simply there
    mark_keeps_latest_model: bool = True  # else latestModelApplied turns false
    vm_etags: bool = True  # VMs in answers carry an etag
    # health
    health_outlives_start: bool = True  # an old health shows until the first report of the new run; else none does
    stopped_health: StoppedHealth = StoppedHealth.LAST
    health_time: HealthTime = HealthTime.CHANGE
    initializing_reads_healthy: bool = True  # in vmHealth, though the extension's own word is Initializing
    unknown_reads_unhealthy: bool = True  # the same, though its own word is Unknown
    # listings
    deleting_rows_lose_id: bool = False  # a row on its way out has an empty id and no vmId
    ragged_listings: bool = False  # in an old listing every row is old by its own measure
    stale_skip_tokens: bool = False  # a nextLink is refused once a VM has come or gone since; else it goes on
    # addresses
    public_ip_survives_deallocation: bool = False  # as a static one does; else it is another one after the next start
    unallocated_public_ips_listed: bool = True  # one without an address is in the list of public IPs
    # roles
    permissions_want_a_right: bool = True  # whose role lacks Microsoft.Authorization/permissions/read gets 403 there
    # request budgets
    mark_bucket_per_vm: bool = False  # the PUT is charged to the VM; else, as recorded, to VMScaleSetActions of the set
    delete_bucket_of_set: bool = False  # POST …/delete is counted per scale set, as deallocate is
    deallocate_bucket_of_set: bool = True  # POST …/deallocate is: documented, and missing in recorded headers
    views_are_metered: bool = False  # a listing costs a token for each VM in it beside the one for the page
    front_door_code: FrontDoorCode = FrontDoorCode.SUBSCRIPTION


_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def values_of(name: str) -> Mapping[str, object]:
    """The values of a switch by their spelling in lower case; KeyError for an unknown switch."""
    default = {switch.name: switch.default for switch in fields(Switches)}[name]
    if isinstance(default, StrEnum):
        return {each.lower(): each for each in type(default)}
    return _TRUTHS
