"""Ready machines to be replaced, by Azure alone: too old ones, and outdated ones; and by an operator's word."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from scaler.model.capacity import Demand, Use, wanted
from scaler.model.instance import Instance
from scaler.model.plan import Why
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.sighting import Pages

_NEVER = datetime.min.replace(tzinfo=UTC)


def with_replacements(demand: Demand, pages: Pages, policy: Policy) -> Demand:
    """Find the outdated and the too old among the ready machines, and how many further machines to want for these.

    Nobody knows whether the mark itself turns `latestModelApplied` false. Therefore a machine is outdated only
    beside a younger marked machine that is of the latest model, and `model_shows` old.
    """
    known = [each for each in pages.instances if each.created_at is not None and each.vm_id in demand.uses]
    ready = [each for each in known if demand.uses[each.vm_id] is Use.READY]
    latest = [each for each in known if _is_marked(each, demand) and _is_surely_latest(each, demand, policy)]
    newest = max(map(_born, latest), default=_NEVER)
    outdated = frozenset(each.vm_id for each in ready if each.latest_model is False and _born(each) < newest)
    aged = sum(demand.at - _born(each) >= policy.max_ready_age for each in ready)
    demand = replace(_with_trial(demand, known, bool(latest)), outdated=outdated, replacing=0, replacing_because="")
    if outdated or _is_trying(demand, known, policy):
        demand = replace(demand, replacing=1, replacing_because="ready machines are not of the latest model")
    if policy.max_ready_age and aged:
        at_once = min(aged, policy.share(policy.max_deletes, sum(demand.counts.values())))
        because = demand.replacing_because or "ready machines are too old"
        demand = replace(demand, replacing=max(demand.replacing, at_once), replacing_because=because)
    return demand


def replacement_due(row: Row, demand: Demand, now: datetime, policy: Policy) -> Why | None:
    """Why a machine on offer is to be replaced; None: it is not. The operator's word comes first."""
    notes = row.notes
    if notes is None or notes.admitted_at is None:
        return None
    if notes.replace_asked_at is not None:
        return Why.ASKED_FOR
    if policy.max_ready_age and now - notes.admitted_at >= policy.max_ready_age:
        return Why.TOO_OLD
    return Why.OUTDATED if row.vm_id in demand.outdated else None


def _with_trial(demand: Demand, known: Sequence[Instance], shown: bool) -> Demand:
    """Note since when no marked machine is of the latest model, and whether a machine made since then is not either.

    If so, the flag says nothing. `shown`: a marked machine is of the latest model.
    """
    if shown:
        return replace(demand, behind_since=None, behind_for_good=False)
    behind = [each for each in known if _is_marked(each, demand) and each.latest_model is False]
    if demand.behind_since is None:
        ready = any(demand.uses[each.vm_id] is Use.READY for each in behind)
        return replace(demand, behind_since=demand.at if ready else None)
    return replace(
        demand, behind_for_good=demand.behind_for_good or any(_is_made_since(each, demand) for each in behind)
    )


def _is_trying(demand: Demand, known: Sequence[Instance], policy: Policy) -> bool:
    """Whether a further machine is made as a test of the flag; not beside a surplus, and not for ever."""
    if demand.behind_since is None or demand.behind_for_good:
        return False
    made = any(_is_made_since(each, demand) for each in known if demand.uses[each.vm_id] is not Use.LEAVING)
    if not made and demand.at - demand.behind_since >= policy.surplus_kept:
        return False  # Azure gives none, or surplus machines of a shared number hold its place
    return made or demand.machines <= wanted(demand, policy).machines


def _is_surely_latest(instance: Instance, demand: Demand, policy: Policy) -> bool:
    """Whether a machine is of the latest model, and old enough for the mark to have turned that false, if it does."""
    return bool(instance.latest_model) and not instance.busy and demand.at - _born(instance) >= policy.model_shows


def _is_marked(instance: Instance, demand: Demand) -> bool:
    return demand.uses[instance.vm_id] in {Use.READY, Use.IN_USE}


def _is_made_since(instance: Instance, demand: Demand) -> bool:
    return demand.behind_since is not None and _born(instance) > demand.behind_since


def _born(instance: Instance) -> datetime:
    return instance.created_at or _NEVER
