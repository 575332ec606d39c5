"""The queries on the log of `make run`, as its functions host forwards it, beside the figures of the run."""

from pathlib import Path
from typing import Any

import pytest
from function.test_run_from_end_to_end import figures, simulator
from queries.kusto import Kusto, lines_in

from monitoring.assemble import standalone
from scaler.model.edges import CONTROLLERS
from scaler.model.policy import Policy

pytestmark = pytest.mark.long


def test_the_figures_of_a_run_are_those_of_its_log(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    run = simulator(FOR="45s", JSON="1", LOG=str(file))
    assert run.returncode == 0, run.stdout + run.stderr
    told, lines = figures(run), lines_in(file)
    log, ends = Kusto(lines), max(line.at for line in lines)

    def ask(query: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in log.ask(standalone(query, "1h"), ends)]

    outcomes = dict(ask("ScalerWaits(since) | summarize visitors = count() by outcome"))
    assert told["opened"] <= outcomes["opened"] <= told["opened"] + told["waiting"], "the last may not have seen it yet"
    assert told["opened"] > 5
    assert outcomes.get("refused", 0) == told["refused"]
    ((median,),) = ask("ScalerWaits(since) | where outcome == 'opened' | summarize percentile(waited_s, 50)")
    assert 0 < median <= told["wait_p50_s"], "a visitor asks whether they are let in, a little later"
    ((deleted,),) = ask("ScalerRows(since) | where ordered == 'Delete' and result == 'done' | summarize dcount(vm_id)")
    assert 0 < told["deleted"] <= deleted
    ((named,),) = ask("ScalerRows(since) | where isnotempty(vm_id) | summarize dcount(vm_id)")
    # the hosts go on for a moment after the figures, on a busy machine for long enough to raise the capacity once more
    assert deleted < named <= told["created"] + Policy().max_surge
    assert {name for (name,) in ask("ScalerControllers(since) | distinct controller")} == set(CONTROLLERS)
