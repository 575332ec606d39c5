"""The reconciler: brings registry and Azure together by marking, admitting, condemning, presuming, repairing.

controller  decide: the order of a pass, and the breakers
context     facts for the whole pass: the policy, the health of the fleet, the surplus; keys outside `available`
newcomers   a new machine: mark, then ADMIT
cooling     surplus warm machines are deallocated, under a claim
doubts      a machine that may have been used: CONDEMN at rest, PRESUME while it runs
repairs     index, warmth, witnesses; FORGET
"""

from scaler.controllers.reconciler.controller import decide

__all__ = ["decide"]
