"""Azure joined with Redis at one moment: what a controller decides on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scaler.model.ceiling import Ceiling
from scaler.model.instance import (
    Addresses,
    Instance,
    InstanceId,
    InstanceRef,
    ScaleSetName,
    SessionId,
    VmId,
    addresses_one,
)
from scaler.model.policy import Policy
from scaler.model.row import Row, Snapshot
from scaler.model.shortage import Shortage
from scaler.model.sighting import Answer, By, Kept, Pages, Pause, ScaleSetView, Sighting, strictest


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A machine, and the look it was seen in."""

    instance: Instance
    sighting: Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """What this tick saw of Azure: the whole of what the provisioner knows. Hints alone outlive a tick."""

    listings: Mapping[ScaleSetName, Sighting] = field(default_factory=dict)
    unlisted: frozenset[ScaleSetName] = frozenset()  # a listing was wanted and put off (the budget, or not yet due)
    missing: frozenset[ScaleSetName] = frozenset()  # Azure says that there is no such scale set
    seen: Mapping[VmId, Seen] = field(default_factory=dict)  # the latest look at each
    asked: Mapping[VmId, Sighting] = field(default_factory=dict)  # every targeted GET that was answered
    short_since: Mapping[ScaleSetName, datetime] = field(default_factory=dict)  # less listed than capacity since
    # rows that do not say which VM they are about, by their ids, and since when
    nameless: Mapping[ScaleSetName, Mapping[str, datetime]] = field(default_factory=dict)
    ceilings: Mapping[ScaleSetName, Ceiling] = field(default_factory=dict)  # what Azure lately refused: a hint
    # where instances can be reached, of the scale sets that were asked; None: no answer, and worth asking again
    addresses: Mapping[ScaleSetName, Mapping[InstanceId, Addresses] | None] = field(default_factory=dict)
    pause: Pause = Pause.NONE  # what holds for every scale set: the settings' and the registry's

    def of(self, scale_set: ScaleSetName) -> Iterator[Seen]:
        """The machines seen in one scale set."""
        return (each for each in self.seen.values() if each.instance.ref.scale_set == scale_set)

    def with_listing(self, view: ScaleSetView, pages: Pages, policy: Policy, kept: Kept | None = None) -> "Cloud":
        """Add one listing, taken right after `view`; a kept one was taken before."""
        sighting = self._of_listing(view, pages, policy, kept or Kept(capacity=view.capacity, age=timedelta(0)))
        seen = {each.vm_id: Seen(instance=each, sighting=sighting) for each in pages.instances}
        return replace(self, listings={**self.listings, view.name: sighting}, seen={**self.seen, **seen})

    def with_answers(self, view: ScaleSetView, answers: Iterable[Answer], policy: Policy) -> "Cloud":
        """Add targeted GETs. A gone machine leaves `seen`: the later, targeted look wins over a listing."""
        seen, asked = dict(self.seen), dict(self.asked)
        for answer in answers:
            sighting = self._of_answer(view, answer, policy)
            asked[answer.asked.vm_id] = sighting
            if answer.instance is None:
                seen.pop(answer.asked.vm_id, None)
            else:
                seen[answer.asked.vm_id] = Seen(instance=answer.instance, sighting=sighting)
        return replace(self, seen=seen, asked=asked)

    def with_addresses(self, scale_set: ScaleSetName, found: Mapping[InstanceId, Addresses] | None) -> "Cloud":
        """Add where one scale set's instances can be reached; None where nobody answered.

        Azure's lists differ in the letter case of names.
        """
        lowered = {InstanceId(name.lower()): each for name, each in found.items()} if found is not None else None
        return replace(self, addresses={**self.addresses, scale_set: lowered})

    @property
    def withheld(self) -> Mapping[ScaleSetName, Sighting]:
        """A look at each scale set on which, as far as was looked, not every order may be given."""
        looks = [*self.asked.values(), *self.listings.values()]
        return {each.scale_set: each for each in looks if not each.orders_allowed}

    def as_if_allowed(self) -> "Cloud":
        """The same cloud with everybody's consent and no pause: for saying what would be done."""
        listings = {name: _allowed(each) for name, each in self.listings.items()}
        seen = {vm_id: replace(each, sighting=_allowed(each.sighting)) for vm_id, each in self.seen.items()}
        asked = {vm_id: _allowed(each) for vm_id, each in self.asked.items()}
        return replace(self, listings=listings, seen=seen, asked=asked, pause=Pause.NONE)

    def _of_listing(self, view: ScaleSetView, pages: Pages, policy: Policy, kept: Kept) -> Sighting:
        listed = len(pages.instances) + pages.unidentified
        return Sighting(
            scale_set=view.name,
            unique_id=view.unique_id,
            at=pages.at,
            sent=pages.sent,
            by=By.LISTING,
            complete=listed >= kept.capacity - pages.deleting,
            plausible=2 * listed >= kept.capacity,
            consent=view.managed_by == policy.managed_by,
            pause=strictest(self.pause, view.pause),
            capacity=view.capacity,
            etag=view.etag,
            age=kept.age,
            listed=listed,
        )

    def _of_answer(self, view: ScaleSetView, answer: Answer, policy: Policy) -> Sighting:
        return Sighting(
            scale_set=view.name,
            unique_id=view.unique_id,
            at=answer.at,
            sent=answer.sent,
            by=By.TARGETED,
            complete=True,
            plausible=True,
            consent=view.managed_by == policy.managed_by,
            pause=strictest(self.pause, view.pause),
            capacity=view.capacity,
            etag=view.etag,
        )


