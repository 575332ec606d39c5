"""What Azure lately did not give: more capacity (a ceiling), or a start of a deallocated machine (a shortage)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from operator import attrgetter

from scaler.model.instance import FailureClass, ScaleSetName
from scaler.model.plan import SetCapacity
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.sighting import Sighting


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
        if notes is None or notes.start is None or notes.start.warm:
            continue
        name, start = notes.scale_set, notes.start
        if notes.opened is not None:
            overcome[name] = max(start.at, overcome.get(name, start.at))
        if start.failure is not None and start.failure.of_capacity:
            told = Shortage(since=start.at, until=start.at + policy.unattractive[start.failure])
            found[name] = max(found.get(name, told), told, key=attrgetter("since"))
    return {name: shortage for name, shortage in found.items() if overcome.get(name, shortage.since) <= shortage.since}
