"""One process of ours, which may die, or be overtaken, at any of its effects."""

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from emulator.in_process import InProcessScaleSet
from scaler.actuate import Ports
from scaler.errors import ScalerError
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.sighting import Pages
from scaler.report import Report
from scaler.tick import Tick

if TYPE_CHECKING:
    from prior_art.scene import Scene

EFFECTS = frozenset({"apply", "start", "power_off", "deallocate", "delete", "mark", "set_capacity"})
type Happening = Callable[[str], None]
type Seeing = Callable[[Pages], Pages]


class Killed(BaseException):
    """The process ended here: a roll-out, a time-out, a crash."""


class Door:
    """A port as one process uses it; `before` and `after` hear of each of its effects, `see` changes what it lists."""

    def __init__(self, port: Any, before: Happening, after: Happening, see: Seeing) -> None:
        self._port = port
        self._before = before
        self._after = after
        self._see = see

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name == "list_instances":
            return lambda: self._see(found())
        if name not in EFFECTS:
            return found

        def effect(*args: Any, **kwargs: Any) -> Any:
            self._before(name)
            result = found(*args, **kwargs)
            self._after(name)
            return result

        return effect


def nothing(_: str) -> None:
    """Nobody is in the way."""


def everything(pages: Pages) -> Pages:
    """Azure lists what there is."""
    return pages


def dies_at(number: int) -> Happening:
    """The process ends at its effect of this number, counted from 0."""
    left = count(number, -1)

    def happening(_: str) -> None:
        if next(left) == 0:
            raise Killed

    return happening


def once(effect: str, action: Callable[[], object]) -> Happening:
    """Somebody does something at the first effect of that name."""
    pending = [action]

    def happening(name: str) -> None:
        if name == effect and pending:
            pending.pop()()

    return happening


class Process:
    """The four controllers in one process of ours: without memory when it begins."""

    def __init__(
        self, scene: "Scene", before: Happening = nothing, after: Happening = nothing, see: Seeing = everything
    ) -> None:
        registry = Door(scene.registry, before, after, see)
        self.faces = {
            name: InProcessScaleSet(azure, scene.clock, caller="scaler") for name, azure in scene.azures.items()
        }
        doors = {name: Door(face, before, after, see) for name, face in self.faces.items()}
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
    fate = dies_at(effect)
    return Process(scene, before=fate) if when == "before" else Process(scene, after=fate)
