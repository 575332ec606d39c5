"""Capacities that Azure lately refused <-> the JSON text under `Keys.ceilings`, for people and not for controllers."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from scaler.model.ceiling import Ceiling
from scaler.model.instance import ScaleSetName

MAX_CEILINGS = 256 * 1024
"""Bytes: a hundred scale sets with messages of full length."""

_ceilings = msgspec.json.Decoder(dict[ScaleSetName, Ceiling])


def encode_ceilings(ceilings: Mapping[ScaleSetName, Ceiling]) -> bytes:
    """The text."""
    return msgspec.json.encode(ceilings)


def whole_seconds(lasts: timedelta) -> int:
    """A time to live: at a high speed of the local run less than a second is one."""
    return max(1, round(lasts.total_seconds()))


def decode_ceilings(raw: bytes | None) -> Mapping[ScaleSetName, Ceiling]:
    """The ceilings in a text; empty for a missing or foreign text. Never raises."""
    try:
        found = _ceilings.decode(raw) if raw and len(raw) <= MAX_CEILINGS else {}
    except (ValueError, RecursionError):
        return {}
    return {name: each for name, each in found.items() if each.until.tzinfo is not None}
