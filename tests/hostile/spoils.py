"""Ways to spoil an answer of ARM's: what a broken middlebox, a captive portal or an enemy might send instead."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from time import sleep
from typing import Any

from hostile.between import Said, Spoil
from wire.scripted_arm import Asked

ELSEWHERE = "elsewhere.invalid"
MEGABYTE = b" " * 1_000_000


def body(change: Any) -> Spoil:
    """Another body, made from the decoded one, where there is one."""

    def spoil(_: Asked, said: Said) -> Said:
        if not said.body:
            return said
        changed = change(json.loads(said.body))
        return said.saying(changed if isinstance(changed, bytes) else json.dumps(changed).encode())

    return spoil


def raw(**fields: Any) -> Spoil:
    """The same answer with another status, other headers, another body."""
    status, text = fields.pop("status", None), fields.pop("text", None)

    def spoil(_: Asked, said: Said) -> Said:
        said = said if text is None else said.saying(text)
        return Said(status=status or said.status, headers=said.having(**fields).headers, body=said.body)

    return spoil


def refusing(status: int, **error: Any) -> Spoil:
    """An ARM error."""
    return raw(status=status, text=json.dumps({"error": error}).encode())


def rows(change: Any) -> Spoil:
    """A listing's rows, or the one VM, changed one by one."""

    def each(answer: Any) -> Any:
        if not isinstance(answer.get("value"), list):
            change(answer)
            return answer
        for row in answer["value"]:
            change(row)
        return answer

    return body(each)


def more_rows(change: Any) -> Spoil:
    """A listing with other rows."""
    return body(lambda it: it | {"value": change(it["value"])} if isinstance(it.get("value"), list) else it)


