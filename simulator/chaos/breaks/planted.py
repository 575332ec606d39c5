"""A planted bug: what somebody may write one day, as wrappers around the parts of a process or of the client."""

from collections.abc import Callable
from dataclasses import dataclass

import redis

from scaler.model.edges import Actor
from scaler.model.policy import Policy
from scaler.observe import Listings
from scaler.ports import Clock, Registry, ScaleSet
from scaler.registry.keys import Keys
from scaler.registry.reservations import Reservations
from scaler.tick import Decide
from scaler.vmss.gates import Gates


def _same_policy(policy: Policy) -> Policy:
    return policy


def _same_decision(_: Actor, decide: Decide) -> Decide:
    return decide


def _same_registry(registry: Registry) -> Registry:
    return registry


def _same_scale_set(scale_set: ScaleSet) -> ScaleSet:
    return scale_set


def _same_listings(listings: Listings) -> Listings:
    return listings


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Each wrapper is called once for a process and its doors, and leaves the scaler's own code as it is."""

    name: str  # for --break
    what: str  # the bug in one sentence, for the operator who asks for the list
    weathers: tuple[str, ...] = ()  # in which it shows soonest; empty: in any
    policy: Callable[[Policy], Policy] = _same_policy
    decide: Callable[[Actor, Decide], Decide] = _same_decision
    registry: Callable[[Registry], Registry] = _same_registry
    scale_set: Callable[[ScaleSet], ScaleSet] = _same_scale_set
    gates: Callable[[Clock], Gates] = Gates
    listings: Callable[[Listings], Listings] = _same_listings  # those of the process, for one of its controllers
    reservations: Callable[[redis.Redis, Keys], Reservations] = Reservations  # the queue managers' scripts
