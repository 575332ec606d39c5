"""The next look of a tick: the asks of a plan, put in order, bounded, and made into a single look."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

from scaler.model.fleet import Cloud
from scaler.model.instance import InstanceRef, VmId
from scaler.model.plan import Ask, Get, Listing, Locate
from scaler.model.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """A look: targeted GETs, the most wanted first."""

    refs: tuple[InstanceRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressesOf:
    """A look: the addresses of some instances."""

    refs: tuple[InstanceRef, ...]


type Look = Listing | Targets | AddressesOf


def next_look(
    asks: Collection[Ask], cloud: Cloud, policy: Policy, made: Iterable[Look], asked_before: Mapping[VmId, int]
) -> Look | None:
    """Choose the next look: a listing before targeted GETs, GETs before addresses, every kind once in a tick."""
    kinds = {type(look) for look in made}
    listings = [ask for ask in asks if isinstance(ask, Listing)]
    if listings and Listing not in kinds:
        return Listing(urgent=any(listing.urgent for listing in listings))
    refs = tuple(_bounded(asks, cloud, policy, asked_before))
    if refs and Targets not in kinds:
        return Targets(refs=refs)
    opened = tuple(dict.fromkeys(ask.ref for ask in asks if isinstance(ask, Locate)))
    return AddressesOf(refs=opened) if opened and AddressesOf not in kinds else None


def _bounded(
    asks: Iterable[Ask], cloud: Cloud, policy: Policy, asked_before: Mapping[VmId, int]
) -> Iterator[InstanceRef]:
    """Bound the GETs: first those for which visitors wait, then the rest, scale sets with permission for orders first.

    A queue is sorted by place, and for the same place by the time of the last request.
    """
    gets: dict[InstanceRef, Get] = {}
    for ask in asks:
        if isinstance(ask, Get):
            gets.setdefault(ask.ref, ask)
    if not gets:
        return
    in_order = sorted(gets.values(), key=lambda get: asked_before.get(get.ref.vm_id, -1))
    urgent = sorted((get for get in in_order if get.urgent), key=lambda get: get.place)
    yield from (get.ref for get in urgent[: policy.max_start_looks])
    others, withheld = [get for get in in_order if not get.urgent], cloud.withheld
    ours = _interleaved(get for get in others if get.ref.scale_set not in withheld)
    told_of = _interleaved(get for get in others if get.ref.scale_set in withheld)
    yield from islice(chain(ours, told_of), policy.max_gets)


def _interleaved(gets: Iterable[Get]) -> Iterator[InstanceRef]:
    """Interleave the queues, so that no kind of request starves another."""
    queues: dict[str, list[Get]] = {}
    for get in gets:
        queues.setdefault(get.queue, []).append(get)
    sorted_queues = (sorted(queues[name], key=lambda get: get.place) for name in sorted(queues))
    return (get.ref for gets_in_turn in zip_longest(*sorted_queues) for get in gets_in_turn if get is not None)
