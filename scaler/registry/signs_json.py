"""Signs of life and samples of the history as JSON texts, and back. A text that is neither says nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import msgspec

from scaler.model.history import Sample
from scaler.model.signs import Sign

SIGN_KEPT = timedelta(days=7)
"""How long Redis keeps a sign: a controller may be silent for so long, and status still tells since when."""
MAX_SIGN = 262_144
"""Bytes of a sign: fifty failed orders of the longest texts."""
MAX_SAMPLE = 32_768
"""Bytes of a sample: a thousand waits, and some more."""
_LARGEST = 1e9  # of all numbers in a sample
_decoder = msgspec.json.Decoder(Sign)
_of_samples = msgspec.json.Decoder(Sample)
_encoder = msgspec.json.Encoder()


def encode_sign(sign: Sign) -> bytes:
    return _encoder.encode(sign)


def decode_sign(raw: bytes | None, left: timedelta) -> Sign | None:
    """The sign in a text that Redis keeps for `left` from now on. Never raises."""
    try:
        sign = _decoder.decode(raw) if raw and len(raw) <= MAX_SIGN else None
        if sign is None or sign.at.tzinfo is None:
            return None
        kept = max(SIGN_KEPT - left, timedelta(0))
        failed = tuple(replace(each, ago=each.ago + kept) for each in sign.failed_orders)
        return replace(sign, ago=sign.ago + kept, failed_orders=failed)
    except (ValueError, RecursionError, OverflowError):
        return None


def encode_sample(sample: Sample) -> bytes:
    return _encoder.encode(sample)


def decode_sample(raw: bytes) -> Sample | None:
    """The sample in a text; None for a text with other types, or with numbers that no fleet has. Never raises."""
    try:
        sample = _of_samples.decode(raw) if len(raw) <= MAX_SAMPLE else None
    except (ValueError, RecursionError, OverflowError):
        return None
    if sample is None or sample.at.tzinfo is None:
        return None
    return sample if all(0 <= number <= _LARGEST for number in _numbers(sample)) else None


def _numbers(sample: Sample) -> Iterator[float]:
    yield from (sample.refused, sample.wanted or 0, sample.cost or 0)
    yield from sample.machines.values()
    for waits in sample.waits.values():
        yield from waits
