"""Where Azure lately had no capacity to start a deallocated machine: until when no session is sent there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from scaler.model.instance import ScaleSetName
from scaler.model.policy import Policy
from scaler.model.row import Row, StartNote


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
        if notes.opened is not None:
            latest = overcome.get(notes.scale_set)
            overcome[notes.scale_set] = max(notes.start.at, latest) if latest is not None else notes.start.at
        told = _told(notes.start, policy)
        before = found.get(notes.scale_set)
        if told is not None and (before is None or told.since > before.since):
            found[notes.scale_set] = told
    return {
        name: shortage for name, shortage in found.items() if name not in overcome or overcome[name] <= shortage.since
    }


def _told(start: StartNote, policy: Policy) -> Shortage | None:
    if start.failure is None or not start.failure.of_capacity:
        return None
    return Shortage(since=start.at, until=start.at + policy.unattractive[start.failure])
