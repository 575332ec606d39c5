"""Forgetting: the registry's rows of a scale set that is not configured any more, and is gone.

Forgetting is the operator's own act, without a timer: an unconfigured scale set may be configured again tomorrow.
"""

from collections.abc import Iterator

from scaler.model.fleet import Fleet
from scaler.model.instance import ScaleSetName
from scaler.model.lifecycle import KEEP, Change
from scaler.model.plan import Plan, Refusal, Step, Why
from scaler.model.record import Status
from scaler.model.row import Row
from scaler.model.standing import is_used


def decide(fleet: Fleet, scale_set: ScaleSetName) -> Plan:
    """Plan the end of record, notes and index entry of every machine that Azure does not show."""
    rows = tuple(_of(fleet, scale_set))
    alive = [Refusal(why=Why.STILL_THERE, vm_id=row.vm_id) for row in rows if row.vm_id in fleet.cloud.instances]
    return Plan(refusals=tuple(alive)) if alive else Plan(steps=tuple(map(_forgotten, rows)))


def _of(fleet: Fleet, scale_set: ScaleSetName) -> Iterator[Row]:
    for row in fleet.rows.values():
        if row.notes is not None and row.notes.scale_set == scale_set and not row.untouchable:
            yield row


def _forgotten(row: Row) -> Step:
    """The step for a machine; an unreadable record is left to the byte, as everywhere."""
    unreadable = row.record is not None and row.readable is None
    change = Change(row=row, edge=None, record=KEEP if unreadable else None, notes=None, index=None)
    record = row.readable
    handed_out = record is not None and record.status is not Status.AVAILABLE and not is_used(row)
    session = record.session if record is not None and handed_out else None
    why = Why.FORGOTTEN if session is None else Why.FORGOTTEN_WITH_SESSION
    return Step(why=why, vm_id=row.vm_id, change=change, facts={"session": session} if session is not None else {})
