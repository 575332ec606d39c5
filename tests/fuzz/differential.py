"""Three readers of one record: the codec in Python, the scripts on a redis-server, the scripts on fakeredis.

`python -m fuzz.differential SECONDS`: the scripts on a redis-server against the codec, until they disagree.
"""

import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from time import monotonic
from typing import Any

from contract.registries import redis_server
from fuzz.seeds import mutated, seeds_of

from scaler.model.instance import VmId
from scaler.model.row import Record, Status
from scaler.registry.keys import Keys
from scaler.registry.record_json import decode_record

A = VmId("a")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = 200
_POOL = 3_000  # texts that are records, to go on from
EXACT = 2**53  # microseconds that Lua's numbers hold; 2255, and nobody sorts machines by years after that

# What the scripts make of ARGV[2], for whoever wants to see it. They are parts: this stands in the place of the whole.
_ASK = """
local text = ARGV[2]
local record, values = record_of(text, 'a')
if not record or not members(text) then return {} end
local created = moment(record.createdAt)
return {
  record.status, record.used and 'used' or '', record.warm == true and 'warm' or '', record.sessionId or '',
  record.instanceId or '', created and string.format('%.0f', created) or '',
  edited({vm_id = 'a', text = text, values = values}, {status = '"Reserved"', used = 'false'}) or '',
}
"""


class Scripts:
    """The parts of the scripts, on any server."""

    def __init__(self, client: Any) -> None:
        folder = files("scaler.registry") / "scripts"
        parts = [(folder / name).read_text("utf-8") for name in ("contract.lua", "json.lua", "time.lua", "machine.lua")]
        self._client = client
        self.fake = type(client).__module__.startswith("fakeredis")
        self._sha = client.script_load("\n".join([*parts, _ASK]))
        self._keys = ["vmss:session:x", *(Keys().index(status) for status in Status)]

    def read(self, raws: Sequence[bytes]) -> list[Any]:
        """What they make of each; an exception where they end with an error."""
        pipeline = self._client.pipeline(transaction=False)
        for raw in raws:
            pipeline.evalsha(self._sha, len(self._keys), *self._keys, "x", raw)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        return answers


def differences(scripts: Scripts, raws: Sequence[bytes]) -> Iterator[tuple[bytes, object]]:
    """The texts that the scripts read otherwise than the codec, or would not write back as they are; and how."""
    for raw, answer in zip(raws, scripts.read(raws), strict=True):
        record = decode_record(A, raw)
        if isinstance(answer, Exception):
            yield raw, str(answer)
        elif not isinstance(record, Record):
            if answer:
                yield raw, (answer, record)
        elif not answer or not _same(record, answer) or (answer[6] and not _kept(record, decode_record(A, answer[6]))):
            yield raw, (answer, record)


def _same(record: Record, answer: Sequence[bytes]) -> bool:
    status, used, warm, session, instance, created, _ = (each.decode() for each in answer)
    moment = (record.created_at - EPOCH) // timedelta(microseconds=1) if record.created_at is not None else None
    if moment is not None and abs(moment) > EXACT:
        created, moment = "", None
    return (status, bool(used), bool(warm), session or None, instance) == (
        record.status,
        record.used,
        record.warm,
        record.session,
        record.instance_id,
    ) and created == ("" if moment is None else str(moment))


def _kept(before: Record, after: object) -> bool:
    """The edit changed what it was asked to change, and nothing else."""
    if not isinstance(after, Record):
        return False
    known = ("instance_id", "session_id", "region", "public_ip", "private_ip", "client_ip", "created_at", "updated_at")
    untouched = all(getattr(before, name) == getattr(after, name) for name in (*known, "warm", "extra"))
    return untouched and (after.status, after.used) == (Status.RESERVED, False)


def fuzz(scripts: Scripts, seconds: float, choice: random.Random) -> int:
    """How many texts were read alike. Ends with the first that was not."""
    pool, end, read = list(seeds_of("record")), monotonic() + seconds, 0
    while monotonic() < end:
        raws = [mutated(choice.choice(pool), choice) for _ in range(_BATCH)]
        for raw, how in differences(scripts, raws):
            sys.exit(f"after {read} texts: {raw!r} is read as {how}")
        read += len(raws)
        if len(pool) < _POOL:
            pool += [raw for raw, answer in zip(raws, scripts.read(raws), strict=True) if answer][:5]
    return read


if __name__ == "__main__":
    seconds, seed = float(sys.argv[1] if len(sys.argv) > 1 else 60), random.randrange(1 << 32)
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        print(f"{fuzz(Scripts(server.client()), seconds, random.Random(seed))} texts read alike (seed {seed})")
