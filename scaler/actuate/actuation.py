"""The order of it: every change in one batch, the notes confirmed, the orders given, what did not happen taken back."""

from collections.abc import Sequence
from dataclasses import replace

from scaler.actuate.corrections import take_back
from scaler.actuate.giving import give
from scaler.actuate.outcome import Outcome, Ports, Result
from scaler.errors import ScalerError
from scaler.model.plan import Plan, Start, Step
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.ports import Confirmation, Registry


def actuate(plan: Plan, ports: Ports, policy: Policy) -> tuple[Outcome, ...]:
    """Carry it out. One step's failure is its outcome and does not eat the others."""
    written = _write(plan, ports.registry)
    live = [step for step, row in zip(plan.steps, written, strict=True) if step.change is None or row is not None]
    confirmation = _confirm(live, ports.registry)
    outcomes = {id(step): Outcome(step=step, result=Result.LOST_RACE) for step in plan.steps}
    outcomes |= {id(step): Outcome(step=step, result=Result.DONE) for step in live}
    outcomes |= {id(outcome.step): outcome for outcome in give(live, ports, policy)}
    done = tuple(replace(outcomes[id(step)], confirmation=confirmation.get(id(step))) for step in plan.steps)
    take_back(done, dict(zip(map(id, plan.steps), written, strict=True)), ports.registry)
    return done


def _write(plan: Plan, registry: Registry | None) -> tuple[Row | None, ...]:
    """The rows after the changes, in the plan's order; None where there was no change or the race was lost."""
    changes = [step.change for step in plan.steps if step.change is not None]
    if not changes or registry is None:
        return tuple(None for _ in plan.steps)
    rows = iter(registry.apply(changes, good_until=plan.good_until))
    return tuple(next(rows) if step.change is not None else None for step in plan.steps)


def _confirm(live: Sequence[Step], registry: Registry | None) -> dict[int, Confirmation]:
    """A start's note should be on a replica before the order; a machine at rest is started all the same."""
    starts = [step for step in live if isinstance(step.order, Start)]
    if not starts or registry is None:
        return {}
    try:
        confirmation = registry.confirm()
    except ScalerError:  # the note is written: whether a replica has it, nobody can say now
        confirmation = Confirmation.UNCONFIRMED
    return {id(step): confirmation for step in starts}
