"""Ways to spoil an answer of ARM's: what a broken middlebox or a captive portal might send, or a broken Azure say.

One of each kind that a defence of `scaler/vmss` is for; tests/unit/test_vmss_junk.py and tests/fuzz try the rest.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from time import sleep
from typing import Any

from hostile.world import Spoil
from wire.scripted_arm import Asked, Said

ELSEWHERE = "elsewhere.invalid"
MEGABYTE = b" " * 1_000_000
POISON = "1\r\nX-Evil: yes\r\n\r\nDELETE / HTTP/1.1\r\n\r\n"


def raw(*, status: int | None = None, text: bytes | None = None, **headers: str) -> Spoil:
    """The same answer with another status, another body, other headers."""

    def spoil(_: Asked, said: Said) -> Said:
        body = said.body if text is None else text
        length = {"content-length": str(len(body))}
        whole = Said(status=status or said.status, headers={**said.headers, **length}, body=body)
        return whole.having(**headers)

    return spoil


def body(change: Any) -> Spoil:
    """Another body, made from the decoded one, where there is one."""

    def spoil(asked: Asked, said: Said) -> Said | Iterable[bytes]:
        changed = change(json.loads(said.body)) if said.body else b""
        return raw(text=changed if isinstance(changed, bytes) else json.dumps(changed).encode())(asked, said)

    return spoil


def refusing(status: int, **error: Any) -> Spoil:
    """An ARM error."""
    return raw(status=status, text=json.dumps({"error": error}).encode())


def rows(change: Any) -> Spoil:
    """A listing's rows, or the one VM, changed one by one."""

    def each(answer: Any) -> Any:
        for row in answer["value"] if isinstance(answer.get("value"), list) else [answer]:
            change(row)
        return answer

    return body(each)


def listing(change: Any) -> Spoil:
    """A listing with other members, made from its rows."""
    return body(lambda it: it | change(it["value"]) if isinstance(it.get("value"), list) else it)


def scale_set(change: Any) -> Spoil:
    """The scale set itself, changed in place."""

    def spoilt(it: Any) -> Any:
        if "sku" in it and "value" not in it:
            change(it)
        return it

    return body(spoilt)


@cache
def bomb() -> bytes:
    """200 MB of blanks in a few kilobytes, by compressing twice."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return gzip.compress(b"".join(squeezer.compress(MEGABYTE) for _ in range(200)) + squeezer.flush())


def endless(chunk: bytes, pause: float) -> Spoil:
    """A body that never ends, with a pause after each chunk."""

    def spoil(_: Asked, said: Said) -> Iterator[bytes]:
        yield said.having(content_length="", transfer_encoding="chunked").head
        while True:
            yield b"%x\r\n%s\r\n" % (len(chunk), chunk)
            sleep(pause)

    return spoil


def two_answers(_: Asked, said: Said) -> Iterable[bytes]:
    """The answer, and behind it a second answer that nobody asked for."""
    other = Said(body=b'{"value":[]}').having(date="Thu, 01 Jan 1970 00:00:00 GMT")
    return [said.head, said.body, other.head, other.body]


def cut(_: Asked, said: Said) -> Iterable[bytes]:
    """Half of it, and then nothing more."""
    return [said.head, said.body[: len(said.body) // 2]]


def same_vm(row: Any) -> None:
    """One VM for all."""
    if row.get("properties", {}).get("vmId"):
        row["properties"]["vmId"] = "11111111-1111-4111-8111-111111111111"


def stranger(number: int) -> dict[str, Any]:
    """A row that says everything that a tick wants to know."""
    states = [{"code": "PowerState/deallocated"}, {"code": "ProvisioningState/succeeded"}]
    protection = {"protectFromScaleIn": number % 2 == 0}
    vm = {"vmId": f"{number:08x}-0000-4000-8000-000000000000", "provisioningState": "Succeeded"}
    properties = vm | {"instanceView": {"statuses": states}, "protectionPolicy": protection}
    return {"id": "x", "instanceId": str(number + 1_000), "properties": properties}


CLAIMS = 'Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'

ANSWERS: dict[str, Spoil] = {
    "cut": cut,
    "a page for people": raw(text=b"<html>Sign in</html>", content_type="text/html"),
    "no content": raw(status=204, text=b""),
    "another shape": raw(text=b'["value", null, 7]'),
    "nulls": body(dict.fromkeys),
    "100,000 deep": raw(text=b'{"value":' + b"[" * 100_000),
    "200 MB, compressed twice": raw(text=bomb(), content_encoding="gzip, gzip"),
    "40 MB": lambda asked, said: raw(text=MEGABYTE * 40 + said.body)(asked, said),
    "ten million rows": body(lambda it: b'{"value":[' + b"{}," * 10_000_000 + b"{}]}"),
    "a body that never ends": endless(MEGABYTE, 0.0),
    "a body that never ends, slowly": endless(b" ", 0.01),
    "a gigabyte that does not come": raw(content_length="1073741824"),
    "no HTTP": lambda _asked, _said: [bytes(range(256)) * 10],
    "an answer too many": two_answers,
    "no Date": raw(date=""),
    "a Date before all": raw(date="Thu, 01 Jan 1970 00:00:00 GMT"),
    "a retry in ages": raw(status=429, retry_after="9" * 9),
    "budgets of many digits": raw(x_ms_ratelimit_remaining_resource=f"Microsoft.Compute/X;{'9' * 5_000}"),
    "a redirect elsewhere": raw(status=307, location=f"http://{ELSEWHERE}/"),
    "an operation elsewhere": raw(
        azure_asyncoperation=f"http://{ELSEWHERE}/", location=f"http://{ELSEWHERE}/", operation_location="//x/"
    ),
    "a challenge": raw(status=401, www_authenticate=CLAIMS),
    "a proxy's login": raw(status=407, proxy_authenticate="Basic"),
    "an error that takes hours to read": refusing(400, code="x", message="exceeding " * 100_000),
    "an error for a terminal": refusing(400, code="\x1b[31m", message="\x1b[2J\r\nERROR: all is well\u202e"),
    "a missing provider": refusing(
        409, code="MissingSubscriptionRegistration", message="namespace 'Microsoft.Compute'"
    ),
}
LOOKS: dict[str, Spoil] = {
    "a huge capacity": scale_set(lambda it: it["sku"].update(capacity=10**18)),
    "an identity of a megabyte": scale_set(lambda it: it["properties"].update(uniqueId="u" * 1_000_000)),
    "etags for a header": rows(lambda row: row.update(etag=POISON)),
    "one instance id for all": rows(lambda row: row.update(instanceId="1")),
    "one VM for all": rows(same_vm),
    "ids that are paths": rows(lambda row: row.update(instanceId="../../../x", id="/subscriptions/../x")),
    "ids that are wildcards": rows(lambda row: row.update(instanceId="*")),
    "every row twice": listing(lambda value: {"value": value + value}),
    "no rows": listing(lambda value: {"value": []}),
    "10,000 machines that nobody has": listing(lambda value: {"value": [*value, *map(stranger, range(10_000))]}),
    "a next page elsewhere": listing(lambda value: {"nextLink": f"http://127.0.0.1@{ELSEWHERE}/"}),
    "a next page of a megabyte": listing(lambda value: {"nextLink": "http://127.0.0.1/" + "x" * 1_000_000}),
}
