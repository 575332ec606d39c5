"""Bugs on purpose: what somebody may write one day, each of which the campaigns must catch.

planted     one bug, as wrappers around policy, verbs and doors;  catalogue  all of them, by name
doors, wrappers  the pieces they are made of
admission · starting · moving · evidence · orders · deletes · writes · budgets · capacity  the bugs, by where they are
"""

from simulator.chaos.breaks.catalogue import PLANTED
from simulator.chaos.breaks.planted import Planted

__all__ = ["PLANTED", "Planted"]
