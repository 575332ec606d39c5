"""The starter: starts what is reserved, opens what runs, refuses what cannot be had. Reserved is its own alone.

controller  wants and decide: one step at most for each reserved machine
wait        one session waiting for one machine, and the clock of its waiting
starts      the start order, its note first
opening     OPEN, with the machine's addresses
endings     REFUSE, ABANDON, and late writes undone: what our notes alone decide
unknown     a machine that our notes do not place
"""

from scaler.controllers.starter.controller import decide, wants

__all__ = ["decide", "wants"]
