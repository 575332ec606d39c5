"""The visitors and their queue managers: atomic ones by the scripts, naive ones in four steps, any of them the last."""

from collections.abc import Iterator

from model.registry import step, written
from model.rules import Rule, Rules
from model.state import CONNECTED, LONG, NAMES, Machine, Power, Record, Row, Session, Stage, Visitor, World

from scaler.model.edges import Actor, Edge
from scaler.model.row import Status

_WHO = Actor.VISITOR
_OVERWRITABLE = (Status.RESERVED, Status.UNAVAILABLE)

type Moves = Iterator[tuple[str, World]]


def replaced[Item](items: tuple[Item, ...], at: int, item: Item) -> tuple[Item, ...]:
    """With another item there."""
    return (*items[:at], item, *items[at + 1 :])


class Queue:
    """What one visitor's queue manager may do next."""

    def __init__(self, world: World, which: int, rules: Rules, late: bool) -> None:
        """`late`: a naive one may take longer than `repair_after` from SPOP to SET."""
        self._world, self._which, self._rules, self._late = world, which, rules, late
        self._me = world.visitors[which]

    def moves(self) -> Moves:
        """Of any kind."""
        if self._me.stage is Stage.OVER:
            return
        for name, world in self._atomic() if self._me.atomic else self._naive():
            yield f"{self._me.session}: {name}", world

    def _after(self, where: int, machine: Machine, **changes: object) -> World:
        me = self._me._replace(**changes)  # type: ignore[arg-type]
        if me.stage is Stage.OVER:  # nobody asks any more where, and how long ago
            me = me._replace(at=0, age=0, overrun=False)
        return self._world._replace(
            machines=replaced(self._world.machines, where, machine),
            visitors=replaced(self._world.visitors, self._which, me),
        )

    def _to(self, **changes: object) -> World:
        return self._after(0, self._world.machines[0], **changes)

    def _distinct(self) -> Iterator[tuple[int, Machine]]:
        """Of machines that do not differ one will do."""
        for at, machine in enumerate(self._world.machines):
            if machine not in self._world.machines[:at]:
                yield at, machine

    # -- by the scripts

    def _atomic(self) -> Moves:
        if self._me.stage is Stage.NEW:
            yield from self._reserve()
            return
        found = pointed(self._world, self._me.session)
        if found is None:
            yield from self._reserve() if self._me.stage is Stage.WAITING else ()
            return
        at, machine = found
        said = heard(machine.row, self._me.session)
        if self._me.stage is Stage.IN:
            yield from self._leave(at, machine, said)
        elif said == "open":
            yield "goes in", self._after(at, entered(machine, self._me.session), stage=Stage.IN)
        elif said == "over":
            yield "hears that it is over", self._to(stage=Stage.OVER)
        elif said == "unknown":
            yield from self._reserve()
        else:
            yield from self._give_up(at, machine)

    def _reserve(self) -> Moves:
        for at, machine in self._distinct():
            row, notes = machine.row, machine.row.notes
            if row.status is not Status.AVAILABLE or notes is None or not notes.fresh:
                continue
            waits = notes._replace(movable=self._me.session)
            taken = step(Edge.RESERVE, _WHO, row, self._me.session, waits)
            if Rule.TAKES_AT_RESERVE not in self._rules:
                taken = taken._replace(takes=False)
            after = written(row, taken, (row.record, row.notes), self._rules)
            if after is not None:
                world = self._forget_pointer()
                pointed_at = machine._replace(row=after._replace(pointer=self._me.session))
                me = self._me._replace(stage=Stage.WAITING)
                yield (
                    f"RESERVE {NAMES[at]}",
                    world._replace(
                        machines=replaced(world.machines, at, pointed_at),
                        visitors=replaced(world.visitors, self._which, me),
                    ),
                )

    def _forget_pointer(self) -> World:
        return self._world._replace(machines=tuple(unpointed(each, self._me.session) for each in self._world.machines))

    def _give_up(self, at: int, machine: Machine) -> Moves:
        row, notes = machine.row, machine.row.notes
        if notes is None or row.status is not Status.RESERVED:
            return
        if notes.fresh and row.record is not None and not row.record.used:
            cancelled = step(Edge.CANCEL, _WHO, row, None, notes._replace(movable=None, unindexed=None))
            after = written(row, cancelled, (row.record, notes), self._rules)
            assert after is not None
            yield "CANCEL", self._after(at, machine._replace(row=after._replace(pointer=None)), stage=Stage.OVER)
            return
        ended = notes.ending(self._me.session, Edge.ABANDON, Edge.ABANDON)
        after = written(row, step(Edge.ABANDON, _WHO, row, self._me.session, ended), (row.record, notes), self._rules)
        assert after is not None
        yield "ABANDON", self._after(at, machine._replace(row=after), stage=Stage.OVER)

    def _leave(self, at: int, machine: Machine, said: str) -> Moves:
        left = _left(machine, self._me.session)
        if machine.responds:
            yield "closes the tab", self._after(at, left, stage=Stage.OVER)
        row, notes = machine.row, machine.row.notes
        if said != "open" or notes is None or row.status is not Status.UNAVAILABLE or notes.spent is not None:
            yield "leaves", self._after(at, left, stage=Stage.OVER)
            return
        ended = notes.ending(self._me.session, Edge.RELEASE, Edge.RELEASE)
        after = written(row, step(Edge.RELEASE, _WHO, row, self._me.session, ended), (row.record, notes), self._rules)
        assert after is not None
        yield "RELEASE", self._after(at, left._replace(row=after), stage=Stage.OVER)

    # -- without them

    def _naive(self) -> Moves:
        match self._me.stage:
            case Stage.NEW:
                for at, machine in self._distinct():
                    if machine.row.offered:
                        popped = machine._replace(row=machine.row._replace(offered=False))
                        yield f"SPOP {NAMES[at]}", self._after(at, popped, stage=Stage.POPPED, at=at, age=0)
            case Stage.POPPED:
                record = self._machine.row.record
                fit = record is not None and record.status is Status.AVAILABLE and not record.used
                yield "GET", self._to(stage=Stage.READ if fit else Stage.OVER)
            case Stage.READ if self._late or self._me.age < LONG:
                yield "SET", self._set()
            case Stage.SET | Stage.WAITING | Stage.IN:
                yield from self._polls()
            case _:
                pass

    @property
    def _machine(self) -> Machine:
        return self._world.machines[self._me.at]

    def _set(self) -> World:
        """Over whatever is there by now."""
        row, session = self._machine.row, self._me.name
        record = row.record
        over = record.session if record is not None and record.status in _OVERWRITABLE and not record.used else None
        written_over = self._machine._replace(row=row._replace(record=Record(Status.RESERVED, session=session)))
        world = self._after(self._me.at, written_over, stage=Stage.SET)
        if self._me.age < LONG:
            return world
        wronged = {over, session}  # too late: it may lose what it has not, and whoever waits what they had
        visitors = (
            each._replace(overrun=True) if each.name in wronged or self._has_the_key_too(each) else each
            for each in world.visitors
        )
        return world._replace(visitors=tuple(visitors))

    def _has_the_key_too(self, other: Visitor) -> bool:
        """It took the key after the repair, and has not written yet: what it writes will be the later SET."""
        return other.at == self._me.at and other.stage in {Stage.POPPED, Stage.READ}

    def _polls(self) -> Moves:
        """Compare the session every time: a visitor without an id owns no machine whose record names an id."""
        machine, me = self._machine, self._me
        record = machine.row.record
        if me.stage is Stage.SET:
            waiting = machine._replace(row=machine.row._replace(waiting=True))
            yield "SADD", self._after(me.at, waiting, stage=Stage.WAITING)
        if me.nameless and record is not None and record.session == me.name and record.status is Status.RESERVED:
            row = machine.row._replace(record=record._replace(session=me.session))
            yield "writes its session id", self._after(me.at, machine._replace(row=row), nameless=False)
        left = _left(machine, me.session)
        if me.stage is Stage.IN and machine.responds:
            yield "closes the tab", self._after(me.at, left, stage=Stage.OVER)
        if record is None or record.session != me.name or record.status is Status.AVAILABLE:
            told_no = not me.overrun  # by a late SET: what is restored is its machine again, and it has gone
            yield "finds nothing of its own", self._after(me.at, left, stage=Stage.OVER, told_no=told_no)
        elif me.stage is Stage.IN or (record.status is Status.UNAVAILABLE and record.used):
            row = left.row._replace(record=record._replace(used=True))
            told = me.stage is not Stage.IN
            yield "is out", self._after(me.at, left._replace(row=row), stage=Stage.OVER, told_no=told)
        elif record.status is Status.UNAVAILABLE:
            yield "goes in", self._after(me.at, entered(machine, me.session), stage=Stage.IN)
        elif me.stage is Stage.WAITING:
            row = machine.row._replace(record=record._replace(used=True))
            yield "gives up", self._after(me.at, machine._replace(row=row), stage=Stage.OVER)


