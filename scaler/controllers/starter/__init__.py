"""The starter: starts reserved machines, opens running ones, moves or refuses sessions. Reserved machines are its own.

controller  decide: at most one step for a reserved machine, late writes undone, and the time of the next look
waiting     a session waiting for a machine: turns, the clock of the waiting; REFUSE and ABANDON
starts      the start order, after the start note; OPEN, with the machine's addresses
gate        a running machine that is not Healthy yet, where that is asked for; the note before its OPEN
heated      a machine that runs and waits hot, or was ever heated: its start note, and OPEN after a replica has it
moving      a session without a usable machine: MOVE, wait, or REFUSE
"""

from scaler.controllers.starter.controller import decide
from scaler.controllers.starter.waiting import Part

__all__ = ["Part", "decide"]
