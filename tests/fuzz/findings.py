"""Inputs that broke something once: each by the property that found it. They are tests from then on."""

from collections.abc import Mapping, Sequence

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
