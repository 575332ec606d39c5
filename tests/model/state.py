"""What the model knows at one moment, as values: machines, their rows in Redis, the orders under way, the visitors.

A machine of the model carries its rows, the rows that a failover would bring back, and every visitor who was ever
inside (for the judge alone). Most events of a world concern one machine, and can be worked out once.
"""

from enum import StrEnum
from typing import NamedTuple

from model.rules import Rule, Rules

from scaler.model.edges import Edge
from scaler.model.row import Status

type Age = int  # of a note, an order or a look, in horizons: 0 just now, 1 perhaps not over yet, 2 surely over
type Session = str

NAMES = "AB"  # of the machines
NAMELESS: Session = "?"  # of one without an id: its machine's name. A record that holds it names nobody
LONG: Age = 2
CONNECTED: Age = 3  # a visitor who was let in has connected, or never comes; longer than a verdict is shown late
RIPE, STALE, CLAIM_OVER = 2, 3, 4  # of a claim: the horizon of its ripening, of the order's look, of the order


class Power(StrEnum):
    """What a machine does. Orders act at once when they arrive: there is no Updating here."""

    RUNS = "runs"
    WARM = "warm"  # stopped
    COLD = "cold"  # deallocated
    GONE = "gone"


class Presence(StrEnum):
    """What Azure shows of a machine with a responder: whether somebody is in."""

    SOMEBODY = "healthy"
    NOBODY = "unhealthy"
    SILENT = "silent"  # Unknown, or nothing


class Kind(StrEnum):
    """An order to Azure."""

    MARK = "mark"
    START = "start"
    STOP = "stop"
    COOL = "deallocate"
    DELETE = "delete"


class Health(StrEnum):
    """What a look at a running machine shows, where Healthy is asked for."""

    NONE = "not healthy"
    OLD = "healthy in the last run"
    HEALTHY = "healthy"


class View(NamedTuple):
    """What a look at one machine shows."""

    power: Power
    marked: bool
    presence: Presence | None = None  # None: it has no responder, and nothing ends by health
    health: Health | None = None  # None: nobody asks for it


class Spent(NamedTuple):
    """The note that the machine is used."""

    why: Edge
    age: Age = 0


class Record(NamedTuple):
    """What queue managers read and write."""

    status: Status
    used: bool = False
    session: Session | None = None


class Notes(NamedTuple):
    """What the scaler decided. Ages stand where the code has times."""

    asked: Age | None = None  # for its mark
    seen: Age | None = None  # the mark, in a listing
    admitted: bool = False
    heated: bool = False  # it was started to run while nobody has reserved it, and perhaps runs
    ready: bool = False  # and was Healthy in that run, where that is asked for
    unmarked: Age | None = None  # it was heated, and taken out because its mark was gone
    movable: Session | None = None  # reserved by the script, for this session
    start: Session | None = None
    started: Age | None = None
    elsewhere: bool = False  # the start was noted on a Redis server that is no more
    opening: Session | None = None
    opened: Session | None = None
    presumed: bool = False
    let_in: Age | None = None  # since OPEN or PRESUME, where that decides something
    over: bool = False  # the limit of what was opened, presumed or condemned
    ended: tuple[tuple[Session, Edge], ...] = ()
    spent: Spent | None = None
    claim: Age | None = None  # since its latest renewal
    warms: bool = False  # the claim is one to warm it, under which it may run
    closing: Age | None = None  # of such a claim: no order is given under it any more
    deleted: Age | None = None
    missed: Age | None = None
    rests: Age | None = None
    unhealthy: Age | None = None
    unindexed: Age | None = None

    @property
    def session(self) -> Session | None:
        """Whose machine it is."""
        return self.opened or self.start

    @property
    def may_run(self) -> bool:
        """Whether it may run under its claim: one to warm it, or to cool what was heated."""
        return self.warms or self.heated

    @property
    def beyond_admitting(self) -> bool:
        """It was offered, or may have been."""
        return bool(self.admitted or self.start or self.opened or self.presumed or self.spent)

    @property
    def fresh(self) -> bool:
        """Whether no visitor was ever let near the machine."""
        touched = self.spent or self.claim is not None or self.start or self.opened or self.presumed
        return self.admitted and not touched

    def timed(self, look: View) -> "Notes":
        """Let in, or presumed to be, by this look; what was seen before is no witness of that."""
        return self._replace(let_in=None if look.presence is None else 0, unhealthy=None)

    def how(self, session: Session | None) -> Edge | None:
        """How this session ended here, if it did."""
        return next((how for each, how in self.ended if each == session), None)

    def ending(self, session: Session | None, how: Edge, why: Edge) -> "Notes":
        """With this end of a session, and spent."""
        ended = self.ended if session is None or self.how(session) else tuple(sorted((*self.ended, (session, how))))
        return self._replace(ended=ended, spent=self.spent or Spent(why))


