"""One machine, joined once per look: what Redis holds of it, what Azure shows, and what follows from both.

Every controller judges this one noun. `now` is the registry's clock, `at` Azure's: a time that one of them wrote is
compared with that one only.
"""

from dataclasses import dataclass
from datetime import datetime

from scaler.model.clocks import Clocks
from scaler.model.instance import Instance, VmId
from scaler.model.notes import Notes
from scaler.model.policy import Policy
from scaler.model.record import Record, Status
from scaler.model.row import Row
from scaler.model.sighting import By, Sighting
from scaler.model.standing import Standing, standing
from scaler.model.witness import after_sighting, new_notes, notes_of_missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that Redis or Azure knows. `SeenMachine`, if this tick has seen it in Azure."""

    stored: Row  # as Redis holds it: every change is compared with this
    notes_now: Notes  # the notes to go on from: the stored ones or new ones, brought up to the sighting
    standing: Standing
    now: datetime
    instance: Instance | None = None
    sighting: Sighting | None = None  # the look that showed the instance
    absence: Sighting | None = None  # the look that proves that it is not there: one witness

    @property
    def vm_id(self) -> VmId:
        """The identity."""
        return self.stored.vm_id

    @property
    def at(self) -> datetime | None:
        """When Azure showed it."""
        return self.sighting.at if self.sighting is not None else None

    @property
    def clocks(self) -> Clocks:
        """Both clocks at this look."""
        return Clocks(now=self.now, at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMachine(Machine):
    """A machine that this tick has seen in Azure."""

    instance: Instance
    sighting: Sighting

    @property
    def at(self) -> datetime:
        """When Azure showed it."""
        return self.sighting.at

    @property
    def is_asked_for(self) -> bool:
        """Whether a targeted GET of this very tick showed it: instance ids are reused, and listings are old."""
        return self.sighting.by is By.TARGETED

    def record_now(self, policy: Policy) -> Record:
        """The record to go on from: the published one, else a new one."""
        return self.stored.readable or Record(
            vm_id=self.vm_id,
            instance_id=self.instance.ref.instance_id,
            status=Status.AVAILABLE,
            region=policy.regions.get(self.instance.ref.scale_set),
            warm=self.instance.warm,
            created_at=self.now,
        )


def seen_machine(row: Row, instance: Instance, sighting: Sighting, now: datetime, policy: Policy) -> SeenMachine:
    """Join a row with what a look has shown."""
    return SeenMachine(
        stored=row,
        notes_now=after_sighting(row.notes or new_notes(instance, sighting), instance, sighting),
        standing=standing(row, instance, sighting, policy),
        now=now,
        instance=instance,
        sighting=sighting,
    )


def unseen_machine(row: Row, absence: Sighting | None, now: datetime) -> Machine:
    """Join a row with what proves that its machine is gone, if anything does."""
    if row.status is Status.RESERVED:
        word = Standing.RESERVED
    else:
        word = Standing.GONE if absence is not None else Standing.UNSEEN
    return Machine(stored=row, notes_now=notes_of_missed(row), standing=word, now=now, absence=absence)
