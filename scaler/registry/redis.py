"""The registry in Redis: two round trips to read any number of machines, one to write 250."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import batched, chain
from typing import Any

import redis
from redis import exceptions

from scaler.errors import Refused
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.history import SAMPLES, Sample
from scaler.model.instance import ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.row import Complaint, Row, Snapshot, Status
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import Pause
from scaler.model.signs import Sign
from scaler.model.waits import Waits
from scaler.ports import Confirmation
from scaler.registry.auth import Client
from scaler.registry.batch import (
    LEAVING_TTL,
    PLACES,
    SESSION_TTL,
    UNRECORDED_NOTES_TTL,
    Write,
    carried_over,
    server_of,
    writes_of,
)
from scaler.registry.failures import address, holder_of, translated
from scaler.registry.keys import LONGEST_MEMBER, Keys, ScriptName, script_text
from scaler.registry.notes_json import MAX_CEILINGS, decode_ceilings, encode_ceilings
from scaler.registry.reading import Reading, complaints_about, is_usual
from scaler.registry.rights import KEY, SCALER, TRIALS, Rights, names_a_command
from scaler.registry.signs_json import (
    MAX_SAMPLE,
    MAX_SIGN,
    SIGN_KEPT,
    decode_sample,
    decode_sign,
    encode_sample,
    encode_sign,
)
from scaler.registry.waits_json import MAX_WAITS, decode_waits, encode_waits

CHUNK = 250
"""Changes per script: Redis is blocked for about 10 µs per change; other clients wait a few milliseconds at most."""
MORE_ATTEMPTS = 2
"""How often a change is written again that lost its race only to the queue manager's own fields."""
CONFIRM_WITHIN_MS = 200
"""How long a start may wait for a replica: a visitor does not notice, and a healthy replica needs a millisecond."""
OCCUPIED_FOR = timedelta(minutes=2)
"""How long a prefix stays with the scale sets of a silent scaler: twice the timers' minute."""

_UNCHECKED = (
    "does not answer INFO, so nobody has checked whether it evicts keys (maxmemory-policy noeviction is needed) or is"
    " clustered, and a tick cannot see that a failover has put another server in its place: give the scaler's Redis"
    " user +info ({})"
)

# Rights that the scaler does without, and what is lost; INFO has a complaint of its own.
_OPTIONAL: Mapping[str, str] = {
    "info": "",
    "wait": "nobody knows whether a replica has the note of a start",
    "zadd": "`reserve` takes any machine, and not the warm and the oldest first",
    "zrem": "`reserve` looks at machines first that are not free any more",
    "pttl": "`scaler status` cannot tell whether the controllers tick",
}


