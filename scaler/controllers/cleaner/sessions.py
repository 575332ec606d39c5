"""Ends of a session without a release: the limit, and a machine at rest, unhealthy, or not shown.

Rest and health end a session by two witnesses, far enough apart, the second a targeted GET.
"""

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from scaler.controllers.cleaner.ending import expire, targeted_get
from scaler.model.clocks import Clocks
from scaler.model.instance import PowerState
from scaler.model.lifecycle import note
from scaler.model.machine import Machine, SeenMachine, is_unhealthy
from scaler.model.plan import Decision, Lacks, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes
from scaler.model.standing import presumption_over

_WITNESSES = ("missed_at", "rest_at", "unhealthy_at")
"""Notes of a first witness."""


class _Doubt(NamedTuple):
    """A state of the machine: two looks must agree before the session ends."""

    since: timedelta | None  # since when the first witness is noted; None: not noted
    gap: timedelta  # between the two
    first: Notes  # with this look as the first one
    first_why: Why
    why: Why  # the session ends
    said: str = ""  # by the guest, for people


def in_session(machine: SeenMachine, policy: Policy) -> Decision:
    """EXPIRE, or the first witness of an end, or the erasure of a contradicted witness."""
    over = limit_over(machine.notes_now, machine.clocks, policy) or _lost_from_view(machine, policy)
    if over is not None:
        return expire(machine, over, policy)
    if machine.instance.at_rest:
        return _by_two_witnesses(_at_rest(machine, policy), machine, policy)
    if _may_end_by_health(machine, policy):
        return _by_two_witnesses(_unhealthy(machine, policy), machine, policy)
    known = machine.stored.notes
    if known is None or all(getattr(machine.notes_now, name) == getattr(known, name) for name in _WITNESSES):
        return None
    return Step(why=Why.SEEN_AGAIN, vm_id=machine.vm_id, change=note(machine.stored, machine.notes_now))


def limit_over(notes: Notes, clocks: Clocks, policy: Policy) -> Why | None:
    """The limit that has ended the session, by both clocks and with the grace on top; None if no limit has."""
    if notes.opened is not None and policy.session_limit:
        age = clocks.age(notes.opened.at, notes.opened.seen_at)
        return Why.LIMIT if age is not None and age >= policy.session_limit + policy.expiry_grace else None
    if notes.presumed_at is not None and presumption_over(notes, clocks, policy):
        return Why.PRESUMED_LIMIT
    return None


def second_look_is_due(machine: Machine, policy: Policy) -> bool:
    """Whether a targeted GET may end the session by health without another listing: the first witness is old enough."""
    notes = machine.notes_now
    if notes.unhealthy_noted_at is None or not policy.ends_by_health(notes.scale_set):
        return False
    return machine.now - notes.unhealthy_noted_at >= policy.health_gap


def _lost_from_view(machine: SeenMachine, policy: Policy) -> Why | None:
    """Whether an unlimited session is over, because Azure has been silent for the presumed limit."""
    since = machine.notes_now.unsettled_at
    if policy.session_limit or since is None:
        return None
    patience = policy.creating_timeout + policy.presumed_limit
    return Why.PRESUMED_LIMIT if machine.at - since >= patience else None


def _at_rest(machine: SeenMachine, policy: Policy) -> _Doubt:
    """Evicted, or shut down from inside."""
    notes = machine.notes_now
    return _Doubt(
        since=machine.clocks.since_first_seen(notes.rest_at, notes.rest_noted_at),
        gap=policy.witness_gap,
        first=replace(notes, rest_at=machine.at, rest_noted_at=machine.now),
        first_why=Why.RESTS,
        why=Why.EVICTED if machine.instance.power is PowerState.DEALLOCATED else Why.CAME_TO_REST,
    )


def _unhealthy(machine: SeenMachine, policy: Policy) -> _Doubt:
    """By the machine's word no visitor came, no visitor is in any more, or the stream is gone."""
    notes = machine.notes_now
    return _Doubt(
        since=machine.clocks.since_first_seen(notes.unhealthy_at, notes.unhealthy_noted_at),
        gap=policy.health_gap,
        first=replace(notes, unhealthy_at=machine.at, unhealthy_noted_at=machine.now),
        first_why=Why.SEEN_UNHEALTHY,
        why=Why.UNHEALTHY,
        said=machine.instance.health.said if machine.instance.health is not None else "",
    )


def _may_end_by_health(machine: SeenMachine, policy: Policy) -> bool:
    """Whether this look is a witness against the session: unhealthy, and the visitor has had the time to connect.

    The time is over by both clocks, and by Redis' before the look was sent.
    """
    instance, notes, clocks = machine.instance, machine.notes_now, machine.before_the_look
    if not (policy.ends_by_health(instance.ref.scale_set) and is_unhealthy(notes, instance, policy)):
        return False
    begun = [(notes.opened.at, notes.opened.seen_at)] if notes.opened is not None else []
    begun += [(notes.presumed_at, notes.presumed_seen_at)] if notes.presumed_at is not None else []
    ages = [clocks.age(noted, seen) for noted, seen in begun]
    return bool(ages) and all(age is not None and age >= policy.connect_timeout for age in ages)


def _by_two_witnesses(doubt: _Doubt, machine: SeenMachine, policy: Policy) -> Step | Lacks | None:
    """EXPIRE on the second witness. A listing may be the first; the second is a targeted GET."""
    if doubt.since is None:
        facts = {"guest": doubt.said}
        return Step(why=doubt.first_why, vm_id=machine.vm_id, change=note(machine.stored, doubt.first), facts=facts)
    if not machine.is_asked_for:
        return Lacks(ask=targeted_get(machine, machine.instance.ref))
    return expire(machine, doubt.why, policy, doubt.said) if doubt.since >= doubt.gap > timedelta(0) else None
