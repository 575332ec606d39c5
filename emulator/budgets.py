"""ARM's request budgets: a table of buckets by kind of call, and the token buckets, which refuse."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from emulator.refusals import throttled
from emulator.switches import Switches


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
    LIST_MACHINES = "list-machines"  # Flexible: the VMs of the resource group, each page
    GET_MACHINE = "get-machine"
    UPDATE_MACHINE = "update-machine"  # all actions on one
    DELETE_MACHINE = "delete-machine"
    GET_OPERATION = "get-operation"
    NETWORK = "network"  # each page of NICs or public IPs


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bucket of one resource, or of the whole subscription."""

    name: str
    burst: float
    refill: float  # a minute
    own: bool = False
    per_vm: bool = False  # takes a token for each VM that the call is about, not one for the call
    told: bool = True  # answers say what is left


def _limits(name: str, subscription: tuple[float, float], own: tuple[float, float] | None = None) -> tuple[Limit, ...]:
    """Both numbers are (burst, refill a minute)."""
    shared = Limit(name=f"{name}SubscriptionMaximum", burst=subscription[0], refill=subscription[1])
    if own is None:
        return (shared,)
    return (shared, Limit(name=f"{name}Resource", burst=own[0], refill=own[1], own=True))


_HIGH_COST = _limits("HighCostGetVMScaleSet", (1080, 360), (30, 10))
_GET_SET_VM = _limits("GetVMScaleSetVM", (6000, 2000), (36, 12))
_OF_SET = _limits("DeleteVMScaleSet", (525, 175), (12, 4))
_OF_SET_SHARED = _limits("DeleteVMScaleSet", (525, 175))
_OF_VM = _limits("DeleteVMScaleSetVM", (1500, 500), (12, 4))
_OF_VM_SHARED = _limits("DeleteVMScaleSetVM", (1500, 500))
_ACTIONS = _limits("VMScaleSetActions", (1500, 500))
_ACTIONS_OF_SET = _limits("VMScaleSetActions", (1500, 500), (12, 4))
BATCHED = Limit(name="VMScaleSetBatchedVMRequestsSubscriptionMaximum", burst=6000, refill=2000, per_vm=True)
_VIEWS = Limit(name="VMScaleSetVMViewsSubscriptionMaximum", burst=5000, refill=5000 / 3, per_vm=True)

# Microsoft's compute throttling limits. Names and numbers of the four for single machines are those of VMSS VMs: what
# applies to VMs by themselves is not among the facts.
_TABLE: Mapping[Call, tuple[Limit, ...]] = {
    Call.GET_SET: _limits("GetVMScaleSet", (2400, 800), (36, 12)),
    Call.SET_VIEW: _HIGH_COST,
    Call.LIST: _HIGH_COST,
    Call.GET_VM: _GET_SET_VM,
    Call.UPDATE_SET: (*_ACTIONS_OF_SET, BATCHED),
    Call.START: (*_ACTIONS, BATCHED),
    Call.RESTART: (*_ACTIONS, BATCHED),
    Call.POWER_OFF: (*_OF_SET_SHARED, BATCHED),
    Call.DEALLOCATE: (*_OF_SET, BATCHED),
    Call.DELETE: (*_OF_VM_SHARED, BATCHED),
    Call.UPDATE_VM: _limits("UpdateVMScaleSetVM", (1500, 500), (12, 4)),
    Call.VM_ACTION: _limits("VMScaleSetVMActions", (1500, 500), (12, 4)),
    Call.VM_DELETE: _OF_VM,
    Call.LIST_MACHINES: _limits("HighCostGet", (1080, 360)),
    Call.GET_MACHINE: _limits("LowCostGet", (6000, 2000), (36, 12)),
    Call.UPDATE_MACHINE: _limits("UpdateVM", (1500, 500), (12, 4)),
    Call.DELETE_MACHINE: _limits("DeleteVM", (1500, 500), (12, 4)),
    Call.GET_OPERATION: _limits("GetOperation", (15000, 5000), (45, 15)),
    # 10,000 reads in five minutes; Microsoft.Network does not say how many are left
    Call.NETWORK: (Limit(name="NetworkReads", burst=10_000, refill=2000, told=False),),
}

BURSTS: Mapping[str, int] = {each.name: round(each.burst) for found in _TABLE.values() for each in found if each.told}
"""How much each bucket holds, by its name in the header."""


