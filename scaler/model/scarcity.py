"""What Azure lately did not give: more capacity (a ceiling), a start (a shortage), or machines that work (failures)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from operator import attrgetter

from scaler.model.capacity import Demand
from scaler.model.instance import FailureClass, Instance, ScaleSetName
from scaler.model.plan import SetCapacity
from scaler.model.policy import Policy
from scaler.model.row import ClaimNote, Row, StartNote
from scaler.model.sighting import Pages, Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The smallest number of machines that Azure refused, machines being deleted included: these still hold cores."""

    refused: int
    exact: bool  # Azure's message gave the room: one machine less fits; else the room is searched for by halves
    failure: FailureClass
    until: datetime  # by Azure's clock; from then on the refusal says nothing
    said: str  # Azure's words

    def capacity(self, listing: Sighting) -> int | None:
        """The largest capacity to ask for after this look; None where the refusal is old, or proven wrong."""
        room = self.refused - 1 - listing.machines
        if listing.at >= self.until or room < 0:
            return None
        return listing.capacity + (room if self.exact else (room + 1) // 2)


def ceiling_after(
    order: SetCapacity, failure: FailureClass, room: Fraction | None, said: str, policy: Policy
) -> Ceiling | None:
    """The ceiling after a refusal of Azure; None if the refused order asked for no more machines.

    `room`: the share of the order that would fit, if Azure said so.
    """
    look, more = order.rests_on, order.capacity - order.rests_on.capacity
    if more <= 0:
        return None
    fits = int(more * room) if room is not None and room < 1 else None
    return Ceiling(
        refused=look.machines + (more if fits is None else fits + 1),
        exact=fits is not None,
        failure=failure,
        until=look.at + policy.refused_hold,
        said=said,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """The shortage of a scale set, by the registry's clock. Stopped machines keep their allocation: no shortage."""

    since: datetime  # the latest start that failed for it
    until: datetime  # by the class of its failure: `Policy.unattractive`


def shortages(
    rows: Iterable[Row], known: Mapping[ScaleSetName, Shortage], policy: Policy
) -> Mapping[ScaleSetName, Shortage]:
    """Known shortages, and shortages in the notes; a later successful cold start ends a shortage."""
    found, overcome = dict(known), dict[ScaleSetName, datetime]()
    for row in rows:
        notes = row.notes
        start = notes.start or notes.claim or notes.heated if notes is not None else None
        if notes is None or start is None or (not isinstance(start, ClaimNote) and start.warm):
            continue
        if isinstance(start, StartNote) and start.hot:  # nothing was started then
            continue
        name = notes.scale_set
        if notes.opened is not None:
            overcome[name] = max(start.at, overcome.get(name, start.at))
        failed = notes.failed.failure if notes.failed is not None and notes.claim is not None else None
        failure = start.failure or failed
        if failure is not None and failure.of_capacity:
            told = Shortage(since=start.at, until=start.at + policy.unattractive[failure])
            found[name] = max(found.get(name, told), told, key=attrgetter("since"))
    return {name: shortage for name, shortage in found.items() if overcome.get(name, shortage.since) <= shortage.since}


def with_failures(before: Demand | None, demand: Demand, pages: Pages, policy: Policy, *, complete: bool) -> Demand:
    """Count the creations that failed lately: machines that Azure shows Failed before their mark.

    A failure counts from the creation of its machine on, also after the machine is deleted. But where creating has
    stopped the failed machines are kept, so their absence from a `complete` listing is the operator's word to go on.
    """
    known = before.failures if before is not None and demand.since < demand.at else {}
    failed = (each for each in pages.instances if failed_creation(each))
    here = {each.vm_id: min(each.created_at or demand.at, demand.at) for each in failed}  # none began in the future
    recent = {vm_id: at for vm_id, at in {**here, **known}.items() if demand.at - at < policy.failure_window}
    counted = replace(demand, failures=recent)
    deleted = complete and not here and creating_stops_until(counted, policy) is not None
    return replace(demand, failures={}) if deleted else counted


def failed_creation(instance: Instance) -> bool:
    """Whether the machine failed before its mark: no visitor was ever meant to have it."""
    return instance.failed and not instance.marked


def creating_stops_until(demand: Demand, policy: Policy) -> datetime | None:
    """Until when nothing is created because too many creations failed, by Azure's clock; None: creating goes on."""
    cap, began = demand.capacity.failure_cap, {**demand.failures, **demand.unready}
    if not 0 < cap <= len(began):
        return None
    return sorted(began.values())[-cap] + policy.failure_window
