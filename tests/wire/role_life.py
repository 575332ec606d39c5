"""A scale set's whole life with a role: the real controllers, door and SDK before the emulated ARM, stage by stage."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from contract.scale_sets import FLEXIBLE, UNIFORM, House, Orchestrated

from emulator.redis.memory import MemoryRegistry
from emulator.wire.roles import Grant, Role
from scaler.actuate import Ports
from scaler.errors import ScalerError
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import PowerState, SessionId
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Status
from scaler.observe import Listings
from scaler.registry.reservations import Reservations, Stage
from scaler.telemetry import Telemetry
from scaler.tick import Tick

DOCS = Path(__file__).parents[2] / "docs"
ROLES: Mapping[str, Orchestrated] = {"azure-role.json": UNIFORM, "azure-role-flexible.json": FLEXIBLE}
_PRINCIPAL = "a-token"  # the caller behind the house's door
_S = timedelta(seconds=1)

# In turn ten, one and nine stops of warm machines and of cold ones: batches, and orders for a single machine.
_WARM, _COLD, _GROUP_SAYS = 11, 10, 22


class Step(NamedTuple):
    """One stage of the life. An installation may do without an optional one."""

    otherwise: str  # what an operator sees without it
    reached: Callable[["Life"], bool]
    begin: Callable[["Life"], object] = lambda _life: None
    optional: bool = False
    waits: bool = True  # False: it was reached with the step before, or never


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What came of a life: the stages that were not reached, the scaler's log, and how often ARM said 403."""

    failed: tuple[Step, ...]
    log: str
    forbidden: int

    @property
    def ended(self) -> bool:
        """Whether a stage failed that nobody can do without."""
        return any(not step.optional for step in self.failed)


def actions(role: str) -> list[str]:
    """The actions in a file of docs/."""
    found: list[str] = json.loads((DOCS / role).read_text(encoding="utf-8"))["Actions"]
    return found


def row(action: str, without: Lived) -> str:
    """The row of an action in docs/identities.md: what was seen without it."""
    losses = "; ".join(step.otherwise for step in without.failed)
    return f"| `{action}` | {'needed' if without.ended else 'optional'} | {losses} |"


def hold_to(house: House, allowed: list[str]) -> None:
    """Let the scaler of this house do that, and nothing else, in its resource group."""
    assert house.server is not None
    site = house.server.site
    site.grants[_PRINCIPAL] = Grant(role=Role(actions=tuple(allowed)), scope=site.group_id)


def lived(role: str, *, without: str = "") -> Lived:
    """The life of a scale set whose scaler has that role (less an action), up to the first stage that ends it."""
    with ROLES[role].over_the_wire() as house, _log() as lines:
        assert house.server is not None
        hold_to(house, [action for action in actions(role) if action != without])
        life, failed = Life(house), list[Step]()
        for step in _STEPS:
            step.begin(life)
            if not (life.until(partial(step.reached, life)) if step.waits else step.reached(life)):
                failed.append(step)
            if failed and not failed[-1].optional:
                break
        forbidden = sum(call.status == 403 for call in house.server.calls)
        return Lived(failed=tuple(failed), log="\n".join(lines), forbidden=forbidden)


@contextmanager
def _log() -> Iterator[list[str]]:
    """The lines of the scaler's log."""
    lines: list[str] = []
    handler, logger = logging.Handler(logging.INFO), logging.getLogger("scaler")
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    level, propagates = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


