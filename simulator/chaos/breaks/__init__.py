"""Planted bugs: mistakes on purpose, each of which the campaigns must catch.

planted          one bug, as wrappers around policy, verbs and doors
doors, wrappers  the pieces of planted bugs
admission · starting · moving · evidence · orders · deletes · writes · budgets · capacity  the bugs, by place
"""

from collections.abc import Mapping

from simulator.chaos.breaks.admission import ADMISSION
from simulator.chaos.breaks.budgets import BUDGETS
from simulator.chaos.breaks.capacity import CAPACITY
from simulator.chaos.breaks.deletes import DELETES
from simulator.chaos.breaks.evidence import EVIDENCE
from simulator.chaos.breaks.moving import MOVING
from simulator.chaos.breaks.orders import ORDERS
from simulator.chaos.breaks.planted import Planted
from simulator.chaos.breaks.starting import STARTING
from simulator.chaos.breaks.writes import WRITES

PLANTED: Mapping[str, Planted] = {
    each.name: each
    for each in (*ADMISSION, *STARTING, *MOVING, *EVIDENCE, *ORDERS, *DELETES, *WRITES, *BUDGETS, *CAPACITY)
}
"""All planted bugs, by name."""

__all__ = ["PLANTED", "Planted"]