@cache
def bomb() -> bytes:
    """200 MB of blanks in 200 KB."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(squeezer.compress(MEGABYTE) for _ in range(200)) + squeezer.flush()


@cache
def smaller_bomb() -> bytes:
    """The same in a few kilobytes."""
    return gzip.compress(bomb())


def endless_chunks(_: Asked, said: Said) -> Iterator[bytes]:
    """A body that never ends."""
    yield said.having(content_length=None, transfer_encoding="chunked").head
    while True:
        yield b"f4240\r\n" + MEGABYTE + b"\r\n"


def endless_trickle(_: Asked, said: Said) -> Iterator[bytes]:
    """The same, a byte at a time."""
    yield said.having(content_length=None, transfer_encoding="chunked").head
    while True:
        yield b"1\r\n \r\n"
        sleep(0.01)


def many_headers(_: Asked, said: Said) -> Iterable[bytes]:
    """Thousands of them."""
    return [said.head[:-2], b"x-more: of the same\r\n" * 5_000, b"\r\n", said.body]


def long_header(_: Asked, said: Said) -> Iterable[bytes]:
    """One of a megabyte."""
    return [said.head[:-2], b"x-long: " + MEGABYTE + b"\r\n\r\n", said.body]


def garbage(_: Asked, said: Said) -> Iterable[bytes]:
    """No HTTP at all."""
    return [bytes(range(256)) * 10]


def older(_: Asked, said: Said) -> Iterable[bytes]:
    """HTTP/0.9: a body alone."""
    return [said.body]


def two_answers(_: Asked, said: Said) -> Iterable[bytes]:
    """One that was not asked for behind the one that was."""
    return [*said.pieces, *said.having(date="Thu, 01 Jan 1970 00:00:00 GMT").saying(b'{"value":[]}').pieces]


def cut(_: Asked, said: Said) -> Iterable[bytes]:
    """Half of it, and then nothing more."""
    return [said.head, said.body[: len(said.body) // 2]]


def large_length(_: Asked, said: Said) -> Iterable[bytes]:
    """A gigabyte that does not come."""
    return said.having(content_length="1073741824").pieces


def other_instance(row: Any) -> None:
    row["instanceId"] = "1"


def same_vm(row: Any) -> None:
    if row.get("properties", {}).get("vmId"):
        row["properties"]["vmId"] = "11111111-1111-4111-8111-111111111111"


def stranger(number: int) -> dict[str, Any]:
    """A row that says everything that a tick wants to know."""
    states = [{"code": "PowerState/deallocated"}, {"code": "ProvisioningState/succeeded"}]
    protection = {"protectFromScaleIn": number % 2 == 0}
    vm = {"vmId": f"{number:08x}-0000-4000-8000-000000000000", "provisioningState": "Succeeded"}
    properties = vm | {"instanceView": {"statuses": states}, "protectionPolicy": protection}
    return {"id": "x", "instanceId": str(number + 1_000), "properties": properties}


def statuses(row: Any) -> None:
    row.get("properties", {})["instanceView"] = {"statuses": [{"code": f"PowerState/{n}"} for n in range(10_000)]}


def capacity(number: object) -> Spoil:
    """Of the scale set."""
    return body(lambda it: it | {"sku": it["sku"] | {"capacity": number}} if "sku" in it and "value" not in it else it)


def circle(asked: Asked, said: Said) -> Said:
    """A page whose nextLink leads back to the same page."""
    link = f"http://{asked.headers['host']}{asked.path}"
    return body(lambda it: it | {"nextLink": link} if isinstance(it.get("value"), list) else it)(asked, said)  # type: ignore[return-value]


def next_page(link: str) -> Spoil:
    """A next page elsewhere."""
    return body(lambda it: it | {"nextLink": link} if isinstance(it.get("value"), list) else it)


CLAIMS = 'Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'
EXCEEDING = "exceeding " * 100_000
DEEP: Any = json.loads("[" * 500 + "]" * 500)
POISON = "1\r\nX-Evil: yes\r\n\r\nDELETE / HTTP/1.1\r\n\r\n"

ANSWERS: dict[str, Spoil] = {
    "half a document": lambda _, said: said.saying(said.body[: len(said.body) // 2]),
    "cut": cut,
    "a page for people": raw(text=b"<html>Sign in</html>", content_type="text/html"),
    "a page for people, called JSON": raw(text=b"<html>Sign in</html>"),
    "JSON, called a page for people": raw(content_type="text/html"),
    "nothing": raw(text=b""),
    "no content": raw(status=204, text=b""),
    "another shape": raw(text=b'["value", null, 7]'),
    "nulls": body(dict.fromkeys),
    "UTF-16": lambda _, said: said.saying(said.body.decode().encode("utf-16")),
    "100,000 deep": raw(text=b'{"value":' + b"[" * 100_000),
    "NULs": lambda _, said: said.saying(said.body.replace(b'"', b'"\\u0000', 9)),
    "compressed, 200 MB": lambda _, said: said.saying(bomb()).having(content_encoding="gzip"),
    "compressed twice": lambda _, said: said.saying(smaller_bomb()).having(content_encoding="gzip, gzip"),
    "called compressed": raw(content_encoding="gzip"),
    "called what nobody knows": raw(content_encoding="br, zstd, nonsense"),
    "40 MB": lambda _, said: said.saying(MEGABYTE * 40 + said.body),
    "ten million rows": body(lambda it: b'{"value":[' + b"{}," * 10_000_000 + b"{}]}"),
    "a body that never ends": endless_chunks,
    "a body that never ends, slowly": endless_trickle,
    "a gigabyte that does not come": large_length,
    "thousands of headers": many_headers,
    "a header of a megabyte": long_header,
    "no HTTP": garbage,
    "HTTP/0.9": older,
    "an answer too many": two_answers,
    "a length below zero": raw(content_length="-5"),
    "a length of many digits": raw(content_length="9" * 5_000),
    "two lengths": raw(content_length="5, 7"),
    "chunks that are none": raw(transfer_encoding="chunked", content_length=None),
    "no Date": raw(date=None),
    "a Date that is none": raw(date="yesterday"),
    "a Date before all": raw(date="Thu, 01 Jan 1970 00:00:00 GMT"),
    "a Date after all": raw(date="Fri, 31 Dec 9999 23:59:59 GMT"),
    "a Date without an end": raw(date="Thu, 01 Jan 2026 00:00:00 GMT" + "0" * 50_000),
    "a retry below zero": raw(status=429, retry_after="-5"),
    "a retry in ages": raw(status=429, retry_after="9" * 9),
    "a retry of many digits": raw(status=429, retry_after="9" * 5_000),
    "a retry at no time": raw(status=503, retry_after="Mon, 99 Foo 0000"),
    "budgets of many digits": raw(x_ms_ratelimit_remaining_resource=f"Microsoft.Compute/X;{'9' * 5_000}"),
    "budgets that are none": raw(
        x_ms_ratelimit_remaining_resource=",;;,=;-1,x;\u00b2,Microsoft.Compute/HighCostGet;-1"
    ),
    "a redirect elsewhere": raw(status=307, location=f"http://{ELSEWHERE}/"),
    "moved for ever": raw(status=301, location=f"https://{ELSEWHERE}/"),
    "an operation elsewhere": raw(
        azure_asyncoperation=f"http://{ELSEWHERE}/",
        location=f"http://{ELSEWHERE}/",
        operation_location=f"//{ELSEWHERE}/",
    ),
    "a refresh elsewhere": raw(refresh=f"0; url=http://{ELSEWHERE}/", link=f"<http://{ELSEWHERE}/>; rel=next"),
    "cookies for elsewhere": raw(set_cookie=f"a=b; Domain={ELSEWHERE}"),
    "a challenge": raw(status=401, www_authenticate=CLAIMS),
    "a challenge that is none": raw(status=401, www_authenticate='Bearer claims="!!", Basic, ="'),
    "a login elsewhere": raw(
        status=401, www_authenticate=f'Bearer authorization_uri="https://{ELSEWHERE}/", error="x"'
    ),
    "a proxy's login": raw(status=407, proxy_authenticate="Basic"),
    "a status that is none": raw(status=999),
    "an error in a page for people": raw(status=500, text=b"<html>" * 1_000, content_type="text/html"),
    "an error of many words": refusing(400, code="A" * 1_000_000, message="m" * 1_000_000),
    "an error that takes hours to read": refusing(400, code="x", message=EXCEEDING),
    "an error 500 deep": refusing(409, code="x", message="m", innererror=DEEP, details=DEEP),
    "an error of other types": refusing(403, code=5, message=["x"], details={"x": 1}, target=DEEP),
    "an error for a terminal": refusing(400, code="\x1b[31m", message="\x1b[2J\r\nERROR: all is well\u202e"),
    "a missing provider": refusing(
        409, code="MissingSubscriptionRegistration", message="namespace 'Microsoft.Compute'"
    ),
}
LOOKS: dict[str, Spoil] = {
    "a capacity below zero": capacity(-1_000_000),
    "a huge capacity": capacity(10**18),
    "a capacity in words": capacity("many"),
    "a broken capacity": capacity(1.5),
    "an identity of a megabyte": body(
        lambda it: it | {"properties": it["properties"] | {"uniqueId": "u" * 1_000_000}} if "sku" in it else it
    ),
    "no identity": body(lambda it: it | {"properties": it["properties"] | {"uniqueId": ""}} if "sku" in it else it),
    "etags for a header": rows(lambda row: row.update(etag=POISON)),
    "etags of a megabyte": rows(lambda row: row.update(etag="x" * 1_000_000)),
    "one instance id for all": rows(other_instance),
    "one VM for all": rows(same_vm),
    "ids that are paths": rows(lambda row: row.update(instanceId="../../../x", id="/subscriptions/../x")),
    "ids that are wildcards": rows(lambda row: row.update(instanceId="*")),
    "10,000 statuses": rows(statuses),
    "every row twice": more_rows(lambda value: value + value),
    "no rows": more_rows(lambda value: []),
    "10,000 machines that nobody has": more_rows(lambda value: value + [stranger(number) for number in range(10_000)]),
    "a next page that is this one": circle,
    "a next page elsewhere": next_page(f"http://{ELSEWHERE}/subscriptions/"),
    "a next page by another name": next_page(f"http://127.0.0.1@{ELSEWHERE}/"),
    "a next page that is none": next_page("\x00\r\nHost: x"),
    "a next page of a megabyte": next_page("http://127.0.0.1/" + "x" * 1_000_000),
}
