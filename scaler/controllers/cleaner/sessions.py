"""Unavailable and not used: somebody is, or may be, on it. It ends by its limit, or when it came to rest."""

from dataclasses import replace
from datetime import timedelta

from scaler.controllers.cleaner.case import Case
from scaler.model.clocks import Clocks
from scaler.model.edges import Edge
from scaler.model.lifecycle import note
from scaler.model.notes import Notes, SpentNote
from scaler.model.plan import Step, Why
from scaler.model.policy import Policy
from scaler.model.standing import presumption_over


def in_session(case: Case) -> Step | None:
    """EXPIRE, or the first witness for it, or the erasure of one that was contradicted."""
    over = limit_over(case.notes, case.clocks, case.policy) or _lost_from_view(case)
    if over is not None:
        return _expire(case, over)
    if case.instance.at_rest:
        return _at_rest(case)
    known = case.row.notes
    if known is None or (case.notes.rest_at, case.notes.missed_at) == (known.rest_at, known.missed_at):
        return None
    return Step(why=Why.SEEN_AGAIN, vm_id=case.row.vm_id, change=note(case.row, case.notes))


def limit_over(notes: Notes, clocks: Clocks, policy: Policy) -> Why | None:
    """Which limit has ended it, if one has, by both clocks; ending a session takes the grace on top."""
    if notes.opened is not None and policy.session_limit:
        age = clocks.age(notes.opened.at, notes.opened.seen_at)
        return Why.LIMIT if age is not None and age >= policy.session_limit + policy.expiry_grace else None
    if notes.presumed_at is not None and presumption_over(notes, clocks, policy):
        return Why.PRESUMED_LIMIT
    return None


def _lost_from_view(case: Case) -> Why | None:
    """Sessions are unlimited and Azure has not said for hours whether it runs: then the presumed limit serves."""
    since = case.notes.unsettled_at
    if case.policy.session_limit or since is None:
        return None
    patience = case.policy.creating_timeout + case.policy.presumed_limit
    return Why.PRESUMED_LIMIT if case.at - since >= patience else None


def _at_rest(case: Case) -> Step | None:
    """Evicted, or shut down from inside. A listing may be the first witness; the second is a targeted GET."""
    since = case.clocks.since_first_seen(case.notes.rest_at, case.notes.rest_noted_at)
    if since is None:
        notes = replace(case.notes, rest_at=case.at, rest_noted_at=case.now)
        return Step(why=Why.RESTS, vm_id=case.row.vm_id, change=note(case.row, notes))
    far_enough = since >= case.policy.witness_gap > timedelta(0)
    return _expire(case, Why.CAME_TO_REST) if case.asked_for and far_enough else None


def _expire(case: Case, why: Why) -> Step:
    notes = case.notes
    ended = {**notes.ended, notes.session: Edge.EXPIRE} if notes.session is not None else notes.ended
    spent = SpentNote(why=Edge.EXPIRE, at=case.now)
    return case.ended(Edge.EXPIRE, replace(notes, ended=ended, spent=spent), why)
