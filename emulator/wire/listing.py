"""A listing's $filter and $select, its pages, and the link to the next page."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from hashlib import sha256
from re import IGNORECASE, fullmatch, sub
from urllib.parse import quote

from emulator.refusals import ArmError, stale_token
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.bodies import Json
from emulator.wire.exchange import Asked

_CODES = r"startswith\(\s*instanceView/statuses/code\s*,\s*'([^']*)'\s*\)\s+eq\s+(true|false)"
_MODEL = r"properties/latestModelApplied\s+eq\s+(true|false)"
_KNOWN = frozenset({"$filter", "$select", "$expand", "$skiptoken"})


def wanted(asked: Asked) -> Callable[[Json], bool] | None:
    """A filter of VMs with instance views; None: all VMs pass."""
    unknown = sorted(name for name in asked.query if name.startswith("$") and name not in _KNOWN)
    if unknown:
        raise _refused(unknown[0], f"This listing has no {unknown[0]}.")
    if asked.query.get("$expand", "").strip().lower() not in {"", "instanceview"}:
        raise _refused("$expand", "Only instanceView can be expanded here.")
    text = asked.query.get("$filter", "").strip()
    if not text:
        return None
    if found := fullmatch(_CODES, text, IGNORECASE):
        prefix, truth = found.group(1).lower(), found.group(2).lower() == "true"
        return lambda vm: any(code.startswith(prefix) for code in _codes(vm)) is truth
    if found := fullmatch(_MODEL, text, IGNORECASE):
        latest = found.group(1).lower() == "true"
        return lambda vm: vm["properties"]["latestModelApplied"] is latest
    raise _refused(
        "$filter",
        f"The filter {text!r} is none that is documented: startswith(instanceView/statuses/code, 'PowerState') eq"
        " true, or properties/latestModelApplied eq true.",
    )


def selected(asked: Asked, vm: Json) -> Json:
    """The VM's part chosen by $select: names stay, properties go."""
    asked_for = asked.query.get("$select", "").strip()
    view = vm["properties"].get("instanceView", {})
    match asked_for.lower():
        case "":
            return vm
        case "instanceview":
            left = view
        case "instanceview/statuses":
            left = {"statuses": view["statuses"]} if view else {}
        case _:
            said = f"{asked_for!r} cannot be selected: instanceView and instanceView/statuses can."
            raise _refused("$select", said)
    return {**vm, "properties": {"instanceView": left} if left else {}}


def _codes(vm: Json) -> list[str]:
    return [each["code"].lower() for each in vm["properties"]["instanceView"]["statuses"]]


def _refused(target: str, message: str) -> ArmError:
    return ArmError(400, "InvalidParameter", message, target=target)


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
    body: Json = {"value": list(map(show, found))}
    if skip + size < len(rows):
        body["nextLink"] = _link(asked, _token(emulated, skip + size))
    return body, len(found)


def _token(emulated: EmulatedScaleSet, skip: int) -> str:
    generation = str(emulated.generation)
    text = f"{skip}:{generation}:{_seal(emulated, str(skip), generation)}"
    return b64encode(_MARK + text.encode()).decode()


def _seal(emulated: EmulatedScaleSet, skip: str, generation: str) -> str:
    return sha256(f"{emulated.set_state.unique_id}:{skip}:{generation}".encode()).hexdigest()[:16]


def _link(asked: Asked, token: str) -> str:
    bare = sub(r"&?(\$|%24)skiptoken=[^&]*", "", asked.target, count=1)
    return f"{asked.base}{bare}{'&' if '?' in bare else '?'}$skiptoken={quote(token, safe='')}"
