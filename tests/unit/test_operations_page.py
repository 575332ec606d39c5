"""The page for the operator at night quotes the log as it is: its reasons and its facts are those that arrive."""

import logging
import re
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOW, instance, notes, record, ref, row, sighting, vm
from unit.test_settings import LEAST
from wire.scripted_arm import StaticToken

from scaler import runtime
from scaler.actuate import Outcome, Result
from scaler.errors import ScalerError, Throttled, Unreachable
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import ScaleSetName, SessionId
from scaler.model.lifecycle import step
from scaler.model.plan import Mark, Plan, Refusal, Step, Why, withheld
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Complaint, ReservedNote, Snapshot, Status
from scaler.model.sighting import Pause
from scaler.report import Report
from scaler.settings import InvalidSettings, load
from scaler.telemetry import Telemetry, read

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
REASONS = [each.value for each in Why]
_BLOCK = re.compile(r"```.*?```", re.DOTALL)
_QUOTED = re.compile(r'"([^"]+)"')
SET = ScaleSetName("vmss-pixels")
POLICY = Policy(capacity={SET: Capacity(desired=1, warm=1)})
NOBODY_THERE = {
    "AZURE_RESOURCE_MANAGER_URL": "http://127.0.0.1:9",
    "REDIS_HOST": "localhost",
    "REDIS_PORT": "9",
    "SCALER_PROVISIONER_WATCH": "0",  # one look, and no minute of waiting for Redis
}
SESSIONS = {"facts.session"}  # of steps that are about a reservation
_ALARM = re.compile(r"^## Alarms.*?^## ", re.DOTALL | re.MULTILINE)


def prose() -> str:
    """The page without its blocks, and as one line: sentences are wrapped anywhere."""
    return _BLOCK.sub("", PAGE.read_text(encoding="utf-8"))


def is_a_reason(quoted: str) -> bool:
    """To the letter; or its beginning, if the page says so."""
    said = " ".join(quoted.split())
    begins = said.removesuffix("…").rstrip()
    return said in REASONS or (begins != said and any(each.startswith(begins) for each in REASONS))


def test_every_reason_that_it_quotes_is_one() -> None:
    quoted = _QUOTED.findall(prose())
    assert len(quoted) >= 15
    assert [each for each in quoted if not is_a_reason(each)] == []


def test_so_is_the_last_column_of_every_table_of_a_command() -> None:
    rows = re.findall(r"^(?:do|held|done) .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 8
    assert [each for each in rows if not any(reason in each for reason in REASONS)] == []


def alarms_of_the_table() -> list[str]:
    """The reasons in the table of alarms."""
    section = _ALARM.search(prose())
    assert section is not None
    return re.findall(r"^\| (?!alarm|---)([^|]+?) \|", section.group(), re.MULTILINE)


def test_every_alarm_of_the_table_is_one() -> None:
    alarms = alarms_of_the_table()
    assert len(alarms) >= 4
    assert [each for each in alarms if each not in REASONS] == []


def test_every_alarm_of_the_code_is_in_the_table() -> None:
    section = _ALARM.search(prose())
    assert section is not None
    raised = {
        Why[name]
        for path in (PAGE.parents[1] / "scaler").rglob("*.py")
        for name in re.findall(r"Refusal\(why=Why\.(\w+)[^)]*alarm=True", path.read_text(encoding="utf-8"))
    }
    assert len(raised) >= 8
    assert [why for why in raised if f"| {why} |" not in section.group()] == []


def an_eventful_tick() -> Report:
    """Something of every kind."""
    admitted = step(Edge.ADMIT, Actor.RECONCILER, row(1, None, notes()), record(), notes(), NOW)
    mark = Mark(ref=ref(1), etag=None, rests_on=sighting())
    one = Step(why=Why.HORIZON_PASSED, vm_id=vm(1), change=admitted, order=mark, facts={"warm": True})
    held = Refusal(why=Why.BREAKER, vm_id=vm(1), facts={"held": Why.RIPE})
    failed = Outcome(step=one, result=Result.FAILED, error=Unreachable("no answer"))
    seen = Cloud(listings={SET: sighting()}).showing(sighting(), instance(1))
    ann = record(2, Status.RESERVED, session_id=SessionId("ann"))
    waits = row(2, ann, notes(2, reserved=ReservedNote(session=SessionId("ann"), at=NOW)))
    return Report(
        plan=Plan(refusals=(held, withheld(sighting(pause=Pause.ORDERS)))),
        would=(one,),
        outcomes=(failed, Outcome(step=one, result=Result.DONE)),
        cloud=seen,
        fleet=Fleet.join(Snapshot(now=NOW, rows={vm(2): waits}), seen, POLICY),
        errors=(Unreachable("no answer"), Throttled("no budget now", timedelta(seconds=7))),
        complaints=(Complaint(key="vmss:instance:x", why="not JSON"),),
    )


def facts_that_arrive(messages: list[str]) -> dict[str, set[str]]:
    """Of each event, the facts that stand in the message of its lines; `facts.pause` is one inside another."""
    found: dict[str, set[str]] = {}
    for _, facts in map(read, messages):
        inner = {f"facts.{name}" for name in facts.get("facts", {})}
        of_scale_sets = {name for row in facts.get("scale_sets", {}).values() for name in row}
        found.setdefault(facts["event"], set()).update(facts, inner, of_scale_sets)
    return found


def test_every_fact_that_it_names_is_in_the_message_of_such_a_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="scaler")
    Telemetry("reconciler", POLICY).report(an_eventful_tick())
    with closing(runtime.open_doors(load(LEAST | NOBODY_THERE), StaticToken())) as doors:
        doors.renewals.append(Unreachable("the identity endpoint does not answer"))
        with pytest.raises(ScalerError):
            runtime.Scaler(doors).watch(Actor.PROVISIONER)
    monkeypatch.setenv("SCALER_POOL_CAPACITY", "many")
    with pytest.raises(InvalidSettings):
        runtime.run("starter")
    arrive = facts_that_arrive(caplog.messages)
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("| `event` |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", table, re.MULTILINE)
    assert len(rows) > 5
    assert {event for event, _ in rows} == set(arrive)
    for event, look_at in rows:
        assert set(re.findall(r"`([\w.]+)`", look_at)) <= arrive[event], event
    (evaluation,) = re.findall(r"^An `evaluation` is .*?\n\n", page, re.MULTILINE | re.DOTALL)
    words = {"evaluation", "unseen", "new", "marked"}  # the event, and standings
    assert set(re.findall(r"`([\w.]+)`", evaluation)) - words <= arrive["evaluation"]
    everywhere = set[str]().union(*arrive.values())
    assert set(re.findall(r"\bfacts\.\w+", page.replace("fact.facts", "facts"))) - SESSIONS <= everywhere


def test_each_disaster_says_what_is_seen_what_happens_by_itself_and_what_to_do() -> None:
    titles = ("Redis was flushed", "Region sold out", "Quota reached", "Role missing", "Redis away", "ARM throttled")
    sections = prose().split("\n## ")
    for title in titles:
        section = next(each for each in sections if each.startswith(title))
        assert [each for each in ("*You see*", "*By itself*", "*Do*") if each not in section] == [], title
    assert any(each.startswith("First installation on an existing scale set") for each in sections)
