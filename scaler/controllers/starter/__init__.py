"""The starter: starts what is reserved, opens what runs, moves or refuses what cannot be had. Reserved is its alone.

controller        decide: one step at most for each reserved machine
wait              one session waiting for one machine, and the clock of its waiting
starts · opening  the start order, its note first; OPEN, with the machine's addresses
stranded · moving a session whose machine cannot be had; MOVE to another one
endings           REFUSE, ABANDON, and late writes undone: what our notes alone decide
turns             which machines a tick is about, and when each is looked at next
unknown           a machine that our notes do not place
"""

from scaler.controllers.starter.controller import decide
from scaler.controllers.starter.turns import Part

__all__ = ["Part", "decide"]
