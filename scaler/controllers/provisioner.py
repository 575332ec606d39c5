"""The provisioner: raises the capacity to the desired number, and puts new machines to rest. Knows Azure alone."""

from collections.abc import Iterator
from datetime import timedelta

from scaler.model.capacity import Use, Wanted
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, Instance, PowerState, ScaleSetName
from scaler.model.newcomers import Followed, Phase
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
from scaler.model.policy import Policy
from scaler.model.price import affordable, cost_facts
from scaler.model.readiness import may_rest
from scaler.model.scarcity import creating_stops_until, failed_creation
from scaler.model.sighting import Method, Sighting, Source
from scaler.model.tags import as_documented

_SURGE = 10  # a tenth of the machines may be created in one tick, where that is more than Policy.max_surge
_NAMED = 20  # ids in one line: should Azure identify no row at all, there are a thousand
_UNREAD = {Source.GROUP: Why.GROUP_UNREAD, Source.STORE: Why.STORE_UNREAD}
_FOLLOWED = {Phase.MADE, Phase.BOOTS, Phase.RUNS}
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
    sure = [each for each in due if not _needs_a_listing(each, cloud, policy)]
    follows = not cloud.listing_due and bool(sure or cloud.asked)
    asks: list[Ask] = [] if cloud.was_listed or follows else [Listing()]
    asks += [Get(ref=each.ref, queue=each.ref.scale_set, place=(each.due_in.total_seconds(),)) for each in sure]
    for name in policy.capacity:
        if name not in cloud.listings and not cloud.warm(name, policy):
            steps += _to_rest(cloud, name, 0, policy)
    refusals += [Refusal(why=_UNREAD[source], facts={"error": error}) for source, error in cloud.unread.items()]
    for name, listing in cloud.listings.items():
        if not listing.orders_allowed:
            refusals.append(withheld(listing))
            continue
        should_be = cloud.wanted(name, policy)
        limits = list(_limits(listing, cloud, should_be, policy))
        otherwise = should_be.machines - should_be.replacing  # what is made to replace another one is worth no alarm
        refusals += (refusal for most, refusal in limits if most < otherwise)
        stopped = [*_stopped(listing, cloud, policy), *_put_off(listing, cloud, should_be, policy)]
        refusals += stopped
        if not stopped:
            steps += _grow(listing, cloud, should_be, min((most for most, _ in limits), default=None), policy)
        refusals += _cooled(listing, cloud, policy)
        refusals += _unidentified(listing, cloud, policy)
        refusals += _unused_tags(listing, cloud, policy)
        steps += _to_rest(cloud, name, cloud.warm(name, policy), policy)
        asks += _to_be_sure(cloud, name, policy)
    waits = [
        max(each.due_in, policy.follow_every if _needs_a_listing(each, cloud, policy) else policy.mark_shows)
        for each in following
    ]
    waits += [policy.follow_made] if any(isinstance(step.order, SetCapacity) for step in steps) else []
    look_again = min(waits, default=None)
    return Plan(steps=tuple(steps), refusals=tuple(refusals), asks=tuple(asks), look_again=look_again)


def _needs_a_listing(newcomer: Followed, cloud: Cloud, policy: Policy) -> bool:
    """Whether a newcomer is to be stopped, and a listing must tell whether warm or cold. ARM grants few listings."""
    return newcomer.phase is Phase.RUNS and cloud.warm(newcomer.ref.scale_set, policy) > 0


