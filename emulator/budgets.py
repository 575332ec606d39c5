"""ARM's request budgets: a token bucket per kind of call and resource, and one per subscription."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from emulator.refusals import throttled


class Call(StrEnum):
    """Every kind of call that is counted."""

    GET_SET = "get-set"
    SET_VIEW = "set-view"
    LIST = "list"  # each page
    GET_VM = "get-vm"
    UPDATE_SET = "update-set"
    START = "start"
    RESTART = "restart"
    POWER_OFF = "power-off"
    DEALLOCATE = "deallocate"
    DELETE = "delete"
    UPDATE_VM = "update-vm"
    VM_ACTION = "vm-action"
    VM_DELETE = "vm-delete"  # and power-off and deallocate of one VM
    GET_OPERATION = "get-operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """(burst, refill a minute) of the resource and of the subscription; None: no bucket of its own."""

    name: str
    resource: tuple[float, float] | None
    subscription: tuple[float, float]


# Microsoft's compute throttling limits; POST …/delete is in none of their tables and counted like deletes of VMs
BUDGETS: Mapping[Call, Budget] = {
    Call.GET_SET: Budget(name="GetVMScaleSet", resource=(36, 12), subscription=(2400, 800)),
    Call.SET_VIEW: Budget(name="HighCostGetVMScaleSet", resource=(30, 10), subscription=(1080, 360)),
    Call.LIST: Budget(name="HighCostGetVMScaleSet", resource=(30, 10), subscription=(1080, 360)),
    Call.GET_VM: Budget(name="GetVMScaleSetVM", resource=(36, 12), subscription=(6000, 2000)),
    Call.UPDATE_SET: Budget(name="VMScaleSetActions", resource=(12, 4), subscription=(1500, 500)),
    Call.START: Budget(name="VMScaleSetActions", resource=None, subscription=(1500, 500)),
    Call.RESTART: Budget(name="VMScaleSetActions", resource=None, subscription=(1500, 500)),
    Call.POWER_OFF: Budget(name="DeleteVMScaleSet", resource=None, subscription=(525, 175)),
    Call.DEALLOCATE: Budget(name="DeleteVMScaleSet", resource=(12, 4), subscription=(525, 175)),
    Call.DELETE: Budget(name="DeleteVMScaleSetVM", resource=None, subscription=(1500, 500)),
    Call.UPDATE_VM: Budget(name="UpdateVMScaleSetVM", resource=(12, 4), subscription=(1500, 500)),
    Call.VM_ACTION: Budget(name="VMScaleSetVMActions", resource=(12, 4), subscription=(1500, 500)),
    Call.VM_DELETE: Budget(name="DeleteVMScaleSetVM", resource=(12, 4), subscription=(1500, 500)),
    Call.GET_OPERATION: Budget(name="GetOperation", resource=(45, 15), subscription=(15000, 5000)),
}


@dataclass(slots=True, kw_only=True)
class _Bucket:
    burst: float
    per_second: float
    level: float
    since: datetime

    def refill(self, now: datetime) -> None:
        gained = (now - self.since).total_seconds() * self.per_second
        self.level = min(self.burst, self.level + gained)
        self.since = now


class Meter:
    """Takes one token per request from each bucket it counts for."""

    def __init__(self, *, enforced: bool, speed: float) -> None:
        self._enforced = enforced
        self._speed = speed
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def charge(self, call: Call, resource: str, now: datetime) -> None:
        """Take the tokens; raises the 429 when one is missing."""
        buckets = self._of(call, resource, now)
        for policy, bucket in buckets.items():
            if self._enforced and bucket.level < 1:
                wait = (1 - bucket.level) / bucket.per_second
                raise throttled(policy, timedelta(seconds=wait))
        for bucket in buckets.values():
            bucket.level = max(0.0, bucket.level - 1)

    def remaining(self, call: Call, resource: str, now: datetime) -> str:
        """The value of the header x-ms-ratelimit-remaining-resource."""
        buckets = self._of(call, resource, now)
        return ",".join(f"Microsoft.Compute/{policy};{int(bucket.level)}" for policy, bucket in buckets.items())

    def _of(self, call: Call, resource: str, now: datetime) -> dict[str, _Bucket]:
        budget = BUDGETS[call]
        found = {f"{budget.name}SubscriptionMaximum": self._bucket(budget, "", budget.subscription, now)}
        if budget.resource is not None:
            found[f"{budget.name}Resource"] = self._bucket(budget, resource, budget.resource, now)
        return found

    def _bucket(self, budget: Budget, resource: str, size: tuple[float, float], now: datetime) -> _Bucket:
        burst, per_minute = size
        key = (budget.name, resource)
        if key not in self._buckets:
            refill = per_minute / 60 * self._speed
            self._buckets[key] = _Bucket(burst=burst, per_second=refill, level=burst, since=now)
        self._buckets[key].refill(now)
        return self._buckets[key]
