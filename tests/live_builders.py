"""Made-up frames for the live view, and how they look on a screen of some size."""

import io
from dataclasses import replace
from datetime import timedelta

from rich.console import Console

from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import Tier
from scaler.model.row import Status
from simulator.live.drawing import draw
from simulator.live.frame import Budget, Frame, Health, Machine, Round
from simulator.view import By, Colour, Line

ADMIT = Line(
    seconds=9,
    by=By.SCALER,
    instance_id="0",
    vm_id="cafe-0",
    status="Available",
    power="stopped",
    step="ADMIT",
    why="marked, at rest, and every order given before the mark is dead",
    colour=Colour.GREEN,
)


def machine(number: int, status: str = Status.AVAILABLE, **fields: object) -> Machine:
    """One at rest and on offer, unless said otherwise."""
    base = Machine(
        scale_set="vmss-pixels",
        instance_id=str(number),
        vm_id=f"cafe-{number}",
        status=status,
        power="stopped",
        marked=True,
        tier=Tier.WARM,
        age=timedelta(minutes=5),
        last=replace(ADMIT, vm_id=f"cafe-{number}"),
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def controller(name: str = Actor.STARTER, **fields: object) -> Round:
    """One that does well."""
    base = Round(name=name, health=Health.WELL, every=timedelta(seconds=40), ticked=timedelta(seconds=3))
    return replace(base, **fields)  # type: ignore[arg-type]


def frame(*machines: Machine, **fields: object) -> Frame:
    """Ten seconds into a run of twenty times real speed."""
    base = Frame(
        seconds=10,
        speed=20,
        machines=machines,
        rounds=tuple(controller(name) for name in CONTROLLERS),
        budgets=(Budget(what="listings", left=27, burst=30), Budget(what="marks", left=12, burst=12)),
        events=(ADMIT,),
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def screen(shown: Frame, width: int = 100, height: int = 30) -> list[str]:
    """The lines of it, without colours."""
    out = io.StringIO()
    Console(file=out, width=width, height=height, _environ={}).print(draw(shown, width, height))
    return out.getvalue().removesuffix("\n").split("\n")


def coloured(shown: Frame, width: int = 100, height: int = 30) -> list[str]:
    """The same with colours, as escape sequences."""
    out = io.StringIO()
    terminal = Console(file=out, width=width, height=height, force_terminal=True, color_system="standard", _environ={})
    terminal.print(draw(shown, width, height))
    return out.getvalue().removesuffix("\n").split("\n")
