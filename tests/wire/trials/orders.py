"""Switches of orders and operations, each with an experiment."""

from collections.abc import Mapping
from dataclasses import replace

from wire.desk import FLEXIBLE, SET, desk
from wire.trials.trial import CORES, Trial, as_it_is, operation

from emulator.behaviour import Fault
from emulator.orders import Protection
from emulator.switches import (
    AllocationCode,
    ConflictCode,
    EmptyIds,
    FailedOperation,
    Overlap,
    QuotaCode,
    SetOverlap,
    Switches,
)


def _overlap(switches: Switches) -> object:
    azure = desk(switches)
    first = azure.order("deallocate", "0")
    second = azure.order("start", "0")
    third = azure.order("delete", "0")
    return second.status, third.status, operation(azure, first)["status"]


def _set_overlap(switches: Switches) -> object:
    azure = desk(switches)
    first = azure.ask("PATCH", SET, {"sku": {"capacity": 2}})
    second = azure.ask("PATCH", SET, {"sku": {"capacity": 3}})
    azure.wait()
    return second.status, operation(azure, first)["status"], len(azure.emulated.vms)


def _conflict_code(switches: Switches) -> object:
    azure = desk(replace(switches, overlap=Overlap.CONFLICT))
    azure.order("deallocate", "0")
    return azure.order("start", "0").code


def _failed_operation(switches: Switches) -> object:
    azure = desk(switches)
    azure.order("deallocate", "0")
    azure.wait()
    azure.emulated.script(Fault.START_ALLOCATION)
    began = azure.order("start", "0")
    azure.wait()
    status = operation(azure, began)
    assert status["status"] == "Failed"
    error = status.get("error")
    return error and (error["code"], [each["code"] for each in error.get("details", ())])


def _empty_ids(switches: Switches) -> object:
    azure = desk(switches)
    answer = azure.order("deallocate")
    azure.wait()
    return answer.status, azure.emulated.vms[0].power.value


def _flexible_batches(switches: Switches) -> object:
    azure = desk(switches, profile=FLEXIBLE)
    return azure.order("deallocate", azure.emulated.vms[0].instance_id).status


def _protection_holds_named(switches: Switches) -> object:
    azure = desk(switches)
    azure.emulated.protect("0", Protection(from_scale_in=True, from_actions=True))
    azure.wait()
    return azure.order("poweroff", "0").status


def _beyond_the_quota(switches: Switches) -> tuple[int, list[str]]:
    azure = desk(switches)
    azure.emulated.limit(cores=CORES)
    answer = azure.ask("PATCH", SET, {"sku": {"capacity": 2}})
    azure.wait()
    return answer.status, [each.provisioning.value for each in azure.emulated.vms]


def _quota_code(switches: Switches) -> object:
    azure = desk(switches)
    azure.emulated.limit(cores=CORES)
    return azure.ask("PATCH", SET, {"sku": {"capacity": 2}}).code


def _deallocated_hold_quota(switches: Switches) -> object:
    azure = desk(switches, capacity=2)
    azure.order("deallocate", "0", "1")
    azure.wait()
    azure.emulated.limit(cores=CORES)
    return azure.order("start", "0").status, azure.order("start", "1").status


def _allocation_code(switches: Switches) -> object:
    azure = desk(switches, capacity=0)
    azure.emulated.script(Fault.CREATE_ALLOCATION)
    began = azure.ask("PATCH", SET, {"sku": {"capacity": 1}})
    azure.wait()
    (status, *_) = azure.get(f"{SET}/virtualMachines/0/instanceView")["statuses"]
    code = operation(azure, began)["error"]["code"]
    assert status["code"] == f"ProvisioningState/failed/{code}"
    return code


TRIALS: Mapping[str, Trial] = {
    "overlap": Trial(
        look=_overlap,
        shows={
            Overlap.PREEMPT: (202, 202, "Canceled"),
            Overlap.SOME: (409, 202, "Canceled"),
            Overlap.CONFLICT: (409, 409, "InProgress"),
        },
    ),
    "set_overlap": Trial(
        look=_set_overlap,
        shows={
            SetOverlap.BOTH: (200, "Succeeded", 3),
            SetOverlap.PREEMPT: (200, "Canceled", 3),
            SetOverlap.CONFLICT: (409, "Succeeded", 2),
        },
    ),
    "conflict_code": Trial(look=_conflict_code, shows=as_it_is(ConflictCode)),
    "failed_operation": Trial(
        look=_failed_operation,
        shows={
            FailedOperation.CODE: ("AllocationFailed", []),
            FailedOperation.DETAILS: ("OperationFailed", ["AllocationFailed"]),
            FailedOperation.SILENT: None,
        },
    ),
    "protection_holds_named": Trial(look=_protection_holds_named, shows={True: 409, False: 202}),
    "empty_ids": Trial(
        look=_empty_ids,
        shows={
            EmptyIds.ALL: (202, "deallocated"),
            EmptyIds.NONE: (202, "running"),
            EmptyIds.REFUSED: (400, "running"),
        },
    ),
    "flexible_batches": Trial(look=_flexible_batches, shows={True: 202, False: 409}),
    "quota_refused_at_once": Trial(
        look=_beyond_the_quota, shows={True: (409, ["Succeeded"]), False: (200, ["Succeeded", "Failed"])}
    ),
    "quota_code": Trial(look=_quota_code, shows=as_it_is(QuotaCode)),
    "deallocated_hold_quota": Trial(look=_deallocated_hold_quota, shows={True: (202, 202), False: (202, 409)}),
    "allocation_code": Trial(look=_allocation_code, shows=as_it_is(AllocationCode)),
}