def _allowed(sighting: Sighting) -> Sighting:
    return replace(sighting, consent=True, pause=Pause.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One machine with everything known of it in this tick."""

    row: Row
    seen: Seen | None = None
    absent: Sighting | None = None  # the look that proves it is not there: one witness

    @property
    def vm_id(self) -> VmId:
        """The identity."""
        return self.row.vm_id

    @property
    def instance(self) -> Instance | None:
        """The machine in Azure, if it was seen."""
        return self.seen.instance if self.seen is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The registry's rows and the cloud, joined. `now` is the registry's clock."""

    now: datetime
    rows: Mapping[VmId, Row]
    cloud: Cloud
    scale_sets: frozenset[ScaleSetName]  # the configured ones
    evicting: str = ""  # Redis' maxmemory-policy, where it may take keys away
    started_lately: Mapping[VmId, SessionId] = field(default_factory=dict)  # by this process: a hint
    shortages: Mapping[ScaleSetName, Shortage] = field(default_factory=dict)  # as this process knows: a hint
    looked_lately: Mapping[VmId, datetime] = field(default_factory=dict)  # when this process asked for each: a hint

    @classmethod
    def join(
        cls,
        snapshot: Snapshot,
        cloud: Cloud,
        scale_sets: Iterable[ScaleSetName],
        started_lately: Mapping[VmId, SessionId] | None = None,
        shortages: Mapping[ScaleSetName, Shortage] | None = None,
    ) -> "Fleet":
        """Every machine that either side knows has a row; one that only Azure knows has an empty one."""
        unrecorded = {vm_id: Row(vm_id=vm_id) for vm_id in cloud.seen if vm_id not in snapshot.rows}
        return cls(
            now=snapshot.now,
            rows={**unrecorded, **{vm_id: row.named for vm_id, row in snapshot.rows.items()}},
            cloud=cloud,
            scale_sets=frozenset(scale_sets),
            evicting=snapshot.evicting,
            started_lately=started_lately or {},
            shortages=shortages or {},
        )

    def is_unattractive(self, scale_set: ScaleSetName) -> bool:
        """Whether Azure lately had no capacity for a cold start there."""
        shortage = self.shortages.get(scale_set)
        return shortage is not None and self.now < shortage.until

    @property
    def members(self) -> tuple[Member, ...]:
        """All machines about which anything may be decided here, in a stable order."""
        return tuple(self.member(self.rows[vm_id]) for vm_id in sorted(self.rows) if not self.rows[vm_id].untouchable)

    @property
    def size(self) -> int:
        """How many machines the breakers count: those that Azure shows, and those that our notes know.

        A key that anybody may have written into the index is no machine: 400 of them would open every breaker.
        """
        return sum(row.notes is not None or vm_id in self.cloud.seen for vm_id, row in self.rows.items())

    def member(self, row: Row) -> Member:
        """One row, joined."""
        return Member(row=row, seen=self.cloud.seen.get(row.vm_id), absent=self.absent(row.vm_id))

    def absent(self, vm_id: VmId) -> Sighting | None:
        """The look that proves the machine is not in Azure; None is "unknown", never "there"."""
        if vm_id in self.cloud.seen:
            return None
        if vm_id in self.cloud.asked:
            return self.cloud.asked[vm_id]
        notes = self.rows[vm_id].notes
        if notes is not None and notes.scale_set:
            listing = self.cloud.listings.get(notes.scale_set)
            proves = listing is not None and listing.complete and listing.unique_id == notes.unique_id
            return listing if proves else None
        listings = [self.cloud.listings.get(name) for name in sorted(self.scale_sets)]
        complete = [each for each in listings if each is not None and each.complete and each.consent]
        return min(complete, key=lambda each: each.at) if listings and len(complete) == len(listings) else None

    def scale_set_of(self, vm_id: VmId) -> ScaleSetName | None:
        """Where the machine was seen in this tick, else where its notes say that it was; None where neither tells."""
        seen, row = self.cloud.seen.get(vm_id), self.rows.get(vm_id)
        if seen is not None:
            return seen.instance.ref.scale_set
        return row.notes.scale_set or None if row is not None and row.notes is not None else None

    def address(self, row: Row) -> InstanceRef | None:
        """Where a targeted GET would find it, by our notes; None where they do not say or the set is not ours."""
        notes = row.notes
        if notes is None or notes.scale_set not in self.scale_sets or not addresses_one(notes.instance_id):
            return None
        return InstanceRef(scale_set=notes.scale_set, instance_id=notes.instance_id, vm_id=row.vm_id)
