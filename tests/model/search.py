"""Breadth first through every reachable state: so the first violation found is a shortest one."""

from collections import deque
from dataclasses import dataclass, replace

from model.promises import broken
from model.rules import ALL, Rules
from model.settling import unsettled
from model.state import Row, View, World
from model.world import Next, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found."""

    states: int
    moves: int
    steps: frozenset[str]  # the names of everything that happened somewhere
    violation: str | None = None
    trace: tuple[str, ...] = ()
    machines: frozenset[tuple[Row, View]] = frozenset()  # every row that was met, with its machine as it was


class Search:
    """One scenario under some rules."""

    def __init__(self, scenario: Scenario, without: Rules = frozenset()) -> None:
        self._scenario = scenario
        self._rules = ALL - without - scenario.without
        self._came_from: dict[World, tuple[World, str] | None] = {}

    def run(self, most: int = 400_000) -> Found:
        """All states, or up to the first that breaks a promise."""
        start, following = self._scenario.start, Next(self._scenario, self._rules)
        self._came_from[start] = None
        waiting, moves, steps = deque([start]), 0, set[str]()
        while waiting:
            world = waiting.popleft()
            for name, after in following.of(world):
                moves += 1
                steps.add(name)
                if after in self._came_from:
                    continue
                self._came_from[after] = (world, name)
                waiting.append(after)
                violation = broken(after) or unsettled(after, self._rules)
                if violation is not None:
                    return self._found(moves, steps, violation, self._trace(after))
            if len(self._came_from) > most:
                raise AssertionError(f"{self._scenario.name} has more than {most} states")
        met = {
            (each.row._replace(pointer=None), view)
            for world in self._came_from
            for each in world.machines
            for view in each.views
        }
        return replace(self._found(moves, steps), machines=frozenset(met))

    def _found(self, moves: int, steps: set[str], violation: str | None = None, trace: tuple[str, ...] = ()) -> Found:
        states = len(self._came_from)
        return Found(states=states, moves=moves, steps=frozenset(steps), violation=violation, trace=trace)

    def _trace(self, world: World) -> tuple[str, ...]:
        names: list[str] = []
        step = self._came_from[world]
        while step is not None:
            world, name = step
            names.append(name)
            step = self._came_from[world]
        return tuple(reversed(names))
