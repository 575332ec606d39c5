"""Changes to a text that is nearly JSON: words and brackets put in, taken out, doubled, exchanged."""

from random import Random

_NAMES = b"""
status used USED Status warm vmId instanceId sessionId createdAt updatedAt region x s \\u0073tatus Available
Reserved Unavailable v scale_set vmss-pixels unique_id instance_id admitting_at admitted_at mark_asked_at
mark_seen_at unknown_at start opened record extra ended spent why reason session at attempts mark_attempts
presumed_at missed_at rest_at delete claim order reserved failed failure since ips unsettled_at unindexed_at vm_id
session_id release refuse expire condemn spend quota 2026-01-01T00:00:00Z 2026-01-01T11:59:00+05:30
2199-12-31T23:59:59Z 0001-01-01T00:00:00+14:00 9999-12-31T23:59:59.9-23:59 2026-01-01T11:59:59.123456789Z
2026-02-30T00:00:00Z value nextLink properties instanceView statuses code PowerState/running
ProvisioningState/failed/QuotaExceeded provisioningState Failed Creating etag protectionPolicy protectFromScaleIn
timeCreated sku capacity uniqueId 11111111-0000-0000-0000-000000000000 00000001-aaaa-4aaa-8aaa-aaaaaaaaaaaa
tags scaler:managed orchestrationMode error details
""".split()
_BARE = rb"""
{ } [ ] : , " {} [] "" true false null 1 0 -0 -1 . 1e5 1e999 -1E-999 12345678901234567890 NaN Infinity 0x1 \ \/
\u0000 \u00e9 \ud83d\ude00 \ud800 \udc00 \u0073 \u00 https:// // @ :443 ? # .. %00 %2e ; = Microsoft.Compute/ GMT
exceeding quota marked virtualMachines/ {0} $ *
""".split()
_BYTES = (
    *(b" ", b"\n", b"\n\n", b"\0", b"\x1f", b"\x7f", b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf"),
    *("\u212a".encode(), "\u0130".encode(), b"instanceId 1 is not an active", b"VM '", b"for deletion"),
)
WORDS = (*(b'"' + name + b'"' for name in _NAMES), *_BARE, *_BYTES)


def mutated(raw: bytes, choice: Random) -> bytes:
    """The text after one to five changes."""
    text = bytearray(raw)
    for _ in range(choice.choice((1, 1, 1, 2, 3, 5))):
        kind, at = choice.random(), choice.randint(0, len(text))
        to = choice.randint(at, min(len(text), at + 12))
        if kind < 0.45:
            text[at:at] = choice.choice(WORDS)
        elif kind < 0.60:
            del text[at:to]
        elif kind < 0.70:
            text[at : at + 1] = bytes([choice.randrange(256)])
        elif kind < 0.85:
            there = choice.randint(0, len(text))
            text[there:there] = text[at:to]
        else:
            text[at:to] = choice.choice(WORDS)
    return bytes(text)
