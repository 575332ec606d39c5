"""Looking at Azure as a controller asked for it: listings and targeted GETs into one Cloud.

eyes      each look, and what is remembered of the last ones
listings  the latest listing of each scale set, shared by the controllers of a process
silences  who kept us waiting: one scale set's silence is not to cost another one's orders
"""

from scaler.observe.eyes import AzureObserver
from scaler.observe.listings import Listings
from scaler.observe.looks import AddressesOf, Look, Targets, next_look

__all__ = ["AddressesOf", "AzureObserver", "Listings", "Look", "Targets", "next_look"]
