"""Which of the Reserved machines a tick is about, and when each of them is looked at next."""

from datetime import UTC, datetime
from enum import StrEnum

from scaler.controllers.starter.unknown import is_unknown
from scaler.model.fleet import Fleet
from scaler.model.machine import Machine
from scaler.model.notes import StartNote
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.standing import Standing

_AT_ONCE = datetime.min.replace(tzinfo=UTC)


class Part(StrEnum):
    """Starts have ticks of their own, so that no start waits until other machines have been looked at or opened."""

    ALL = "all"
    STARTS = "starts"  # machines with no start noted for the session that they are reserved for
    REST = "rest"  # machines whose start is noted, and those that our notes do not place


def reserved(fleet: Fleet, part: Part) -> list[Machine]:
    """The Reserved machines of that part."""
    found = [machine for machine in fleet.machines if machine.standing is Standing.RESERVED]
    if part is Part.ALL:
        return found
    return [machine for machine in found if is_unstarted(machine.stored) is (part is Part.STARTS)]


def is_unstarted(row: Row) -> bool:
    """Whether our notes place the machine, and no start is noted for the session that it is reserved for."""
    return row.readable is not None and not is_unknown(row) and own_start(row) is None


def own_start(row: Row) -> StartNote | None:
    """The start note, if its session is the one that the record names."""
    record, start = row.readable, row.notes.start if row.notes is not None else None
    return start if record is not None and start is not None and start.session == record.session else None


def next_look(start: StartNote | None, last: datetime | None, now: datetime, policy: Policy) -> datetime:
    """When a machine is looked at next: an unstarted one at once; a started one as soon as it may run, then regularly.

    `last`: this process's latest look at the machine. A time later than `now` was taken from a Redis whose clock was
    wrong, and does not count.
    """
    if last is not None and last > now:
        last = None
    if start is None or start.at > now or start.runs_at is not None:
        return last + policy.look_every if last is not None else _AT_ONCE
    first = start.at + (policy.first_look_warm if start.warm else policy.first_look_cold)
    if last is None or last < first:
        return first
    hurry = start.warm and last < start.at + 3 * policy.first_look_warm
    return last + (policy.look_every_warm if hurry else policy.look_every)


def waiting_since(machine: Machine) -> float:
    """Since when, as far as notes or record say; seconds, for sorting."""
    notes, record = machine.stored.notes, machine.stored.readable
    noted = notes.reserved.at if notes is not None and notes.reserved is not None else None
    since = noted or (record.updated_at if record is not None else None)
    return since.timestamp() if since is not None else 0.0
