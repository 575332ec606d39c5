"""What is on the screen at one moment. All durations are the emulated world's, all bare seconds the wall's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from scaler.model.instance import Tier
from simulator.happenings import Did
from simulator.observer.wrong import Wrong
from simulator.view import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine, by Azure's truth and by Redis."""

    scale_set: str
    instance_id: str
    vm_id: str
    status: str  # the contract's word, `used`, or –
    power: str
    marked: bool
    tier: Tier | None  # None: it has not come to rest yet
    age: timedelta
    session: str = ""
    last: Line | None = None  # the last step with this machine
    wronged: bool = False


class Health(StrEnum):
    """How a controller fares."""

    STARTING = "starting"  # it has not ticked yet
    WELL = "well"
    WAITING = "waiting"  # for its turn, a budget or a deadline: the ordinary course of things
    HELD = "held back"  # from something, and somebody should look at it
    PAUSED = "paused"  # by an operator
    FAILED = "failed"  # a tick or a step of it, lately
    SILENT = "silent"  # for longer than two of its timer's intervals
    OFF = "off"  # its timer is disabled


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One controller."""

    name: str
    health: Health
    every: timedelta  # from one firing of its timer to the next
    ticked: timedelta | None  # how long ago at most; None: never yet
    calls: float = 0.0  # to ARM, a minute
    steps: int = 0
    waited: int = 0
    failed: int = 0
    why: str = ""  # of the last thing that had to wait or failed
    since: timedelta | None = None  # how long ago that was


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many requests of one kind ARM would still take, by the last answer; `burst`: at most."""

    what: str
    left: int
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Everything."""

    seconds: float  # of the run, on the wall
    speed: float
    redis: str = ""  # its address
    page: str = ""  # the address of `scaler web`
    ending: bool = False
    statuses: Mapping[str, int] = field(default_factory=dict)  # machines by status
    powers: Mapping[str, int] = field(default_factory=dict)  # and by power state
    did: Mapping[Did, int] = field(default_factory=dict)  # what visitors did, and how often
    waiting: int = 0  # visitors
    waits: Sequence[float] = ()  # from arrival until they were let in, in seconds on the wall
    waits_on: Mapping[Tier, Sequence[float]] = field(default_factory=dict)
    costs: str = ""  # empty without prices
    rounds: Sequence[Round] = ()
    calls_over: timedelta = timedelta(minutes=5)  # the window of Round.calls
    throttled: int = 0  # 429s so far
    budgets: Sequence[Budget] = ()
    machines: Sequence[Machine] = ()
    events: Sequence[Line] = ()  # the newest last
    wrongs: Sequence[Wrong] = ()
