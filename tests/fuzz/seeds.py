"""What each fuzzer begins with: good inputs, and the bad ones that somebody has thought of already."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from itertools import product

from clock import ManualClock
from fuzz.deciding import samples
from hostile.values import MEMBERS, NOTES, RECORDS
from wire.scripted_arm import set_body, vm_row

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import OrderKind, Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.wire import bodies
from emulator.wire.site import Site

_LONGEST = 4_000  # bytes: a fuzzer gets nowhere with long ones
_ERRORS = ("AllocationFailed", "QuotaExceeded", "InstanceIdsNotFound", "Conflict", "ParentResourceNotFound")
_MESSAGES = (
    "The provided instanceId 1 is not an active Virtual Machine Scale Set VM instanceId.",
    "VM 'vmss-pixels_1' is marked for deletion",
    "Operation could not be completed as it results in exceeding approved NVADS Cores quota",
    "The Resource 'Microsoft.Compute/virtualMachineScaleSets/vmss-pixels' was not found",
)
_HEADERS = (
    *("60", "0", "-1", "Thu, 01 Jan 2026 00:01:00 GMT", "Thursday, 01-Jan-26 00:01:00 GMT", "Thu Jan  1 00:01:00 2026"),
    "Microsoft.Compute/HighCostGetVMScaleSetResource;11,Microsoft.Compute/GetVMScaleSetResource;1499",
)
_LINKS = ("/subscriptions/x?$skiptoken=a%2B", "//evil.example/", "@evil.example", "\\evil.example", ":443/", "#x", "?y")


def seeds_of(target: str) -> Iterator[bytes]:
    """For this property."""
    return (raw for raw in SEEDS.get(target, tuple)() if len(raw) <= _LONGEST)


def _short(values: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: raw for name, raw in values.items() if len(raw) <= _LONGEST // 4}


@cache
def _azure() -> tuple[EmulatedScaleSet, Site]:
    """Three machines: one runs, one is at rest, one is being created."""
    clock = ManualClock()
    emulated = EmulatedScaleSet(clock.now, behaviour=Behaviour(latencies=Latencies().exact()))
    emulated.scale(Scale(capacity=2), by="operator")
    clock.advance(timedelta(minutes=5))
    emulated.order(OrderKind.DEALLOCATE, [emulated.vms[0].instance_id], by="operator", single=True)
    clock.advance(timedelta(minutes=5))
    emulated.scale(Scale(capacity=3), by="operator")
    return emulated, Site(scale_sets=[emulated])


def _rows() -> list[dict[str, object]]:
    emulated, site = _azure()
    whole = [bodies.vm(site, emulated, each, view=True) for each in emulated.vms]
    return [*whole, vm_row(1), vm_row(2, "deallocated"), vm_row(3, "stopped", "Failed"), {"id": ""}]


def _set() -> dict[str, object]:
    emulated, site = _azure()
    return bodies.scale_set(site, emulated, emulated.set_state)


def _pages() -> Iterator[bytes]:
    rows = _rows()
    for number in range(len(rows)):
        yield json.dumps({"value": rows[number : number + 2], "nextLink": "https://x/"}).encode()


def _flexible_pages() -> Iterator[bytes]:
    for page in _pages():
        yield page + b"\n\n" + page


def _interfaces() -> Iterator[bytes]:
    for ip in ("10.0.0.4", "2001:db8::1", "fe80::1%eth0", "256.1.1.1", ""):
        public = {"id": "/subscriptions/x/publicIPAddresses/p"}
        configuration = {"properties": {"primary": True, "privateIPAddress": ip, "publicIPAddress": public}}
        machine = {"id": "/subscriptions/x/virtualMachines/7"}
        nic = {"primary": True, "virtualMachine": machine, "ipConfigurations": [configuration], "ipAddress": ip}
        yield json.dumps({"value": [{"id": public["id"], "properties": nic}]}).encode()


def _refusals() -> Iterator[bytes]:
    for number, (code, said) in enumerate(product(_ERRORS, _MESSAGES)):
        yield bytes([number]) + json.dumps({"error": {"code": code, "message": said}}).encode()


SEEDS: Mapping[str, Callable[[], Iterable[bytes]]] = {
    "record": RECORDS.values,
    "notes": NOTES.values,
    "member": MEMBERS.values,
    "decision": lambda: samples(_short(RECORDS), _short(NOTES)),
    "scripts": lambda: samples(_short(RECORDS), _short(NOTES)),
    "page": _pages,
    "flexible": _flexible_pages,
    "network": _interfaces,
    "instance": lambda: [json.dumps(row).encode() for row in _rows()],
    "scale_set": lambda: [json.dumps(each).encode() for each in (set_body(0), set_body(3), _set())],
    "refused": _refusals,
    "headers": lambda: [each.encode() for each in _HEADERS],
    "link": lambda: [each.encode() for each in _LINKS],
    "settings": lambda: [
        b"\x02vmss-pixels\n\n\x0crediss://:a%2Fb@redis.example:6380\n\n\x1060m",
        b"\x104\n\n\x11first=5,3",
    ],
}
