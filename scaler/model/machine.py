"""A machine, joined once per look: the row in Redis, the instance in Azure, and the standing that follows.

Every controller judges this noun. `now` is the registry's clock, `at` Azure's: a time by one clock is never compared
with a time by the other. A look that the notes remember stands until another look, far enough apart, agrees: two
witnesses.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scaler.model.clocks import Clocks, is_ahead
from scaler.model.instance import HealthState, Instance, InstanceId, ScaleSetName, VmId
from scaler.model.policy import Policy
from scaler.model.readiness import heated_as_seen, is_later
from scaler.model.row import FailedNote, Notes, Record, Row, Status, amended
from scaler.model.sighting import Method, Sighting
from scaler.model.standing import Standing, standing


def notes_so_far(row: Row) -> Notes:
    """The stored notes; else new notes without a place, which only a look can tell."""
    return row.notes or Notes(scale_set=ScaleSetName(""), unique_id="", instance_id=InstanceId(""))


def after_sighting(notes: Notes, instance: Instance, sighting: Sighting, policy: Policy) -> Notes:
    """The notes after seeing the machine: contradicted witnesses erased, unrest and failure timed.

    New notes, and notes begun without a sight of the machine (a first miss, a refusal), learn the machine's place here.
    """
    at, failed, unsettled_at = sighting.at, notes.failed, notes.unsettled_at
    unhealthy = is_unhealthy(notes, instance, policy)
    if failed is not None and is_ahead(failed.since, at):
        failed = replace(failed, since=at)
    if is_ahead(unsettled_at, at):
        unsettled_at = at
    if not notes.scale_set:
        ref = instance.ref
        notes = replace(notes, scale_set=ref.scale_set, unique_id=sighting.unique_id, instance_id=ref.instance_id)
    if instance.failed and instance.failure is not None and failed is None:
        failed = FailedNote(failure=instance.failure, since=at)
    return amended(
        notes,
        missed_at=None,
        missed_noted_at=None,
        rest_at=None if instance.runs else notes.rest_at,
        rest_noted_at=None if instance.runs else notes.rest_noted_at,
        unhealthy_at=notes.unhealthy_at if unhealthy else None,
        unhealthy_noted_at=notes.unhealthy_noted_at if unhealthy else None,
        unsettled_at=None if instance.settled else unsettled_at or at,
        failed=failed if instance.failed else None,
    )


def is_unhealthy(notes: Notes, instance: Instance, policy: Policy) -> bool:
    """Whether a running machine was called unhealthy in this very run. No word, or an old word, says nothing.

    Azure may show the word of an earlier run: a word must be later than the look at the machine at rest right before
    the start; without such a look, later than OPEN and PRESUME. All these times are Azure's.
    """
    health = instance.health
    if health is None or health.state is not HealthState.UNHEALTHY or not instance.runs:
        return False
    started = notes.start.seen_at if notes.start is not None else None
    opened = notes.opened.seen_at if notes.opened is not None else None
    since = started or max(filter(None, (opened, notes.presumed_seen_at)), default=None)
    return is_later(health, since, policy)


def _found(notes: Notes, clocks: Clocks) -> Notes:
    """The notes of a machine before its first offer, with the time of the first sight behind its instance id."""
    if notes.beyond_admitting or clocks.since_first_seen(notes.found_at, notes.found_noted_at) is not None:
        return notes
    return replace(notes, found_at=clocks.at, found_noted_at=clocks.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that Redis or Azure knows; a `SeenMachine`, if this tick has seen the machine in Azure."""

    stored: Row  # as Redis holds it: every change is compared with this
    notes_now: Notes  # the notes to go on from: the stored ones or new ones, brought up to the sighting
    standing: Standing
    now: datetime
    instance: Instance | None = None
    sighting: Sighting | None = None  # the look that showed the instance
    absence: Sighting | None = None  # the look that proves that it is not there: one witness
    since_read: timedelta = timedelta(0)  # how long ago the row was read, before this tick's looks

    @property
    def vm_id(self) -> VmId:
        return self.stored.vm_id

    @property
    def at(self) -> datetime | None:
        """When Azure showed it."""
        return self.sighting.at if self.sighting is not None else None

    @property
    def reserved_for(self) -> timedelta | None:
        """How long the session of a Reserved record has waited, by the notes; None without such a session."""
        record, notes = self.stored.readable, self.stored.notes
        if record is None or record.status is not Status.RESERVED or notes is None:
            return None
        waiting = notes.waiting(record.session)
        return self.now - waiting.at if waiting is not None else None

    @property
    def clocks(self) -> Clocks:
        return Clocks(now=self.now, at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMachine(Machine):
    """A machine that this tick has seen in Azure."""

    instance: Instance
    sighting: Sighting

    @property
    def at(self) -> datetime:
        return self.sighting.at

    @property
    def before_the_look(self) -> Clocks:
        """The clocks at the reading of Redis, before the look was sent: an age by these was reached before the look."""
        return Clocks(now=self.now - self.since_read - self.sighting.age, at=self.at)

    @property
    def is_asked_for(self) -> bool:
        """Whether a targeted GET of this tick showed the machine: instance ids are reused, and listings are old."""
        return self.sighting.by is Method.TARGETED

    def record_now(self, policy: Policy) -> Record:
        """The record to go on from: the published record, else a new record."""
        return self.stored.readable or Record(
            vm_id=self.vm_id,
            instance_id=self.instance.ref.instance_id,
            status=Status.AVAILABLE,
            region=policy.regions.get(self.instance.ref.scale_set),
            warm=self.instance.warm,
            created_at=self.now,
        )


def seen_machine(
    row: Row, instance: Instance, sighting: Sighting, now: datetime, policy: Policy, since_read: timedelta
) -> SeenMachine:
    """Join a row with an instance that a look has shown."""
    notes = after_sighting(notes_so_far(row), instance, sighting, policy)
    if notes.heated is not None and notes.is_heated:
        by_get = sighting.by is Method.TARGETED
        notes = amended(notes, heated=heated_as_seen(notes.heated, instance, now, by_get=by_get, policy=policy))
    return SeenMachine(
        stored=row,
        notes_now=_found(notes, Clocks(now=now, at=sighting.at)),
        standing=standing(row, instance, sighting, policy),
        now=now,
        since_read=since_read,
        instance=instance,
        sighting=sighting,
    )


def unseen_machine(row: Row, absence: Sighting | None, now: datetime) -> Machine:
    """Join a row with a look that proves the machine absent, if any."""
    if row.status is Status.RESERVED:
        word = Standing.RESERVED
    else:
        word = Standing.GONE if absence is not None else Standing.UNSEEN
    return Machine(stored=row, notes_now=notes_so_far(row), standing=word, now=now, absence=absence)


def missed(machine: Machine, absent: Sighting) -> Notes | None:
    """Notes with the first witness of an absence, None if the witness is noted already.

    The time is the moment at which this tick took the listing: a kept listing is older than the reading of Redis, and
    the second witness must be a look sent after the row was there.
    """
    notes = notes_so_far(machine.stored)
    first = replace(notes, missed_at=absent.at + absent.age, missed_noted_at=machine.now)
    return first if missed_for(machine, absent) is None else None


def missed_for(machine: Machine, look: Sighting) -> timedelta | None:
    """How long the absence has been noted, by both clocks."""
    notes = machine.stored.notes
    if notes is None:
        return None
    return Clocks(now=machine.now, at=look.at).since_first_seen(notes.missed_at, notes.missed_noted_at)


def gone(machine: Machine, absent: Sighting, policy: Policy) -> bool:
    """Whether two looks, far enough apart, agree on the absence."""
    since = missed_for(machine, absent)
    return since is not None and since >= policy.witness_gap


def erasable(machine: Machine, absent: Sighting, policy: Policy) -> bool:
    """Whether a machine is gone, and the record may go as well.

    A scale set of the same name with another unique id was made anew, or belongs to another resource group, by a
    mistake in the settings: then the record stays until no session can have time left.
    """
    if not gone(machine, absent, policy):
        return False
    return not is_elsewhere(machine, absent) or _nobodys_time_is_left(machine, absent, policy)


def awaits_its_last_word(machine: Machine, absent: Sighting, policy: Policy) -> bool:
    """Whether a targeted GET must confirm the erasure: an old or wrong listing would erase a whole fleet."""
    return absent.by is Method.LISTING and erasable(machine, absent, policy)


def is_elsewhere(machine: Machine, look: Sighting) -> bool:
    """Whether the notes name another scale set than the look, under the same name."""
    notes = machine.stored.notes
    return notes is not None and notes.unique_id not in {"", look.unique_id}


def awaits_its_time(machine: Machine, look: Sighting, policy: Policy) -> bool:
    """Whether a missed machine of another scale set must wait: no look tells more before the erasure."""
    if missed_for(machine, look) is None or not is_elsewhere(machine, look):
        return False
    return not _nobodys_time_is_left(machine, look, policy)


def _nobodys_time_is_left(machine: Machine, look: Sighting, policy: Policy) -> bool:
    since = missed_for(machine, look)
    return since is not None and since >= policy.limit_of_presumed + policy.expiry_grace
