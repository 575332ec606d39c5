"""In the states that the model reaches the controllers decide what the model's do: it is a model of this code."""

from collections.abc import Callable

import pytest
from builders import vm
from model import cleaner, reconciler, starter
from model.registry import edge_of
from model.removals import kept
from model.rules import ALL
from model.state import Kind, Power, Row, Step, View
from model.translation import GATED_POLICY, POLICY, seen_by_the_code

from scaler.controllers import cleaner as the_cleaner
from scaler.controllers import reconciler as the_reconciler
from scaler.controllers import starter as the_starter
from scaler.model.edges import Edge
from scaler.model.fleet import Fleet
from scaler.model.plan import Plan
from scaler.model.policy import Policy
from scaler.model.row import Status

_SAMPLE = 200  # of each scenario's, evenly spread
_ORDERS = {
    Kind.MARK: "Mark",
    Kind.START: "Start",
    Kind.STOP: "PowerOff",
    Kind.COOL: "Deallocate",
    Kind.DELETE: "Delete",
}

_SCENARIOS = (
    *("birth", "failover", "flush", "keys", "late", "nameless", "named late"),
    *("witnesses", "stalled", "overlap", "warming", "filled"),
    *("health", "health, failover", "health, flush", "health, naive"),
    *("gated birth", "gated", "gated naive", "gated flush"),
    *("hot", "hot, failover", "hot, naive", "hot, cooled", "hot, flush", "hot, keys", "hot, unmarked"),
    *("heating", "heating, failover", "hot, gated", "heating, gated", "hot, health"),
)

type Gist = tuple[Edge | None, str | None]  # the step of the table, and the order


def _of_the_code(decide: Callable[[Fleet, Policy], Plan], row: Row, view: View, *, by_get: bool) -> Gist:
    policy = POLICY if view.health is None else GATED_POLICY
    plan = decide(seen_by_the_code(row, view, by_get=by_get), policy)
    for step in plan.steps:
        if step.vm_id == vm(1):
            return (step.change.edge if step.change else None, type(step.order).__name__ if step.order else None)
    return (None, None)


def _of_the_model(step: Step | None) -> Gist:
    return (edge_of(step), _ORDERS[step.order] if step.order else None) if step is not None else (None, None)


def _starter(row: Row, view: View) -> Gist:
    if starter.strand(row, view, ALL, failing=False) is None:
        return _of_the_model(starter.start_or_open(row, view, ALL))
    return (Edge.MOVE if starter.would_follow(row, ALL) else Edge.REFUSE, None)


@pytest.mark.parametrize("name", _SCENARIOS)
def test_the_code_agrees(name: str) -> None:
    pairs = sorted(kept(name).machines, key=repr)
    for row, view in pairs[:: len(pairs) // _SAMPLE + 1]:
        told = f"{row} {view}"
        cleaned = cleaner.clean(row, view, view, ALL)
        asks = view.power is Power.GONE or (row.status is Status.UNAVAILABLE and cleaner.worth_a_look(row, view, ALL))
        assert _of_the_code(the_cleaner.decide, row, view, by_get=asks) == _of_the_model(cleaned), told
        reconciled = reconciler.reconcile(row, view, view, ALL)
        assert _of_the_code(the_reconciler.decide, row, view, by_get=True) == _of_the_model(reconciled), told
        assert _of_the_code(the_starter.decide, row, view, by_get=True) == _starter(row, view), told
