"""What somebody who can write into our Redis might write there, by accident or on purpose."""

import json
from collections.abc import Mapping

MEGABYTES = 10 * 1024 * 1024
ESCAPE = "\x1b[2J\x1b[31m\r\nERROR: all is well\u202e\x07"
OUTSIDE = "../../../providers/Microsoft.Compute/virtualMachineScaleSets/other"
AT = "2026-01-01T00:00:00Z"


def record(**fields: object) -> bytes:
    """A record with these fields; a plain Available one otherwise."""
    return json.dumps({"instanceId": "7", "status": "Available", "used": False} | fields).encode()


def notes(**fields: object) -> bytes:
    """Notes of an admitted machine, with these fields."""
    plain = {"v": 1, "scale_set": "vmss-pixels", "unique_id": "u", "instance_id": "1", "admitted_at": AT}
    return json.dumps(plain | fields).encode()


def opened(**fields: object) -> bytes:
    """Notes that claim that a session was let in, with this record of it."""
    plain = {"vm_id": "a", "instance_id": "1", "status": "Unavailable", "session_id": "s"}
    return notes(opened={"session": "s", "at": AT, "record": plain | fields}, start=started())


def started(**fields: object) -> dict[str, object]:
    """A start note."""
    return {"session": "s", "at": AT, "attempts": 1} | fields