def limits(call: Call, switches: Switches) -> tuple[Limit, ...]:
    """The buckets of a call, in the order of the answer's header."""
    found = _TABLE[call]
    if call is Call.DELETE and switches.delete_bucket_of_set:
        found = (*_OF_SET, BATCHED)
    if call is Call.DEALLOCATE and not switches.deallocate_bucket_of_set:
        found = (*_OF_SET_SHARED, BATCHED)
    if call is Call.UPDATE_VM and not switches.mark_bucket_per_vm:
        found = (*_ACTIONS_OF_SET, BATCHED)
    if call in {Call.LIST, Call.GET_VM} and switches.views_are_metered:
        found = (*found, _VIEWS)
    return found


QUEUED = "VmssQueuedVMOperations;0"
"""Follows the per-VM bucket. The number once counted down from 4,800; a 0 has no meaning today."""


WINDOW = timedelta(minutes=1)  # what a 429 says it has measured


@dataclass(slots=True, kw_only=True)
class Bucket:
    """One bucket. A speed above 1 refills it so many times faster."""

    burst: float
    per_second: float
    level: float
    since: datetime
    speed: float = 1.0
    asked: deque[tuple[datetime, float]] = field(default_factory=deque)

    @classmethod
    def full(cls, burst: float, per_second: float, now: datetime, speed: float = 1.0) -> "Bucket":
        """A new one."""
        return cls(burst=burst, per_second=per_second * speed, level=burst, since=now, speed=speed)

    def refill(self, now: datetime) -> None:
        """What has come since the last time."""
        gained = max(0.0, (now - self.since).total_seconds()) * self.per_second
        self.level = min(self.burst, self.level + gained)
        self.since = max(now, self.since)

    def want(self, tokens: float, now: datetime) -> timedelta:
        """The wait for so many tokens. The call is counted as measured, whether granted or not."""
        self.refill(now)
        self.asked.append((now, tokens))
        while self.asked[0][0] <= now - WINDOW / self.speed:
            self.asked.popleft()
        missing = max(0.0, tokens - self.level)
        return timedelta(seconds=missing / self.per_second)

    def take(self, tokens: float) -> None:
        """So many less."""
        self.level = max(0.0, self.level - tokens)

    @property
    def measured(self) -> int:
        """How many were asked for within the window."""
        return round(sum(tokens for _, tokens in self.asked))


class Buckets(dict[tuple[str, str], Bucket]):
    """By the limit's name and the resource; the subscription's own have no resource."""


class Meter:
    """Counts one scale set's calls in the region's buckets."""

    def __init__(self, buckets: Buckets, owner: str, switches: Switches, *, enforced: bool, speed: float) -> None:
        self._buckets = buckets
        self._owner = owner
        self._switches = switches
        self._enforced = enforced
        self._speed = speed

    def charge(self, call: Call, resource: str, now: datetime, vms: int = 0) -> None:
        """Take the tokens. Raises the 429, and takes no tokens, if a bucket lacks some."""
        found = limits(call, self._switches)
        wanted = [(each, self._bucket(each, resource, now), vms if each.per_vm else 1) for each in found]
        for limit, bucket, tokens in wanted:
            wait = bucket.want(tokens, now)
            if wait and self._enforced:
                raise throttled(limit.name, wait, allowed=round(limit.burst), measured=bucket.measured)
        for _, bucket, tokens in wanted:
            bucket.take(tokens)

    def remaining(self, call: Call, resource: str, now: datetime) -> str:
        """The value of the header x-ms-ratelimit-remaining-resource; empty where answers have none."""
        told = [limit for limit in limits(call, self._switches) if limit.told]
        parts = [f"{limit.name};{self._left(limit, resource, now)}" for limit in told]
        return ",".join(f"Microsoft.Compute/{each}" for each in (*parts, *([QUEUED] if BATCHED in told else ())))

    def policy(self, call: Call) -> str:
        """The bucket to name in a random 429: the resource's own if the call has such a bucket."""
        found = limits(call, self._switches)
        return next((each.name for each in found if each.own), found[0].name)

    def _left(self, limit: Limit, resource: str, now: datetime) -> int:
        bucket = self._bucket(limit, resource, now)
        bucket.refill(now)
        return int(bucket.level)

    def _bucket(self, limit: Limit, resource: str, now: datetime) -> Bucket:
        key = (limit.name, f"{self._owner}/{resource}" if limit.own else "")
        if key not in self._buckets:
            self._buckets[key] = Bucket.full(limit.burst, limit.refill / 60, now, self._speed)
        return self._buckets[key]
