"""Pages: which one is asked for, and the link to the next. A token is good only as it was given out."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from re import sub
from urllib.parse import quote

from emulator.refusals import stale_token
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.bodies import Json
from emulator.wire.exchange import Asked

_MARK = b"\xfb\xff"  # "+/": whoever decodes the token and does not encode it again has another one


def skipped(asked: Asked, emulated: EmulatedScaleSet) -> int:
    """How many rows come before the page that is asked for."""
    token = asked.query.get("$skiptoken")
    if token is None:
        return 0
    try:
        skip, generation, seal = b64decode(token, validate=True).removeprefix(_MARK).decode().split(":")
    except (ValueError, NotBase64):
        raise stale_token() from None
    if seal != _seal(emulated, skip, generation):
        raise stale_token()
    if emulated.behaviour.switches.stale_skip_tokens and generation != str(emulated.generation):
        raise stale_token()
    return int(skip)


def page[T](
    asked: Asked, emulated: EmulatedScaleSet, rows: Sequence[T], size: int, show: Callable[[T], Json]
) -> tuple[Json, int]:
    """The body of a page, as the rows are now, and how many there are in it."""
    skip = skipped(asked, emulated)
    found = rows[skip : skip + size]
    body: Json = {"value": list(_shown(found, show))}
    if skip + size < len(rows):
        body["nextLink"] = _link(asked, _token(emulated, skip + size))
    return body, len(found)


def _shown[T](rows: Iterable[T], show: Callable[[T], Json]) -> Iterable[Json]:
    return (show(each) for each in rows)


def _token(emulated: EmulatedScaleSet, skip: int) -> str:
    generation = str(emulated.generation)
    text = f"{skip}:{generation}:{_seal(emulated, str(skip), generation)}"
    return b64encode(_MARK + text.encode()).decode()


def _seal(emulated: EmulatedScaleSet, skip: str, generation: str) -> str:
    return sha256(f"{emulated.set_state.unique_id}:{skip}:{generation}".encode()).hexdigest()[:16]


def _link(asked: Asked, token: str) -> str:
    bare = sub(r"&?(\$|%24)skiptoken=[^&]*", "", asked.target, count=1)
    return f"{asked.base}{bare}{'&' if '?' in bare else '?'}$skiptoken={quote(token, safe='')}"
