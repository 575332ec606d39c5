"""One machine's case before the reconciler."""

from dataclasses import dataclass, replace

from scaler.model import case
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import KEEP, Keep
from scaler.model.plan import Refusal, Why
from scaler.model.policy import Policy
from scaler.model.record import Record, Status, Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """What the fleet as a whole says about trusting its parts."""

    all_marks_refused: bool  # not one machine is marked, and Azure refused: its fault or ours, not the machines'
    most_unknown: bool  # more than half of the marked machines are unknown: a wrong or flushed Redis
    alarms: tuple[Refusal, ...]


def mood_of(fleet: Fleet, policy: Policy) -> Mood:
    """Read the mood of a fleet."""
    seen = [(member.row.notes, member.instance) for member in fleet.members if member.instance is not None]
    marked = [notes for notes, instance in seen if instance.marked]
    unknown = [notes for notes in marked if notes is None or not (notes.beyond_admitting or notes.mark_asked_at)]
    refused = [notes for notes, _ in seen if notes is not None and notes.mark_attempts >= policy.mark_attempts]
    alarms = []
    if refused and not marked:
        alarms.append(Refusal(why=Why.ALL_MARKS_REFUSED, alarm=True, facts={"machines": len(refused)}))
    if 2 * len(unknown) > len(marked):
        facts = {"unknown": len(unknown), "marked": len(marked)}
        alarms.append(Refusal(why=Why.MOST_UNKNOWN, alarm=True, facts=facts))
    return Mood(
        all_marks_refused=bool(refused) and not marked,
        most_unknown=2 * len(unknown) > len(marked),
        alarms=tuple(alarms),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(case.Case):
    """With the mood of the fleet, and the record to go on from."""

    mood: Mood

    @property
    def unreadable(self) -> bool:
        """There is a record that must be left alone."""
        return isinstance(self.row.record, Unreadable)

    @property
    def record(self) -> Record:
        """The record to go on from: the published one, else a new one."""
        return self.row.readable or Record(
            vm_id=self.row.vm_id,
            instance_id=self.instance.ref.instance_id,
            status=Status.AVAILABLE,
            region=self.policy.region,
            warm=self.instance.warm,
            created_at=self.now,
        )

    @property
    def out_of_available(self) -> Status | Keep | None:
        """The index move of a machine that must not be offered now: out, if its key is in `available`."""
        return None if Status.AVAILABLE in self.row.index else KEEP

    def fresh_record(self) -> Record:
        """The record of a machine about to be offered: nobody's, addressed as Azure says."""
        return replace(
            self.record,
            instance_id=self.instance.ref.instance_id,
            warm=self.instance.warm,
            session_id=None,
            client_ip=None,
        )
