"""What is no record, and what is no record's key: for who writes into Redis what comes to their mind."""

from random import Random

from scaler.model.instance import VmId
from scaler.registry.keys import Keys
from simulator.queue_managers.paper import Paper, written

_NO_RECORDS = (
    b"",
    b"null",
    b"[]",
    b"42",
    b"{",
    b'"Available"',
    b"\xff\xfe\x00",
    b'{"status": "Sold", "used": false}',
    b'{"status": 7, "used": false}',
    b'{"status": "Reserved", "used": "no"}',
    b'{"status": "Reserved", "used": false, "sessionId": ["s"]}',
    b'{"status": "Reserved", "vmId": "another", "used": false}',
    b'{"a":' * 200 + b"0" + b"}" * 200,
)


def no_record(dice: Random) -> bytes:
    """Any reader says no to it."""
    return dice.choice(_NO_RECORDS)


def odd_record(paper: Paper, dice: Random) -> bytes:
    """The same record in another spelling; or with a second opinion on `used`, which counts. Never Available."""
    if dice.random() < 0.3:
        return written({**paper, "USED": True})
    spell = dice.choice((str.upper, str.lower, str.title))
    return written({spell(name): _odd(name, value, dice) for name, value in sorted(paper.items())})


def _odd(name: str, value: object, dice: Random) -> object:
    if name == "status" and isinstance(value, str):
        return dice.choice((value.upper(), value.lower()))
    if name == "warm":
        return dice.choice((value, "yes", 1, None))
    return value


def no_key(keys: Keys, dice: Random) -> bytes:
    """A member that names no machine, or one that never was."""
    head = keys.instance(VmId("")).encode()
    return dice.choice(
        (b"", b"garbage", head, head + b"NOT-LOWER-CASE", head + b"\xff", head + b"x" * 5000, head + b"00000000-never")
    )
