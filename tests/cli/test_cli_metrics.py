"""`scaler metrics`: Prometheus' own parser reads it, and its figures are what Redis and Azure hold."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli.console import Console
from cli.estate import KEYS, SPEED, Estate
from cli.test_cli_alive import FINE, leave
from go_scaler import Machine
from prometheus_client import parser
from queries.promtool import promtool

from scaler.cli.environment import Exit
from scaler.model.capacity import Wanted
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.history import DAY, SAMPLE_EVERY, Sample
from scaler.model.instance import ScaleSetName, SessionId, VmId
from scaler.model.row import StartNote, Status
from scaler.registry.notes_json import encode_notes
from scaler.registry.redis import RedisRegistry

A, R, U = Status.AVAILABLE, Status.RESERVED, Status.UNAVAILABLE
PIXELS = ScaleSetName("vmss-pixels")
TIERS, MACHINES = ("warm", "cold"), "scaler_machines"

type Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Every value by its name and labels; a series stands once."""
    read = [each for family in parser.text_string_to_metric_families(text) for each in family.samples]
    found = {(each.name, frozenset(each.labels.items())): each.value for each in read}
    assert len(found) == len(read)
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture
def settled(estate: Estate, console: Console) -> Estate:
    """An adopted installation with a machine of each status."""
    estate.settle(
        Machine(status=U, session="inside", runs=True),
        Machine(status=R, session="waiting"),
        Machine(status=A),
        Machine(status=U, session="gone", used=True),
    )
    console.run("adopt", "--yes")
    estate.allow()
    return estate


def test_machines_and_visitors_are_counted_by_redis_alone(settled: Estate, console: Console) -> None:
    settled.server.close()  # no ARM, no identity endpoint
    said = console.run("metrics")
    assert (said.status, said.err) == (Exit.DONE, "")
    found = samples(said.out)
    for name in ("scaler_reservations", "scaler_sessions", "scaler_used_machines"):
        assert value(found, name, scale_set="vmss-pixels") == 1
    assert value(found, "scaler_paused") == 0
    assert not {"inside", "waiting", "gone"} & set(re.findall(r'"([^"]*)"', said.out))  # no label names a session


def test_a_machine_is_allocated_from_its_reservation_on_until_it_is_used(settled: Estate, console: Console) -> None:
    found = samples(console.run("metrics", "--azure").out)
    of = {dict(labels)["vm"]: number for (name, labels), number in found.items() if name == "pixel_stream_allocated"}
    by_session = {row["session"]: of.get(row["vm"]) for row in console.run("status").table}
    assert by_session == {"inside": 1, "waiting": 1, "": 0, "gone": None}
    assert value(found, "pixel_stream_allocated_ratio", scale_set="vmss-pixels") == pytest.approx(2 / 3)


def test_who_got_a_hot_machine_has_a_hot_one_until_the_end(settled: Estate, console: Console) -> None:
    (vm_id,) = (row["vm"] for row in console.run("status").table if row["session"] == "inside")
    row = RedisRegistry(settled.redis, KEYS).read().rows[VmId(vm_id)]
    assert row.notes is not None
    start = StartNote(session=SessionId("inside"), at=settled.clock.now(), attempts=1, hot=True)
    settled.redis.set(KEYS.notes(row.vm_id), encode_notes(replace(row.notes, start=start)))
    labels = {"vm": vm_id, "scale_set": "vmss-pixels", "tier": "hot"}
    assert value(samples(console.run("metrics").out), "pixel_stream_allocated", **labels) == 1


def test_without_a_machine_there_is_no_ratio(estate: Estate, console: Console) -> None:
    found = samples(console.run("metrics").out)
    assert not [name for name, _ in found if name.startswith("pixel_stream_allocated")]


