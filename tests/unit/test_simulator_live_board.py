"""What the live view remembers of a run, how its controllers fare, and the frame it gives of a moment."""

from dataclasses import replace
from datetime import timedelta

import pytest
from live_builders import ADMIT
from simulator_builders import OFFERED, USED, azure, in_session, look, machine, second, told

from emulator.budgets import BURSTS
from emulator.history import What
from emulator.wire.exchange import Call, CallLog
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import PowerState, Tier
from scaler.model.plan import Why
from simulator.figures import Figures
from simulator.happenings import Did, Happening, Seen, Ticked, Told, Trouble
from simulator.live.board import Board
from simulator.live.frame import Budget, Frame, Health, Machine, Round
from simulator.live.rounds import Rounds, Spending
from simulator.observer.wrong import Kind, Wrong
from simulator.view import NO_STEP, By, Colour, Line

SPEED = 20.0
STEP = replace(ADMIT, vm_id="vm")
ONE = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachinescalesets/one/virtualmachines"
OTHER = ONE.replace("one", "other")
LEFT = (
    "Microsoft.Compute/HighCostGetVMScaleSetResource;{},Microsoft.Compute/HighCostGetVMScaleSetSubscriptionMaximum;{}"
)
CALL = Call(
    at=second(1),
    method="GET",
    kind="list",
    path=ONE,
    status=200,
    caller="starter",
    request_id="",
    seconds=0.1,
    left=LEFT.format(27, 1000),
)


def board(*happenings: Happening, calls: CallLog | None = None) -> Board:
    """One that has seen these, a second after the other."""
    figures = Figures()
    found = Board(
        speed=SPEED,
        figures=figures,
        rounds=Rounds({name: timedelta(seconds=2) for name in CONTROLLERS}, frozenset(), SPEED),
        spending=Spending((CallLog() if calls is None else calls).after, SPEED),
    )
    for number, each in enumerate(happenings, start=1):
        figures.see(each)
        found.see(each, number)
    return found


def frame(*happenings: Happening) -> Frame:
    return board(*happenings).frame(10.0)


def only(found: Board) -> Machine:
    (row,) = found.frame(10.0).machines
    return row


def test_a_machine_is_shown_as_it_is_and_as_redis_tells_of_it() -> None:
    seen = Seen(state=machine(PowerState.RUNNING).state, published=in_session("ann"), scale_set="vmss-pixels")
    row = only(board(azure(1, What.DEALLOCATED), look(30, seen)))
    assert (row.scale_set, row.instance_id, row.vm_id) == ("vmss-pixels", "0", "vm")
    assert (row.status, row.power, row.marked, row.session) == ("Unavailable", "running", True, "ann")
    assert (row.tier, row.age) == (Tier.COLD, timedelta(minutes=10))


def test_visitors_and_their_waits_are_counted() -> None:
    shown = frame(
        azure(0, What.STOPPED),
        told(1, "ann", Did.ARRIVED),
        told(3, "ann", Did.OPENED),
        told(3, "bob", Did.ARRIVED),
        told(4, "cid", Did.ARRIVED),
        told(5, "cid", Did.GAVE_UP),
    )
    assert (shown.did[Did.ARRIVED], shown.did[Did.OPENED], shown.waiting, shown.did[Did.GAVE_UP]) == (3, 1, 1, 1)
    assert shown.waits == (2.0,)
    assert shown.waits_on == {Tier.HOT: (), Tier.WARM: (2.0,), Tier.COLD: ()}


def last_step(*lines: Line) -> Line | None:
    found = board(look(1, machine(PowerState.STOPPED, OFFERED)))
    for line in lines:
        found.row(line)
    return only(found).last


def test_the_last_step_is_the_scalers_or_a_visitors() -> None:
    reserve = replace(STEP, by=By.VISITOR, step="RESERVE")
    assert last_step(STEP, reserve) == reserve
    assert last_step(reserve, STEP) == STEP


def test_what_azure_does_and_what_is_merely_noted_does_not_hide_it() -> None:
    in_azure = replace(STEP, by=By.AZURE, step="(Azure)", why="it runs")
    let_in = replace(STEP, by=By.VISITOR, step=NO_STEP, why="is let in")
    noted = replace(STEP, step="note", why=Why.NOTED)
    assert last_step(STEP, in_azure, let_in, noted) == STEP
    assert last_step(replace(in_azure, why="a VM is being created"), in_azure) == in_azure


