"""Two witnesses: what the notes remember of one look until another look, far enough apart, agrees."""

from dataclasses import replace
from datetime import datetime, timedelta

from scaler.model.clocks import Clocks, is_ahead
from scaler.model.instance import Instance, InstanceId, ScaleSetName
from scaler.model.notes import FailedNote, Notes
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.sighting import By, Sighting


def new_notes(instance: Instance, sighting: Sighting) -> Notes:
    """Notes about a machine that is seen and of which nothing is noted yet."""
    return Notes(scale_set=instance.ref.scale_set, unique_id=sighting.unique_id, instance_id=instance.ref.instance_id)


def notes_of_missed(row: Row) -> Notes:
    """Notes about a machine that only a record speaks of: where it is, is not for a record to say."""
    return row.notes or Notes(scale_set=ScaleSetName(""), unique_id="", instance_id=InstanceId(""))


def missed(row: Row, absent: Sighting, now: datetime) -> Notes | None:
    """The first witness of an absence, None if it stands already.

    It is noted at the time at which this tick took the listing: a kept one is older than what was read from Redis, and
    the second witness must be a look that was sent when the row was there already.
    """
    notes = notes_of_missed(row)
    first = replace(notes, missed_at=absent.at + absent.age, missed_noted_at=now)
    return first if missed_for(row, absent, now) is None else None


def missed_for(row: Row, look: Sighting, now: datetime) -> timedelta | None:
    """How long its absence has been noted, by both clocks."""
    if row.notes is None:
        return None
    return Clocks(now=now, at=look.at).since_first_seen(row.notes.missed_at, row.notes.missed_noted_at)


def gone(row: Row, absent: Sighting | None, now: datetime, policy: Policy) -> bool:
    """Two looks far enough apart agree that it is not there."""
    since = missed_for(row, absent, now) if absent is not None else None
    return since is not None and since >= policy.witness_gap


def erasable(row: Row, absent: Sighting | None, now: datetime, policy: Policy) -> bool:
    """Gone, so that its record may go as well.

    A scale set of that name that is not the one of the notes was made anew, or is another resource group's, by a
    mistake in the settings: then its record stays until nobody's time can be left.
    """
    if absent is None or not gone(row, absent, now, policy):
        return False
    return not is_elsewhere(row, absent) or _nobodys_time_is_left(row, absent, now, policy)


def awaits_its_last_word(row: Row, absent: Sighting | None, now: datetime, policy: Policy) -> bool:
    """A listing would erase it for good. One that is old, or lies, would erase a fleet: so a targeted GET is asked."""
    return absent is not None and absent.by is By.LISTING and erasable(row, absent, now, policy)


def is_elsewhere(row: Row, look: Sighting) -> bool:
    """Whether the notes name another scale set than the one that was looked at under its name."""
    return row.notes is not None and row.notes.unique_id not in {"", look.unique_id}


def awaits_its_time(row: Row, look: Sighting, now: datetime, policy: Policy) -> bool:
    """Missed already, and elsewhere: no further look says anything new before it may be erased."""
    if missed_for(row, look, now) is None or not is_elsewhere(row, look):
        return False
    return not _nobodys_time_is_left(row, look, now, policy)


def _nobodys_time_is_left(row: Row, look: Sighting, now: datetime, policy: Policy) -> bool:
    since = missed_for(row, look, now)
    return since is not None and since >= policy.limit_of_presumed + policy.expiry_grace


def after_sighting(notes: Notes, instance: Instance, sighting: Sighting) -> Notes:
    """The notes after seeing the machine: contradicted witnesses erased, its unrest and its failure timed.

    Notes that were begun by somebody who had not seen it (its first miss, a refusal) learn here where it is.
    """
    at, failed, unsettled_at = sighting.at, notes.failed, notes.unsettled_at
    if failed is not None and is_ahead(failed.since, at):
        failed = replace(failed, since=at)
    if is_ahead(unsettled_at, at):
        unsettled_at = at
    if not notes.scale_set:
        address = new_notes(instance, sighting)
        notes = replace(
            notes, scale_set=address.scale_set, unique_id=address.unique_id, instance_id=address.instance_id
        )
    if instance.failed and instance.failure is not None and failed is None:
        failed = FailedNote(failure=instance.failure, since=at)
    return replace(
        notes,
        missed_at=None,
        missed_noted_at=None,
        rest_at=None if instance.runs else notes.rest_at,
        rest_noted_at=None if instance.runs else notes.rest_noted_at,
        unsettled_at=None if instance.settled else unsettled_at or at,
        failed=failed if instance.failed else None,
    )
