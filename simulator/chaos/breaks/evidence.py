"""Planted in what counts as evidence: one look too few, half an answer, or somebody else's."""

from dataclasses import replace
from datetime import timedelta

from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.instance import HealthState, Instance, PowerState
from scaler.model.machine import Machine, is_unhealthy, notes_so_far
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row
from scaler.model.sighting import Answer, Method, Pages
from simulator.chaos.breaks.planted import (
    Planted,
    answered,
    instances_shown,
    notes_shown,
    shown,
    stops_as_others,
    with_listings,
    with_rows,
)

_LONG_AGO = timedelta(hours=1)


def _missed_before(machine: Machine) -> Row:
    notes = notes_so_far(machine.stored)
    if machine.absence is None or notes.missed_at is not None or machine.stored.record is None:
        return machine.stored
    return replace(machine.stored, notes=replace(notes, missed_at=machine.absence.at - _LONG_AGO, missed_noted_at=None))


def _rested_before(notes: Notes, machine: Machine) -> Notes:
    rests = machine.instance is not None and machine.instance.at_rest
    if machine.at is None or not rests or notes.rest_at is not None:
        return notes
    return replace(notes, rest_at=machine.at - _LONG_AGO, rest_noted_at=None)


def _unknown_is_unhealthy(instance: Instance, _: Row) -> Instance:
    health = instance.health
    if health is None or health.state not in {HealthState.UNKNOWN, HealthState.INITIALIZING}:
        return instance
    return replace(instance, health=replace(health, state=HealthState.UNHEALTHY))


def _unhealthy_before(notes: Notes, machine: Machine) -> Notes:
    unhealthy = machine.instance is not None and is_unhealthy(notes, machine.instance, Policy())
    if machine.at is None or not unhealthy or notes.unhealthy_at is not None:
        return notes
    return replace(notes, unhealthy_at=machine.at - _LONG_AGO, unhealthy_noted_at=None)


def _let_in_when_reserved(notes: Notes, _: Machine) -> Notes:
    opened, reserved = notes.opened, notes.reserved
    if opened is None or reserved is None:
        return notes
    return replace(notes, opened=replace(opened, at=min(opened.at, reserved.at), seen_at=None))


def _missed_once(fleet: Fleet) -> Fleet:
    """Nobody is asked a second time."""
    return with_rows(with_listings(fleet, lambda each: replace(each, by=Method.TARGETED)), _missed_before)


def _believed(fleet: Fleet) -> Fleet:
    """Every listing is complete, however short, and the last word."""
    return with_listings(fleet, lambda each: replace(each, complete=True, plausible=True, by=Method.TARGETED))


def _stopped(instance: Instance) -> Instance:
    return replace(instance, power=PowerState.STOPPED) if instance.power is PowerState.UNKNOWN else instance


def _all_stopped(pages: Pages) -> Pages:
    return replace(pages, instances=tuple(map(_stopped, pages.instances)))


def _found_stopped(answer: Answer) -> Answer:
    return replace(answer, found=_stopped(answer.found) if answer.found is not None else None)


def _whoever_has_the_id(answer: Answer) -> Answer:
    found = answer.found
    return answer if found is None else replace(answer, found=replace(found, ref=answer.asked))


def _by_azure_alone(notes: Notes, _: Machine) -> Notes:
    return replace(notes, mark_noted_at=None, missed_noted_at=None, rest_noted_at=None)


def _by_redis_alone(notes: Notes, _: Machine) -> Notes:
    opened = replace(notes.opened, seen_at=None) if notes.opened is not None else None
    spent = replace(notes.spent, seen_at=None) if notes.spent is not None else None
    return replace(notes, opened=opened, spent=spent, presumed_seen_at=None)


EVIDENCE = {
    "azures-clock-alone": Planted(
        what="how long a mark, an absence or a machine at rest has been seen is measured by Azure's Dates alone",
        weathers=("two front ends whose Dates differ by a minute",),
        policy=lambda policy: replace(stops_as_others(policy), grow_at_latest=timedelta(0)),  # many new machines
        decide=notes_shown(_by_azure_alone),
    ),
    "redis-clock-alone": Planted(
        what="how long a session has lasted is measured by Redis' clock alone",
        weathers=("Redis' clock two hours ahead for a minute",),
        decide=notes_shown(_by_redis_alone),
    ),
    "one-absence": Planted(
        what="a machine that is missing once counts as gone",
        weathers=("lists that lack machines",),
        decide=shown(_missed_once),
    ),
    "short-is-complete": Planted(
        what="a listing is believed whatever it lacks: an empty one means that all machines are gone",
        weathers=("lists that lack machines",),
        decide=shown(_believed),
    ),
    "any-scale-set": Planted(
        what="a listing of another scale set of the same name is believed, its uniqueId ignored",
        weathers=("changing settings",),
        scale_set=answered(view=lambda view: replace(view, unique_id="")),
    ),
    "missing-power-state": Planted(
        what="a PowerState that is not there is read as stopped",
        weathers=("power states that are not shown",),
        scale_set=answered(list_instances=_all_stopped, get=_found_stopped),
    ),
    "one-rest": Planted(
        what="a session ends when its machine was seen at rest once",
        weathers=("old news of quick machines",),
        decide=notes_shown(_rested_before, Actor.CLEANER),
    ),
    "unknown-is-unhealthy": Planted(
        what="a machine whose guest is silent counts as one that says that nobody is in",
        weathers=("visitors who close the tab, and guests who fall silent",),
        decide=instances_shown(_unknown_is_unhealthy, Actor.CLEANER, Actor.RECONCILER),
    ),
    "one-unhealthy": Planted(
        what="a session ends when its machine was seen unhealthy once",
        weathers=("visitors who close the tab, halted now and then",),
        decide=notes_shown(_unhealthy_before, Actor.CLEANER),
    ),
    "connected-since-reserve": Planted(
        what="the time that a visitor has to connect is counted from the reservation on",
        weathers=("visitors who close the tab, halted now and then",),
        decide=notes_shown(_let_in_when_reserved, Actor.CLEANER),
    ),
    "ids-are-identities": Planted(
        what="the machine behind an instance id is taken for the one that had it before",
        weathers=("lost sight",),
        scale_set=answered(get=_whoever_has_the_id),
    ),
}
