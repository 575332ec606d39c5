"""Planted in what counts as evidence: one look too few, half an answer, or somebody else's."""

from dataclasses import replace
from datetime import timedelta

from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.instance import Instance, InstanceRef, PowerState
from scaler.model.machine import Machine, notes_of_missed
from scaler.model.row import Row
from scaler.model.sighting import Answer, Method, Pages, ScaleSetView
from simulator.chaos.breaks.doors import ScaleSetDoor
from simulator.chaos.breaks.planted import Planted
from simulator.chaos.breaks.wrappers import shown, with_listings, with_rows

_LONG_AGO = timedelta(hours=1)


def _missed_before(machine: Machine) -> Row:
    notes = notes_of_missed(machine.stored)
    if machine.absence is None or notes.missed_at is not None or machine.stored.record is None:
        return machine.stored
    return replace(machine.stored, notes=replace(notes, missed_at=machine.absence.at - _LONG_AGO, missed_noted_at=None))


def _rested_before(machine: Machine) -> Row:
    notes, at = machine.stored.notes, machine.at
    rests = machine.instance is not None and machine.instance.at_rest
    if notes is None or at is None or not rests or notes.rest_at is not None:
        return machine.stored
    return replace(machine.stored, notes=replace(notes, rest_at=at - _LONG_AGO, rest_noted_at=None))


def _missed_once(fleet: Fleet) -> Fleet:
    """Nobody is asked a second time."""
    return with_rows(with_listings(fleet, lambda each: replace(each, by=Method.TARGETED)), _missed_before)


def _believed(fleet: Fleet) -> Fleet:
    """Every listing is complete, however short, and the last word."""
    return with_listings(fleet, lambda each: replace(each, complete=True, plausible=True, by=Method.TARGETED))


class _AnyPlace(ScaleSetDoor):
    """Knows a scale set by its name alone."""

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        return replace(self.inner.view(no_older_than=no_older_than), unique_id="")


class _Stopped(ScaleSetDoor):
    """Takes a missing PowerState for stopped."""

    def list_instances(self) -> Pages:
        pages = self.inner.list_instances()
        return replace(pages, instances=tuple(map(_read_as_stopped, pages.instances)))

    def get(self, ref: InstanceRef) -> Answer:
        answer = self.inner.get(ref)
        return replace(answer, found=_read_as_stopped(answer.found) if answer.found is not None else None)


def _read_as_stopped(instance: Instance) -> Instance:
    return replace(instance, power=PowerState.STOPPED) if instance.power is PowerState.UNKNOWN else instance


class _ById(ScaleSetDoor):
    """Takes whoever has the instance id for the machine that was meant."""

    def get(self, ref: InstanceRef) -> Answer:
        answer = self.inner.get(ref)
        found = answer.found
        return answer if found is None else replace(answer, found=replace(found, ref=ref))


def _by_azure_alone(machine: Machine) -> Row:
    notes = machine.stored.notes
    if notes is None:
        return machine.stored
    return replace(machine.stored, notes=replace(notes, mark_noted_at=None, missed_noted_at=None, rest_noted_at=None))


def _by_redis_alone(machine: Machine) -> Row:
    notes = machine.stored.notes
    if notes is None:
        return machine.stored
    opened = replace(notes.opened, seen_at=None) if notes.opened is not None else None
    spent = replace(notes.spent, seen_at=None) if notes.spent is not None else None
    return replace(machine.stored, notes=replace(notes, opened=opened, spent=spent, presumed_seen_at=None))


EVIDENCE = (
    Planted(
        name="azures-clock-alone",
        what="how long a mark, an absence or a machine at rest has been seen is measured by Azure's Dates alone",
        weathers=("two front ends whose Dates differ by a minute",),
        decide=shown(lambda fleet, _: with_rows(fleet, _by_azure_alone)),
    ),
    Planted(
        name="redis-clock-alone",
        what="how long a session has lasted is measured by Redis' clock alone",
        weathers=("Redis' clock two hours ahead for a minute",),
        decide=shown(lambda fleet, _: with_rows(fleet, _by_redis_alone)),
    ),
    Planted(
        name="one-absence",
        what="a machine that is missing once counts as gone",
        weathers=("lists that lack machines",),
        decide=shown(lambda fleet, _: _missed_once(fleet)),
    ),
    Planted(
        name="short-is-complete",
        what="a listing is believed whatever it lacks: an empty one means that all machines are gone",
        weathers=("lists that lack machines",),
        decide=shown(lambda fleet, _: _believed(fleet)),
    ),
    Planted(
        name="any-scale-set",
        what="a listing of another scale set of the same name is believed, its uniqueId ignored",
        weathers=("changing settings",),
        scale_set=_AnyPlace,
    ),
    Planted(
        name="missing-power-state",
        what="a PowerState that is not there is read as stopped",
        weathers=("power states that are not shown",),
        scale_set=_Stopped,
    ),
    Planted(
        name="one-rest",
        what="a session ends when its machine was seen at rest once",
        weathers=("old news of quick machines",),
        decide=shown(lambda fleet, _: with_rows(fleet, _rested_before), Actor.CLEANER),
    ),
    Planted(
        name="ids-are-identities",
        what="the machine behind an instance id is taken for the one that had it before",
        weathers=("lost sight",),
        scale_set=_ById,
    ),
)
