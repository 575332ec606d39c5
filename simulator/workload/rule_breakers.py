"""Queue managers that break a rule of docs/redis-contract.md, each in one way."""

from random import Random

from scaler.model.instance import VmId
from scaler.model.row import Status
from scaler.registry.keys import Keys
from simulator.happenings import Did
from simulator.workload.fields import Fields, is_free, known, written
from simulator.workload.habits import Steps, between
from simulator.workload.naive import Late, Naive, Taken
from simulator.workload.queue_manager import Session


class TooLate(Late):
    """Writes too late, without a look: the machine may be another session's."""

    _SHARE = (1.01, 3.0)

    def _may_still_write(self, taken: Taken) -> bool:
        return True


class Lossy(Naive):
    """Breaks rules 4 and 5: drops unknown fields, and undoes writes of the scaler."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._cached: Fields = {}

    def meanwhile(self, vm_id: VmId) -> None:
        """Write the record again as reserved, as a sign of life."""
        if self._cached and self._session.dice.random() < self._session.habits.unasked:
            self._write(vm_id, self._cached, None)

    def release(self, vm_id: VmId) -> Steps[bool]:
        """SET used, from the cache."""
        yield self._session.step()
        self._write(vm_id, {**self._cached, "used": True}, None)
        return True

    def _kept(self, fields: Fields) -> Fields:
        self._cached = known(fields)
        return self._cached


_TIDY = 0.5
"""The chance of a release of the other machines."""


class Greedy(Naive):
    """Otherwise keeps the rules."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._spare: list[VmId] = []

    def reserve(self) -> Steps[VmId | None]:
        """All keys first, then one machine after the other."""
        keys: list[Taken] = []
        for _ in range(self._session.dice.randint(2, 4)):
            taken = self._take()
            keys += [taken] if taken is not None else []
            yield self._session.step()
        for each in keys:
            yield from self._make_theirs(each)
        return self._session.vm_id

    def afterwards(self, vm_id: VmId) -> Steps[None]:
        """Release the other machines, perhaps."""
        if self._session.dice.random() < _TIDY:
            for each in self._spare:
                yield from self.release(each)

    def _promise(self, vm_id: VmId) -> None:
        if self._session.vm_id is None:
            super()._promise(vm_id)
        else:
            self._spare.append(vm_id)
            self._session.tell(Did.HELD, vm_id, "one more for the same visitor")


_LONG_AFTER = (120.0, 2400.0)
"""Seconds: its machine is being deleted by then, or gone, and its record with it."""


class Repeating(Naive):
    """Otherwise keeps the rules."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._last: Fields = {}

    def afterwards(self, vm_id: VmId) -> Steps[None]:
        """SET the last record again, as used."""
        for pause in (self._session.step(), between(self._session.dice, _LONG_AFTER)):
            yield pause
            if self._last:
                self._write(vm_id, {**self._last, "used": True}, None)

    def _kept(self, fields: Fields) -> Fields:
        self._last = fields
        return fields


class Garbage(Naive):
    """Reserves by the rules. Garbage never says Available: that would be a lie."""

    def meanwhile(self, vm_id: VmId) -> None:
        """Now and then: into the sets, or over a record."""
        dice = self._session.dice
        if dice.random() >= self._session.habits.unasked:
            return
        if dice.random() < 0.3:
            self._litter(vm_id)
        else:
            self._spoil(dice.choice([vm_id, *self._anybodys()]))

    def _anybodys(self) -> list[VmId]:
        held = self._redis.smembers(self._keys.index(self._session.dice.choice(list(Status))))
        return [vm_id for vm_id in map(self._keys.vm_id_of, sorted(held)) if vm_id is not None]

    def _litter(self, vm_id: VmId) -> None:
        """Add a member that is no key, or a key of another set."""
        dice = self._session.dice
        into = dice.choice(list(Status))
        own = self._keys.instance(vm_id).encode()
        member = own if dice.random() < 0.3 else no_key(self._keys, dice)
        about = vm_id if member == own else None
        self._session.tell(Did.LITTERED, about, f"{member[:60]!r} into {into.lower()}")
        self._redis.sadd(self._keys.index(into), member)

    def _spoil(self, vm_id: VmId) -> None:
        """Overwrite a record. A free machine's record becomes unreadable, so that no visitor gets the machine."""
        fields, dice = self._read(vm_id), self._session.dice
        readable = fields is not None and not is_free(fields)
        text = odd_record(fields, dice) if readable and fields is not None and dice.random() < 0.5 else no_record(dice)
        self._overwrite(vm_id, text, None)


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
    """A text that no reader takes for a record."""
    return dice.choice(_NO_RECORDS)


def odd_record(fields: Fields, dice: Random) -> bytes:
    """The same record in another spelling; or with a second opinion on `used`, which counts. Never Available."""
    if dice.random() < 0.3:
        return written({**fields, "USED": True})
    spell = dice.choice((str.upper, str.lower, str.title))
    return written({spell(name): _odd(name, value, dice) for name, value in sorted(fields.items())})


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