def test_the_steps_of_machines_long_gone_are_forgotten() -> None:
    found = board()
    for number in range(1000):
        found.row(replace(STEP, vm_id=f"gone-{number}"))
    found.row(STEP)
    found.see(look(1, machine(PowerState.STOPPED, OFFERED)), 1)
    assert only(found).last == STEP
    found.see(look(2, Seen(state=replace(machine(PowerState.STOPPED).state, vm_id="gone-0"))), 2)
    assert only(found).last is None


def test_a_wrong_stays_and_its_machine_is_pointed_at() -> None:
    found = board(look(1, machine(PowerState.RUNNING, USED)))
    wrong = Wrong(kind=Kind.LEAKED, at=second(1), why="it is billed for nothing", vm_id="vm")
    found.accuse(wrong)
    for _ in range(1000):
        found.remark(1, "something else", Colour.PLAIN)
    assert found.frame(10.0).wrongs == (wrong,)
    assert only(found).wronged


def test_a_call_to_arm_counts_and_shows_that_its_controller_lives() -> None:
    log = CallLog()
    found = board(calls=log)
    log.write(CALL)
    (starter,) = [each for each in found.frame(10.0).rounds if each.name == "starter"]
    assert (starter.health, starter.ticked, starter.calls) == (Health.WELL, timedelta(0), 0.3)


DONE = Told(at=second(1), event="step", controller="cleaner", why="used", result="done")
HELD = replace(DONE, event="held", why=Why.BREAKER, result="")
FAILED = replace(DONE, event="tick_failed", why="tick failed: Redis is away", result="")
TICKED = Ticked(at=second(1), controller="cleaner")
CRASHED = Trouble(at=second(1), what="cleaner: function failed: ValueError: no such thing", controller="cleaner")
EVERY = 2.0  # seconds between two firings; twice that and a second of slack is too long a silence


def rounds(*off: Actor) -> Rounds:
    return Rounds({name: timedelta(seconds=EVERY) for name in CONTROLLERS}, frozenset(off), speed=20)


def cleaner(found: Rounds, seconds: float) -> Round:
    (row,) = [each for each in found.at(seconds, {"cleaner": 3.5}) if each.name == "cleaner"]
    return row


def after(*happenings: Happening, at: float = 10.0, now: float = 10.0) -> Round:
    found = rounds()
    for each in happenings:
        found.see(each, at)
    return cleaner(found, now)


def test_what_it_did_what_waited_and_what_failed_is_counted() -> None:
    row = after(DONE, DONE, replace(DONE, result="lost race"), HELD, replace(DONE, result="failed"), FAILED)
    assert (row.steps, row.waited, row.failed) == (2, 1, 2)


@pytest.mark.parametrize("sign", [DONE, HELD, FAILED, TICKED, CRASHED])
def test_whatever_is_heard_of_it_is_a_sign_of_life(sign: Happening) -> None:
    assert after(sign).ticked == timedelta(0)


def test_a_call_to_arm_is_one_too_and_others_do_not_matter() -> None:
    found = rounds()
    found.called("arm", 10)
    found.see(Trouble(at=second(1), what="Redis does not answer"), 10)
    assert cleaner(found, 10).ticked is None
    found.called("cleaner", 10)
    assert cleaner(found, 10).ticked == timedelta(0)


@pytest.mark.parametrize(
    ("happening", "health"),
    [
        (DONE, Health.WELL),
        (replace(DONE, result="lost race"), Health.WELL),
        (HELD, Health.WAITING),
        (replace(HELD, alarm=True), Health.HELD),
        (replace(HELD, event="complaint"), Health.HELD),
        (replace(HELD, event="would"), Health.WELL),
        (replace(HELD, why=Why.PAUSED), Health.PAUSED),
        (FAILED, Health.FAILED),
        (replace(DONE, result="expired"), Health.FAILED),
        (CRASHED, Health.FAILED),
    ],
)
def test_its_health_is_that_of_what_was_not_done_lately(happening: Happening, health: Health) -> None:
    assert after(happening).health is health


