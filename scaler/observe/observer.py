"""The looks of a tick, at every scale set concerned, into one Cloud."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from math import inf

from scaler.errors import Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.capacity import Demand, before_listings
from scaler.model.fleet import Cloud
from scaler.model.instance import Addresses, Instance, InstanceRef, ScaleSetName, VmId
from scaler.model.newcomers import Followed, Phase
from scaler.model.plan import Ask, Facts, Listing, Refusal, Why
from scaler.model.policy import Policy
from scaler.model.readiness import HealthSeen, boots
from scaler.model.row import Row
from scaler.model.sighting import Answer, Pages, Pause, ScaleSetView, Source
from scaler.observe.hints import Listed, Listings, Silences
from scaler.observe.looks import AddressesOf, Look, Targets, next_look
from scaler.ports import Clock, ScaleSet, Together, one_by_one

_AWAY = (Unreachable, Throttled)  # nobody answers, whoever is asked for


class AzureObserver:
    """Looks at Azure for a controller. The memory between ticks holds hints only, whose loss costs no machine.

    `listings`: shared by the controllers of the process. `view_kept`: how old a view of the scale set may be beside
    another controller's listing.
    """

    def __init__(
        self,
        scale_sets: Mapping[ScaleSetName, ScaleSet],
        clock: Clock,
        policy: Policy,
        together: Together = one_by_one,
        listings: Listings | None = None,
        view_kept: timedelta = timedelta(0),
    ) -> None:
        self._scale_sets = scale_sets
        self._clock = clock
        self._policy = policy
        self._together = together
        self._listings = listings if listings is not None else Listings()
        self._view_kept = view_kept
        self._used: dict[ScaleSetName, float] = {}  # when the latest listing that this controller took was sent
        self._listed: dict[ScaleSetName, float] = {}  # when it took it
        self._shut_until: dict[ScaleSetName, float] = {}  # no listing before: ARM's budget, or our own
        self._left_out: dict[ScaleSetName, float] = {}  # since when there was no time to look at them
        self._unseen: dict[ScaleSetName, tuple[float, float]] = {}  # since when looks were wanted in vain; the latest
        self._missed_now: dict[ScaleSetName, str] = {}  # in this tick, and why
        self._asked: tuple[VmId, ...] = ()  # of those seen, by when they were asked for, the latest last
        self._short_since: dict[ScaleSetName, datetime] = {}
        self._nameless: dict[ScaleSetName, Mapping[str, datetime]] = {}
        self._silences = Silences(clock, policy)
        self._of_network = Silences(clock, policy)

    def read(self, rows: Iterable[Row]) -> None:
        """Remember in the hints what a reading of Redis tells and no listing shows."""
        self._listings.read(rows)

    def next_look(self, asks: Collection[Ask], cloud: Cloud, made: Collection[Look]) -> Look | None:
        """Choose the next look for the asks, after the looks made in this tick; None: no further look."""
        return next_look(asks, cloud, self._policy, made, {vm_id: turn for turn, vm_id in enumerate(self._asked)})

    def look(self, cloud: Cloud, look: Look) -> tuple[Cloud, tuple[ScalerError, ...]]:
        """Make a look and add the answers. A silent scale set is left out, and its error returned; if all are silent,
        the first error is raised: the tick has no facts.
        """
        match look:
            case Listing(urgent=urgent):
                return self._list_all(cloud, urgent)
            case Targets(refs=refs):
                return self._ask(cloud, refs)
            case AddressesOf(refs=refs):
                return self._locate(cloud, refs)

    def alarms(self) -> tuple[Refusal, ...]:
        """Alarms of this tick: scale sets at which this controller has wanted to look for minutes, and could not."""
        missed, self._missed_now = self._missed_now, {}
        patience, now, found = self._policy.unseen_alarm.total_seconds(), self._clock.monotonic(), []
        for name, why in missed.items():
            since, last = self._unseen.get(name, (now, now))
            since = since if now - last < patience else now  # a look that was missed long ago says nothing of today
            self._unseen[name] = (since, now)
            if now - since >= patience:
                facts: Facts = {"scale_set": name, "unseen_s": round(now - since), "last_error": why}
                found.append(Refusal(why=Why.UNSEEN, alarm=True, facts=facts))
        return tuple(found)

    def _saw(self, name: ScaleSetName) -> None:
        self._left_out.pop(name, None)
        self._unseen.pop(name, None)
        self._missed_now.pop(name, None)

    def _list_all(self, cloud: Cloud, urgent: bool) -> tuple[Cloud, tuple[ScalerError, ...]]:
        errors: list[ScalerError] = []
        late: set[ScaleSetName] = set()
        began, put_off = self._began(cloud), self._put_off(self._scale_sets, cloud)
        self._listings.wanted = dict.fromkeys(self._scale_sets, self._clock.monotonic()) | self._listings.wanted
        for name in self._in_turn(self._scale_sets):
            if self._kept(name) is None and (name in put_off or (not urgent and not self._due(name))):
                cloud = replace(cloud, unlisted=cloud.unlisted | {name})
                continue
            if self._kept(name) is None and self._no_time(name, began, cloud):
                late.add(name)
                self._missed_now[name] = "the looks at other scale sets took the whole time of the tick"
                continue
            try:
                cloud = self._with_listing(cloud, name)
            except ScalerError as error:
                errors.append(error)
                self._missed_now[name] = str(error)
                if isinstance(error, Throttled):
                    cloud = replace(cloud, unlisted=cloud.unlisted | {name})
                elif isinstance(error, Missing):
                    cloud = cloud.with_missing(name, self._policy)
                    if name in self._policy.weights:
                        self._listings.demand[name] = cloud.demand[name]
        if errors and not (cloud.listings or cloud.unlisted or cloud.missing):
            raise errors[0]
        short_since, nameless, unlisted = dict(self._short_since), dict(self._nameless), cloud.unlisted | late
        return replace(cloud, short_since=short_since, nameless=nameless, unlisted=unlisted), tuple(errors)

    def _with_listing(self, cloud: Cloud, name: ScaleSetName) -> Cloud:
        """Add a listing: another controller's listing of a moment ago, or else a new listing."""
        kept = self._kept(name)
        view = self.view(name, no_older_than=self._view_kept) if kept is not None else None
        if kept is not None and view is not None and view.unique_id == kept.view.unique_id:
            age = timedelta(seconds=max(self._clock.monotonic() - kept.pages.sent, 0.0))
            capacity = kept.view.capacity
            cloud = self.knowing(cloud).with_listing(view, kept.pages, self._policy, age=age, capacity=capacity)
        else:
            kept = self._list(name)
            cloud = self.knowing(cloud).with_listing(kept.view, kept.pages, self._policy)
        if _allows_orders(kept.view, self._policy):
            self._follow(name, kept.pages)
        self._listings.demand[name], self._listings.total = cloud.demand[name], cloud.total
        self._used[name], self._listed[name] = kept.pages.sent, self._clock.monotonic()
        self._saw(name)
        self._time_shortness(kept.view, kept.pages)
        known = self._nameless.get(name, {})
        self._nameless[name] = {
            instance_id: known.get(instance_id, kept.pages.at) for instance_id in kept.pages.nameless
        }
        return cloud

    def _follow(self, name: ScaleSetName, pages: Pages) -> None:
        """Note how far the new machines of a listing are."""
        shown = {instance.vm_id: instance for instance in pages.instances}
        for instance in shown.values():
            if not instance.marked or instance.vm_id in self._listings.newcomers:
                self._listings.follow(
                    instance, pages.sent, _age(instance, pages.at), boots=boots(instance, pages.at, self._policy)
                )
        known = list(self._listings.newcomers.values())
        self._listings.unfollow(
            each.ref.vm_id
            for each in known
            if each.ref.scale_set == name and each.ref.vm_id not in shown and each.looked < pages.sent
        )

    def following(self, cloud: Cloud) -> Cloud:
        """Add the new machines that this process follows, and how soon another look at each is due."""
        now, listings, policy = self._clock.monotonic(), self._listings, self._policy
        for each in list(listings.newcomers.values()):
            if each.phase is Phase.RESTS and now - each.since >= policy.mark_is_late.total_seconds():
                listings.marks_waited[each.ref.scale_set] = now
        kept = policy.late_marks_kept.total_seconds()
        late = frozenset(name for name, at in listings.marks_waited.items() if now - at < kept)
        newcomers = {
            vm_id: Followed(ref=each.ref, phase=each.phase, due_in=timedelta(seconds=each.due(self._policy) - now))
            for vm_id, each in list(self._listings.newcomers.items())
            if each.ref.scale_set in self._scale_sets
        }
        due = any(self._due(name) for name in self._scale_sets)
        return replace(cloud, newcomers=newcomers, late_marks=late, listing_due=due)

    def _list(self, name: ScaleSetName) -> Listed:
        shut = self._shut_until.get(name, 0.0) - self._clock.monotonic()
        if shut > 0:
            raise Throttled("no budget for another listing now", timedelta(seconds=shut))
        self._read_tags(name)
        try:
            with self._listings.underway(name, self._policy.listing_soon), self._silences.listening(name):
                view = self.view(name)
                self._listings.capacities[name] = view.capacity
                listed = Listed(view=view, pages=self._scale_sets[name].list_instances())
                self._listings.latest[name] = listed
        except Throttled as held:
            self._shut_until[name] = self._clock.monotonic() + held.retry_after.total_seconds()
            raise
        return listed

    @property
    def grown(self) -> Mapping[ScaleSetName, timedelta]:
        """How long ago the capacity of each scale set was raised."""
        now = self._clock.monotonic()
        return {name: timedelta(seconds=now - at) for name, at in self._listings.grown.items()}

    def view(self, name: ScaleSetName, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        """The scale set, with the operator's tags elsewhere as last told."""
        group, keys = self._listings.group.tags, self._listings.keys.tags
        return self._scale_sets[name].view(no_older_than=no_older_than).over(group).over(keys)

    def _read_tags(self, name: ScaleSetName) -> None:
        """Ask for the tags of the one resource group and of the store, if a minute old."""
        every = self._policy.tags_read_every
        self._listings.group.refresh(self._scale_sets[name].group_tags, self._clock.monotonic(), every)
        if self._listings.store is not None:
            self._listings.keys.refresh(self._listings.store.read, self._clock.monotonic(), every)

    def knowing(self, cloud: Cloud) -> Cloud:
        """Add the hints of this process: the demand, and which tags elsewhere are still awaited, or not read."""
        listings, now = self._listings, self._clock.monotonic()
        sources = {Source.GROUP: listings.group, Source.STORE: listings.keys}
        awaited = (each.awaited(now, self._policy.tags_read_every) for each in sources.values())
        silent = self._silent(now)
        return replace(
            cloud,
            demand={**silent, **listings.demand},
            silent=frozenset(silent),
            health=dict(listings.health),
            total=listings.total,
            warming=listings.warming,
            hot=listings.hot,
            awaited=" and ".join(filter(None, awaited)),
            unread={source: each.tags.unread for source, each in sources.items() if each.tags.unread},
        )

    def _silent(self, now: float) -> Mapping[ScaleSetName, Demand]:
        """The scale sets of a shared number that could not be listed for long, since this process began.

        All their machines count, as far as a view has told of any, and none of these as a spare one.
        """
        policy, listings = self._policy, self._listings
        patience = policy.unseen_alarm.total_seconds()
        return {
            name: before_listings(policy.capacity[name], occupied=listings.capacities.get(name, 0))
            for name in policy.weights
            if name not in listings.demand and now - listings.wanted.get(name, now) >= patience
        }

    def _kept(self, name: ScaleSetName) -> Listed | None:
        """The process' latest listing, if young, and not taken by this controller before."""
        latest = self._listings.latest.get(name)
        if latest is None or latest.pages.sent <= self._used.get(name, -inf):
            return None
        age = self._clock.monotonic() - latest.pages.sent
        return latest if age <= self._policy.listing_kept.total_seconds() else None

    def _due(self, name: ScaleSetName) -> bool:
        """Whether a listing is due that the controller could do without: the more pages, the seldomer."""
        last, latest = self._listed.get(name), self._listings.latest.get(name)
        every = self._policy.cleaner_lists_every * (latest.pages.requests if latest is not None else 1)
        return last is None or self._clock.monotonic() - last >= every.total_seconds()

    def _in_turn(self, names: Iterable[ScaleSetName]) -> list[ScaleSetName]:
        """Scale sets in turn: the longest left out for want of time first; then slow ones, so that looks at the rest
        are fresh when orders rest on them.
        """
        return sorted(names, key=lambda name: (self._left_out.get(name, inf), -self._silences.slowness(name)))

    def _no_time(self, name: ScaleSetName, began: float, cloud: Cloud) -> bool:
        """Whether a look at a scale set now would make earlier looks too old for orders."""
        passed = self._clock.monotonic() - began
        takes = self._silences.took(name) if passed > 0 and (cloud.listings or cloud.asked) else 0.0
        late = passed + takes > self._policy.looks_for.total_seconds()
        if late:
            self._left_out.setdefault(name, self._clock.monotonic())
        return late

    def _time_shortness(self, view: ScaleSetView, pages: Pages) -> None:
        """Note since when a capacity is above the listing, without an operation that explains the difference."""
        short = len(pages.instances) + pages.unidentified < view.capacity
        if short and not any(instance.busy for instance in pages.instances):
            self._short_since.setdefault(view.name, pages.at)
        else:
            self._short_since.pop(view.name, None)

    def patched(self, scale_set: ScaleSetName, *, done: bool) -> None:
        """Time the shortness anew, and the next raise, after a PATCH of the capacity."""
        if done:
            self._listings.grown[scale_set] = self._clock.monotonic()
        self._short_since.pop(scale_set, None)

    def _ask(self, cloud: Cloud, refs: tuple[InstanceRef, ...]) -> tuple[Cloud, tuple[ScalerError, ...]]:
        errors: list[ScalerError] = []
        now = tuple(ref.vm_id for ref in refs)
        self._asked = (*(vm_id for vm_id in self._asked if vm_id in cloud.instances and vm_id not in now), *now)
        wanted = _by_scale_set(refs)
        began, put_off = self._began(cloud), self._put_off(wanted, cloud)
        for name in self._in_turn(wanted):
            if name not in put_off and not (cloud.asked and self._no_time(name, began, cloud)):
                cloud, failed = self._answers(cloud, name, wanted[name])
                errors += failed
        away = [error for error in errors if isinstance(error, _AWAY)]
        if away and not cloud.asked and not cloud.listings:
            raise away[0]
        return cloud, tuple(errors)

    def _answers(
        self, cloud: Cloud, name: ScaleSetName, refs: Sequence[InstanceRef]
    ) -> tuple[Cloud, list[ScalerError]]:
        """Collect the answers of GETs. A garbled answer about a machine does not hide the rest.

        After a silence no further request is begun; requests under way may still be answered. The same holds, after
        an answer, when the tick's first look would grow too old for orders.
        """
        # right after a listing the listing's own view serves; for consent one a minute is enough
        kept = self._policy.order_horizon if name in cloud.listings else self._policy.view_kept
        asking = _Asking(self._clock, self._began(cloud) + self._policy.looks_for.total_seconds())
        of_the_set = partial(asking, partial(self.view, name, no_older_than=kept), essential=True)
        of_each = [partial(asking, partial(self._scale_sets[name].get, ref)) for ref in refs]
        with suppress(ScalerError), self._silences.listening(name):
            found = tuple(self._together([of_the_set, *of_each]))
            if asking.away is not None:
                raise asking.away
        view = next((it for it in found if isinstance(it, ScaleSetView)), None)
        answers = [it for it in found if isinstance(it, Answer)]
        errors = [it for it in found if isinstance(it, ScalerError)]
        if answers:
            self._saw(name)
        for answer in answers:
            if answer.instance is None or view is None or not _allows_orders(view, self._policy):
                self._listings.unfollow([answer.asked.vm_id])
            elif not answer.instance.marked or answer.asked.vm_id in self._listings.newcomers:
                booting = boots(answer.instance, answer.at, self._policy)
                self._listings.follow(answer.instance, answer.sent, _age(answer.instance, answer.at), boots=booting)
        if self._policy.awaits_health(name):
            cloud = self._with_health(cloud, name, answers)
        told = [error for error in errors if error is asking.away or not isinstance(error, _AWAY)]
        return cloud.with_answers(view, answers, self._policy) if view is not None else cloud, told

    def _with_health(self, cloud: Cloud, name: ScaleSetName, answers: Iterable[Answer]) -> Cloud:
        """Note the health that GETs have shown."""
        for answer in answers:
            if answer.instance is not None:
                known = self._listings.health.get(name, HealthSeen())
                self._listings.health[name] = known.after([answer.instance], answer.at, self._policy)
        return replace(cloud, health=dict(self._listings.health))

    def _put_off(self, names: Collection[ScaleSetName], cloud: Cloud) -> frozenset[ScaleSetName]:
        """The scale sets put off because of a recent silence: waiting would cost the orders to the rest."""
        silent = frozenset(name for name in names if self._silences.lately(name))
        return silent if cloud.listings or cloud.asked or len(silent) < len(names) else frozenset()

    def _locate(self, cloud: Cloud, refs: Sequence[InstanceRef]) -> tuple[Cloud, tuple[ScalerError, ...]]:
        """Ask for addresses. A refusal counts as an answer (there are none), a silence does not.

        No order rests on an address: a tick waits for a single silence only, lest the orders die.
        """
        errors: list[ScalerError] = []
        wanted = _by_scale_set(refs)
        for name in sorted(wanted, key=lambda name: (self._of_network.slowness(name), name)):  # a silent one last
            found: Mapping[VmId, Addresses | None] = {ref.vm_id: None for ref in wanted[name]}
            if not any(service.since(self._began(cloud)) for service in (self._silences, self._of_network)):
                found, failed = self._located(name, wanted[name])
                errors += failed
            cloud = cloud.with_addresses(found)
        return cloud, tuple(errors)

    def _located(
        self, name: ScaleSetName, refs: Sequence[InstanceRef]
    ) -> tuple[Mapping[VmId, Addresses | None], Sequence[ScalerError]]:
        """Ask one scale set. A silence in the middle is noted too, and hides no answer."""
        nowhere = {ref.vm_id: Addresses() for ref in refs}
        found, errors = dict[VmId, Addresses | None](), list[ScalerError]()
        try:
            with self._of_network.listening(name):
                answers, failed = self._scale_sets[name].addresses(refs, self._together)
                found, errors = {**nowhere, **answers}, [*failed]
                for silence in (error for error in failed if isinstance(error, Unreachable)):
                    raise silence
        except ScalerError as error:
            if not errors:
                errors = [error]
                found = {**nowhere} if isinstance(error, Refused | Missing) else {ref.vm_id: None for ref in refs}
        return found, errors

    def _began(self, cloud: Cloud) -> float:
        """When the oldest look of this tick was sent."""
        looks = (*cloud.listings.values(), *cloud.asked.values())
        return min((look.sent for look in looks), default=self._clock.monotonic())


def _by_scale_set(refs: Iterable[InstanceRef]) -> Mapping[ScaleSetName, Sequence[InstanceRef]]:
    found: dict[ScaleSetName, list[InstanceRef]] = {}
    for ref in refs:
        found.setdefault(ref.scale_set, []).append(ref)
    return found


def _allows_orders(view: ScaleSetView, policy: Policy) -> bool:
    """Whether following new machines may lead to an order."""
    return view.managed_by == policy.managed_by and view.pause is Pause.NONE


def _age(instance: Instance, at: datetime) -> timedelta | None:
    """The age of a machine by Azure's clock."""
    return at - instance.created_at if instance.created_at is not None else None


class _Asking:
    """Requests about a scale set, until a silence, or until the time for looking is over."""

    away: ScalerError | None = None

    def __init__(self, clock: Clock, until: float) -> None:
        self._clock = clock
        self._until = until
        self._answered = False

    def __call__(self, request: Callable[[], object], *, essential: bool = False) -> object:
        """The answer or the error; None for a request not made. Without an essential answer no other answer counts."""
        if self.away is not None or (self._answered and self._clock.monotonic() > self._until):
            return None
        try:
            found = request()
        except ScalerError as error:
            if essential or isinstance(error, _AWAY):
                self.away = self.away or error
            return error
        self._answered = self._answered or not essential
        return found
