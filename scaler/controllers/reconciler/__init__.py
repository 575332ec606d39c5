"""The reconciler: brings registry and Azure together. It marks, admits, condemns, presumes, forgets and repairs.

controller  decide: the order of things in one pass, and its breakers
context     what holds for the whole pass: the policy, the health of the fleet, the surplus
newcomers   a new machine: mark, then ADMIT
cooling     what is warm beyond the operator's number is deallocated, under a claim
doubts      a machine that may have been used: CONDEMN at rest, PRESUME while it runs
repairs     index, warmth, witnesses; FORGET
"""

from scaler.controllers.reconciler.controller import decide

__all__ = ["decide"]
