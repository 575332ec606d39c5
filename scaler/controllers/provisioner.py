"""The provisioner: raises the capacity to the desired number, and puts new machines to rest. Knows Azure alone."""

from collections.abc import Iterator

from scaler.model.capacity import Wanted, wanted
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, Instance, PowerState, ScaleSetName
from scaler.model.newcomers import Phase
from scaler.model.plan import (
    Ask,
    Deallocate,
    Facts,
    Get,
    Listing,
    Plan,
    PowerOff,
    Refusal,
    SetCapacity,
    Step,
    Why,
    withheld,
)
from scaler.model.policy import Capacity, Policy
from scaler.model.sighting import Method, Sighting

_SURGE = 10  # a tenth of the machines may be created in one tick, where that is more than Policy.max_surge
_NAMED = 20  # ids in one line: should Azure identify no row at all, there are a thousand
_FOLLOWED = {Phase.MADE, Phase.RUNS}
_ALLOCATED_AT_REST = {PowerState.STOPPING, PowerState.STOPPED}  # on their way to warm, or there


def decide(cloud: Cloud, policy: Policy) -> Plan:
    """Raise the capacity, and stop new running machines. No deletes, no lower capacity, no waiting.

    Between two listings a tick looks at single machines that are being made, and deallocates those that it finds
    running. How many are kept warm only a listing can tell.
    """
    steps: list[Step] = []
    refusals: list[Refusal] = []
    following = [each for each in cloud.newcomers.values() if each.phase in _FOLLOWED]
    due = [each for each in following if each.is_due and each.ref.vm_id not in cloud.asked]
    sure = [each for each in due if each.phase is Phase.MADE or not policy.capacity[each.ref.scale_set].warm]
    follows = not cloud.listing_due and bool(sure or cloud.asked)
    asks: list[Ask] = [] if cloud.was_listed or follows else [Listing()]
    asks += [Get(ref=each.ref, queue=each.ref.scale_set, place=(each.due_in.total_seconds(),)) for each in sure]
    for name, capacity in policy.capacity.items():
        if name not in cloud.listings and not capacity.warm:
            steps += _to_rest(cloud, name, capacity)
    for name, listing in cloud.listings.items():
        if not listing.orders_allowed:
            refusals.append(withheld(listing))
            continue
        capacity = policy.capacity[name]
        should_be = wanted(cloud.demand.get(name), capacity, policy)
        steps += _grow(listing, cloud, should_be, policy)
        refusals += _kept_small(listing, cloud, should_be)
        refusals += _unidentified(listing, cloud, policy)
        steps += _to_rest(cloud, name, capacity)
        asks += _to_be_sure(cloud, name)
    waits = [max(each.due_in, policy.mark_shows) for each in following]
    waits += [policy.follow_made] if any(isinstance(step.order, SetCapacity) for step in steps) else []
    look_again = min(waits, default=None)
    return Plan(steps=tuple(steps), refusals=tuple(refusals), asks=tuple(asks), look_again=look_again)


def _grow(listing: Sighting, cloud: Cloud, should_be: Wanted, policy: Policy) -> Iterator[Step]:
    if listing.capacity < should_be.machines:
        surge = max(policy.max_surge, listing.machines // _SURGE)
        most = min(should_be.machines, listing.capacity + surge)
        allowed = _allowed(listing, cloud)
        more = most if allowed is None else min(most, allowed)
        if more > listing.capacity:
            yield _set_capacity(
                listing, more, Why.BELOW_DESIRED, {"wanted": should_be.machines, "because": should_be.why}
            )
        return
    since = cloud.short_since.get(listing.scale_set)
    if since is not None and listing.at - since >= policy.capacity_stuck:
        yield _set_capacity(listing, listing.capacity, Why.CAPACITY_STUCK, {})


def _allowed(listing: Sighting, cloud: Cloud) -> int | None:
    """The largest capacity that Azure has not lately refused; None without a refusal."""
    ceiling = cloud.ceilings.get(listing.scale_set)
    return ceiling.capacity(listing) if ceiling is not None else None


def _kept_small(listing: Sighting, cloud: Cloud, should_be: Wanted) -> Iterator[Refusal]:
    """The alarm while Azure's last refusal keeps a scale set below the wanted number."""
    allowed = _allowed(listing, cloud)
    if allowed is None or allowed >= should_be.machines:
        return
    ceiling = cloud.ceilings[listing.scale_set]
    why = Why.QUOTA_TOO_SMALL if ceiling.failure is FailureClass.QUOTA else Why.SOLD_OUT
    facts: Facts = {
        "scale_set": listing.scale_set,
        "capacity": listing.capacity,
        "wanted": should_be.machines,
        "asked_again_at": ceiling.until.isoformat(),
        "azure": ceiling.said,
    }
    yield Refusal(why=why, alarm=True, facts=facts)


def _unidentified(listing: Sighting, cloud: Cloud, policy: Policy) -> Iterator[Refusal]:
    """The alarm for rows that lack an identity longer than a creation takes: counted, and beyond any order."""
    since = cloud.nameless.get(listing.scale_set, {})
    ids = sorted(each for each, seen_at in since.items() if listing.at - seen_at >= policy.creating_timeout)
    if ids:
        facts: Facts = {"scale_set": listing.scale_set, "machines": len(ids), "instance_ids": ", ".join(ids[:_NAMED])}
        yield Refusal(why=Why.NO_IDENTITY, alarm=True, facts=facts)


def _set_capacity(listing: Sighting, capacity: int, why: Why, because: Facts) -> Step:
    order = SetCapacity(scale_set=listing.scale_set, capacity=capacity, etag=listing.etag, rests_on=listing)
    facts: Facts = {"scale_set": listing.scale_set, "was": listing.capacity, "to": capacity, **because}
    return Step(why=why, order=order, facts=facts)


def _running_and_new(cloud: Cloud, scale_set: ScaleSetName) -> Iterator[Instance]:
    """The machines that are unmarked and run, at any age, Failed or not."""
    for instance in cloud.of(scale_set):
        if instance.runs and not instance.marked and not instance.busy:
            yield instance


def _to_rest(cloud: Cloud, scale_set: ScaleSetName, wanted: Capacity) -> Iterator[Step]:
    """Power off until the warm share is full, with machines on the way counted; deallocate the rest."""
    warm = sum(instance.power in _ALLOCATED_AT_REST for instance in cloud.of(scale_set))
    new = [(instance.ref, cloud.sightings[instance.vm_id]) for instance in _running_and_new(cloud, scale_set)]
    # the view beside a targeted GET may be a later one than the listing's
    sure = [(ref, look) for ref, look in new if look.by is Method.TARGETED and look.orders_allowed]
    for number, (ref, look) in enumerate(sure, start=warm):
        kept = number < wanted.warm
        order = PowerOff(ref=ref, rests_on=look) if kept else Deallocate(ref=ref, rests_on=look)
        yield Step(why=Why.NEW_RUNNING_WARM if kept else Why.NEW_RUNNING_COLD, vm_id=ref.vm_id, order=order)


def _to_be_sure(cloud: Cloud, scale_set: ScaleSetName) -> Iterator[Get]:
    """A targeted GET of each machine to be stopped: a stop rests on that answer alone. The scale sets take turns."""
    for instance in _running_and_new(cloud, scale_set):
        if cloud.sightings[instance.vm_id].by is not Method.TARGETED:
            yield Get(ref=instance.ref, queue=scale_set)
