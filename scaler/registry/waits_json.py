"""Published waits <-> the JSON text under `Keys.waits`. Times and seconds are of Redis' clock.

The scripts look for `"warm":{"expected":`, the same of the other tiers, and `"limit":` in this text, and read no more:
`expected` stays first.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from scaler.model.clocks import YEARS
from scaler.model.instance import Tier
from scaler.model.waits import LATEST, MOVED, Coming, Waits

MAX_WAITS = 16_384
"""Bytes: five kinds of a hundred waits have three thousand."""
LONGEST_TOLD = 2_592_000
"""Seconds, and the largest of all numbers here: thirty days. No session lasts longer, and nobody waits so long."""
_KINDS = 8  # of waits, those of a newer scaler among them


class _Tier(msgspec.Struct):
    expected: float | None = None
    free: int | None = None


class _Coming(msgspec.Struct, rename="camel"):
    machines: int
    next_at: datetime | None = None


class _Text(msgspec.Struct):
    at: datetime | None = None
    tiers: dict[str, _Tier] = {}
    coming: _Coming | None = None
    limit: float | None = None
    latest: dict[str, tuple[float, ...]] = {}


_decoder = msgspec.json.Decoder(_Text)


def encode_waits(waits: Waits) -> bytes:
    """The text that docs/redis-contract.md explains."""
    tiers = {
        tier.value: {"expected": waits.expected.get(tier), "free": waits.free.get(tier), **_measured(waits, tier)}
        for tier in Tier
        if tier is not Tier.HOT or tier in waits.free
    }
    coming = waits.coming
    return msgspec.json.encode(
        {
            "at": waits.at,
            "tiers": tiers,
            MOVED: _measured(waits, MOVED),
            "coming": {"machines": coming.machines, "nextAt": coming.next_at} if coming is not None else None,
            "limit": waits.limit,
            "latest": waits.latest,
        }
    )


def _measured(waits: Waits, kind: str) -> Mapping[str, float | None]:
    return {
        "p50": waits.percentile(kind, 0.5),
        "p90": waits.percentile(kind, 0.9),
        "measured": len(waits.latest.get(kind, ())),
    }


def decode_waits(raw: bytes | None) -> Waits:
    """The waits in a text; empty for a missing or foreign text. Never raises."""
    try:
        found = _decoder.decode(raw) if raw and len(raw) <= MAX_WAITS else _Text()
    except (ValueError, RecursionError):
        return Waits()
    times = (found.at, found.coming.next_at if found.coming is not None else None)
    if any(time is not None and (time.tzinfo is None or time.year not in YEARS) for time in times):
        return Waits()
    if not all(0 <= number <= LONGEST_TOLD for number in _numbers(found)):
        return Waits()
    tiers = [(Tier(name), tier) for name, tier in found.tiers.items() if name in set(Tier)]
    return Waits(
        at=found.at,
        latest={kind: waits[-LATEST:] for kind, waits in list(found.latest.items())[:_KINDS]},
        expected={tier: told.expected for tier, told in tiers if told.expected is not None},
        free={tier: told.free for tier, told in tiers if told.free is not None},
        coming=Coming(machines=found.coming.machines, next_at=found.coming.next_at) if found.coming else None,
        limit=found.limit,
    )


def _numbers(found: _Text) -> Iterator[float]:
    yield from (found.limit or 0, found.coming.machines if found.coming is not None else 0)
    for told in found.tiers.values():
        yield from (told.expected or 0, told.free or 0)
    for waits in found.latest.values():
        yield from waits