def pointed(world: World, session: Session) -> tuple[int, Machine] | None:
    """The machine that the session's key names."""
    return next((found for found in enumerate(world.machines) if found[1].row.pointer == session), None)


def unpointed(machine: Machine, session: Session) -> Machine:
    """Without the session's key."""
    return machine._replace(row=machine.row._replace(pointer=None)) if machine.row.pointer == session else machine


def _left(machine: Machine, session: Session) -> Machine:
    return machine._replace(inside=None, entered=None) if machine.inside == session else machine


def entered(machine: Machine, session: Session) -> Machine:
    """A visitor is within reach of it; nothing needs protection on a machine that does not run, or for who is late."""
    inside = session if machine.power is Power.RUNS and not _is_over(machine.row) else None
    return machine._replace(
        inside=inside,
        entered=0 if machine.responds and inside is not None else None,
        guests=machine.guests if session in machine.guests else (*machine.guests, session),
    )


def _is_over(row: Row) -> bool:
    return row.notes is not None and (row.notes.over or row.notes.let_in == CONNECTED)


def heard(row: Row, session: Session) -> str:
    """What `look` says: reserved, open, over (ended or refused) or unknown. The notes beat the record."""
    record, notes = row.record, row.notes
    if notes is not None and notes.how(session) is not None:
        return "over"
    if notes is not None and notes.opened == session:
        return "over" if notes.spent else "open"
    if record is None or record.session != session or record.status is Status.AVAILABLE:
        return "unknown"
    if record.used or (notes is not None and notes.spent):
        return "over"
    return "reserved" if record.status is Status.RESERVED else "open"
