"""Azure joined with Redis at one moment: what a controller decides on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from scaler.model.capacity import (
    Demand,
    Use,
    Wanted,
    after_listing,
    and_replacements,
    before_listings,
    together,
    wanted,
    with_surplus,
    with_warm,
)
from scaler.model.in_force import in_force
from scaler.model.instance import (
    Addresses,
    Instance,
    InstanceRef,
    PowerState,
    ScaleSetName,
    SessionId,
    VmId,
    is_instance_id,
)
from scaler.model.machine import Machine, SeenMachine, seen_machine, unseen_machine
from scaler.model.newcomers import Followed
from scaler.model.placement import Part, Seal, in_words, placed
from scaler.model.policy import Capacity, Policy
from scaler.model.price import affordable, priced
from scaler.model.readiness import HealthSeen
from scaler.model.replacing import with_replacements
from scaler.model.row import Row, Snapshot
from scaler.model.scarcity import Ceiling, Shortage, creating_stops_until, with_failures
from scaler.model.sighting import Answer, Method, Pages, Pause, ScaleSetView, Sighting, Source, strictest
from scaler.model.waits import Waits

_LARGEST = 1_000  # machines of a scale set that Azure allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Azure as seen in this tick: the provisioner's whole knowledge. Hints alone outlive a tick."""

    listings: Mapping[ScaleSetName, Sighting] = field(default_factory=dict)
    unlisted: frozenset[ScaleSetName] = frozenset()  # a listing was wanted and put off (the budget, or not yet due)
    missing: frozenset[ScaleSetName] = frozenset()  # Azure says that there is no such scale set
    instances: Mapping[VmId, Instance] = field(default_factory=dict)  # those that were seen, as they were seen last
    sightings: Mapping[VmId, Sighting] = field(default_factory=dict)  # that look at each of them
    asked: Mapping[VmId, Sighting] = field(default_factory=dict)  # every targeted GET that was answered
    short_since: Mapping[ScaleSetName, datetime] = field(default_factory=dict)  # less listed than capacity since
    # rows that do not say which VM they are about, by their ids, and since when
    nameless: Mapping[ScaleSetName, Mapping[str, datetime]] = field(default_factory=dict)
    ceilings: Mapping[ScaleSetName, Ceiling] = field(default_factory=dict)  # what Azure lately refused: a hint
    demand: Mapping[ScaleSetName, Demand] = field(default_factory=dict)  # what listings have shown of it: a hint
    warming: frozenset[VmId] = frozenset()  # what the reconciler is making warm, as this process has read it: a hint
    hot: frozenset[VmId] | None = None  # what it keeps hot, or heats: the same hint; None: Redis was never read
    grown: Mapping[ScaleSetName, timedelta] = field(default_factory=dict)  # how long ago a capacity was raised: a hint
    late_marks: frozenset[ScaleSetName] = frozenset()  # new machines lately waited long for their marks: a hint
    health: Mapping[ScaleSetName, HealthSeen] = field(default_factory=dict)  # as GETs of this process showed it: a hint
    total: Demand | None = None  # the same of all scale sets that share one number
    silent: frozenset[ScaleSetName] = frozenset()  # of a shared number: wanted, and never listed by this process
    awaited: str = ""  # tags outside the scale sets of which a new process knows nothing yet, for people
    unread: Mapping[Source, str] = field(default_factory=dict)  # such tags as are not known, or not anew, and why
    # where the machines that were asked for can be reached; None: no answer, and worth asking again
    addresses: Mapping[VmId, Addresses | None] = field(default_factory=dict)
    # new machines that this process follows: a hint when to look at each of them
    newcomers: Mapping[VmId, Followed] = field(default_factory=dict)
    listing_due: bool = True  # the controller's last listing was a while ago
    pause: Pause = Pause.NONE  # what holds for every scale set: the settings' and the registry's

    def of(self, scale_set: ScaleSetName) -> Iterator[Instance]:
        """The machines seen in one scale set."""
        return (instance for instance in self.instances.values() if instance.ref.scale_set == scale_set)

    def showing(self, sighting: Sighting, *instances: Instance, **more: Any) -> "Cloud":
        """Add the instances of a look, over older sightings. `more`: further members to replace."""
        return replace(
            self,
            **more,
            instances={**self.instances, **{instance.vm_id: instance for instance in instances}},
            sightings={**self.sightings, **{instance.vm_id: sighting for instance in instances}},
        )

    def with_listing(
        self,
        view: ScaleSetView,
        pages: Pages,
        policy: Policy,
        *,
        age: timedelta = timedelta(0),
        capacity: int | None = None,
    ) -> "Cloud":
        """Add a listing, taken right after `view`; or another controller's, judged by the capacity of that time."""
        listed, expected = len(pages.instances) + pages.unidentified, view.capacity if capacity is None else capacity
        sighting = replace(
            self._look(view, pages, policy),
            by=Method.LISTING,
            complete=listed >= expected - pages.deleting,
            plausible=2 * listed >= expected,
            age=age,
            listed=listed,
        )
        before = self.demand.get(view.name)
        capacity_now, tags = in_force(view.name, view.tags, before, pages.at, policy)
        demand = after_listing(before, pages, capacity_now, policy, self.warming, self.hot)
        seen = self.showing(sighting, *pages.instances, listings={**self.listings, view.name: sighting})
        if demand is before:
            return seen
        demand = priced(before, with_warm(replace(demand, tags=tags), policy), policy)
        demand = with_failures(before, demand, pages, policy, complete=sighting.complete)
        demand = with_replacements(demand, pages, policy)
        seen = replace(seen, demand={**self.demand, view.name: demand})
        parts = [known for name in policy.weights if (known := seen.demand.get(name)) is not None]
        seen = replace(seen, total=together(self.total, parts, policy)) if parts else seen
        demand = with_surplus(demand, seen.wanted(view.name, policy), policy, seen.warm(view.name, policy))
        return replace(seen, demand={**seen.demand, view.name: demand})

    def with_missing(self, scale_set: ScaleSetName, policy: Policy) -> "Cloud":
        """Note that Azure says that there is no such scale set. Of a shared number it holds no part any more."""
        seen = replace(self, missing=self.missing | {scale_set})
        if scale_set not in policy.weights:
            return seen
        nothing = before_listings(policy.capacity.get(scale_set, Capacity()))
        return replace(seen, demand={**self.demand, scale_set: nothing})

    def with_answers(self, view: ScaleSetView, answers: Iterable[Answer], policy: Policy) -> "Cloud":
        """Add targeted GETs. A gone machine is seen no more: the later, targeted look wins over a listing."""
        instances, sightings, asked = dict(self.instances), dict(self.sightings), dict(self.asked)
        for answer in answers:
            vm_id, sighting = answer.asked.vm_id, self._look(view, answer, policy)
            asked[vm_id] = sighting
            if answer.instance is None:
                instances.pop(vm_id, None)
                sightings.pop(vm_id, None)
            else:
                instances[vm_id], sightings[vm_id] = answer.instance, sighting
        return replace(self, instances=instances, sightings=sightings, asked=asked)

    def with_addresses(self, found: Mapping[VmId, Addresses | None]) -> "Cloud":
        """Add the addresses of machines; None without an answer."""
        return replace(self, addresses={**self.addresses, **found})

    def demand_of(self, scale_set: ScaleSetName, policy: Policy) -> Demand:
        """What listings have shown of the demand for a scale set, and the capacity in force at the latest."""
        known = self.demand.get(scale_set)
        found = known if known is not None else before_listings(policy.capacity.get(scale_set, Capacity()))
        health = self.health.get(scale_set, HealthSeen())
        unready = {vm_id: at for vm_id, at in health.unready.items() if found.at - at < policy.failure_window}
        return replace(found, unready=unready) if unready != found.unready else found

    def wanted(self, scale_set: ScaleSetName, policy: Policy) -> Wanted:
        """How many machines a scale set should hold now, and why; of a shared number its part."""
        demand = self.demand_of(scale_set, policy)
        if self.awaited:
            return _as_it_is(demand, f"{self.awaited} are known")
        if scale_set not in policy.weights:
            return wanted(demand, policy)
        unknown = [name for name in policy.weights if name not in self.demand]
        if unknown or self.total is None:
            return _as_it_is(demand, f"{' and '.join(unknown or policy.weights)} was looked at")
        whole, parts = wanted(self.total, policy), self._parts(policy)
        found = placed(whole.machines, parts)
        if self.silent:  # nobody knows how many machines there are: none is surplus
            found = {**found, scale_set: max(found[scale_set], demand.machines)}
        machines, why = found[scale_set], f"{in_words(scale_set, found, whole.machines, parts)}; {whole.why}"
        part = Wanted(machines=machines, why=why, facts={**whole.facts, "total": whole.machines})
        return and_replacements(part, demand)

    def warm(self, scale_set: ScaleSetName, policy: Policy) -> int:
        """How many of the ready machines of a scale set keep their allocation."""
        demand = self.demand_of(scale_set, policy)
        warm = demand.capacity.warm
        if self.awaited:
            return max(warm, demand.billed.get((Use.READY, PowerState.STOPPED), 0))
        return self._part_of(warm, scale_set, policy)

    def hot_wanted(self, scale_set: ScaleSetName, policy: Policy) -> int:
        """How many of the ready machines of a scale set should run and wait."""
        demand = self.demand_of(scale_set, policy)
        wanted_now = self._part_of(demand.capacity.hot_target, scale_set, policy)
        return max(wanted_now, demand.hot or 0) if self.awaited else wanted_now

    def _part_of(self, number: int, scale_set: ScaleSetName, policy: Policy) -> int:
        """A scale set's part of a number of ready machines, where the scale sets share one."""
        if scale_set not in policy.weights:
            return number
        parts = {name: replace(part, machines=0, occupied=0) for name, part in self._parts(policy).items()}
        return placed(number, parts)[scale_set]

    def _parts(self, policy: Policy) -> Mapping[ScaleSetName, Part]:
        """The scale sets with a shared number."""
        found: dict[ScaleSetName, Part] = {}
        for name, weight in policy.weights.items():
            demand = self.demand_of(name, policy)
            most = demand.tags.most_here
            found[name] = Part(
                weight=weight,
                machines=demand.machines,
                occupied=demand.occupied,
                most=_LARGEST if most is None else most,
                # the narrowest counts, and of several such the first
                seal=min(self._seals(name, demand, policy), key=lambda seal: seal.room, default=None),
            )
        return found

    def _seals(self, scale_set: ScaleSetName, demand: Demand, policy: Policy) -> Iterator[Seal]:
        """Why a scale set gets no further machines now, or only as many as there is room for."""
        ceiling, look = self.ceilings.get(scale_set), self.listings.get(scale_set)
        if ceiling is not None and demand.at < ceiling.until:
            room = ceiling.refused - 1 - demand.counts[Use.LEAVING] if ceiling.exact else 0
            yield Seal(why=ceiling.said, until=ceiling.until, room=room)
        until, paid = creating_stops_until(demand, policy), affordable(demand)
        if until is not None:
            yield Seal(why="too many creations failed", until=until)
        if paid is not None:
            yield Seal(why="its monthly budget pays no more machines", room=paid)
        if scale_set in self.silent:
            yield Seal(why="it could not be looked at for minutes")
        elif not demand.was_listed:
            yield Seal(why="Azure shows no such scale set")
        if look is not None and not look.orders_allowed:
            yield Seal(why="no consent, or paused")

    @property
    def was_listed(self) -> bool:
        """Whether a listing was made, or wanted and put off: a second listing would show no more in this tick."""
        return bool(self.listings or self.unlisted)

    @property
    def withheld(self) -> Mapping[ScaleSetName, Sighting]:
        """The scale sets without permission for every order, as far as looked at, with a look at each."""
        looks = [*self.asked.values(), *self.listings.values()]
        return {look.scale_set: look for look in looks if not look.orders_allowed}

    def as_if_allowed(self) -> "Cloud":
        """The same cloud with full consent and no pause, for steps that would be taken."""
        return replace(
            self,
            listings=_allowed(self.listings),
            sightings=_allowed(self.sightings),
            asked=_allowed(self.asked),
            pause=Pause.NONE,
        )

    def _look(self, view: ScaleSetView, answer: Answer | Pages, policy: Policy) -> Sighting:
        """A targeted look, right after `view`."""
        return Sighting(
            scale_set=view.name,
            unique_id=view.unique_id,
            at=answer.at,
            sent=answer.sent,
            by=Method.TARGETED,
            complete=True,
            plausible=True,
            consent=view.managed_by == policy.managed_by,
            pause=strictest(self.pause, view.pause),
            capacity=view.capacity,
            etag=view.etag,
        )


