"""Each alert rule fires on what it is for, and on nothing else; a scaler at peace fires none."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest
from builders import NOW, instance, notes, record, ref, row, sighting, vm
from queries.kusto import Kusto, recorded
from unit.test_operations_page import alarms_of_the_table

from monitoring.assemble import alerts_json, standalone
from scaler import runtime
from scaler.actuate import Outcome, Result
from scaler.errors import Conflict, OutOfCapacity, Unreachable
from scaler.model.edges import CONTROLLERS, Actor, Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import ScaleSetName, SessionId
from scaler.model.lifecycle import step
from scaler.model.plan import Plan, Refusal, Start, Step, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import ReservedNote, Row, Snapshot, Status
from scaler.report import Report
from scaler.settings import InvalidSettings
from scaler.telemetry import Telemetry

pytestmark = pytest.mark.long
RULES = {rule["name"].removeprefix("scaler-"): rule for rule in json.loads(alerts_json())}
MINUTES = 16  # longer than the longest window
POLICY = Policy(capacity={ScaleSetName("vmss-pixels"): Capacity(desired=1)})
ANN = SessionId("ann")
READY = row(1, record(), notes())

type Act = Callable[[Telemetry, int], None]
"""What a controller does in a minute of the situation."""


def fleet_of(stored: Row, *more: Row) -> Report:
    """The report of a tick that found one machine (and more rows in Redis), and had nothing to do."""
    seen = Cloud(listings={ScaleSetName("vmss-pixels"): sighting(capacity=1)}).showing(sighting(), instance(1))
    fleet = Fleet.join(Snapshot(now=NOW, rows={each.vm_id: each for each in (stored, *more)}), seen, POLICY)
    return Report(plan=Plan(), cloud=seen, fleet=fleet)


def tells(report: Report) -> Act:
    return lambda telemetry, _: telemetry.report(report)


def once(report: Report) -> Act:
    """In one minute alone."""
    return lambda telemetry, minute: telemetry.report(report if minute == MINUTES - 3 else PEACE)


def nothing(_telemetry: Telemetry, _minute: int) -> None:
    """The controller does not tick."""


def fails(telemetry: Telemetry, _minute: int) -> None:
    error = Unreachable("Redis at host:6379 does not answer")
    telemetry.failed_tick(error, error)


def refused(why: Why, *, alarm: bool = True) -> Report:
    return Report(plan=Plan(refusals=(Refusal(why=why, alarm=alarm, facts={"scale_set": "vmss-pixels"}),)))


def failed_starts(number: int, error: OutOfCapacity | Conflict) -> Report:
    start = Step(why=Why.RESERVED, vm_id=vm(1), order=Start(ref=ref(1), rests_on=sighting()), facts={"session": ANN})
    return Report(plan=Plan(), outcomes=(Outcome(step=start, result=Result.FAILED, error=error),) * number)


def waiting(since: timedelta) -> Report:
    reserved = ReservedNote(session=ANN, at=NOW - since)
    return fleet_of(row(1, record(1, Status.RESERVED, session_id=ANN), notes(reserved=reserved)))


def edge(which: Edge, actor: Actor, why: Why, status: Status | None) -> Report:
    """One such step, done."""
    stored = record(1, status) if status is not None else None
    change = step(which, actor, row(1, stored, notes()), stored or record(), notes(), NOW)
    return Report(plan=Plan(), outcomes=(Outcome(step=Step(why=why, vm_id=vm(1), change=change), result=Result.DONE),))


PEACE = fleet_of(READY)
REFUSED = edge(Edge.REFUSE, Actor.STARTER, Why.TIMEOUT, Status.RESERVED)
PRESUMED = edge(Edge.PRESUME, Actor.RECONCILER, Why.MARKED_UNKNOWN_RUNS, None)
INSIDE = row(1, record(1, Status.UNAVAILABLE), notes())
EMPTY = fleet_of(INSIDE)
STRAY = row(2, record(2, Status.UNAVAILABLE), None)  # of no scale set that anybody knows


def unusable(telemetry: Telemetry, _minute: int) -> None:
    """The functions find a mistake in the settings, and do nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALER_POOL_CAPACITY", "many")
        with pytest.raises(InvalidSettings):
            runtime.run("starter")
    telemetry.report(PEACE)


def strays_at_last(telemetry: Telemetry, minute: int) -> None:
    """No machine is ready; and there is a record that nobody can place, for two minutes."""
    telemetry.report(fleet_of(INSIDE, STRAY) if minute >= MINUTES - 2 else EMPTY)