def _grow(listing: Sighting, cloud: Cloud, should_be: Wanted, allowed: int | None, policy: Policy) -> Iterator[Step]:
    if listing.capacity < should_be.machines:
        surge = max(policy.max_surge, listing.machines // _SURGE)
        most = min(should_be.machines, listing.capacity + surge)
        more = most if allowed is None else min(most, allowed)
        if more > listing.capacity:
            yield _set_capacity(
                listing, more, Why.BELOW_DESIRED, {"wanted": should_be.machines, "because": should_be.why}
            )
        return
    since = cloud.short_since.get(listing.scale_set)
    if since is not None and listing.at - since >= policy.capacity_stuck:
        yield _set_capacity(listing, listing.capacity, Why.CAPACITY_STUCK, {})


def _put_off(listing: Sighting, cloud: Cloud, should_be: Wanted, policy: Policy) -> Iterator[Refusal]:
    """Put off a raise of the capacity after another one, the longer, the more new machines wait for their marks.

    Marks may be charged to the same budget of ARM's, and a machine without its mark serves nobody. Where no mark has
    been late lately, or no machine is ready and none waits, nothing is put off.
    """
    name = listing.scale_set
    waiting = sum(each.phase is Phase.RESTS and each.ref.scale_set == name for each in cloud.newcomers.values())
    if name not in cloud.late_marks or listing.capacity >= should_be.machines:
        return
    if not (waiting or cloud.demand_of(name, policy).counts[Use.READY]):
        return
    pause = min(policy.grow_every + waiting * policy.grow_per_mark, policy.grow_at_latest)
    left = pause - cloud.grown.get(name, pause)
    if left > timedelta(0):
        facts: Facts = {"scale_set": name, "capacity": listing.capacity, "wanted": should_be.machines}
        yield Refusal(why=Why.RAISE_LATER, facts={**facts, "waiting": waiting, "in_s": round(left.total_seconds())})


def _limits(listing: Sighting, cloud: Cloud, should_be: Wanted, policy: Policy) -> Iterator[tuple[int, Refusal]]:
    """The largest capacities to ask for, where these are below the wanted number, and the alarm of each."""
    name = listing.scale_set
    facts: Facts = {"scale_set": name, "capacity": listing.capacity, "wanted": should_be.machines}
    ceiling, demand = cloud.ceilings.get(name), cloud.demand_of(name, policy)
    refused = ceiling.capacity(listing) if ceiling is not None else None
    if ceiling is not None and refused is not None and refused < should_be.machines:
        why = Why.QUOTA_TOO_SMALL if ceiling.failure is FailureClass.QUOTA else Why.SOLD_OUT
        more: Facts = {"asked_again_at": ceiling.until.isoformat(), "azure": ceiling.said}
        yield refused, Refusal(why=why, alarm=True, facts={**facts, **more})
    paid = affordable(demand)
    if paid is not None and paid < should_be.machines:
        more = {"machines_in_budget": paid, **cost_facts(demand, policy.currency)}
        yield paid, Refusal(why=Why.OVER_BUDGET, alarm=True, facts={**facts, **more})


def _stopped(listing: Sighting, cloud: Cloud, policy: Policy) -> Iterator[Refusal]:
    """The alarm while nothing is created, because too many creations failed, or no machine shows health."""
    name = listing.scale_set
    demand = cloud.demand_of(name, policy)
    until = creating_stops_until(demand, policy)
    if name in cloud.health and cloud.health[name].is_lacking(listing.at, policy):
        yield Refusal(why=Why.NO_HEALTH_AT_ALL, alarm=True, facts={"scale_set": name})
    if until is not None and demand.unready:
        facts: Facts = {"scale_set": name, "not_healthy": len(demand.unready), "created_again_at": until.isoformat()}
        yield Refusal(why=Why.NEVER_READY, alarm=True, facts=facts)
    elif until is not None:
        ids = sorted(each.ref.instance_id for each in cloud.of(name) if failed_creation(each))
        facts = {
            "scale_set": name,
            "failed": len(demand.failures),
            "instance_ids": ", ".join(ids[:_NAMED]),
            "created_again_at": until.isoformat(),
        }
        yield Refusal(why=Why.CREATIONS_FAIL, alarm=True, facts=facts)


def _cooled(listing: Sighting, cloud: Cloud, policy: Policy) -> Iterator[Refusal]:
    """The warm and hot machines that are wanted, and not kept because of the budget."""
    demand = cloud.demand_of(listing.scale_set, policy)
    if demand.warm_held:
        wanted: Facts = {"warm": demand.capacity.warm, "hot": demand.capacity.hot}
        facts: Facts = {"scale_set": listing.scale_set, **wanted, "held_back": demand.warm_held}
        yield Refusal(why=Why.BUDGET_COOLS, facts=facts)


def _unidentified(listing: Sighting, cloud: Cloud, policy: Policy) -> Iterator[Refusal]:
    """The alarm for rows that lack an identity longer than a creation takes: counted, and beyond any order."""
    since = cloud.nameless.get(listing.scale_set, {})
    ids = sorted(each for each, seen_at in since.items() if listing.at - seen_at >= policy.creating_timeout)
    if ids:
        facts: Facts = {"scale_set": listing.scale_set, "machines": len(ids), "instance_ids": ", ".join(ids[:_NAMED])}
        yield Refusal(why=Why.NO_IDENTITY, alarm=True, facts=facts)


def _unused_tags(listing: Sighting, cloud: Cloud, policy: Policy) -> Iterator[Refusal]:
    """Name the operator's tags that cannot be used, and the value that holds instead."""
    scale_set = listing.scale_set
    tags = cloud.demand_of(scale_set, policy).tags
    for bad in tags.bad:
        holds = tags.good.get(bad.name)
        facts: Facts = {
            "scale_set": scale_set,
            "tag": as_documented(bad.name),
            "value": bad.value,
            "where": bad.source.of(scale_set),
            "expected": bad.expected,
            "holds": holds.value if holds is not None else None,
        }
        yield Refusal(why=Why.BAD_TAG, facts=facts)


def _set_capacity(listing: Sighting, capacity: int, why: Why, because: Facts) -> Step:
    order = SetCapacity(scale_set=listing.scale_set, capacity=capacity, etag=listing.etag, rests_on=listing)
    facts: Facts = {"scale_set": listing.scale_set, "was": listing.capacity, "to": capacity, **because}
    return Step(why=why, order=order, facts=facts)


def _running_and_new(cloud: Cloud, scale_set: ScaleSetName) -> Iterator[Instance]:
    """The machines that are unmarked and run, at any age, Failed or not."""
    for instance in cloud.of(scale_set):
        if instance.runs and not instance.marked and not instance.busy:
            yield instance


def _to_rest(cloud: Cloud, scale_set: ScaleSetName, most_warm: int, policy: Policy) -> Iterator[Step]:
    """Power off until the warm share is full, with machines on the way counted; deallocate the rest.

    Where ready means Healthy, a machine runs until then.
    """
    warm = sum(each.power in _ALLOCATED_AT_REST or each.vm_id in cloud.warming for each in cloud.of(scale_set))
    seen = [(instance, cloud.sightings[instance.vm_id]) for instance in _running_and_new(cloud, scale_set)]
    new = [(instance.ref, look) for instance, look in seen if may_rest(instance, look.at, policy)]
    # the view beside a targeted GET may be a later one than the listing's
    sure = [(ref, look) for ref, look in new if look.by is Method.TARGETED and look.orders_allowed]
    for number, (ref, look) in enumerate(sure, start=warm):
        kept = number < most_warm
        order = PowerOff(ref=ref, rests_on=look) if kept else Deallocate(ref=ref, rests_on=look)
        yield Step(why=Why.NEW_RUNNING_WARM if kept else Why.NEW_RUNNING_COLD, vm_id=ref.vm_id, order=order)


def _to_be_sure(cloud: Cloud, scale_set: ScaleSetName, policy: Policy) -> Iterator[Get]:
    """A targeted GET of each machine to be stopped: a stop rests on that answer alone. The scale sets take turns.

    A listing that shows no health proves nothing: Azure shows none in listings of Flexible orchestration.
    """
    for instance in _running_and_new(cloud, scale_set):
        if instance.health is not None and not may_rest(instance, cloud.sightings[instance.vm_id].at, policy):
            continue
        if cloud.sightings[instance.vm_id].by is not Method.TARGETED:
            yield Get(ref=instance.ref, queue=scale_set)
