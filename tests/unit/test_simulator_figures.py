"""What is counted, and how it is told in the end."""

import json
from dataclasses import replace

import pytest
from simulator_builders import OFFERED, azure, in_session, look, machine, second, told
from unit.test_price import PRICE

from emulator.history import What
from scaler.model.instance import PowerState, ScaleSetName, Tier
from scaler.model.waits import percentile
from simulator.bill import Bill
from simulator.figures import Figures, Summary
from simulator.happenings import Did, Happening
from simulator.observer.wrong import Kind, Wrong

WRONG = Wrong(kind=Kind.LEAKED, at=second(1), why="it is billed for nothing", vm_id="vm-1", session="ann")


def counted(*happenings: Happening) -> Figures:
    figures = Figures()
    for each in happenings:
        figures.see(each)
    return figures


def summary(*happenings: Happening, **fields: object) -> Summary:
    base = Summary(
        figures=counted(*happenings), wrongs=(), calls={}, redis="redis-server 7.0.15", speed=20.0, seconds=30.0
    )
    return replace(base, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([3.0], 0.5, 3.0),
        ([3.0], 0.95, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([5.0, 1.0, 3.0], 0.5, 3.0),
        ([float(each) for each in range(1, 101)], 0.95, 95.0),
        ([float(each) for each in range(1, 11)], 0.95, 10.0),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


def test_a_wait_is_from_arrival_to_opening_however_often_they_asked() -> None:
    figures = counted(
        told(1, "ann", Did.ARRIVED),
        told(2, "ann", Did.PROMISED),
        told(3, "ann", Did.DISPLACED),
        told(4, "ann", Did.PROMISED),
        told(6.5, "ann", Did.OPENED),
    )
    assert figures.waits == [5.5]
    assert figures.waiting == 0


@pytest.mark.parametrize(("rest", "tier"), [(What.STOPPED, Tier.WARM), (What.DEALLOCATED, Tier.COLD)])
def test_a_wait_counts_for_the_tier_that_its_machine_rested_in(rest: What, tier: Tier) -> None:
    born = (azure(0, What.RUNNING), azure(1, rest), told(2, "ann", Did.ARRIVED), azure(3, What.RUNNING))
    figures = counted(*born, told(4, "ann", Did.OPENED))
    assert figures.waits_on == {each: [2.0] if each is tier else [] for each in Tier}
    assert figures.tiers == {"vm": tier}


def test_the_wait_of_a_tier_begins_with_the_reservation_and_a_move_does_not_end_it() -> None:
    """Whoever found no machine at first did not wait for the tier of the later one."""
    came = (
        azure(0, What.STOPPED),
        told(1, "ann", Did.ARRIVED),
        told(1, "ann", Did.QUEUED),
        told(5, "ann", Did.PROMISED),
    )
    waited = counted(*came, told(7, "ann", Did.OPENED))
    assert (waited.waits, waited.waits_on[Tier.WARM]) == ([6.0], [2.0])
    moved = counted(*came, told(6, "ann", Did.MOVED), told(6, "ann", Did.PROMISED), told(8, "ann", Did.OPENED))
    assert moved.waits_on[Tier.WARM] == [3.0]
    again = counted(*came, told(6, "ann", Did.DISPLACED), told(7, "ann", Did.PROMISED), told(8, "ann", Did.OPENED))
    assert again.waits_on[Tier.WARM] == [1.0]


def test_a_machine_that_its_record_calls_hot_is_hot_for_who_is_promised_it_from_then_on() -> None:
    hot = look(3, machine(PowerState.RUNNING, replace(OFFERED, heated=True, hot=True)))
    promised = (told(2, "ann", Did.ARRIVED), told(2, "ann", Did.PROMISED))
    early = counted(azure(0, What.STOPPED), *promised, hot, told(6, "ann", Did.OPENED))
    assert early.waits_on == {Tier.HOT: [], Tier.WARM: [4.0], Tier.COLD: []}
    late = counted(azure(0, What.STOPPED), hot, *promised, told(3, "ann", Did.OPENED))
    assert late.waits_on == {Tier.HOT: [1.0], Tier.WARM: [], Tier.COLD: []}
    stopped = counted(hot, azure(1, What.STOPPED), *promised, told(6, "ann", Did.OPENED))
    assert stopped.waits_on == {Tier.HOT: [], Tier.WARM: [4.0], Tier.COLD: []}


def test_every_visitor_is_accounted_for() -> None:
    outcomes = {"ann": Did.OPENED, "bob": Did.REFUSED, "cid": Did.GAVE_UP}
    arrivals = [told(0, who, Did.ARRIVED) for who in (*outcomes, "dan")]
    line = json.loads(summary(*arrivals, *(told(1, who, did) for who, did in outcomes.items())).as_json())
    assert line["visitors"] == 4
    assert [line[each] for each in ("opened", "refused", "abandoned", "waiting")] == [1, 1, 1, 1]


def test_the_json_line_has_what_was_asked_for() -> None:
    happenings = (azure(1, What.CREATED), azure(2, What.CREATED), azure(3, What.DELETED))
    calls = {"provisioner": 10, "starter": 5}
    text = summary(*happenings, calls=calls, wrongs=(WRONG,)).as_json()
    line = json.loads(text)
    assert "\n" not in text
    assert (line["created"], line["deleted"], line["arm_calls"], line["arm_calls_per_minute"]) == (2, 1, 15, 30.0)
    assert line["arm_calls_per_controller"] == {"cleaner": 0, "provisioner": 10, "reconciler": 0, "starter": 5}
    assert (line["redis"], line["speed"], line["seconds"]) == ("redis-server 7.0.15", 20.0, 30.0)
    assert (line["wait_p50_s"], line["wait_p95_s"]) == (None, None)
    assert [line[f"{tier}_wait_p95_s"] for tier in ("hot", "warm", "cold")] == [None, None, None]
    wrongs = ("reservations_lost", "used_machines_handed_out", "sessions_cut_short", "machines_leaked")
    assert [line[each] for each in wrongs] == [0, 0, 0, 1]


def test_any_wrong_fails_the_run_and_the_lines_say_whose() -> None:
    assert summary().exit_status == 0
    wronged = summary(wrongs=(WRONG,))
    assert wronged.exit_status == 1
    wrong = [line for line, is_wrong in wronged.verdict() if is_wrong]
    assert wrong[0].split() == ["machines", "leaked", "1"]
    assert all(word in wrong[1] for word in ("vm-1", "ann", WRONG.why))
    assert not any(is_wrong for _, is_wrong in summary().verdict())


def test_the_bill_adds_up_all_machines_at_the_price_of_their_state_in_the_time_of_the_emulated_world() -> None:
    figures = Figures(bill=Bill(prices={ScaleSetName(""): PRICE}, speed=20, currency="EUR"))
    inside = machine(PowerState.RUNNING, in_session("ann"))
    warm, cold = machine(PowerState.STOPPED, OFFERED), machine(PowerState.DEALLOCATED, OFFERED)
    for happening in (look(0, inside, warm, cold), told(90, "ann", Did.OPENED), look(180, inside)):
        figures.see(happening)
    assert figures.costs == "2.00 EUR per hour, 0.00 idle; 3.25 so far, 3.25 per visitor"
    figures.see(look(180, inside, warm, cold))
    assert figures.costs.startswith("3.25 EUR per hour, 1.00 idle")
    told_of = summary(figures=figures)
    assert "costs     3.25 EUR per hour" in "\n".join(told_of.as_lines())
    assert json.loads(told_of.as_json())["cost"] == 3.25


def test_without_prices_nothing_is_said_of_costs() -> None:
    without = summary(look(0, machine(PowerState.RUNNING)), look(180, machine(PowerState.RUNNING)))
    assert without.figures.costs == ""
    assert not any("cost" in line for line in without.as_lines())
    assert json.loads(without.as_json())["cost"] is None


def test_the_line_tells_the_waits_of_each_tier() -> None:
    figures = Figures(waits_on={Tier.WARM: [1.0, 2.0], Tier.COLD: [90.0, 101.257]})
    line = json.loads(summary(figures=figures).as_json())
    assert [line[f"{tier}_wait_p95_s"] for tier in ("hot", "warm", "cold")] == [None, 2.0, 101.26]


def test_sessions_that_health_ended_are_counted_once_with_the_time_since_the_tab_was_closed() -> None:
    ended = machine(PowerState.RUNNING, replace(in_session("ann"), used=True, ended_by_health=True))
    seen = (told(1, "ann", Did.VANISHED), look(2, machine(PowerState.RUNNING, in_session("ann"))))
    line = json.loads(summary(*seen, look(9, ended), look(10, ended)).as_json())
    assert (line["ended_by_health"], line["closed_tab_p95_s"]) == (1, 8.0)
    assert "1 sessions ended by it, 95 % within 160 s" in "\n".join(summary(*seen, look(9, ended)).as_lines())
    assert json.loads(summary(look(9, ended)).as_json())["closed_tab_p95_s"] is None
    assert json.loads(summary().as_json())["ended_by_health"] == 0