FIRES: Mapping[str, tuple[Mapping[Actor, Act], ...]] = {
    "controller-silent": ({Actor.CLEANER: nothing}, dict.fromkeys(CONTROLLERS, nothing)),
    "ticks-fail": ({Actor.STARTER: fails},),
    "settings-unusable": ({Actor.STARTER: unusable},),
    "visitor-waits": ({Actor.STARTER: tells(waiting(timedelta(seconds=180)))},),
    "visitors-refused": ({Actor.STARTER: once(REFUSED)},),
    "buffer-empty": ({Actor.RECONCILER: tells(EMPTY)}, {Actor.RECONCILER: strays_at_last}),
    "start-failures": ({Actor.STARTER: once(failed_starts(3, OutOfCapacity("sold out")))},),
    "breaker-open": (
        {Actor.CLEANER: tells(refused(Why.BREAKER, alarm=False))},
        {Actor.RECONCILER: once(refused(Why.MOST_UNKNOWN))},
    ),
    "leak": ({Actor.CLEANER: once(refused(Why.UNDELETABLE))}, {Actor.RECONCILER: once(PRESUMED)}),
    "quota": ({Actor.PROVISIONER: once(refused(Why.QUOTA_TOO_SMALL))},),
    "budget": ({Actor.PROVISIONER: once(refused(Why.OVER_BUDGET))},),
    "other-alarm": ({Actor.RECONCILER: once(refused(Why.UNMARKED_IN_SESSION))},),
}
SILENT: Mapping[str, Mapping[Actor, Act]] = {
    "all is well": {},
    "a wait of a cold start": {Actor.STARTER: tells(waiting(timedelta(seconds=179)))},
    "two starts failed": {Actor.STARTER: once(failed_starts(2, OutOfCapacity("sold out")))},
    "Azure is busy": {Actor.STARTER: once(failed_starts(5, Conflict("409: another operation is in progress")))},
    "a breaker that held one step back": {Actor.CLEANER: once(refused(Why.BREAKER, alarm=False))},
    "one tick failed": {
        Actor.STARTER: lambda telemetry, minute: (fails if minute == 9 else tells(PEACE))(telemetry, 9)
    },
    "for a moment nothing was ready": {Actor.RECONCILER: once(EMPTY)},
}


def fired(does: Mapping[Actor, Act]) -> set[str]:
    """The rules that fire after a quarter of an hour in which some do this, and the others tick in peace."""
    minutes = 0

    def now() -> datetime:
        return NOW + timedelta(minutes=minutes, seconds=5)

    with recorded(now) as lines:
        telemetry = {name: Telemetry(name, POLICY, lambda: now().timestamp()) for name in CONTROLLERS}
        for minute in range(MINUTES):
            minutes = minute
            for name in CONTROLLERS:
                does.get(name, tells(PEACE))(telemetry[name], minute)
    log = Kusto(lines)
    return {name for name, rule in RULES.items() if log.ask(rule["query"], now())}


@pytest.mark.parametrize(("name", "does"), [(name, does) for name, situations in FIRES.items() for does in situations])
def test_each_rule_fires_on_what_it_is_for_and_alone(name: str, does: Mapping[Actor, Act]) -> None:
    assert fired(does) == {name}


def test_every_rule_has_a_situation() -> None:
    assert set(FIRES) == set(RULES)


@pytest.mark.parametrize("does", SILENT.values(), ids=SILENT)
def test_no_rule_fires(does: Mapping[Actor, Act]) -> None:
    assert fired(does) == set()


def test_every_alarm_belongs_to_one_rule_and_few_to_the_one_for_the_rest() -> None:
    alarms = list(map(Why, alarms_of_the_table()))
    with recorded(lambda: NOW) as lines:
        Telemetry("cleaner", POLICY).report(
            Report(plan=Plan(refusals=tuple(Refusal(why=why, alarm=True) for why in alarms)))
        )
    found = Kusto(lines).ask(standalone("ScalerAlarms(since)", "1d"), NOW)
    about = {row["why"]: row["about"] for row in found}
    assert set(about) == set(alarms)
    named = {kind for rule in RULES.values() for kind in re.findall(r'^\| where about == "(.*)"$', rule["query"], re.M)}
    assert set(about.values()) == named
    rest = {why for why, kind in about.items() if kind == "other"}
    few = {Why.UNSEEN, Why.UNMARKED_IN_SESSION, Why.LOSES_EVERY_RACE, Why.STAYS_COLD, Why.NO_HEALTH}
    assert rest == few | {Why.NOT_HEATED, Why.NO_REPLICA}
