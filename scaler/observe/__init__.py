"""Looking at Azure for what a decision lacks: listings, targeted GETs and addresses into one Cloud.

looks     the asks of a plan made into the next look: its order, its budget, fairness
observer  each look, and what is remembered of the last ones
hints     the latest listings, shared by the controllers of a process; which scale sets kept us waiting
"""

from scaler.observe.hints import Listings
from scaler.observe.looks import AddressesOf, Look, Targets, next_look
from scaler.observe.observer import AzureObserver

__all__ = ["AddressesOf", "AzureObserver", "Listings", "Look", "Targets", "next_look"]
