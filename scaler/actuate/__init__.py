"""A plan carried out: changes to the registry first, then the orders whose change was accepted.

actuation    the sequence: write, confirm, order; failures are written into the notes afterwards
giving       orders to the ports: grouped, dropped past the horizon, given again without a rejected part
"""

from scaler.actuate.actuation import actuate
from scaler.ports import Ports
from scaler.report import Outcome, Result

__all__ = ["Outcome", "Ports", "Result", "actuate"]