def _as_it_is(demand: Demand, until: str) -> Wanted:
    """Neither more nor fewer machines, while something is unknown on which the number depends."""
    facts = {"mode": demand.capacity.mode.value}
    return Wanted(machines=demand.machines, why=f"as it is, until {until}", facts=facts)


def _allowed[Key](looks: Mapping[Key, Sighting]) -> dict[Key, Sighting]:
    return {key: replace(look, consent=True, pause=Pause.NONE) for key, look in looks.items()}


@dataclass(frozen=True, kw_only=True)  # without slots: what is joined is kept
class Fleet:
    """The registry's rows and the cloud, joined where a machine is asked for. `now` is the registry's clock."""

    now: datetime
    rows: Mapping[VmId, Row]
    cloud: Cloud
    policy: Policy  # by which every machine was classified
    evicting: str = ""  # Redis' maxmemory-policy, where it may take keys away
    since_read: timedelta = timedelta(0)  # of the rows, before the looks
    started_lately: Mapping[VmId, SessionId] = field(default_factory=dict)  # by this process: a hint
    shortages: Mapping[ScaleSetName, Shortage] = field(default_factory=dict)  # as this process knows: a hint
    looked_lately: Mapping[VmId, datetime] = field(default_factory=dict)  # when this process asked for each: a hint
    waits: Waits = field(default_factory=Waits)  # as published: told, and never decided on

    @cached_property
    def by_id(self) -> Mapping[VmId, Machine]:
        """Every machine, joined and classified once for this fleet, and again for a copy made with `replace`."""
        return {vm_id: self._joined(row) for vm_id, row in self.rows.items()}

    @cached_property
    def machines(self) -> tuple[Machine, ...]:
        """All machines about which anything may be decided here, in a stable order."""
        return tuple(self.by_id[vm_id] for vm_id in sorted(self.by_id) if not self.rows[vm_id].untouchable)

    @cached_property
    def seen_machines(self) -> Mapping[ScaleSetName, Sequence[SeenMachine]]:
        """The machines of this look by configured scale set, in the same order."""
        seen: dict[ScaleSetName, list[SeenMachine]] = {name: [] for name in self.policy.capacity}
        for machine in self.machines:
            if isinstance(machine, SeenMachine) and (there := seen.get(machine.instance.ref.scale_set)) is not None:
                there.append(machine)
        return seen

    def machines_with(self, wanted: Callable[[Row], bool]) -> Iterator[Machine]:
        """The machines whose rows are wanted, in the same order. Nobody else is joined: most have no work."""
        rows = self.rows
        chosen = sorted(vm_id for vm_id, row in rows.items() if wanted(row) and not row.untouchable)
        return (self._joined(rows[vm_id]) for vm_id in chosen)

    @classmethod
    def join(
        cls,
        snapshot: Snapshot,
        cloud: Cloud,
        policy: Policy,
        started_lately: Mapping[VmId, SessionId] | None = None,
        shortages: Mapping[ScaleSetName, Shortage] | None = None,
        looked_lately: Mapping[VmId, datetime] | None = None,
    ) -> "Fleet":
        """Join registry and cloud: a row for every known machine, an empty row for a machine that only Azure knows."""
        unrecorded = {vm_id: Row(vm_id=vm_id) for vm_id in cloud.instances if vm_id not in snapshot.rows}
        return cls(
            now=snapshot.now,
            rows={**unrecorded, **{vm_id: row.named for vm_id, row in snapshot.rows.items()}},
            cloud=cloud,
            policy=policy,
            evicting=snapshot.evicting,
            since_read=snapshot.since_read,
            started_lately=started_lately or {},
            shortages=shortages or {},
            looked_lately=looked_lately or {},
            waits=snapshot.waits,
        )

    @property
    def scale_sets(self) -> frozenset[ScaleSetName]:
        """The configured ones."""
        return frozenset(self.policy.capacity)

    def is_unattractive(self, scale_set: ScaleSetName) -> bool:
        """Whether Azure lately had no capacity for a cold start there."""
        shortage = self.shortages.get(scale_set)
        return shortage is not None and self.now < shortage.until

    @property
    def size(self) -> int:
        """The number of machines for the breakers: machines that Azure shows, and machines that the notes place.

        A key in the index is no machine, because any client may write keys: 400 keys would open every breaker. Notes
        of a mere absence in a listing make no machine either.
        """
        seen = self.cloud.instances
        unseen = (row.notes for vm_id, row in self.rows.items() if vm_id not in seen)
        return len(seen) + sum(notes is not None and notes.scale_set != "" for notes in unseen)

    def _joined(self, row: Row) -> Machine:
        instance = self.cloud.instances.get(row.vm_id)
        if instance is None:
            return unseen_machine(row, self._absence(row), self.now)
        sighting = self.cloud.sightings[row.vm_id]
        return seen_machine(row, instance, sighting, self.now, self.policy, self.since_read)

    def _absence(self, row: Row) -> Sighting | None:
        """The look that proves a machine absent; None is "unknown", never "there"."""
        if row.vm_id in self.cloud.asked:
            return self.cloud.asked[row.vm_id]
        if row.notes is not None and row.notes.scale_set:
            listing = self.cloud.listings.get(row.notes.scale_set)
            proves = listing is not None and listing.complete and listing.unique_id == row.notes.unique_id
            return listing if proves else None
        listings = [self.cloud.listings.get(name) for name in sorted(self.scale_sets)]
        complete = [listing for listing in listings if listing is not None and listing.complete and listing.consent]
        return min(complete, key=lambda listing: listing.at) if listings and len(complete) == len(listings) else None

    def scale_set_of(self, vm_id: VmId) -> ScaleSetName | None:
        """The machine's scale set, as seen in this tick, else by the notes; None if unknown."""
        instance, row = self.cloud.instances.get(vm_id), self.rows.get(vm_id)
        if instance is not None:
            return instance.ref.scale_set
        return row.notes.scale_set or None if row is not None and row.notes is not None else None

    def address(self, row: Row) -> InstanceRef | None:
        """The machine's address for a targeted GET, by the notes; None without notes, or for a foreign scale set."""
        notes = row.notes
        if notes is None or notes.scale_set not in self.scale_sets or not is_instance_id(notes.instance_id):
            return None
        return InstanceRef(scale_set=notes.scale_set, instance_id=notes.instance_id, vm_id=row.vm_id)
