"""One process of ours, which may die, or be overtaken, at any of its effects."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.in_process import InProcessScaleSet
from scaler.actuate import Ports
from scaler.errors import ScalerError
from scaler.model.edges import CONTROLLERS, Actor
from scaler.report import Report
from scaler.tick import Tick
from simulator.chaos.doors import Door, Fate, Gate

if TYPE_CHECKING:
    from prior_art.scene import Scene


class Once(Gate):
    """Somebody does something right before the first effect of that name."""

    def __init__(self, effect: str, action: Callable[[], object]) -> None:
        self._pending = {effect: action}

    def before(self, call: str) -> None:
        """Now, if this is the effect."""
        self._pending.pop(call, lambda: None)()


class Process:
    """The four controllers in one process of ours: without memory when it begins."""

    def __init__(self, scene: "Scene", *gates: Gate, face: type[InProcessScaleSet] = InProcessScaleSet) -> None:
        registry = Door(scene.registry, gates)
        self.faces = {name: face(azure, scene.clock) for name, azure in scene.azures.items()}
        doors = {name: Door(each, gates) for name, each in self.faces.items()}
        self.ports = {
            name: Ports(registry=None if name is Actor.PROVISIONER else registry, scale_sets=doors, clock=scene.clock)
            for name in CONTROLLERS
        }
        self.ticks = {name: Tick(name, self.ports[name], scene.policy) for name in CONTROLLERS}

    def tick(self, *names: Actor) -> list[Report]:
        """Each of these once; where Azure or Redis is away, the next tick is the retry."""
        reports = []
        for name in names or CONTROLLERS:
            try:
                reports.append(self.ticks[name].run())
            except ScalerError:
                continue
        return reports


def doomed(scene: "Scene", effect: int, when: str) -> Process:
    """One that ends right before, or right after, its effect of that number."""
    return Process(scene, Fate(left=effect, after_the_last=when == "after"))