@dataclass
class Life:
    """The house with its four controllers, and the visitors in it."""

    house: House
    visitors: list[SessionId] = field(default_factory=list)
    leaving: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(self.house.clock.now)
        self.client = Reservations(self.registry.client, self.registry.keys)
        self.calls_before = 0
        self.configure(warm=_WARM)

    def configure(self, *, warm: int) -> None:
        """The function app starts with this warm share."""
        name = self.house.scale_set.name
        numbers = Capacity(desired=_WARM + _COLD, warm=warm, most=100)
        policy = Policy(capacity={name: numbers}, max_surge=100, warm_surplus_kept=timedelta(0))
        process, sets = Listings(), {name: self.house.scale_set}
        self.telemetry = {actor: Telemetry(actor) for actor in CONTROLLERS}
        self.ticks = {
            actor: Tick(
                actor,
                Ports(
                    registry=None if actor is Actor.PROVISIONER else self.registry,
                    scale_sets=sets,
                    clock=self.house.clock,
                ),
                policy,
                listings=process,
            )
            for actor in CONTROLLERS
        }

    def until(self, reached: Callable[[], bool]) -> bool:
        """Tick all four every ten seconds for five minutes, or until a stage is reached."""
        for _ in range(30):
            if reached():
                return True
            self.house.later(10 * _S)
            for actor, tick in self.ticks.items():
                try:
                    self.telemetry[actor].report(tick.run())
                except ScalerError as error:
                    self.telemetry[actor].failed_tick(error)
        return reached()

    def arrive(self, number: int) -> None:
        """So many visitors reserve a machine at once."""
        assert self.house.server is not None
        self.calls_before = len(self.house.server.calls)
        self.visitors = [SessionId(f"visitor-{self.house.clock.now().isoformat()}-{each}") for each in range(number)]
        assert all(self.client.reserve(each) is not None for each in self.visitors)

    def are(self, stage: Stage) -> bool:
        """Whether the visitors have got so far."""
        return all(self.client.look(each).stage is stage for each in self.visitors)

    def located(self) -> bool:
        """Whether the visitors were told both addresses of their machines."""
        told = [self.client.look(each).reservation for each in self.visitors]
        return all(each is not None and each.public_ip and each.private_ip for each in told)

    def machines(self, *powers: PowerState) -> int:
        """How many there are in one of these states."""
        return sum(not powers or vm.power in powers for vm in self.house.emulated.vms)

    def held(self) -> list[str]:
        """The machines of the visitors."""
        told = [self.client.look(each).reservation for each in self.visitors]
        return [each.vm_id for each in told if each is not None]

    def leave(self) -> None:
        """The visitors go."""
        self.leaving = self.held()
        for each in self.visitors:
            self.client.release(each)

    def left(self) -> bool:
        """Whether the machines of those who went are gone."""
        return not any(self.house.emulated.find(each) for each in self.leaving)

    def asked_alone(self) -> bool:
        """Whether no list of the network was asked for since the visitors came; Flexible ones always take lists."""
        assert self.house.server is not None
        called = {call.kind for call in self.house.server.calls.after(self.calls_before)}
        return "list-nics" not in called or self.house.emulated.flexible

    def batched(self, order: str) -> bool:
        """Whether Azure took that order for many machines at once; to Flexible ones it is always given singly."""
        assert self.house.server is not None
        taken = any(call.kind == f"batch-{order}" and call.status == 202 for call in self.house.server.calls)
        return taken or self.house.emulated.flexible

    def tag_group(self, **tags: str) -> None:
        """The operator sets tags of the resource group."""
        self.house.emulated.region.group_tags = tags

    def offered(self) -> int:
        """How many machines are Available."""
        return sum(row.status is Status.AVAILABLE for row in self.registry.read().rows.values())


_REST = PowerState.STOPPED, PowerState.DEALLOCATED
_STEPS: tuple[Step, ...] = (
    Step("no machine is made", lambda life: life.machines() == _WARM + _COLD),
    Step("new machines are not kept warm", lambda life: life.machines(PowerState.STOPPED) == _WARM),
    Step("new machines run for ever, and are billed", lambda life: life.machines(*_REST) == _WARM + _COLD),
    Step(
        "machines are powered off one by one, however many",
        lambda life: life.batched("poweroff"),
        optional=True,
        waits=False,
    ),
    Step(
        "machines are deallocated one by one, however many",
        lambda life: life.batched("deallocate"),
        optional=True,
        waits=False,
    ),
    Step("no machine is marked", lambda life: all(vm.protection.from_scale_in for vm in life.house.emulated.vms)),
    Step("no machine is offered", lambda life: life.offered() == _WARM + _COLD),
    Step(
        "no visitor's machine is started",
        lambda life: life.machines(PowerState.RUNNING) == 1,
        begin=lambda life: life.arrive(1),
    ),
    Step("no visitor is let in", lambda life: life.are(Stage.OPEN)),
    Step("a visitor is not told the address of their machine", Life.located, optional=True, waits=False),
    Step(
        "all machines' addresses are listed where one machine is opened", Life.asked_alone, optional=True, waits=False
    ),
    Step("several visitors are not let in", lambda life: life.are(Stage.OPEN), begin=lambda life: life.arrive(10)),
    Step(
        "visitors who are let in together are not told the addresses of their machines",
        Life.located,
        optional=True,
        waits=False,
    ),
    Step("used machines are not deleted, and are billed", Life.left, begin=Life.leave),
    Step(
        "warm machines that are not wanted any more are not deallocated, and are billed",
        lambda life: life.machines(PowerState.STOPPED) == 0,
        begin=lambda life: life.configure(warm=0),
    ),
    Step(
        "tags of the resource group have no effect",
        lambda life: life.machines() == _GROUP_SAYS,
        begin=lambda life: life.tag_group(TOTAL_NODES=str(_GROUP_SAYS)),
        optional=True,
    ),
)