def test_waits_and_refusals_of_the_day_are_counted_and_those_of_yesterday_are_not(
    estate: Estate, console: Console
) -> None:
    registry, every = RedisRegistry(estate.redis, KEYS), SAMPLE_EVERY / SPEED
    number = int(registry.read().now.timestamp() // every.total_seconds())
    midnight = (number - number % DAY) * every.total_seconds()
    for second, waits, refused in ((-1, (3.0,), 9), (0, (2.5, 2.6), 2)):
        at = datetime.fromtimestamp(midnight + second, UTC)
        sample = Sample(controller=Actor.STARTER, at=at, waits={"warm": waits, "cold": (700.0,)}, refused=refused)
        registry.leave_sample(sample, every=every)
    found = samples(console.run("metrics").out)
    assert value(found, "pixel_stream_refused_visitors_total") == 2
    counts = {le: value(found, "pixel_stream_wait_seconds_bucket", tier="warm", le=le) for le in ("1.0", "2.5", "5.0")}
    assert counts == {"1.0": 0, "2.5": 1, "5.0": 2}  # a bound is part of its bucket
    assert value(found, "pixel_stream_wait_seconds_sum", tier="warm") == pytest.approx(5.1)
    assert value(found, "pixel_stream_wait_seconds_bucket", tier="cold", le="600.0") == 0
    assert value(found, "pixel_stream_wait_seconds_count", tier="cold") == 1


def test_what_is_offered_and_who_waits_for_how_long(estate: Estate, console: Console) -> None:
    estate.allow()
    estate.serve_until(lambda: estate.redis.scard(KEYS.index(A)) == 3)
    idle = samples(console.run("metrics").out)
    assert sum(value(idle, "scaler_offered_machines", scale_set="vmss-pixels", tier=tier) for tier in TIERS) == 3
    assert value(idle, "scaler_oldest_reservation_seconds", scale_set="vmss-pixels") == 0
    assert console.run("reserve", "ann").status == Exit.DONE
    busy = samples(console.run("metrics").out)
    assert sum(value(busy, "scaler_offered_machines", scale_set="vmss-pixels", tier=tier) for tier in TIERS) == 2
    assert value(busy, "scaler_reservations", scale_set="vmss-pixels") == 1
    assert value(busy, "scaler_wanted_machines", scale_set="vmss-pixels") == 3


def test_a_look_at_azure_adds_standings_capacity_and_cost(settled: Estate, console: Console) -> None:
    found = samples(console.run("metrics", "--azure", SCALER_PRICE="1.2/1.2/0.05").out)
    assert value(found, "scaler_azure_up", scale_set="vmss-pixels") == 1
    assert value(found, "scaler_capacity_machines", scale_set="vmss-pixels") == 4
    standings = {dict(labels)["standing"]: number for (name, labels), number in found.items() if name == MACHINES}
    assert (standings["in session"], standings["reserved"], standings["used"]) == (1, 1, 1)
    assert sum(standings.values()) == 4
    assert value(found, "scaler_cost_per_hour", scale_set="vmss-pixels") == pytest.approx(1.2 + 3 * 0.05)


def test_without_an_answer_of_azures_the_rest_is_told_all_the_same(settled: Estate, console: Console) -> None:
    settled.server.close()
    said = console.run("metrics", "--azure")
    found = samples(said.out)
    assert (said.status, value(found, "scaler_azure_up", scale_set="vmss-pixels")) == (Exit.NOT_DONE, 0)
    assert value(found, "scaler_sessions", scale_set="vmss-pixels") == 1
    assert "not looked at: " in said.err


def test_the_signs_of_life_are_gauges(estate: Estate, console: Console) -> None:
    late = replace(FINE, ago=timedelta(minutes=5), alarms=("look at this", "and at this"))
    failing = replace(FINE, failure="no", failing=timedelta(seconds=90))
    wants = replace(FINE, wanted={PIXELS: Wanted(machines=7, why="because")}, alarms=("look at this", "and at this"))
    leave(estate, cleaner=late, starter=None, reconciler=failing, provisioner=wants)
    found = samples(console.run("metrics").out)
    of = {name: value(found, "scaler_controller_late", controller=name) for name in CONTROLLERS}
    assert of == {Actor.PROVISIONER: 0, Actor.RECONCILER: 0, Actor.STARTER: 1, Actor.CLEANER: 1}
    assert value(found, "scaler_alarms", controller="provisioner") == 2
    assert value(found, "scaler_alarms", controller="cleaner") == 0  # a late controller's are of long ago
    assert value(found, "scaler_controller_failing_seconds", controller="reconciler") == 90
    assert value(found, "scaler_build_info", controller="cleaner", version="1.2.3") == 1
    seconds, _ = estate.redis.time()
    ticked = value(found, "scaler_last_tick_timestamp_seconds", controller="cleaner")
    assert ticked == pytest.approx(int(seconds) - 300, abs=5)
    assert value(found, "scaler_wanted_machines", scale_set="vmss-pixels") == 7


def test_whether_a_provisioner_in_another_process_is_late_is_not_said(estate: Estate, console: Console) -> None:
    leave(estate, provisioner=None, reconciler=replace(FINE, knows_provisioner=False))
    found = samples(console.run("metrics").out)
    assert ("scaler_controller_late", frozenset({("controller", "provisioner")})) not in found


def test_a_pause_is_a_gauge(estate: Estate, console: Console) -> None:
    estate.allow()
    console.run("pause")
    assert value(samples(console.run("metrics").out), "scaler_paused") == 1
    console.run("resume")
    assert value(samples(console.run("metrics", SCALER_PAUSED="all").out), "scaler_paused") == 1


def test_a_file_is_whole_and_alone(settled: Estate, console: Console, tmp_path: Path) -> None:
    file = tmp_path / "scaler.prom"
    file.write_text("older")
    said = console.run("metrics", "--output", str(file))
    assert (said.status, said.out) == (Exit.DONE, "")
    assert value(samples(file.read_text()), "scaler_sessions", scale_set="vmss-pixels") == 1
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_stays(console: Console, tmp_path: Path) -> None:
    said = console.run("metrics", "--output", str(tmp_path / "nowhere" / "scaler.prom"))
    assert said.status == Exit.NOT_DONE
    assert said.err.startswith(f"{tmp_path}/nowhere/scaler.prom: cannot be written (No such file or directory); ")


def test_a_file_that_nobody_would_collect_is_refused(console: Console, tmp_path: Path) -> None:
    said = console.run("metrics", "--output", str(tmp_path / "scaler.txt"))
    assert said.status == Exit.MISUSED
    assert "names end in .prom" in said.err
    assert list(tmp_path.iterdir()) == []


def test_where_redis_is_away_no_old_figures_are_written_anew(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "scaler.prom"
    away = console.run("metrics", "--output", str(file), REDIS_URL="redis://127.0.0.1:1/0")
    assert (away.status, file.exists()) == (Exit.NOT_DONE, False)


@pytest.mark.long
def test_promtool_has_nothing_to_say_against_it(settled: Estate, console: Console) -> None:
    said = console.run("metrics", "--azure", SCALER_PRICE="1.2/1.2/0.05").out
    assert promtool("check", "metrics", stdin=said) == ""
