"""Made-up histories for the observer: each happening in one line, with its second of the run."""

from datetime import UTC, datetime, timedelta

from emulator.behaviour import Behaviour, Latencies
from emulator.history import Event, What
from emulator.vm import VmState
from scaler.model.instance import PowerState, ProvisioningState
from scaler.model.policy import Policy
from scaler.model.row import Status
from simulator.chaos.world import POLICY, World
from simulator.happenings import Did, Entry, Happening, Look, Manner, Published, Seen
from simulator.observer.judges import Judge
from simulator.observer.wrong import Wrong

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def second(seconds: float) -> datetime:
    """That many seconds into the run."""
    return START + timedelta(seconds=seconds)


def told(at: float, session: str, did: Did, vm_id: str | None = "vm") -> Entry:
    """A line of a visitor's account."""
    return Entry(at=second(at), session=session, did=did, vm_id=vm_id, manner=Manner.NAIVE)


def azure(at: float, what: What, by: str = "cleaner", vm_id: str = "vm") -> Event:
    """A line of Azure's history."""
    return Event(at=second(at), what=what, by=by, vm_id=vm_id, instance_id="0")


def machine(power: PowerState, published: Published | None = None, **state: object) -> Seen:
    """A machine as a look shows it; marked, and nothing is under way, unless said otherwise."""
    fields: dict[str, object] = {"provisioning": ProvisioningState.SUCCEEDED, "protected": True, **state}
    truth = VmState(instance_id="0", vm_id="vm", created_at=START, changed_at=START, power=power, **fields)  # type: ignore[arg-type]
    return Seen(state=truth, published=published)


def look(at: float, *machines: Seen, named: tuple[str, ...] = (), forgot: bool = False) -> Look:
    """A look at both sides."""
    return Look(at=second(at), machines=machines, named=frozenset(named), forgot=forgot)


def looks(first: float, last: float, *machines: Seen, named: tuple[str, ...] = (), every: float = 0.5) -> list[Look]:
    """The same look again and again, from the first second to the last."""
    count = round((last - first) / every)
    return [look(first + number * every, *machines, named=named) for number in range(count + 1)]


OFFERED = Published(status=Status.AVAILABLE, offered=True)
USED = Published(status=Status.UNAVAILABLE, used=True, session="ann")


def in_session(session: str) -> Published:
    """A record that lets this session in."""
    return Published(status=Status.UNAVAILABLE, session=session)


def judged(judge: Judge, *history: Happening | list[Look]) -> list[Wrong]:
    """All wrongs that a history shows."""
    flat = [each for part in history for each in (part if isinstance(part, list) else [part])]
    return [wrong for happening in flat for wrong in judge.see(happening)]


def idle_world(policy: Policy = POLICY) -> World:
    """A world of exact latencies in which all machines are at rest and offered."""
    world = World(seed=1, behaviour=Behaviour(latencies=Latencies().exact()), policy=policy)
    world.run(600)
    return world
