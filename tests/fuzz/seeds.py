"""What each fuzzer begins with (good inputs, and the bad ones that somebody thought of), found, and how it goes on."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from itertools import product
from random import Random

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

_NOTES = b'"v":1,"scale_set":"vmss-pixels","unique_id":"u","instance_id":"1"'
_AT = b'"2026-01-01T00:00:00Z"'
_VM_ID = b"00000001-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
_MINE = b'"vm_id":"' + _VM_ID + b'","instance_id":"1","status":"Unavailable"'


def _opened(record: bytes) -> bytes:
    return b"{" + _NOTES + b',"opened":{"session":"s","at":' + _AT + b',"record":{' + record + b"}}}"


FINDINGS: Mapping[str, Sequence[bytes]] = {
    "record": (
        b'{"vmId":"\xe2\x84\xaa","status":"Available"}',  # the Kelvin sign: its lower case is a k
        b'{"status":"Reserved","sessionId":"' + b"s" * 30_000 + b'"}',
        b'{"status":"Available",' + b",".join(b'"%d":0' % number for number in range(6_000)) + b"}",
    ),
    "notes": (
        _opened(b'"vm_id":"a","instance_id":"1","status":"Unavailable","created_at":"0001-01-01T00:00:00+14:00"'),
        _opened(b'"vm_id":"a","instance_id":"1","status":"Unavailable","extra":[["x","1},{"]]'),
        _opened(b'"vm_id":"a","instance_id":"1","status":"Unavailable","extra":[["used","true"]]'),
        b"{" + _NOTES + b',"mark_attempts":' + b"9" * 4_000 + b"}",
    ),
    "decision": (
        b"\x03\x01\x00\x01\x00"
        b'{"status":"Reserved","sessionId":"t"}\n\n' + _opened(_MINE + b',"created_at":"0001-01-01T00:00:00+14:00"'),
        b'\x02\x20\x00\x02\x00{"status":"Reserved","sessionId":"t"}\n\n' + _opened(_MINE + b',"extra":[["x","}"]]'),
    ),
    "page": (b'{"value":[{"instanceId":"1","etag":"1\\r\\nX: y","properties":{"vmId":"' + _VM_ID + b'"}}]}',),
    "scale_set": (
        b'{"sku":{"capacity":-1},"properties":{"uniqueId":"u"}}',
        b'{"sku":{"capacity":1},"properties":{"uniqueId":"u"},"etag":"\\u001b[31m"}',
    ),
    "refused": (
        b'\x00{"error":{"code":"x","message":"' + b"exceeding " * 100_000 + b'"}}',  # took hours
        b'\x00{"error":{"code":"\\u001b[2J","message":"\\r\\nERROR"}}',
    ),
    "headers": (
        b"9" * 5_000,
        b"Thu, 01 Jan 1970 00:00:00 GMT",
        b"Fri, 31 Dec 9999 23:59:59 -0100",  # beyond the last year, by UTC
    ),
    "settings": (
        b"\x02" + b"n," * 500 + b"\n\n\x0ffirst=5",  # a message with all those names
        b"\x05https://[::1",
        b"\x07rediss://[",
    ),
}
"""Inputs that broke something once, each by the property that found it: tests from then on."""

_NAMES = b"""
status used USED Status warm vmId instanceId sessionId createdAt updatedAt region x s \\u0073tatus Available
Reserved Unavailable v scale_set vmss-pixels unique_id instance_id admitting_at admitted_at mark_asked_at
mark_seen_at unknown_at start opened record extra ended spent why reason session at attempts mark_attempts
presumed_at missed_at rest_at delete claim order reserved failed failure since ips unsettled_at unindexed_at vm_id
session_id release refuse expire condemn spend quota 2026-01-01T00:00:00Z 2026-01-01T11:59:00+05:30
2199-12-31T23:59:59Z 0001-01-01T00:00:00+14:00 9999-12-31T23:59:59.9-23:59 2026-01-01T11:59:59.123456789Z
2026-02-30T00:00:00Z value nextLink properties instanceView statuses code PowerState/running
ProvisioningState/failed/QuotaExceeded provisioningState Failed Creating etag protectionPolicy protectFromScaleIn
timeCreated sku capacity uniqueId 11111111-0000-0000-0000-000000000000 00000001-aaaa-4aaa-8aaa-aaaaaaaaaaaa
tags scaler:managed orchestrationMode error details
""".split()
_BARE = rb"""
{ } [ ] : , " {} [] "" true false null 1 0 -0 -1 . 1e5 1e999 -1E-999 12345678901234567890 NaN Infinity 0x1 \ \/
\u0000 \u00e9 \ud83d\ude00 \ud800 \udc00 \u0073 \u00 https:// // @ :443 ? # .. %00 %2e ; = Microsoft.Compute/ GMT
exceeding quota marked virtualMachines/ {0} $ *
""".split()
_BYTES = (
    *(b" ", b"\n", b"\n\n", b"\0", b"\x1f", b"\x7f", b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf"),
    *("\u212a".encode(), "\u0130".encode(), b"instanceId 1 is not an active", b"VM '", b"for deletion"),
)
WORDS = (*(b'"' + name + b'"' for name in _NAMES), *_BARE, *_BYTES)


def mutated(raw: bytes, choice: Random) -> bytes:
    """The text after one to five changes."""
    text = bytearray(raw)
    for _ in range(choice.choice((1, 1, 1, 2, 3, 5))):
        kind, at = choice.random(), choice.randint(0, len(text))
        to = choice.randint(at, min(len(text), at + 12))
        if kind < 0.45:
            text[at:at] = choice.choice(WORDS)
        elif kind < 0.60:
            del text[at:to]
        elif kind < 0.70:
            text[at : at + 1] = bytes([choice.randrange(256)])
        elif kind < 0.85:
            there = choice.randint(0, len(text))
            text[there:there] = text[at:to]
        else:
            text[at:to] = choice.choice(WORDS)
    return bytes(text)
