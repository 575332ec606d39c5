"""One machine that was seen, as a controller judges it."""

from dataclasses import dataclass
from datetime import datetime

from scaler.model.clocks import Clocks
from scaler.model.fleet import Member, Seen
from scaler.model.instance import Instance
from scaler.model.notes import Notes
from scaler.model.policy import Policy
from scaler.model.record import Record, Status
from scaler.model.row import Row
from scaler.model.standing import Standing, standing
from scaler.model.witness import after_sighting, new_notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`now` is the registry's clock, `at` Azure's: what one wrote is compared with that one only."""

    member: Member
    seen: Seen
    now: datetime
    policy: Policy

    @property
    def row(self) -> Row:
        """What Redis holds."""
        return self.member.row

    @property
    def instance(self) -> Instance:
        """What Azure shows."""
        return self.seen.instance

    @property
    def at(self) -> datetime:
        """When Azure showed it."""
        return self.seen.sighting.at

    @property
    def clocks(self) -> Clocks:
        """Both."""
        return Clocks(now=self.now, at=self.at)

    @property
    def standing(self) -> Standing:
        """What it is."""
        return standing(self.member, self.policy)

    @property
    def record(self) -> Record:
        """The record to go on from: the published one, else a new one."""
        return self.row.readable or Record(
            vm_id=self.row.vm_id,
            instance_id=self.instance.ref.instance_id,
            status=Status.AVAILABLE,
            region=self.policy.regions.get(self.instance.ref.scale_set),
            warm=self.instance.warm,
            created_at=self.now,
        )

    @property
    def notes(self) -> Notes:
        """The notes to go on from: what is noted already or new ones, brought up to this sighting."""
        known = self.row.notes or new_notes(self.instance, self.seen.sighting)
        return after_sighting(known, self.instance, self.seen.sighting)
