"""The order of the reconciler's pass, and the breakers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scaler.controllers.reconciler import hot_part, warm_part
from scaler.controllers.reconciler.claims import claimed, heated, ready
from scaler.controllers.reconciler.context import Context, Tiers, context_of
from scaler.controllers.reconciler.doubts import doubtful, in_session, presume, used
from scaler.controllers.reconciler.newcomers import admissible_in, newcomer
from scaler.controllers.reconciler.repairs import park, repair, unseen
from scaler.model.fleet import Fleet
from scaler.model.instance import VmId
from scaler.model.machine import Machine, SeenMachine
from scaler.model.newcomers import Phase
from scaler.model.plan import (
    Decision,
    Get,
    Lacks,
    Listing,
    Mark,
    Plan,
    Refusal,
    Step,
    Why,
    held_back,
    limited,
    soonest,
    sorted_out,
    withheld,
)
from scaler.model.policy import Policy
from scaler.model.row import Status
from scaler.model.standing import Standing

_VERBS: Mapping[Standing, Callable[[SeenMachine, Context], Decision]] = {
    Standing.NEW: newcomer,
    Standing.ADMITTING: newcomer,
    Standing.UNMARKED: newcomer,
    Standing.STRANGER: doubtful,
    Standing.TAINTED: doubtful,
    Standing.IN_SESSION: in_session,
    Standing.USED: used,
    Standing.READY: ready,
    Standing.HEATED: heated,
    Standing.CLAIMED: claimed,
}
_NEVER = datetime.max.replace(tzinfo=UTC)
_CAPPED = {Why.GONE, Why.MARK_REFUSED, Why.NOT_HEALTHY_IN_TIME}


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """Plan at most one step for a machine, the longest waiting first; steps beyond a breaker wait."""
    context = context_of(fleet, policy, _tiers(fleet, policy))
    heating = hot_part.heating_waits(fleet, policy)
    waits = {**newcomers_wait(fleet, policy), **heating}
    machines = sorted(fleet.machines, key=_longest_waiting_first)
    plan = sorted_out(outcome for machine in machines for outcome in outcomes_for(machine, fleet, context))
    most = {"mark": policy.max_marks, "removal": policy.share(policy.max_forgets, fleet.size)}
    kept, beyond = limited(plan.steps, _kind, most)
    of_fleet = context.alarms if fleet.cloud.listings else ()  # single machines tell nothing of the fleet
    of_tiers = (*warm_part.alarms(fleet, policy), *hot_part.alarms(fleet, policy))
    notices = (*of_fleet, *of_tiers, *map(withheld, fleet.cloud.withheld.values()))
    return Plan(
        steps=kept,
        refusals=(*notices, *plan.refusals, *map(held_back, beyond)),
        asks=(*_listing(fleet, waits), *_gets(fleet, waits), *hot_part.heating_gets(fleet, heating), *plan.asks),
        look_again=_look_again(kept, fleet, waits, policy),
    )


def _tiers(fleet: Fleet, policy: Policy) -> Tiers:
    return Tiers(
        surplus=warm_part.surplus(fleet, policy),
        lack=warm_part.lack(fleet, policy),
        heat=hot_part.lack(fleet, policy),
        hot_surplus=hot_part.surplus(fleet, policy),
    )


def outcomes_for(machine: Machine, fleet: Fleet, context: Context) -> Iterator[Decision]:
    """The decision about a machine by its standing, and a repair unless a step is decided."""
    if not isinstance(machine, SeenMachine):
        yield unseen(machine, fleet, context.policy)
    elif _is_strange(machine) and machine.sighting.scale_set not in fleet.cloud.listings:
        yield None  # a tick that only follows new machines cannot tell whether Redis has lost all the others too
    elif not machine.sighting.consent:
        yield _without_consent(machine, context.policy)
    else:
        verb = _VERBS.get(machine.standing)
        outcome = verb(machine, context) if verb is not None else None
        repaired = repair(machine, context.policy) if not isinstance(outcome, Step) else None
        if isinstance(outcome, Lacks):
            yield replace(outcome, otherwise=repaired)
        else:
            yield from (outcome, repaired)


def _is_strange(machine: SeenMachine) -> bool:
    """Whether the machine would be condemned for want of any notes in Redis."""
    return machine.standing is Standing.STRANGER and machine.instance.at_rest


def _without_consent(machine: SeenMachine, policy: Policy) -> Step | Refusal | None:
    """The decision without consent: no offer, and a running machine of the scaler's is remembered as used."""
    ours = machine.notes_now.admitted_at is not None or machine.notes_now.mark_asked_at is not None
    fresh = machine.stored.status in {None, Status.AVAILABLE} and not machine.stored.is_unreadable
    heated = machine.notes_now.is_heated
    if ours and fresh and not heated and machine.instance.runs and machine.instance.marked:
        return presume(machine, policy)
    return park(machine, Why.NO_CONSENT)


