"""Wrappers of a controller that make it see, or plan, what it should not: what planted bugs are made of."""

from collections.abc import Callable
from dataclasses import replace

from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.instance import Instance
from scaler.model.machine import Machine
from scaler.model.plan import Plan, Step
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.sighting import Sighting
from scaler.tick import Decide

type Wrapper = Callable[[Actor, Decide], Decide]


def shown(fleet_as: Callable[[Fleet, Policy], Fleet], *to: Actor) -> Wrapper:
    """These controllers (all, where none is named) see another fleet than there is."""

    def wrapped(name: Actor, decide: Decide) -> Decide:
        if to and name not in to:
            return decide

        return lambda fleet, policy: decide(fleet_as(fleet, policy), policy)

    return wrapped


def planned(step_as: Callable[[Step, Fleet], Step | None], *by: Actor) -> Wrapper:
    """These controllers plan other steps than they should; None: the step is left out."""

    def wrapped(name: Actor, decide: Decide) -> Decide:
        if by and name not in by:
            return decide

        def with_other_steps(fleet: Fleet, policy: Policy) -> Plan:
            plan = decide(fleet, policy)
            steps = (step_as(each, fleet) for each in plan.steps)
            return replace(plan, steps=tuple(each for each in steps if each is not None))

        return with_other_steps

    return wrapped


def both(first: Wrapper, second: Wrapper) -> Wrapper:
    """One after the other."""
    return lambda name, decide: second(name, first(name, decide))


def with_rows(fleet: Fleet, row_as: Callable[[Machine], Row]) -> Fleet:
    """The fleet with other words about its machines. What is stored stays what a change is compared with."""
    return replace(fleet, rows={machine.vm_id: row_as(machine) for machine in fleet.by_id.values()})


def with_instances(fleet: Fleet, instance_as: Callable[[Instance, Row], Instance]) -> Fleet:
    """The fleet with its machines in another state than Azure showed them."""
    instances = {vm_id: instance_as(instance, fleet.rows[vm_id]) for vm_id, instance in fleet.cloud.instances.items()}
    return replace(fleet, cloud=replace(fleet.cloud, instances=instances))


def with_listings(fleet: Fleet, listing_as: Callable[[Sighting], Sighting]) -> Fleet:
    """The fleet, with what its listings do not show believed otherwise; what they show stays."""
    listings = {name: listing_as(each) for name, each in fleet.cloud.listings.items()}
    return replace(fleet, cloud=replace(fleet.cloud, listings=listings))
