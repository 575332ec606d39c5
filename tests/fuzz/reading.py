"""What must be true of every decoder, whatever the bytes are. Each property raises where it is not."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from builders import ref
from clock import ManualClock
from fuzz.deciding import decision
from unit.arm_replies import listed

from scaler.errors import LONGEST_LINE, Garbled, Refused, ScalerError
from scaler.model.instance import InstanceId, Orchestration, ScaleSetName, VmId, is_instance_id
from scaler.model.row import Before, Record
from scaler.registry.keys import Keys
from scaler.registry.notes_json import MAX_NOTES, decode_notes, encode_notes, newer_version
from scaler.registry.reading import complaints_about, pause_of, row_of, sort_members
from scaler.registry.record_json import MAX_BYTES, MAX_SESSION_BYTES, OUR_SHARE, decode_record, encode_record
from scaler.settings import SETTINGS, InvalidSettings, load
from scaler.vmss.addresses import INTERFACES, PUBLIC_IPS, configurations, located, public_by_id
from scaler.vmss.flexible import joined
from scaler.vmss.gates import Gates
from scaler.vmss.listing import below
from scaler.vmss.refusals import LONGEST_THROTTLE, About, refusal, retry_after, stale_token
from scaler.vmss.reply import Reply, http_date
from scaler.vmss.translate import VM, to_instance, to_pages, to_scale_set, to_view

A = VmId("a")
KEYS = Keys()
SET = ScaleSetName("vmss-pixels")
ENDPOINT = "https://management.example"
JSON = {"content-type": "application/json", "date": "Thu, 01 Jan 2026 00:00:00 GMT"}
_NAMES = [each.name for each in SETTINGS]


def record(raw: bytes) -> None:
    """Reading never raises; what was read is written, and read again, as it was."""
    found = decode_record(A, raw)
    if isinstance(found, Record):
        again = encode_record(found)
        assert decode_record(A, again) == found or len(again) > MAX_BYTES + OUR_SHARE
        assert len((found.session_id or "").encode()) <= MAX_SESSION_BYTES
        assert found.vm_id == A
    else:
        assert len(found.why) < LONGEST_LINE
    for complaint in complaints_about(row_of(A, Before(record=raw, notes=raw)), KEYS):
        assert complaint.key.isprintable()


def notes(raw: bytes) -> None:
    """The same for notes; and every time and number in them can be reckoned with."""
    newer = newer_version(raw)
    found = decode_notes(raw)
    if found is None:
        return
    assert newer is None
    again = encode_notes(found)
    assert decode_notes(again) == found or len(again) > MAX_NOTES or len(found.ended) > 100
    for attempts in (found.mark_attempts, *(each.attempts for each in (found.start, found.delete) if each)):
        assert 0 <= attempts < 10**9
    if found.opened is not None:
        assert isinstance(decode_record(found.opened.record.vm_id, encode_record(found.opened.record)), Record)


def member(raw: bytes) -> None:
    """A member of the index names a machine by its very key, or nothing."""
    vm_id = KEYS.vm_id_of(raw)
    if vm_id is not None:
        assert KEYS.instance(vm_id).encode() == raw
        assert vm_id.isascii()
        assert vm_id == vm_id.lower()
        assert "/" not in vm_id
    index, complaints = sort_members({}, KEYS)
    assert not index
    assert not complaints
    pause_of(raw)


def page(raw: bytes) -> None:
    """A page has machines with ids that can be addressed, and etags that can be sent; or it is garbled."""
    with suppress(Garbled):
        for each in to_pages(listed(Reply(status=200, headers=JSON, body=raw, sent=0)), SET).instances:
            assert each.ref.instance_id.isascii()
            assert each.ref.instance_id.isdigit()
            assert len(each.vm_id) == 36
            assert each.etag is None or (each.etag.isprintable() and each.etag.isascii())
            assert each.created_at is None or each.created_at.utcoffset() == timedelta(0)


def instance(raw: bytes) -> None:
    """The answer to a targeted GET is about the instance that was asked for, or garbled."""
    with suppress(Garbled):
        row = Reply(status=200, headers=JSON, body=raw, sent=0).read(VM)
        found = to_instance(row, row, ref(1), Orchestration.UNIFORM)
        assert found.ref.instance_id == "1"


def scale_set(raw: bytes) -> None:
    """A scale set has a capacity that can be one, and an etag that can be sent."""
    reply = Reply(status=200, headers=JSON, body=raw, sent=0)
    with suppress(Garbled, Refused):
        view = to_view(to_scale_set(reply, Orchestration.UNIFORM), SET, reply)
        assert 0 <= view.capacity <= 100_000
        assert 0 < len(view.unique_id) <= 200
        assert view.etag is None or (view.etag.isprintable() and view.etag.isascii() and " " not in view.etag)


def network(raw: bytes) -> None:
    """What a visitor is told to connect to is an address."""
    reply = Reply(status=200, headers=JSON, body=raw, sent=0)
    with suppress(Garbled):
        found = configurations(reply.read(INTERFACES).value, "/subscriptions/x")
        public = public_by_id(reply.read(PUBLIC_IPS).value)
        for instance_id, each in located(found, public).items():
            assert is_instance_id(instance_id)
            assert all(text is None or str(ip_address(text)) == text for text in (each.private, each.public))


def flexible(raw: bytes) -> None:
    """Two lists with an empty line between them: who is in the outcome is in both."""
    first, _, second = raw.partition(b"\n\n")
    with suppress(Garbled):
        members, machines = (listed(Reply(status=200, headers=JSON, body=each, sent=0)) for each in (first, second))
        for each in joined(members, machines, SET).instances:
            assert is_instance_id(each.ref.instance_id)
            assert first.count(each.ref.instance_id.encode()) + first.count(b"\\u") > 0


def link(raw: bytes) -> None:
    """A link leads to the endpoint or nowhere."""
    with suppress(UnicodeDecodeError):
        text = raw.decode()
        for each in (text, f"{ENDPOINT}{text}", f"{ENDPOINT}:443/{text}", f"https://{text}@management.example/"):
            path = below(ENDPOINT, each)
            if path is not None:
                url = urlsplit(ENDPOINT + path)
                assert (url.scheme, url.netloc) == ("https", "management.example"), path
                assert path.isprintable()
                assert path.isascii()
                assert " " not in path


def refused(raw: bytes) -> None:
    """A refusal is one of our errors, in one line."""
    status = 400 + (raw[0] if raw else 0) % 120
    reply = Reply(status=status, headers=JSON, body=raw[1:], sent=0)
    error = refusal(reply, About(ids=(InstanceId("1"), InstanceId("2"))))
    assert isinstance(error, ScalerError)
    assert str(error).isprintable()
    assert len(str(error)) <= LONGEST_LINE + 1
    stale_token(reply)


def headers(raw: bytes) -> None:
    """Whatever a header says, we wait for an hour at most, and remember little."""
    text = raw.decode("latin-1")
    reply = Reply(status=429, headers={"retry-after": text, "date": text}, body=b"", sent=0)
    assert timedelta(0) < retry_after(reply.headers) <= LONGEST_THROTTLE
    with suppress(Garbled):
        assert 2000 <= reply.at.year < 2200
    http_date(text)
    gates = Gates(ManualClock())
    gates.heard({"x-ms-ratelimit-remaining-resource": text})
    gates.heard({"x-ms-ratelimit-remaining-resource": f"Microsoft.Compute/HighCostGetVMScaleSetResource;{text}"})


def settings(raw: bytes) -> None:
    """Settings, or all mistakes, in one line each: name=value lines, the names by their number."""
    environment = {}
    for line in raw.decode("utf-8", "surrogateescape").split("\n\n"):
        if line:
            environment[_NAMES[ord(line[0]) % len(_NAMES)]] = line[1:]
    try:
        load(environment)
    except InvalidSettings as invalid:
        unfit = [each for each in invalid.mistakes if not each.isprintable() or len(each) > LONGEST_LINE]
        assert not unfit


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "record": record,
    "notes": notes,
    "member": member,
    "decision": decision,
    "page": page,
    "instance": instance,
    "scale_set": scale_set,
    "network": network,
    "flexible": flexible,
    "refused": refused,
    "headers": headers,
    "link": link,
    "settings": settings,
}
"""The properties by their names."""
