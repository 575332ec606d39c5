"""The reconciler: brings registry and Azure together by marking, admitting, condemning, presuming, repairing.

controller  decide: the order of a pass, and the breakers
context     facts for the whole pass: the policy, the health of the fleet, the warm part; keys outside `available`
newcomers   a new machine: mark, then ADMIT
warm_part   which machines to cool or to warm;  claims  a machine cooled or warmed, from the claim to the offer
hot_part    which machines to heat, or to stop again;  heating  the start for no session, and how far it is
doubts      a machine that may have been used: CONDEMN at rest, PRESUME while it runs
repairs     index, warmth, witnesses; FORGET
"""

from scaler.controllers.reconciler.controller import decide

__all__ = ["decide"]
