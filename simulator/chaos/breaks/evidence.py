"""Planted in what counts as evidence: one look too few, half an answer, or somebody else's."""

from dataclasses import replace
from datetime import timedelta

from scaler.model.edges import Actor
from scaler.model.fleet import Fleet, Member
from scaler.model.instance import Instance, InstanceRef, PowerState
from scaler.model.row import Row
from scaler.model.sighting import Answer, By, Pages, ScaleSetView
from scaler.model.witness import notes_of_missed
from simulator.chaos.breaks.doors import ScaleSetDoor
from simulator.chaos.breaks.glasses import shown, with_listings, with_rows
from simulator.chaos.breaks.planted import Planted

_LONG_AGO = timedelta(hours=1)


def _missed_before(member: Member) -> Row:
    notes = notes_of_missed(member.row)
    if member.absent is None or notes.missed_at is not None or member.row.record is None:
        return member.row
    return replace(member.row, notes=replace(notes, missed_at=member.absent.at - _LONG_AGO, missed_noted_at=None))


def _rested_before(member: Member) -> Row:
    notes, seen = member.row.notes, member.seen
    if notes is None or seen is None or not seen.instance.at_rest or notes.rest_at is not None:
        return member.row
    return replace(member.row, notes=replace(notes, rest_at=seen.sighting.at - _LONG_AGO, rest_noted_at=None))


def _missed_once(fleet: Fleet) -> Fleet:
    """Nobody is asked a second time."""
    return with_rows(with_listings(fleet, lambda each: replace(each, by=By.TARGETED)), _missed_before)


def _believed(fleet: Fleet) -> Fleet:
    """Every listing is complete, however short, and the last word."""
    return with_listings(fleet, lambda each: replace(each, complete=True, plausible=True, by=By.TARGETED))


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


def _by_azure_alone(member: Member) -> Row:
    notes = member.row.notes
    if notes is None:
        return member.row
    return replace(member.row, notes=replace(notes, mark_noted_at=None, missed_noted_at=None, rest_noted_at=None))


def _by_redis_alone(member: Member) -> Row:
    notes = member.row.notes
    if notes is None:
        return member.row
    opened = replace(notes.opened, seen_at=None) if notes.opened is not None else None
    spent = replace(notes.spent, seen_at=None) if notes.spent is not None else None
    return replace(member.row, notes=replace(notes, opened=opened, spent=spent, presumed_seen_at=None))


EVIDENCE = (
    Planted(
        name="azures-clock-alone",
        what="how long a mark, an absence or a machine at rest has been seen is measured by Azure's Dates alone",
        weathers=("two front ends whose Dates differ by a minute",),
        verbs=shown(lambda fleet, _: with_rows(fleet, _by_azure_alone)),
    ),
    Planted(
        name="redis-clock-alone",
        what="how long a session has lasted is measured by Redis' clock alone",
        weathers=("Redis' clock two hours ahead for a minute",),
        verbs=shown(lambda fleet, _: with_rows(fleet, _by_redis_alone)),
    ),
    Planted(
        name="one-absence",
        what="a machine that is missing once counts as gone",
        weathers=("lists that lack machines",),
        verbs=shown(lambda fleet, _: _missed_once(fleet)),
    ),
    Planted(
        name="short-is-complete",
        what="a listing is believed whatever it lacks: an empty one means that all machines are gone",
        weathers=("lists that lack machines",),
        verbs=shown(lambda fleet, _: _believed(fleet)),
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
        verbs=shown(lambda fleet, _: with_rows(fleet, _rested_before), Actor.CLEANER),
    ),
    Planted(
        name="ids-are-identities",
        what="the machine behind an instance id is taken for the one that had it before",
        weathers=("lost sight",),
        scale_set=_ById,
    ),
)