class Row(NamedTuple):
    """One machine in Redis. Which of `reserved` and `unavailable` holds its key matters to nobody here."""

    record: Record | None = None
    notes: Notes | None = None
    offered: bool = False  # its key is in `available`
    waiting: bool = False  # its key is in `reserved`
    pointer: Session | None = None  # the session whose key names it

    @property
    def status(self) -> Status | None:
        """The record's."""
        return self.record.status if self.record is not None else None

    def named(self, rules: Rules) -> "Row":
        """The machine with the record's session id in the notes, for a session that began to wait without an id."""
        notes, session = self.notes, self.record.session if self.record is not None else None
        if notes is None or session in {None, NAMELESS} or notes.how(NAMELESS) is not None:
            return self
        if notes.opened == NAMELESS and Rule.NAMED_WHILE_WAITING not in rules:
            notes = notes._replace(opened=None)
        if notes.start != NAMELESS or notes.opened is not None:
            return self
        return self._replace(notes=notes._replace(start=session))


class Place(StrEnum):
    """Where a step puts the key."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    ELSEWHERE = "elsewhere"


class Step(NamedTuple):
    """What a tick decided about one machine: compare, write, then order."""

    name: str
    record: Record | None
    notes: Notes | None
    place: Place | None = None  # None: where it is
    takes: bool = False
    order: Kind | None = None
    confirmed: bool = False  # written only where a replica answers, and has all that was written before


class Held(NamedTuple):
    """A tick that has decided and not yet acted."""

    before: tuple[Record | None, Notes | None]
    step: Step
    age: Age = 0  # of the look


class Stalled(NamedTuple):
    """A tick that has read Redis and not yet looked at Azure."""

    read: Row  # as it was: the tick reckons with these ages
    before: tuple[Record | None, Notes | None]
    age: Age = 0  # since it was read


class Listed(NamedTuple):
    """What one controller's listing showed, kept for the others of its process."""

    view: View
    age: Age = 0


class Order(NamedTuple):
    """Given, and not yet dead: it may arrive at any moment, once, several times or never."""

    kind: Kind
    age: Age = 0  # of the look it rests on


class Machine(NamedTuple):
    """One machine, with all that is said, ordered and remembered about it."""

    power: Power
    marked: bool = False
    row: Row = Row()
    orders: tuple[Order, ...] = ()
    held: Held | None = None
    stalled: Stalled | None = None
    stale: View | None = None  # what a listing may still show, without bound
    listed: Listed | None = None
    kept: Row | None = None  # what a failover brings back
    # only the judge knows
    responds: bool = False  # it has a responder
    silent: bool = False  # whose word Azure does not show any more
    inside: Session | None = None  # a visitor in their time, on a machine that runs
    entered: Age | None = None  # since then, where a responder tells of it
    guests: tuple[Session, ...] = ()
    served: tuple[Session, ...] = ()  # it was opened for them
    cut: bool = False  # an order of ours hit it while somebody was inside
    gated: bool = False  # it is ready only when it is Healthy
    up: bool = False  # its app has come up in this run
    was_up: bool = False  # in some run
    early: bool = False  # opened before its app came up

    @property
    def view(self) -> View:
        """As it is; not Healthy, where that is asked for."""
        return self.views[0]

    @property
    def views(self) -> tuple[View, ...]:
        """What a look may show: health flickers, and may be the last run's until the app has come up."""
        plain = View(self.power, self.marked, self.presence)
        if not self.gated:
            return (plain,)
        shown = [Health.NONE]
        if self.power is Power.RUNS and self.was_up:
            shown.append(Health.HEALTHY if self.up else Health.OLD)
        return tuple(plain._replace(health=each) for each in shown)

    @property
    def presence(self) -> Presence | None:
        """What its responder says now."""
        if not self.responds:
            return None
        if self.silent or self.power is not Power.RUNS:
            return Presence.SILENT
        return Presence.NOBODY if self.inside is None else Presence.SOMEBODY

    @property
    def late_view(self) -> View:
        """As Azure may show it for a while after somebody has come in."""
        if self.presence is Presence.SOMEBODY and self.entered is not None and self.entered < CONNECTED:
            return self.view._replace(presence=Presence.NOBODY)
        return self.view


class Stage(StrEnum):
    """How far a visitor has come."""

    NEW = "new"
    POPPED = "popped"  # naive: has the key
    READ = "read"  # naive: has the record
    SET = "set"  # naive: has written it, and owes SADD
    WAITING = "waiting"
    IN = "in"
    OVER = "over"


class Visitor(NamedTuple):
    """A session and its queue manager."""

    session: Session
    atomic: bool
    stage: Stage = Stage.NEW
    at: int = 0  # the machine, where a naive one has taken a key
    age: Age = 0  # since then
    overrun: bool = False  # somebody's late SET overwrote its reservation
    told_no: bool = False
    nameless: bool = False  # naive, and writes no session id, or not yet

    @property
    def name(self) -> Session:
        """As record and notes have it."""
        return NAMELESS if self.nameless else self.session


class World(NamedTuple):
    """One state."""

    machines: tuple[Machine, ...]
    visitors: tuple[Visitor, ...] = ()
    left: tuple[int, ...] = ()  # accidents that may still happen, by kind
    replica: Age | None = None  # how far it lags
    forgot: bool = False  # Redis lost something
