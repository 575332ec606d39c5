"""Planted bugs: mistakes on purpose, each of which the campaigns must catch.

planted  one bug, as wrappers around policy, verbs and doors;  the others  the bugs, by place
"""

from collections.abc import Mapping

from simulator.chaos.breaks.admission import ADMISSION
from simulator.chaos.breaks.deletes import DELETES
from simulator.chaos.breaks.evidence import EVIDENCE
from simulator.chaos.breaks.hot import HOT
from simulator.chaos.breaks.orders import BUDGETS, ORDERS
from simulator.chaos.breaks.planted import NOTHING, Planted
from simulator.chaos.breaks.starting import STARTING
from simulator.chaos.breaks.writes import MOVING, WRITES

_BY_PLACE = (ADMISSION, STARTING, MOVING, EVIDENCE, ORDERS, DELETES, WRITES, BUDGETS, HOT)
PLANTED: Mapping[str, Planted] = {name: planted for place in _BY_PLACE for name, planted in place.items()}
"""All planted bugs, by name."""

__all__ = ["NOTHING", "PLANTED", "Planted"]
