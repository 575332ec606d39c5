"""What is counted of one campaign, and of many together."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from simulator.chaos.world import World
from simulator.happenings import Entry, Happening
from simulator.observer.wrong import Wrong


@dataclass(slots=True, kw_only=True)
class Figures:
    """Counts by name; sums of several are made with `add`."""

    campaigns: int = 0
    ticks: int = 0
    effects: int = 0
    lived: timedelta = timedelta(0)  # virtual time
    faults: Counter[str] = field(default_factory=Counter)  # of Azure's, by the emulator's names
    accidents: Counter[str] = field(default_factory=Counter)  # of processes, of Redis, at the portal
    edges: Counter[str] = field(default_factory=Counter)  # steps of the lifecycle that the controllers took
    did: Counter[str] = field(default_factory=Counter)  # of the visitors

    def add(self, other: "Figures") -> None:
        """Both together."""
        self.campaigns += other.campaigns
        self.ticks += other.ticks
        self.effects += other.effects
        self.lived += other.lived
        for mine, theirs in (
            (self.faults, other.faults),
            (self.accidents, other.accidents),
            (self.edges, other.edges),
            (self.did, other.did),
        ):
            mine.update(theirs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one campaign. `amiss`: what had not come right by the bound."""

    weather: str
    seed: int
    figures: Figures
    settled_after: timedelta
    wrongs: tuple[Wrong, ...] = ()
    amiss: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether there is anything to explain."""
        return bool(self.wrongs or self.amiss)


class Counting:
    """Listens to a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._did: Counter[str] = Counter()
        world.hearers.append(self._hear)

    def _hear(self, happening: Happening) -> None:
        if isinstance(happening, Entry):
            self._did[happening.did] += 1

    def figures(self) -> Figures:
        """All there was to count."""
        world = self._world
        faults: Counter[str] = Counter()
        for azure in world.azures.values():
            faults.update({fault.value: times for fault, times in azure.struck.items()})
        return Figures(
            campaigns=1,
            ticks=sum(host.ticks for host in world.hosts),
            effects=sum(host.effects.count for host in world.hosts),
            lived=timedelta(seconds=world.clock.monotonic()),
            faults=faults,
            accidents=Counter(world.counts),
            edges=Counter(world.edges),
            did=self._did,
        )
