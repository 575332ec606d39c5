"""A running installation of the Go scaler: its records, to the byte, and its machines, which nobody has marked."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from emulator.orders import OrderKind, Scale
from emulator.scale_set import EmulatedScaleSet
from scaler.model.instance import InstanceId, PowerState, SessionId, VmId
from scaler.model.row import Status
from scaler.registry.keys import Keys

BY = "go-scaler"


class Redis(Protocol):
    """The two commands it writes with: those of a redis.Redis, and of a Keyspace."""

    def set(self, key: str, value: str, /) -> Any:
        """SET."""
        ...

    def sadd(self, key: str, member: str, /) -> Any:
        """SADD."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine of an installation of the Go scaler. A status of None means: without a record."""

    status: Status | None = None
    session: str = ""
    used: bool = False
    runs: bool = False
    indexed: bool = True  # its starter takes keys out of `reserved` before it has dealt with them


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """That machine, and where it came to be."""

    machine: Machine
    vm_id: VmId
    instance_id: InstanceId

    @property
    def session(self) -> SessionId:
        """Whose it is."""
        return SessionId(self.machine.session)


def install(
    azure: EmulatedScaleSet, redis: Redis, keys: Keys, machines: Sequence[Machine], later: Callable[[], object]
) -> list[Placed]:
    """Build the installation, and say which machine is which. `later`: lets more time pass than any order takes."""
    azure.tag()
    azure.scale(Scale(capacity=len(machines)), by=BY)
    later()
    idle = [vm.instance_id for vm, each in zip(azure.vms, machines, strict=True) if not each.runs]
    if idle:
        azure.order(OrderKind.DEALLOCATE, idle, by=BY)
    later()
    wanted = [PowerState.RUNNING if each.runs else PowerState.DEALLOCATED for each in machines]
    assert [vm.power for vm in azure.vms] == wanted
    placed = [
        Placed(machine=each, vm_id=VmId(vm.vm_id), instance_id=InstanceId(vm.instance_id))
        for vm, each in zip(azure.vms, machines, strict=True)
    ]
    for each in placed:
        if each.machine.status is not None:
            redis.set(keys.instance(each.vm_id), text(each))
        if each.machine.status is not None and each.machine.indexed:
            redis.sadd(keys.index(each.machine.status), keys.instance(each.vm_id))
    return placed


def text(placed: Placed) -> str:
    """A record as Go's encoding/json writes it: every field, in the struct's order, empty ones too."""
    machine = placed.machine
    fields = {
        "vmId": placed.vm_id,
        "instanceId": placed.instance_id,
        "publicIp": "0.0.0.0",
        "clientIp": "203.0.113.7" if machine.session else "",
        "sessionId": machine.session,
        "status": machine.status,
        "createdAt": "2025-12-31T23:00:00Z",
        "updatedAt": "2025-12-31T23:30:00Z" if machine.status is not Status.AVAILABLE else "",
        "region": "EUR",
        "used": machine.used,
        "warm": False,
    }
    return json.dumps(fields, separators=(",", ":"))
