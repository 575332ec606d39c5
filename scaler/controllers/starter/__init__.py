"""The starter: starts what is reserved, opens what runs, moves or refuses what cannot be had. Reserved is its alone.

controller  decide: one step at most for each reserved machine, and when each of them is looked at next
waiting     one session waiting for one machine: turns, the clock of the waiting, machines that our notes do not place
starts      the start order, its note first; OPEN, with the machine's addresses
moving      a session whose machine cannot be had: MOVE to another one, wait, or REFUSE
endings     REFUSE, ABANDON, and late writes undone: what our notes alone decide
"""

from scaler.controllers.starter.controller import decide
from scaler.controllers.starter.waiting import Part

__all__ = ["Part", "decide"]