RECORDS: Mapping[str, bytes] = {
    "nothing": b"",
    "no JSON": b"\x80\x04\x95pickle",
    "a number": b"7",
    "10 MB": record(x="x" * MEGABYTES),
    "10 MB of brackets": b"[" * MEGABYTES,
    "100,000 deep": b'{"status":"Available","x":' + b'{"x":' * 100_000,
    "just short enough and all brackets": b'{"status":"Available","x":[' + b"[],[]," * 11_000 + b"1]}",
    "thousands of fields": record(**{str(number): 0 for number in range(6_000)}),
    "duplicate fields": b'{"status":"Available",' + b'"status":"Reserved",' * 3_000 + b'"used":false}',
    "every spelling": record(STATUS="Reserved", Status="Unavailable", USED=True, vmID="b", VMID="../../x"),
    "NUL": record(sessionId="a\0b", region="\0"),
    "a raw NUL": b'{"status":"Available\0"}',
    "half a surrogate pair": b'{"status":"Reserved","sessionId":"\\ud800"}',
    "surrogates as bytes": b'{"status":"Reserved","sessionId":"\xed\xa0\x80"}',
    "huge numbers": b'{"status":"Available","x":1e999,"y":-1E-999,"z":123456789012345678901234567890.5}',
    "a number of many digits": b'{"status":"Available","x":' + b"9" * 5_000 + b"}",
    "the year 0": record(createdAt="0000-01-01T00:00:00Z", updatedAt="0001-01-01T00:00:00+14:00"),
    "the year 10000": record(createdAt="9999-12-31T23:59:59-23:59", updatedAt="10000-01-01T00:00:00Z"),
    "odd zones": record(createdAt="2026-01-01T00:00:00+99:99", updatedAt="2026-01-01T00:00:00-00:00"),
    "a long fraction": record(createdAt=f"2026-01-01T00:00:00.{'9' * 5_000}Z"),
    "truth as text": record(used="false", warm="true"),
    "lists and objects": record(instanceId=["7"], status={"x": 1}, sessionId=[]),
    "a path for an id": record(instanceId=OUTSIDE, vmId=OUTSIDE),
    "a path for an instance": record(status="Reserved", sessionId="s", instanceId=OUTSIDE),
    "a wildcard for an id": record(status="Reserved", sessionId="s", instanceId="*"),
    "look-alikes": record(status="\u0410vailable", vmId="\u212a"),
    "a session of 1 MB": record(status="Reserved", sessionId="s" * 1_000_000),
    "a session of 30 KB": record(status="Reserved", sessionId="s" * 30_000),
    "a session that is a terminal's": record(status="Reserved", sessionId=ESCAPE, region=ESCAPE, instanceId=ESCAPE),
    "reserved for nobody": record(status="Reserved"),
    "reserved and used": record(status="Reserved", sessionId="s", used=True),
    "unavailable for nobody": record(status="Unavailable"),
    "used": record(status="Unavailable", sessionId="s", used=True),
    "fields that are nearly too many": record(**{f"f{number}": "x" * 60 for number in range(800)}),
    "nearly too long": record(status="Reserved", sessionId="s", x="x" * 65_400),
}
NOTES: Mapping[str, bytes] = {
    "nothing": b"",
    "no JSON": b"\xff\xfe",
    "10 MB": notes(x="x" * MEGABYTES),
    "100,000 deep": b'{"v":1,"x":' + b"[" * 100_000,
    "a newer version": b'{"v":2}',
    "a much newer version": b'{"v":' + b"9" * 4_000 + b"}",
    "a path for an address": notes(scale_set="vmss-pixels", instance_id=OUTSIDE),
    "a path for a scale set": notes(scale_set=OUTSIDE, instance_id="1"),
    "a wildcard for an address": notes(instance_id="*"),
    "an action for an address": notes(instance_id="1/delete?x="),
    "many ended sessions": notes(ended={f"session-{number}": "release" for number in range(5_000)}),
    "100,000 ended sessions": notes(ended={f"session-{number}": "release" for number in range(100_000)}),
    "huge counts": notes(
        start=started(attempts=2**64 - 1), delete={"at": AT, "attempts": 2**63}, mark_attempts=10**400
    ),
    "large counts": notes(start=started(attempts=2**63 - 1), mark_attempts=2**63 - 1),
    "counts below one": notes(start=started(attempts=-1), delete={"at": AT, "attempts": 0}),
    "the year 1, east of Greenwich": opened(created_at="0001-01-01T00:00:00+14:00"),
    "the year 9999": notes(missed_at="9999-12-31T23:59:59Z", presumed_at="9999-12-31T23:59:59-23:59"),
    "the last year we read": notes(missed_at="2199-12-31T23:59:59Z", rest_at="2199-12-31T23:59:59Z"),
    "a foreign field that is none": opened(extra=[["used", 'false},"x":{'], ["x", "1,"]]),
    "a foreign field that is ours": opened(extra=[["used", "true"], ["status", '"Available"']]),
    "another machine's record": opened(vm_id="another"),
    "a record of a path": opened(vm_id=OUTSIDE, instance_id=OUTSIDE),
    "a terminal's words": notes(
        start=started(session=ESCAPE),
        claim={"order": ESCAPE, "at": AT},
        spent={"why": "spend", "at": AT, "reason": ESCAPE},
    ),
    "addresses that are none": notes(ips={ESCAPE: OUTSIDE, "publicIp": "x" * 1_000}),
    "spent without a time": notes(spent={"why": "release"}),
    "spent for a reason that is no text": notes(
        ended={"s": "refuse"}, spent={"why": "refuse", "at": AT, "reason": {"x": 1}}
    ),
    "everything at once": notes(
        start=started(),
        presumed_at=AT,
        claim={"order": "x", "at": AT},
        delete={"at": AT, "attempts": 99},
        missed_at=AT,
        rest_at=AT,
        failed={"failure": "quota", "since": AT},
        unsettled_at=AT,
        unknown_at=AT,
        mark_asked_at=AT,
    ),
}
MEMBERS: Mapping[str, bytes] = {
    "a path": b"vmss:instance:../../x",
    "upper case": b"vmss:instance:00000000-AAAA-4AAA-8AAA-AAAAAAAAAAAA",
    "look-alikes": "vmss:instance:\u0430\u0430\u0430".encode(),
    "the Kelvin sign": "vmss:instance:\u212a".encode(),
    "a long id": b"vmss:instance:" + b"a" * 65,
    "10 MB": b"vmss:instance:" + b"a" * MEGABYTES,
    "an id with an end": b"vmss:instance:a\n",
    "an id with a NUL": b"vmss:instance:a\0b",
    "no id": b"vmss:instance:",
    "notes": b"vmss:notes:00000000-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
    "the index itself": b"vmss:status:available",
    "another prefix": b"other:instance:00000000-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
    "nothing": b"",
    "bytes": bytes(range(256)),
    "a terminal's words": ESCAPE.encode(),
}
