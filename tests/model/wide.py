"""Wider worlds: more accidents at once. Minutes instead of seconds, so only on demand."""

from collections.abc import Mapping

from model.local import Accident
from model.scenarios import COLD, HOT, NEW, READY, N, X, Y
from model.state import Machine, Visitor
from model.world import Scenario


def _wide(
    name: str, machines: tuple[Machine, ...], visitors: tuple[Visitor, ...], *accidents: Accident, late: bool = False
) -> Scenario:
    """Each of these accidents once."""
    return Scenario(
        name=name,
        about=", ".join(each.name.lower() for each in accidents),
        machines=machines,
        visitors=visitors,
        accidents=dict.fromkeys(accidents, 1),
        late=late,
    )


_ALL = (
    _wide("forgetful", (READY,), (X, N), Accident.FAILOVER, Accident.FLUSH, Accident.EVICT),
    _wide("forgetful and slow", (READY,), (X, N), Accident.FAILOVER, Accident.OVERLAP, Accident.FAIL),
    _wide("flushed and slow", (READY,), (X, N), Accident.FLUSH, Accident.OVERLAP, Accident.STALE),
    _wide("blind and slow", (READY,), (X, Y), Accident.OVERLAP, Accident.STALE, Accident.SHUTDOWN, Accident.FAIL),
    _wide("unwitnessed", (READY,), (X, N), Accident.MISS, Accident.STALE, Accident.VANISH, Accident.OVERLAP),
    _wide("unprotected", (READY,), (X, N), Accident.UNPROTECT, Accident.FAILOVER, Accident.STALE),
    _wide("long ago", (READY,), (X, Y), Accident.FAILOVER, Accident.HOURS, Accident.SHUTDOWN),
    _wide(
        "born into trouble",
        (NEW,),
        (X,),
        Accident.STALE,
        Accident.OVERLAP,
        Accident.FLUSH,
        Accident.EVICT,
        Accident.SHUTDOWN,
    ),
    _wide("born forgotten", (NEW,), (X,), Accident.FAILOVER, Accident.STALE, Accident.SHUTDOWN, Accident.EVICT),
    _wide(
        "cooled in trouble",
        (READY,),
        (X,),
        Accident.SURPLUS,
        Accident.OVERLAP,
        Accident.STALL,
        Accident.FAILOVER,
    ),
    _wide(
        "warmed in trouble",
        (COLD,),
        (X,),
        Accident.LACK,
        Accident.FAILOVER,
        Accident.STALL,
        Accident.SHUTDOWN,
    ),
    _wide("warmed and forgotten", (COLD,), (X, Y), Accident.LACK, Accident.FLUSH, Accident.STALE, Accident.EVICT),
    _wide("moved from the gone", (READY, READY), (X,), Accident.VANISH, Accident.EVICT, Accident.LOSE_NOTES),
    _wide("moved from the tainted", (READY, READY), (X,), Accident.UNPROTECT, Accident.FAIL, Accident.STALE),
    _wide("moved slowly", (READY, READY), (X,), Accident.FAIL, Accident.OVERLAP, Accident.STALE),
    _wide("hot and late", (HOT,), (X, N), Accident.FAILOVER, Accident.SHUTDOWN, late=True),
    _wide("hot and slow", (HOT,), (X, Y), Accident.FAILOVER, Accident.OVERLAP, Accident.SHUTDOWN),
    _wide("hot and unmarked", (HOT,), (X,), Accident.UNPROTECT, Accident.FAILOVER, Accident.OVERLAP),
    _wide(
        "hot and cooled",
        (HOT,),
        (X,),
        Accident.SURPLUS,
        Accident.OVERLAP,
        Accident.FAILOVER,
        Accident.STALL,
        Accident.FAIL,
    ),
    _wide("hot and forgotten", (HOT,), (X, Y), Accident.FLUSH, Accident.FAILOVER, Accident.EVICT, Accident.STALE),
    _wide("heated and cooled", (READY,), (X, Y), Accident.HEAT, Accident.SURPLUS, Accident.FAILOVER),
    _wide("heated or spent", (READY,), (X, Y), Accident.HEAT, Accident.BEYOND, Accident.FAILOVER, Accident.SHUTDOWN),
    _wide(
        "warmed, heated and cooled", (COLD,), (X,), Accident.LACK, Accident.HEAT, Accident.SURPLUS, Accident.FAILOVER
    ),
    _wide("hot and moved", (HOT, READY), (X,), Accident.FAIL, Accident.FAILOVER, Accident.SHUTDOWN),
)

WIDE: Mapping[str, Scenario] = {each.name: each for each in _ALL}