class RedisRegistry:
    """Implements scaler.ports.Registry, which tells what each call promises."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self.client = client  # for other users of the same connection, too
        self.keys = keys
        self._where = address(client)
        self._holder = holder_of(client, SCALER, keys.prefix)
        self._translated = partial(translated, self._where, self._holder)
        self._evicting = ""  # its maxmemory-policy, where it may take keys away, as of the last check
        self._reading = Reading(client, keys)
        self._apply = client.register_script(script_text(ScriptName.APPLY))

    def check(self, rights: Rights = SCALER) -> tuple[Complaint, ...]:
        """Check that this Redis can be used with these rights (else Refused); return complaints for the operator."""
        with self._translated():
            unfit = tuple(self._try_commands(rights))
            try:
                info: dict[str, Any] = self.client.execute_command("INFO")  # type: ignore[no-untyped-call]
            except exceptions.ResponseError as error:  # a fake Redis has none; Azure's policy Data Contributor lacks it
                self._learn_nodes()
                return (Complaint(key=self._where, why=_UNCHECKED.format(error)), *unfit)
        if info.get("cluster_enabled") == 1 and not self.keys.in_one_slot:
            raise Refused(
                f"Redis at {self._where} is clustered: set SCALER_REDIS_PREFIX="
                f'"{{{self.keys.prefix}}}" (braces included), here and in the queue manager',
                code="CROSSSLOT",
            )
        if info.get("cluster_enabled") == 1:
            self._learn_nodes()
        policy = info.get("maxmemory_policy", "noeviction")
        self._evicting = policy if policy != "noeviction" else ""
        return (*self._unfit, *unfit)

    def _try_commands(self, rights: Rights) -> Iterator[Complaint]:
        """Try each command, so that no script ends half-way for want of one. Refused, or complaints if optional."""
        tried = [name for name in TRIALS if name in rights.commands]
        pipeline = self.client.pipeline(transaction=False)
        for name in tried:
            words = [self.keys.trial if word == KEY else word for word in TRIALS[name]]
            pipeline.execute_command(*name.upper().split("|"), *words)  # type: ignore[no-untyped-call]
        answers: Sequence[Any] = pipeline.execute(raise_on_error=False)
        answered = zip(tried, answers, strict=True)
        denied = {name: str(answer) for name, answer in answered if isinstance(answer, exceptions.NoPermissionError)}
        keys = next((said for said in denied.values() if not names_a_command(said)), None)
        if keys is not None or denied.keys() - _OPTIONAL.keys():
            said = self._holder.remedy(keys) if keys is not None else self._holder.lacks(*denied)
            raise Refused(f"Redis at {self._where} refuses: {said}", code="NOPERM")
        for name in denied:
            if _OPTIONAL[name]:
                yield Complaint(key=self._where, why=f"{_OPTIONAL[name]}: {self._holder.lacks(name)}")

    def _learn_nodes(self) -> None:
        if isinstance(self.client, Client):
            self.client.learn()

    def occupy(self, scale_sets: str) -> None:
        """Occupy the prefix for this scaler's scale sets, for OCCUPIED_FOR. Refused while another scaler does."""
        with self._translated():
            told: bytes | None = self.client.get(self.keys.scale_sets)  # type: ignore[assignment]
            if told is None or told == scale_sets.encode():
                self.client.set(self.keys.scale_sets, scale_sets, ex=OCCUPIED_FOR)
                return
        raise Refused(
            f"a scaler for {told.decode('utf-8', 'replace')} uses the prefix {self.keys.prefix} of Redis at"
            f" {self._where}, and this one is for {scale_sets}: they would take each other's machines for gone. Give"
            " one of them another SCALER_REDIS_PREFIX, or stop the other one: two minutes after its last tick this one"
            f" goes on by itself (at once, if you delete {self.keys.scale_sets})",
            code="OCCUPIED",
        )

    @property
    def _unfit(self) -> tuple[Complaint, ...]:
        why = f"maxmemory-policy is {self._evicting}: records may vanish; use noeviction"
        return (Complaint(key=self._where, why=why),) if self._evicting else ()

    def read(self) -> Snapshot:
        with self._translated():
            index = self._reading.index(*Status)
            rows = self._reading.rows(index.machines, index.server)
        last = self._reading.last
        usual = {vm_id: row for vm_id, row in rows.items() if last.get(vm_id) is row or is_usual(row)}
        self._reading.last = usual
        odd = (row for vm_id, row in rows.items() if vm_id not in usual) if len(usual) < len(rows) else ()
        unreadable = (complaint for row in odd for complaint in complaints_about(row, self.keys))
        complaints = (*self._unfit, *index.complaints, *unreadable)
        return Snapshot(
            now=index.now,
            rows=rows,
            pause=index.pause,
            complaints=complaints,
            evicting=self._evicting,
            waits=decode_waits(index.waits),
        )

    def read_also(self, vm_ids: Iterable[VmId]) -> Mapping[VmId, Row]:
        with self._translated():
            return self._reading.rows(dict.fromkeys(vm_ids, frozenset()))

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        rows = self._written(changes, good_until)
        pending = dict(enumerate(changes))
        for _ in range(MORE_ATTEMPTS):
            pending = self._carried_over({number: each for number, each in pending.items() if rows[number] is None})
            if not pending:
                break
            again = self._written(list(pending.values()), good_until)
            for number, row in zip(pending, again, strict=True):
                rows[number] = row
        return tuple(rows)

    def confirm(self) -> Confirmation:
        with self._translated():
            if not self._has_replicas():
                return Confirmation.ALONE
            return self._wait()

    def reserved(self) -> frozenset[VmId]:
        with self._translated():
            return frozenset(self._reading.index(Status.RESERVED).machines)

    def pause(self, how: Pause) -> None:
        with self._translated():
            if how is Pause.NONE:
                self.client.delete(self.keys.pause)
            else:
                self.client.set(self.keys.pause, how.value)

    def keep_ceilings(self, ceilings: Mapping[ScaleSetName, Ceiling], *, lasts: timedelta) -> None:
        seconds = max(1, round(lasts.total_seconds()))  # at a high speed of the local run less than a second is one
        with self._translated():
            self.client.set(self.keys.ceilings, encode_ceilings(ceilings), ex=seconds)

    def ceilings(self) -> Mapping[ScaleSetName, Ceiling]:
        with self._translated():
            try:
                raw: Any = self.client.getrange(self.keys.ceilings, 0, MAX_CEILINGS)
            except exceptions.ResponseError:  # it holds something else than a string
                raw = None
        return decode_ceilings(raw)

    def machine_of(self, session: SessionId) -> VmId | None:
        """The machine that a session was given last, by the session's own key; None if unknown."""
        with self._translated():
            try:
                raw: Any = self.client.getrange(self.keys.session(session), 0, LONGEST_MEMBER)
            except exceptions.ResponseError:  # it holds something else than a string
                return None
        return self.keys.vm_id_of(f"{self.keys.prefix}:instance:".encode() + raw) if raw else None

    def leave_signs(self, signs: Iterable[Sign]) -> None:
        """Write signs of life, each in the place of the one before."""
        with self._translated():
            for sign in signs:
                self.client.set(self.keys.alive(sign.controller), encode_sign(sign), ex=SIGN_KEPT)

    def signs(self) -> Mapping[Actor, Sign]:
        """Read the signs of life: for people. What somebody else wrote there is left out."""
        found = dict[Actor, Sign]()
        with self._translated():
            for name in CONTROLLERS:
                key = self.keys.alive(name)
                left: Any = self.client.pttl(key)
                with suppress(exceptions.ResponseError):  # it holds something else than a string
                    raw: Any = self.client.getrange(key, 0, MAX_SIGN)
                    sign = decode_sign(raw, timedelta(milliseconds=left))
                    found |= {name: sign} if sign is not None and sign.controller is name else {}
        return found

    def waits(self) -> Waits:
        """Read the published waits; empty for an unreadable text."""
        with self._translated(), suppress(exceptions.ResponseError):  # it holds something else than a string
            raw: Any = self.client.getrange(self.keys.waits, 0, MAX_WAITS)
            return decode_waits(raw)
        return Waits()

    def leave_waits(self, waits: Waits) -> None:
        """Publish waits for the web site, in the place of the published ones."""
        with self._translated():
            self.client.set(self.keys.waits, encode_waits(waits))

    def leave_sample(self, sample: Sample, *, every: timedelta) -> None:
        """Write a sample of the history in the place of its minute; `every` is the length of that minute."""
        key = self.keys.history(sample.controller, int(sample.at.timestamp() // every.total_seconds()))
        with self._translated():
            self.client.set(key, encode_sample(sample), px=max(1, round(SAMPLES * every.total_seconds() * 1000)))

    def history(self, places: Sequence[tuple[Actor, int]]) -> Mapping[tuple[Actor, int], Sample]:
        """Read the samples in these places: for people. What somebody else wrote there is left out."""
        pipeline = self.client.pipeline(transaction=False)
        for name, number in places:
            pipeline.getrange(self.keys.history(name, number), 0, MAX_SAMPLE)
        with self._translated():
            answers: Sequence[Any] = pipeline.execute(raise_on_error=False) if places else ()
        read = {place: decode_sample(raw) for place, raw in zip(places, answers, strict=True) if isinstance(raw, bytes)}
        return {place: sample for place, sample in read.items() if sample is not None and sample.controller is place[0]}

    def _written(self, changes: Sequence[Change], good_until: datetime | None) -> list[Row | None]:
        """The new row per change; None where the race was lost."""
        writes = writes_of(changes)
        wanted = [write for write in writes if write]
        if server_of(chain.from_iterable(wanted)) is None:  # there was a failover between two reads
            return [None] * len(writes)
        with self._translated():
            answers = [
                done
                for chunk in batched(wanted, CHUNK, strict=False)
                for _, done in zip(chunk, self._send(chunk, good_until), strict=True)
            ]
        accepted = iter(answers)
        return [write[0].accepted() if write and next(accepted) == 1 else None for write in writes]

    def _carried_over(self, lost: Mapping[int, Change]) -> dict[int, Change]:
        """Changes that lost a race only to the queue manager's fields, over the new values of these fields."""
        now = self.read_also(half.row.vm_id for change in lost.values() for half in change.together) if lost else {}
        again: dict[int, Change] = {}
        for number, change in lost.items():
            if all(now[half.row.vm_id].before == half.row.before for half in change.together):
                continue  # not its bytes have lost it: its key was not to be had, or it came too late
            after = carried_over(change, now)
            if after is not None:
                again[number] = after
        return again

    def _send(self, writes: Sequence[tuple[Write, ...]], good_until: datetime | None) -> Sequence[int]:
        halves = list(chain.from_iterable(writes))
        names = [self.keys.index(status) for status in PLACES]
        for half in halves:
            names += (self.keys.instance(half.change.row.vm_id), self.keys.notes(half.change.row.vm_id))
        until = good_until.timestamp() if good_until is not None else ""
        names += (self.keys.session(half.session) for half in halves if half.session is not None)
        lifetimes = (UNRECORDED_NOTES_TTL, LEAVING_TTL)
        others = sorted({vm_id for half in halves for vm_id in half.change.beside})
        arguments: list[str | bytes | int | float] = [SESSION_TTL, until, server_of(halves) or "", *lifetimes]
        arguments.append(" ".join(others))
        for half in halves:
            arguments += half.arguments
        answer: Sequence[int] = self._apply(keys=names, args=arguments)
        return answer

    def _has_replicas(self) -> bool:
        try:
            info: dict[str, Any] = self.client.execute_command("INFO", "replication")  # type: ignore[no-untyped-call]
        except exceptions.ResponseError:
            return True  # INFO is not for everybody: WAIT will tell
        # Azure has left the number out: then WAIT will tell. A replica was a primary a moment ago.
        return info.get("connected_slaves") != 0 or info.get("role") == "slave"

    def _wait(self) -> Confirmation:
        # WAIT is about the writes of its own connection, and the pool has several: so one write goes with it. It is
        # the latest of all, and whoever has it has what came before.
        pipeline = self.client.pipeline(transaction=False)
        pipeline.set(self.keys.confirm, b"", px=1000)
        pipeline.execute_command("WAIT", 1, CONFIRM_WITHIN_MS)  # type: ignore[no-untyped-call]
        marked, replicas = pipeline.execute(raise_on_error=False)
        if isinstance(marked, exceptions.AskError):  # MOVED, too: the new node need not have what was applied here
            return Confirmation.UNCONFIRMED
        if isinstance(marked, Exception):
            raise marked
        if isinstance(replicas, Exception):  # some managed tiers do not know WAIT
            return Confirmation.ALONE
        return Confirmation.REPLICATED if int(replicas) else Confirmation.UNCONFIRMED