@pytest.mark.parametrize(("ago", "health"), [(2.9, Health.WAITING), (3.0, Health.WAITING), (3.1, Health.WELL)])
def test_what_waited_is_forgiven_after_a_firing_without(ago: float, health: Health) -> None:
    found = rounds()
    found.see(HELD, 10)
    found.see(TICKED, 10 + ago)
    assert cleaner(found, 10 + ago).health is health
    assert cleaner(found, 10 + ago).why == Why.BREAKER


@pytest.mark.parametrize(("ago", "health"), [(4.9, Health.WELL), (5.0, Health.WELL), (5.1, Health.SILENT)])
def test_silence_for_more_than_two_firings_shows(ago: float, health: Health) -> None:
    assert after(TICKED, now=10 + ago).health is health


@pytest.mark.parametrize(("seconds", "health"), [(0, Health.STARTING), (5.0, Health.STARTING), (5.1, Health.SILENT)])
def test_so_does_one_that_never_ticks(seconds: float, health: Health) -> None:
    row = cleaner(rounds(), seconds)
    assert (row.health, row.ticked) == (health, None)


def test_a_tick_that_failed_is_not_counted_again_when_its_function_fails_with_the_same_words() -> None:
    again = replace(CRASHED, what="cleaner: function failed: Unreachable: Redis is away")
    assert after(FAILED, again).failed == 1
    assert after(FAILED, again).why == "Redis is away"
    assert after(FAILED, CRASHED).failed == 2


def spending(*calls: Call, speed: float = 20.0, seconds: float = 60.0) -> Spending:
    log = CallLog()
    for each in calls:
        log.write(each)
    found = Spending(log.after, speed)
    found.catch_up(seconds)
    return found


def test_calls_are_read_once() -> None:
    log = CallLog()
    found = Spending(log.after, speed=20)
    log.write(CALL)
    assert found.catch_up(10) == {"starter"}
    assert found.catch_up(11) == frozenset()
    log.write(replace(CALL, caller="cleaner"))
    assert found.catch_up(12) == {"cleaner"}
    assert set(found.a_minute(12)) == {"starter", "cleaner"}


def test_calls_a_minute_are_of_the_emulated_worlds_minutes() -> None:
    assert spending(*[CALL] * 10).a_minute(60) == {"starter": 2.0}  # in the last five, which are 15 s on the wall
    assert spending(*[CALL] * 10, speed=1, seconds=300).a_minute(300) == {"starter": 2.0}


@pytest.mark.parametrize(("later", "number"), [(14.9, 1), (15.0, 1), (15.1, 0)])
def test_a_call_counts_for_five_minutes(later: float, number: int) -> None:
    found = spending(CALL)
    found.catch_up(60 + later)
    assert len(found.a_minute(60 + later)) == number


def test_what_is_left_is_what_was_answered_last() -> None:
    found = spending(CALL, replace(CALL, left=LEFT.format(12, 1000)), replace(CALL, left="", status=429))
    assert found.budgets == (Budget(what="listings", left=12, burst=BURSTS["HighCostGetVMScaleSetResource"]),)
    assert found.throttled == 1


def test_of_several_scale_sets_the_one_that_has_least_is_shown() -> None:
    found = spending(replace(CALL, path=OTHER, left=LEFT.format(5, 1000)), CALL)
    assert [each.left for each in found.budgets] == [5]


def test_the_subscriptions_budget_shows_once_half_of_it_is_spent() -> None:
    burst = BURSTS["HighCostGetVMScaleSetSubscriptionMaximum"]
    assert len(spending(replace(CALL, left=LEFT.format(27, burst // 2))).budgets) == 1
    _, shared = spending(replace(CALL, left=LEFT.format(27, burst // 2 - 1))).budgets
    assert shared == Budget(what="listings of the subscription", left=burst // 2 - 1, burst=burst)


@pytest.mark.parametrize(
    "header", ["", ";", "Microsoft.Compute/Unheard;3", "Microsoft.Compute/GetVMScaleSetResource;many", "x" * 300]
)
def test_a_header_that_says_nothing_known_says_nothing(header: str) -> None:
    assert spending(replace(CALL, left=header)).budgets == ()
