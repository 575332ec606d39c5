"""Looks at Azure for the asks of a decision: listings, targeted GETs and addresses, into one Cloud.

looks     the asks of a plan made into the next look: order, budget, fairness
observer  every kind of look, with hints from the last ones
hints     the latest listings, shared by the controllers of a process; slow and silent scale sets
"""

from scaler.observe.hints import Listings
from scaler.observe.looks import AddressesOf, Look, Targets, next_look
from scaler.observe.observer import AzureObserver

__all__ = ["AddressesOf", "AzureObserver", "Listings", "Look", "Targets", "next_look"]
