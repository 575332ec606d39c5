"""The scenarios: each a few rules' own world, small enough to be searched to the end."""

from collections.abc import Mapping

from model.local import Accident
from model.rules import Rule
from model.state import LONG, Machine, Notes, Power, Record, Row, View, Visitor
from model.world import Scenario

from scaler.model.row import Status

NEW = Machine(Power.RUNS)
_ADMITTED = Notes(asked=LONG, seen=LONG, admitted=True)
READY = Machine(Power.WARM, marked=True, row=Row(Record(Status.AVAILABLE), _ADMITTED, offered=True))
COLD = READY._replace(power=Power.COLD)
RESPONDS = READY._replace(responds=True)
X, Y = Visitor("x", atomic=True), Visitor("y", atomic=True)
N, M = Visitor("n", atomic=False), Visitor("m", atomic=False)
P, Q = (each._replace(nameless=True) for each in (N, M))

BIRTH = Scenario(
    name="birth",
    about="a new machine, from its creation to its first session; a stale listing, a guest that shuts down early, a"
    " clock that runs ahead for one look",
    machines=(NEW,),
    visitors=(X,),
    accidents={Accident.STALE: 1, Accident.SHUTDOWN: 1, Accident.AHEAD: 1},
)
QUEUES = Scenario(
    name="queues",
    about="two machines, two naive queue managers",
    machines=(READY, READY),
    visitors=(N, M),
    to_the_end=False,
)
OVERLAP = Scenario(
    name="overlap",
    about="a tick that decides, and acts however much later",
    machines=(READY,),
    visitors=(X, Y),
    accidents={Accident.OVERLAP: 1, Accident.SHUTDOWN: 1, Accident.FAIL: 1},
    without=frozenset({Rule.YOUNG_PLAN}),
)
FAILOVER = Scenario(
    name="failover",
    about="Redis loses its latest writes",
    machines=(READY,),
    visitors=(X, Y),
    accidents={Accident.FAILOVER: 1, Accident.SHUTDOWN: 1, Accident.FAIL: 1},
)
FLUSH = Scenario(
    name="flush",
    about="Redis loses everything; a stale listing, an eviction",
    machines=(READY,),
    visitors=(X, Y),
    accidents={Accident.FLUSH: 1, Accident.EVICT: 1, Accident.STALE: 1, Accident.HOURS: 1},
)
FORGOTTEN = Scenario(
    name="forgotten",
    about="Redis loses everything, while a listing still shows the machine from before its mark",
    machines=(READY._replace(stale=View(Power.WARM, marked=False)),),
    visitors=(X, Y),
    accidents={Accident.FLUSH: 1, Accident.EVICT: 1},
)
KEYS = Scenario(
    name="keys",
    about="Redis loses a record, and notes; a stale listing, a guest that shuts down",
    machines=(READY,),
    visitors=(X, Y),
    accidents={Accident.LOSE_NOTES: 1, Accident.LOSE_RECORD: 1, Accident.STALE: 1, Accident.SHUTDOWN: 1},
)
LATE = Scenario(
    name="late",
    about="a naive queue manager that writes whenever it likes; Redis loses one key",
    machines=(READY,),
    visitors=(X, N),
    accidents={Accident.LOSE_NOTES: 1},
    late=True,
)
NAMELESS = Scenario(
    name="nameless",
    about="two naive queue managers that write no session id, or not at once; a stale listing, a guest that shuts down",
    machines=(READY,),
    visitors=(P, Q),
    accidents={Accident.STALE: 1, Accident.SHUTDOWN: 1, Accident.FAIL: 1},
)
NAMED_LATE = Scenario(
    name="named late",
    about="a naive queue manager without session ids, or not at once, and one with them, that write whenever they like",
    machines=(READY,),
    visitors=(P, M),
    late=True,
)
WITNESSES = Scenario(
    name="witnesses",
    about="a listing that lacks a machine, one that is stale, a machine that vanishes, a session that is refused",
    machines=(READY,),
    visitors=(X,),
    accidents={Accident.MISS: 1, Accident.STALE: 1, Accident.VANISH: 1, Accident.FAIL: 1},
)
SHARED = Scenario(
    name="shared",
    about="a listing that serves several controllers, and may be stale or lack the machine; a machine that vanishes, a"
    " session that is refused",
    machines=(READY,),
    visitors=(X,),
    accidents={Accident.KEEP: 1, Accident.STALE: 1, Accident.VANISH: 1, Accident.FAIL: 1},
)
MOVING = Scenario(
    name="moving",
    about="a reservation whose start fails, beside a naive queue manager",
    machines=(READY, READY),
    visitors=(X, N),
    accidents={Accident.FAIL: 1},
    to_the_end=False,
)
MOVED = Scenario(
    name="moved",
    about="a reservation whose start fails; Redis loses its latest writes",
    machines=(READY, READY),
    visitors=(X,),
    accidents={Accident.FAIL: 1, Accident.FAILOVER: 1},
)
COOLING = Scenario(
    name="cooling",
    about="a warm machine too many, and a naive queue manager that writes whenever it likes",
    machines=(READY,),
    visitors=(X, N),
    accidents={Accident.SURPLUS: 1},
    late=True,
)
STALLED = Scenario(
    name="stalled",
    about="a warm machine too many; a tick that stops between reading Redis and looking at Azure",
    machines=(READY,),
    visitors=(X,),
    accidents={Accident.SURPLUS: 1, Accident.STALL: 1},
)
SLOW = Scenario(
    name="slow",
    about="a warm machine too many; a tick that decides, and acts later; a failover",
    machines=(READY,),
    visitors=(X,),
    accidents={Accident.SURPLUS: 1, Accident.OVERLAP: 1, Accident.FAILOVER: 1},
)
WARMING = Scenario(
    name="warming",
    about="a warm machine too few, which Azure may not start or stop; a naive queue manager that writes whenever it"
    " likes",
    machines=(COLD,),
    visitors=(X, N),
    accidents={Accident.LACK: 1, Accident.FAIL: 1},
    late=True,
)
WARMED = Scenario(
    name="warmed",
    about="a warm machine too few; no replica answers in time, and Redis loses its latest writes",
    machines=(COLD,),
    visitors=(X,),
    accidents={Accident.LACK: 1, Accident.FAILOVER: 1},
    without=frozenset({Rule.CONFIRMED}),
)
FILLED = Scenario(
    name="filled",
    about="a warm machine too few; a tick that decides, and acts later; a failover",
    machines=(COLD,),
    visitors=(X,),
    accidents={Accident.LACK: 1, Accident.OVERLAP: 1, Accident.FAILOVER: 1},
)
SPENT = Scenario(
    name="spent",
    about="a machine too many, and a naive queue manager",
    machines=(READY,),
    visitors=(X, N),
    accidents={Accident.BEYOND: 1, Accident.SHUTDOWN: 1},
)
FORGETS = Scenario(
    name="forgets",
    about="a machine too many; a tick that decides, and acts later; a failover",
    machines=(READY,),
    visitors=(X, Y),
    accidents={Accident.BEYOND: 1, Accident.OVERLAP: 1, Accident.FAILOVER: 1},
)
UNCONFIRMED = Scenario(
    name="unconfirmed",
    about="no replica answers in time, and Redis loses its latest writes",
    machines=(READY,),
    visitors=(X, Y),
    accidents={Accident.FAILOVER: 1, Accident.FAIL: 1},
    without=frozenset({Rule.CONFIRMED}),
)
GATED_NEW = NEW._replace(gated=True)
GATED = READY._replace(gated=True, was_up=True)
GATED_BIRTH = Scenario(
    name="gated birth",
    about="a new machine that must be Healthy before it is stopped; a stale listing, Redis that loses its latest"
    " writes",
    machines=(GATED_NEW,),
    visitors=(X,),
    accidents={Accident.STALE: 1, Accident.FAILOVER: 1},
)
GATED_START = Scenario(
    name="gated",
    about="a machine that must be Healthy before its session is let in, and whose health flickers; Redis loses its"
    " latest writes, the guest shuts down",
    machines=(GATED,),
    visitors=(X, Y),
    accidents={Accident.FAILOVER: 1, Accident.FAIL: 1, Accident.SHUTDOWN: 1},
)
GATED_NAIVE = Scenario(
    name="gated naive",
    about="the same beside a naive queue manager that writes whenever it likes",
    machines=(GATED,),
    visitors=(X, N),
    accidents={Accident.FAIL: 1},
    late=True,
)
GATED_FLUSH = Scenario(
    name="gated flush",
    about="the same, and Redis loses everything",
    machines=(GATED,),
    visitors=(X,),
    accidents={Accident.FLUSH: 1, Accident.FAIL: 1, Accident.EVICT: 1},
)
GATED_MOVED = Scenario(
    name="gated moved",
    about="the same with a machine to go on with",
    machines=(GATED, GATED),
    visitors=(X,),
    accidents={Accident.FAIL: 1, Accident.FAILOVER: 1},
)
GATED_UNCONFIRMED = Scenario(
    name="gated unconfirmed",
    about="the same, and no replica answers in time",
    machines=(GATED,),
    visitors=(X,),
    accidents={Accident.FAILOVER: 1, Accident.FAIL: 1},
    without=frozenset({Rule.CONFIRMED}),
)
HELD = Scenario(
    name="held",
    about="no replica answers in time; a tick that decides, and acts after a failover",
    machines=(READY,),
    visitors=(X, Y),
    accidents={Accident.FAILOVER: 1, Accident.OVERLAP: 1},
    without=frozenset({Rule.CONFIRMED}),
)
HEALTH = Scenario(
    name="health",
    about="a session ends where its machine says that nobody is in; a stale listing, a responder that falls silent",
    machines=(RESPONDS,),
    visitors=(X, Y),
    accidents={Accident.STALE: 1, Accident.SILENT: 1},
)
HEALTH_SLOW = Scenario(
    name="health, slow",
    about="the same; a tick that decides, and acts later",
    machines=(RESPONDS,),
    visitors=(X, Y),
    accidents={Accident.OVERLAP: 1, Accident.STALE: 1},
)
HEALTH_FAILOVER = Scenario(
    name="health, failover",
    about="the same; Redis loses its latest writes",
    machines=(RESPONDS,),
    visitors=(X, Y),
    accidents={Accident.FAILOVER: 1, Accident.STALE: 1},
)
HEALTH_FLUSH = Scenario(
    name="health, flush",
    about="the same; Redis loses everything",
    machines=(RESPONDS,),
    visitors=(X, Y),
    accidents={Accident.FLUSH: 1, Accident.STALE: 1, Accident.SILENT: 1},
)
HEALTH_MOVED = Scenario(
    name="health, moved",
    about="the same; a reservation whose start fails, and Redis loses its latest writes",
    machines=(RESPONDS, RESPONDS),
    visitors=(X,),
    accidents={Accident.FAIL: 1, Accident.FAILOVER: 1},
)
HEALTH_NAIVE = Scenario(
    name="health, naive",
    about="the same, beside a naive queue manager that writes whenever it likes",
    machines=(RESPONDS,),
    visitors=(X, N),
    accidents={Accident.STALE: 1},
    late=True,
)
HOT_ROW = READY.row._replace(notes=_ADMITTED._replace(heated=True))
HOT = READY._replace(power=Power.RUNS, row=HOT_ROW)
HOT_START = Scenario(
    name="hot",
    about="a machine that runs before anybody reserves it; a guest that shuts down, a stale listing",
    machines=(HOT,),
    visitors=(X, Y),
    accidents={Accident.SHUTDOWN: 1, Accident.STALE: 1, Accident.FAIL: 1},
)
HOT_FAILOVER = Scenario(
    name="hot, failover",
    about="the same; Redis loses its latest writes, and no replica answers for a while",
    machines=(HOT,),
    visitors=(X, Y),
    accidents={Accident.FAILOVER: 1, Accident.FAIL: 1, Accident.SHUTDOWN: 1},
)
HOT_UNCONFIRMED = Scenario(
    name="hot, unconfirmed",
    about="the same, and no replica answers in time",
    machines=(HOT,),
    visitors=(X, Y),
    accidents={Accident.FAILOVER: 1, Accident.SHUTDOWN: 1},
    without=frozenset({Rule.CONFIRMED}),
)
HOT_NAIVE = Scenario(
    name="hot, naive",
    about="a hot machine too many, and a naive queue manager that writes whenever it likes",
    machines=(HOT,),
    visitors=(X, N),
    accidents={Accident.SURPLUS: 1},
    late=True,
)
HOT_COOLED = Scenario(
    name="hot, cooled",
    about="a hot machine too many, which Azure may not stop; a tick that decides, and acts later; a failover",
    machines=(HOT,),
    visitors=(X,),
    accidents={Accident.SURPLUS: 1, Accident.FAILOVER: 1, Accident.FAIL: 1, Accident.OVERLAP: 1},
)
HOT_COOLED_UNCONFIRMED = Scenario(
    name="hot, cooled, unconfirmed",
    about="a hot machine too many; no replica answers in time, and Redis loses its latest writes",
    machines=(HOT,),
    visitors=(X,),
    accidents={Accident.SURPLUS: 1, Accident.FAILOVER: 1},
    without=frozenset({Rule.CONFIRMED}),
)
HOT_FLUSH = Scenario(
    name="hot, flush",
    about="a hot machine; Redis loses everything",
    machines=(HOT,),
    visitors=(X,),
    accidents={Accident.FLUSH: 1, Accident.EVICT: 1, Accident.STALE: 1},
)
HOT_KEYS = Scenario(
    name="hot, keys",
    about="a hot machine; Redis loses a record, and notes",
    machines=(HOT,),
    visitors=(X, Y),
    accidents={Accident.LOSE_NOTES: 1, Accident.LOSE_RECORD: 1},
)
HOT_UNMARKED = Scenario(
    name="hot, unmarked",
    about="somebody takes the mark away from a hot machine; Redis loses its latest writes",
    machines=(HOT,),
    visitors=(X,),
    accidents={Accident.UNPROTECT: 1, Accident.FAILOVER: 1},
)
HOT_SWAPPED = Scenario(
    name="hot, swapped",
    about="a hot machine and one at rest; no replica answers for a while",
    machines=(HOT, READY),
    visitors=(X,),
    accidents={Accident.FAIL: 1, Accident.SHUTDOWN: 1, Accident.STALE: 1},
)
HOT_MOVED = Scenario(
    name="hot, moved",
    about="the same, and Redis loses its latest writes",
    machines=(HOT, READY),
    visitors=(X,),
    accidents={Accident.FAIL: 1, Accident.FAILOVER: 1},
)
HEATING = Scenario(
    name="heating",
    about="a hot machine too few; a guest that shuts down, a naive queue manager",
    machines=(READY,),
    visitors=(X, N),
    accidents={Accident.HEAT: 1, Accident.SHUTDOWN: 1},
    late=True,
)
HEATING_FAILOVER = Scenario(
    name="heating, failover",
    about="a hot machine too few; Redis loses its latest writes",
    machines=(READY,),
    visitors=(X, Y),
    accidents={Accident.HEAT: 1, Accident.FAILOVER: 1},
)
HEATING_UNCONFIRMED = Scenario(
    name="heating, unconfirmed",
    about="the same, and no replica answers in time",
    machines=(READY,),
    visitors=(X, Y),
    accidents={Accident.HEAT: 1, Accident.FAILOVER: 1},
    without=frozenset({Rule.CONFIRMED}),
)
HOT_GATED = Scenario(
    name="hot, gated",
    about="a hot machine that must be Healthy before its session is let in, and whose health flickers; Redis loses"
    " its latest writes",
    machines=(HOT._replace(gated=True, was_up=True),),
    visitors=(X, Y),
    accidents={Accident.FAILOVER: 1, Accident.FAIL: 1},
)
HEATING_GATED = Scenario(
    name="heating, gated",
    about="the same, and it has yet to be heated",
    machines=(GATED,),
    visitors=(X,),
    accidents={Accident.HEAT: 1, Accident.FAILOVER: 1, Accident.FAIL: 1},
)
HOT_HEALTH = Scenario(
    name="hot, health",
    about="a hot machine whose session ends where its machine says that nobody is in",
    machines=(HOT._replace(responds=True),),
    visitors=(X, Y),
    accidents={Accident.FAILOVER: 1, Accident.STALE: 1},
)

SCENARIOS: Mapping[str, Scenario] = {
    each.name: each for each in globals().copy().values() if isinstance(each, Scenario)
}
"""All of this module, by name."""