def _longest_waiting_first(machine: Machine) -> tuple[datetime, str]:
    notes = machine.stored.notes
    since = (notes.missed_at or notes.mark_asked_at) if notes is not None else None
    return since or _NEVER, machine.vm_id


def _kind(step: Step) -> str:
    """The kind of a step that a tick limits; empty for the rest."""
    return "mark" if isinstance(step.order, Mark) else "removal" if step.why in _CAPPED else ""


def newcomers_wait(fleet: Fleet, policy: Policy) -> Mapping[VmId, timedelta]:
    """How soon another look at each new machine of this process pays; zero or less: now.

    By the notes where they know more: when the mark can be seen, and when the machine may be offered.
    """
    waits = {}
    for vm_id, followed in fleet.cloud.newcomers.items():
        row = fleet.rows.get(vm_id)
        notes = row.notes if row is not None else None
        if row is not None and (row.record is not None or (notes is not None and notes.beyond_admitting)):
            continue
        if followed.phase in {Phase.MADE, Phase.BOOTS, Phase.RUNS}:
            waits[vm_id] = policy.follow_made
        elif notes is not None and notes.mark_noted_at is not None and followed.phase is Phase.MARKED:
            found = notes.found_noted_at or fleet.now
            over = max(notes.mark_noted_at + policy.admit_after, found + policy.id_kept_for) - fleet.now
            waits[vm_id] = over if over > timedelta(0) else followed.due_in
        else:
            waits[vm_id] = followed.due_in
    return waits


def _listing(fleet: Fleet, waits: Mapping[VmId, timedelta]) -> Iterator[Listing]:
    """Ask for a listing, unless new machines are due and the last listing is a moment ago."""
    cloud, due = fleet.cloud, any(wait <= timedelta(0) for wait in waits.values())
    if not cloud.was_listed and (cloud.listing_due or not (due or cloud.asked)):
        yield Listing()


def _gets(fleet: Fleet, waits: Mapping[VmId, timedelta]) -> Iterator[Get]:
    """Ask for the new machines that are due and that this tick has not seen, the longest due first."""
    newcomers = fleet.cloud.newcomers
    for vm_id, wait in waits.items():
        if vm_id not in newcomers:
            continue
        due = wait <= timedelta(0) and newcomers[vm_id].phase not in {Phase.MADE, Phase.BOOTS, Phase.RUNS}
        if due and vm_id not in fleet.cloud.asked:
            yield Get(ref=newcomers[vm_id].ref, queue="admission", place=(wait.total_seconds(), vm_id))


def _look_again(
    steps: Sequence[Step], fleet: Fleet, waits: Mapping[VmId, timedelta], policy: Policy
) -> timedelta | None:
    """Sooner than the timer: when a mark can be seen, and when the next look at a new machine is due."""
    soon = [policy.mark_shows] if any(isinstance(step.order, Mark) for step in steps) else []
    soon += [policy.admit_after] if any(step.why is Why.MARK_SEEN for step in steps) else []
    soon += [max(wait, policy.mark_shows) for wait in waits.values()]
    for machine in fleet.machines:
        notes = machine.notes_now
        if machine.instance is not None and not notes.beyond_admitting and notes.mark_seen_at is not None:
            soon.append(admissible_in(machine, policy))
    return soonest(fleet.now, *(fleet.now + wait for wait in soon if wait > timedelta(0)))
