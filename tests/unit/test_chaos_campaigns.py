"""A campaign is drawn from its seed alone, somebody comes, and it would notice."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scaler.model.edges import Actor, Edge
from scaler.model.plan import Why
from scaler.report import Report
from simulator.chaos.breaks import Planted
from simulator.chaos.campaign import Campaign, settle_bound
from simulator.chaos.hosts import Host
from simulator.chaos.runs import Trial, campaign_of, results, run, trials, weather_of, within
from simulator.chaos.story import explained, shrunk
from simulator.chaos.summary import Figures, Result
from simulator.chaos.weather import WEATHERS, Weather
from simulator.chaos.world import POLICY
from simulator.happenings import Did

_ROOT = Path(__file__).parents[2]
_TELL = """
from simulator.chaos.runs import Trial, run
result = run(Trial(weather="everything, and more of it", seed=3))
print(result.figures, result.settled_after, result.wrongs, result.amiss)
"""


def _told(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", _TELL], cwd=_ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.long
def test_the_same_seed_goes_the_same_way_in_every_process() -> None:
    assert _told("1") == _told("2") != ""


@pytest.mark.long
def test_visitors_come_and_go_and_machines_with_them() -> None:
    """A campaign that nobody visits would pass as well."""
    figures = Figures()
    for seed in range(3):
        figures.add(run(Trial(weather="fair", seed=seed)).figures)
    assert figures.did[Did.LEAVING] >= 20
    assert figures.edges["RETIRE"] >= 20


def test_hosts_write_down_for_people_what_azure_refused() -> None:
    campaign = Campaign(WEATHERS["a quota that has room for some"], 0, length=timedelta(minutes=10))
    campaign.go()
    assert campaign.world.registry.ceilings()


@pytest.mark.long
def test_every_kind_of_trouble_really_happens() -> None:
    figures = Figures()
    names = "everything, and more of it", "changing settings", "Redis loses keys", "a flush", "halted now and then"
    for name in names:
        for seed in range(3):
            figures.add(run(Trial(weather=name, seed=seed)).figures)
    redis = {"failovers", "restarts", "flushes", "lost keys", "times Redis was away"}
    settings = {"halts", "scale sets taken out of the settings", "settings of another scale set"}
    assert {"kills", "ticks held up", *redis, *settings} <= figures.accidents.keys()
    rated = {fault.value for fault in WEATHERS["everything, and more of it"].rates}
    assert len(rated - figures.faults.keys()) < len(rated) / 4, "nearly all of them struck"


@pytest.mark.long
def test_machines_are_hot_while_redis_fails_over_and_its_replica_does_not_answer() -> None:
    """Campaigns that heat nothing would pass as well."""
    hot, ends = Counter[bool](), Counter[str]()

    def count(_host: Host, _name: Actor, report: Report) -> None:
        hot.update(bool(each.step.facts.get("hot")) for each in report.outcomes if each.step.edge == Edge.OPEN.name)
        ends.update(each.result.name for each in report.outcomes)

    campaign = Campaign(WEATHERS["hot machines, the replica away for a minute, a failover, no replica"], 6)
    campaign.world.readers.append(count)
    campaign.go()
    assert hot[True] >= 10
    assert ends["UNCONFIRMED"] >= 5
    assert campaign.world.counts["failovers"] >= 3
    assert campaign.world.edges[Edge.SWAP.name] >= 1


@pytest.mark.long
def test_hot_machines_lose_their_mark_by_hand_and_are_marked_again() -> None:
    campaign = Campaign(WEATHERS["marks taken from hot machines, the replica away, and a failover"], 6)
    whys = Counter[Why]()
    campaign.world.readers.append(lambda _host, _name, report: whys.update(each.step.why for each in report.outcomes))
    campaign.go()
    assert campaign.world.counts["hot machines unprotected by hand"] >= 5
    assert whys[Why.TAKEN_OUT] >= 5


def test_what_does_not_settle_is_named() -> None:
    never_admits = Planted(what="nothing is marked", policy=lambda policy: replace(policy, max_marks=0))
    campaign = Campaign(WEATHERS["fair"], 1, planted=never_admits, length=timedelta(minutes=2))
    campaign.go()
    after, amiss = campaign.settle()
    assert after >= settle_bound(POLICY)
    assert any("not offered" in each for each in amiss)


@pytest.mark.parametrize("trouble", ["crashes", "failover", "order-late"])
def test_trouble_can_be_left_out(trouble: str) -> None:
    weather = WEATHERS["everything, and more of it"]
    assert trouble in weather.troubles
    assert trouble not in weather.without([trouble]).troubles


def test_without_any_trouble_it_is_fair() -> None:
    weather = WEATHERS["everything, and more of it"]
    calm = weather.without(weather.troubles)
    assert calm.troubles == ()
    assert (calm.naive, calm.stay) == (weather.naive, weather.stay), "who comes is no trouble"


def test_seeds_go_round_the_weathers() -> None:
    asked = within(trials(("a", "b", "c"), first=7), seeds=4)
    assert [(each.seed, each.weather) for each in asked] == [(7, "a"), (8, "b"), (9, "c"), (10, "a")]


def test_no_time_is_no_campaign() -> None:
    assert list(within(trials(("a",)), seconds=0.0)) == []


@pytest.mark.long
def test_several_processes_find_what_one_finds() -> None:
    asked = [Trial(weather="fair", seed=seed, length=timedelta(minutes=5)) for seed in range(4)]
    alone = {each.seed: each.figures for each in results(iter(asked), 1)}
    together = {each.seed: each.figures for each in results(iter(asked), 2)}
    assert alone == together


@pytest.mark.long
def test_a_failure_is_made_smaller() -> None:
    first = Trial(weather="everything", seed=1, planted="admit-without-mark", length=timedelta(minutes=10))
    tried = (replace(first, seed=seed) for seed in range(1, 9))  # ten minutes of one seed may show nothing
    trial, found = next((each, result) for each in tried if (result := run(each)).failed)
    attempts = iter(range(8))
    smaller, result = shrunk(trial, found, lambda: next(attempts, None) is None)
    assert result.failed
    assert len(weather_of(smaller).troubles) < len(weather_of(trial).troubles)
    assert smaller.length < trial.length


def test_a_failure_is_told_with_its_replay_and_its_story() -> None:
    trial = Trial(weather="fair", seed=3, planted="admit-without-mark")
    told = list(explained(trial, run(trial), seconds=0.0))
    again = "again:  python -m simulator chaos --seed 3 --weather 'fair'"
    assert told[:2] == ["FAILED: seed 3 in 'fair'", again]
    wrong = next(line for line in told if line.startswith("WRONG"))
    vm_id = wrong.partition(" vm ")[2][:36]
    story = told[told.index("") + 1 :]
    assert "created, by the provisioner" in story[0]
    assert any(line.startswith("visitor") or vm_id[:8] in line for line in story)


@pytest.mark.long
def test_what_did_not_settle_is_told_with_the_story_of_one_such_machine() -> None:
    trial = Trial(weather="fair", seed=1, planted="delete-once")
    amiss = (f"not offered: {_first_machine()}",)
    result = Result(weather="fair", seed=1, figures=Figures(), settled_after=timedelta(0), amiss=amiss)
    told = "\n".join(explained(trial, result, seconds=0.0))
    assert "NOT SETTLED: not offered" in told
    assert "created, by the provisioner" in told


def _first_machine() -> str:
    campaign = campaign_of(Trial(weather="fair", seed=1, length=timedelta(minutes=5)))
    campaign.go()
    return campaign.world.vms[0].vm_id


def test_a_trial_is_built_from_its_words() -> None:
    campaign = campaign_of(Trial(weather="everything", seed=1, without=("failover",), length=timedelta(minutes=1)))
    assert campaign.weather == WEATHERS["everything"].without(["failover"])
    assert campaign.length == timedelta(minutes=1)
    assert Weather().troubles == ("crashes", "interrupted", "overlap")
