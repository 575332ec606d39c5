"""A plan carried out: changes to the registry first, then the orders whose change was accepted, each to its port.

actuation    the whole of it, in its order; what did not happen is written into the notes afterwards
giving       orders to their ports: grouped, dropped past their horizon, given again without what held them up
"""

from scaler.actuate.actuation import actuate
from scaler.ports import Ports
from scaler.report import Outcome, Result

__all__ = ["Outcome", "Ports", "Result", "actuate"]
