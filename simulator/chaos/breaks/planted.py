"""A planted bug: what somebody may write one day, as wrappers around the parts of a process or of the client."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import redis

from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.instance import Instance
from scaler.model.lifecycle import Change
from scaler.model.machine import Machine
from scaler.model.plan import Plan, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row
from scaler.model.sighting import Sighting
from scaler.observe import Listings
from scaler.ports import Clock, Registry
from scaler.registry.keys import Keys
from scaler.registry.reservations import Reservations
from scaler.tick import Decide
from scaler.vmss.gates import Gates

type Wrapper = Callable[[Actor, Decide], Decide]
type Rewrite = Callable[[Any], Any]
"""One door, or one answer of a door -> another one of the same type."""


def _same[T](part: T) -> T:
    return part


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Each wrapper is called once for a process and its doors, and leaves the scaler's own code as it is."""

    what: str  # the bug in one sentence, for the operator who asks for the list
    weathers: tuple[str, ...] = ()  # in which it shows soonest; empty: in any
    policy: Callable[[Policy], Policy] = _same
    decide: Wrapper = lambda _, decide: decide
    registry: Rewrite = _same  # scaler.ports.Registry
    scale_set: Rewrite = _same  # scaler.ports.ScaleSet
    gates: Callable[[Clock], Gates] = Gates
    listings: Callable[[Listings], Listings] = _same  # those of the process, for one of its controllers
    reservations: Callable[[redis.Redis, Keys], Reservations] = Reservations  # the queue managers' scripts


NOTHING = Planted(what="nothing is wrong")


# -- controllers that see, or plan, what they should not


def shown(fleet_as: Callable[[Fleet], Fleet], *to: Actor) -> Wrapper:
    """These controllers (all, where none is named) see another fleet than there is."""

    def wrapped(name: Actor, decide: Decide) -> Decide:
        return decide if to and name not in to else lambda fleet, policy: decide(fleet_as(fleet), policy)

    return wrapped


def rows_shown(row_as: Callable[[Machine], Row], *to: Actor) -> Wrapper:
    """These controllers read other words about the machines than Redis holds."""
    return shown(lambda fleet: with_rows(fleet, row_as), *to)


def stops_as_others(policy: Policy) -> Policy:
    """Stops of new machines live as long as all other orders: what comes too early for them is seen at last."""
    return replace(policy, stop_horizon=policy.order_horizon, stop_call=timedelta(0), pause_forgiven=timedelta(0))


def notes_shown(notes_as: Callable[[Notes, Machine], Notes], *to: Actor) -> Wrapper:
    """These controllers read other notes of each machine that has any."""

    def row_as(machine: Machine) -> Row:
        notes = machine.stored.notes
        return machine.stored if notes is None else replace(machine.stored, notes=notes_as(notes, machine))

    return rows_shown(row_as, *to)


def instances_shown(instance_as: Callable[[Instance, Row], Instance], *to: Actor) -> Wrapper:
    """These controllers see the machines in another state than Azure showed."""

    def fleet_as(fleet: Fleet) -> Fleet:
        seen = fleet.cloud.instances
        instances = {vm_id: instance_as(instance, fleet.rows[vm_id]) for vm_id, instance in seen.items()}
        return replace(fleet, cloud=replace(fleet.cloud, instances=instances))

    return shown(fleet_as, *to)


def planned(step_as: Callable[[Step, Fleet], Step | None], *by: Actor) -> Wrapper:
    """These controllers plan other steps than they should; None: the step is left out."""

    def wrapped(name: Actor, decide: Decide) -> Decide:
        def with_other_steps(fleet: Fleet, policy: Policy) -> Plan:
            plan = decide(fleet, policy)
            steps = (step_as(step, fleet) for step in plan.steps)
            return replace(plan, steps=tuple(step for step in steps if step is not None))

        return decide if by and name not in by else with_other_steps

    return wrapped


def unplanned(by: Actor, *whys: Why) -> Wrapper:
    """Plant: a controller leaves out the steps with these reasons."""
    return planned(lambda step, _: None if step.why in whys else step, by)


def both(first: Wrapper, second: Wrapper) -> Wrapper:
    """One after the other."""
    return lambda name, decide: second(name, first(name, decide))


def with_rows(fleet: Fleet, row_as: Callable[[Machine], Row]) -> Fleet:
    """The fleet with other words about its machines. What is stored stays what a change is compared with."""
    return replace(fleet, rows={machine.vm_id: row_as(machine) for machine in fleet.by_id.values()})


def with_listings(fleet: Fleet, listing_as: Callable[[Sighting], Sighting]) -> Fleet:
    """The fleet, with what its listings do not show believed otherwise; what they show stays."""
    listings = {name: listing_as(sighting) for name, sighting in fleet.cloud.listings.items()}
    return replace(fleet, cloud=replace(fleet.cloud, listings=listings))


# -- doors that ask, or answer, what they should not


class _Rewired:
    """A door with other functions in the place of some calls; each gets the door behind, and what the caller gave."""

    def __init__(self, calls: Mapping[str, Callable[..., Any]], inner: Any) -> None:
        self._calls = calls
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        call = self._calls.get(name)
        return getattr(self._inner, name) if call is None else partial(call, self._inner)


def rewired(**calls: Callable[..., Any]) -> Rewrite:
    """Other functions in the place of these calls of a door."""
    return lambda inner: _Rewired(calls, inner)


def answered(**answers: Rewrite) -> Rewrite:
    """Other answers to these calls of a door."""

    def through(name: str, answer_as: Rewrite) -> Callable[..., Any]:
        return lambda inner, *args, **kwargs: answer_as(getattr(inner, name)(*args, **kwargs))

    return rewired(**{name: through(name, answer_as) for name, answer_as in answers.items()})


def written(changes_as: Callable[[Registry, Sequence[Change]], Sequence[Change]]) -> Rewrite:
    """A registry that writes other changes than it was asked to."""
    return rewired(apply=lambda inner, changes, **limits: inner.apply(changes_as(inner, changes), **limits))
