"""What the live view remembers of a run, and the frame it gives of a moment."""

from dataclasses import replace
from datetime import timedelta

from live_builders import ADMIT
from simulator_builders import OFFERED, USED, azure, in_session, look, machine, second, told

from emulator.history import What
from emulator.wire.exchange import Call, CallLog
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import PowerState
from scaler.model.plan import Why
from simulator.figures import Figures, Tier
from simulator.happenings import Did, Happening, Seen
from simulator.live.board import Board
from simulator.live.frame import Frame, Health, Machine
from simulator.live.rounds import Rounds, Spending
from simulator.observer.wrong import Kind, Wrong
from simulator.view import NO_STEP, By, Colour, Line

SPEED = 20.0
STEP = replace(ADMIT, vm_id="vm")
CALL = Call(at=second(1), method="GET", kind="list", path="/", status=200, caller="starter", request_id="", seconds=0.1)


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
    assert shown.waits_on == {Tier.WARM: (2.0,), Tier.COLD: ()}


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
