"""How many ticks of the real controllers one core simulates in a second, in virtual time.

Each scenario is drawn from SEED alone: the same ticks on every machine. The floor is a loop of plain Python.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from time import process_time

from benchmarks.rows import Bound, Row, in_turn
from benchmarks.slow import Slow
from emulator.behaviour import Behaviour
from simulator.chaos.runs import Trial, campaign_of
from simulator.chaos.world import World

SEED = 7
QUIET, CAMPAIGNS = "nothing to do", "campaigns"
HOURS = 2
"""Of the quiet world: three machines, no visitor, every ten seconds a tick of each controller."""
WEATHERS = ("fair", "a moody ARM", "only naive visitors", "everything")
ROUNDS = 3
A_SECOND = 15_000
STEPS = 200_000
GOALS: Mapping[str, float] = {QUIET: 0.57, CAMPAIGNS: 1.2}
"""Times a thousand plain steps: 15,000 quiet ticks a second on the machine on which 5,300 were 1.6 times as dear."""


def ticks_per_second(scenario: str) -> float:
    """Ticks a second of CPU: of the quiet world, or of one campaign in each of WEATHERS until all has settled."""
    began = process_time()
    worlds = [_quiet()] if scenario == QUIET else [_campaign(weather) for weather in WEATHERS]
    return sum(host.ticks for world in worlds for host in world.hosts) / (process_time() - began)


def _quiet() -> World:
    world = World(seed=SEED, behaviour=Behaviour())
    world.run(3600 * HOURS)
    return world


def _campaign(weather: str) -> World:
    campaign = campaign_of(Trial(weather=weather, seed=SEED))
    campaign.go()
    campaign.settle()
    return campaign.world


def _tick(scenario: str) -> float:
    return 1e6 / ticks_per_second(scenario)


def _thousand_plain_steps() -> float:
    """Microseconds of CPU; a step is a call, a look into a dict, an addition and a tuple."""
    began, counts = process_time(), dict.fromkeys(range(16), 0)
    for number in range(STEPS):
        _step(counts, number)
    return 1e9 / STEPS * (process_time() - began)


def _step(counts: dict[int, int], number: int) -> tuple[int, int]:
    counts[number % 16] += 1
    return number, counts[number % 16]


def figures(_: Slow) -> Iterator[Row]:
    """What a simulated tick costs, beside a thousand plain steps."""
    for scenario in (QUIET, CAMPAIGNS):
        tick, step = in_turn(ROUNDS, partial(_tick, scenario), _thousand_plain_steps)
        yield Row(name=f"a simulated tick, {scenario}", unit="µs", ours=tick, floor=step, goal=GOALS[scenario])
        if scenario == QUIET:
            yield Row(
                name="simulated ticks a second, one core", unit="1/s", ours=1e6 / tick, goal=A_SECOND, bound=Bound.LEAST
            )
