"""What can be seen during a run: the visitors' own account, Azure's history, and looks at Azure and Redis."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from emulator.history import Event
from emulator.vm import VmState
from scaler.model.row import Status


class Manner(StrEnum):
    """The kind of queue manager of a visitor."""

    ATOMIC = "atomic"  # the client that ships with the scaler
    NAIVE = "naive"  # four separate steps, no compare-and-set; keeps the six rules of the contract
    NAMELESS = "nameless"  # naive, and writes no session id, or writes it later: its record has the seed's four fields
    FOLLOWING = "following"  # naive, and goes where the record's `movedTo` points
    LATE = "late"  # naive, and nearly as slow between SPOP and SET as is allowed
    TOO_LATE = "too late"  # slower than that
    LOSSY = "lossy"  # drops the fields it does not know, and writes again what it read long ago
    GREEDY = "greedy"  # takes several machines for one visitor
    NOTING = "noting"  # writes a field of its own into the record every second, as often as the contract allows
    REPEATING = "repeating"  # releases again, and once more long after
    VANISHING = "vanishing"  # its visitors are gone without a word
    GARBAGE = "garbage"  # writes what is no record, and members that are no keys


RECKLESS = frozenset({Manner.TOO_LATE, Manner.GARBAGE})
"""Manners that break promises to their own visitors and overwrite sessions; still no two visitors share a machine."""


class Did(StrEnum):
    """One thing that a visitor did or suffered."""

    ARRIVED = "arrived"
    QUEUED = "queued"  # there was no machine; they keep asking
    TOOK = "took"  # it is out of `available` for them: nobody was promised anything yet
    PROMISED = "promised"  # the reservation was acknowledged
    HELD = "held"  # a machine that may be reserved for them, and to which they will never go
    LEFT_BEHIND = "left behind"  # the scaler moved their session to this machine, and nobody will tell them
    MOVED = "moved"  # away from this machine; where to is promised in the next line
    DISPLACED = "displaced"  # it is nobody's or somebody else's any more; they ask again
    REFUSED = "refused"  # visibly, by the scaler
    GAVE_UP = "gave up"  # before they were let in
    OPENED = "opened"
    CONNECTED = "connected"
    SAW_NOTHING = "saw nothing"  # connected, and the application was not ready: a black screen
    UNREACHABLE = "unreachable"  # let in, but the machine does not answer
    CUT_OFF = "cut off"  # the machine stopped answering during their stay
    LEAVING = "leaving"  # written before anybody is told
    EXPIRED = "expired"  # they would have stayed for ever, and were told that it is over
    VANISHED = "vanished"  # they are gone, and nobody has told the scaler, or will
    OVERWROTE = "overwrote"  # their queue manager is about to SET a record that it has not just read
    LITTERED = "littered"  # their queue manager is about to put something into a set that does not belong there


OUTCOMES = frozenset({Did.REFUSED, Did.GAVE_UP, Did.OPENED, Did.VANISHED})
"""What ends a wait."""
DEPARTURES = frozenset({Did.REFUSED, Did.GAVE_UP, Did.CUT_OFF, Did.LEAVING, Did.EXPIRED})
"""What ends a visit."""
PARTINGS = DEPARTURES | {Did.DISPLACED, Did.MOVED}
"""What parts a visitor from a machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a visitor's account: written before a request, and after an answer."""

    at: datetime
    session: str
    did: Did
    vm_id: str | None = None
    manner: Manner = Manner.ATOMIC
    why: str = ""
    addresses: tuple[str, ...] = ()  # where they were sent, of those that were told
    whom: str | None = None  # OVERWROTE: whose machine it was; None: nobody's that we know

    @property
    def names(self) -> frozenset[str]:
        """The names of the session in Redis: the id, or the vm id where the queue manager writes no id."""
        if self.manner is Manner.NAMELESS and self.vm_id is not None:
            return frozenset({self.session, self.vm_id})
        return frozenset({self.session})


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """Redis lost what had been written of one machine, or of all; told by the injector of the loss."""

    at: datetime
    vm_id: str | None = None  # None: of all, or of more than one


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The state of one machine by Redis."""

    status: Status | None = None  # None: there is no readable record
    used: bool = False
    session: str | None = None  # the record's; the vm id, where it is handed out and names none
    opened_for: str | None = None  # the session that the scaler let in, by its notes
    offered: bool = False  # its key is in the available set
    presumed_since: datetime | None = None  # it runs, and nobody knows for whom
    heated: bool = False  # it was started to wait for a visitor
    hot: bool = False  # and is ready, and offered
    ended_by_health: bool = False  # its session ended because the machine said that nobody is in


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The true state of one machine, and what Redis says of the machine."""

    state: VmState
    published: Published | None = None  # None: Redis knows nothing of it
    scale_set: str = ""  # whose instance it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All machines at one moment, as far as several questions make a moment."""

    at: datetime
    machines: tuple[Seen, ...] = ()
    named: frozenset[str] = frozenset()  # every session that a record or notes name
    forgot: bool = False  # Redis lost what had been written since the last look

    @property
    def offered(self) -> int:
        """How many machines could be reserved."""
        return sum(each.published is not None and each.published.offered for each in self.machines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of the scaler's log: shown, and never a reason for a judgement."""

    at: datetime
    event: str
    controller: str
    why: str
    vm_id: str = ""
    scale_set: str = ""  # where it is about a whole one
    session: str = ""
    edge: str = ""
    order: str = ""
    result: str = ""
    error: str = ""
    alarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """A controller ticked, or a timer's function ended: a sign of life, and no news."""

    at: datetime
    controller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A failure of a part, in plain words. A fatal failure ends the run."""

    at: datetime
    what: str
    fatal: bool = False
    controller: str = ""  # whose, if it is one's


type Happening = Entry | Event | Look | Forgotten | Told | Ticked | Trouble
