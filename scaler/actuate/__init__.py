"""A plan carried out: changes to the registry first, then the orders whose change was accepted, each to its port.

actuation    the whole of it, in its order
giving       orders to their ports: grouped, dropped past their horizon, given again without what held them up
corrections  written into the notes afterwards: what did not happen
outcome      one step and what became of it, and the doors that a plan goes through
"""

from scaler.actuate.actuation import actuate
from scaler.actuate.outcome import Outcome, Ports, Result

__all__ = ["Outcome", "Ports", "Result", "actuate"]
