"""From a player's disconnect to the machine's DELETE, by real parts, over the wire, in real time.

On the machine run the responder, and a streamer and a player of Epic's library. Around it are the four controllers, a
redis-server, and the emulated Azure, whose health extension asks that responder.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import pytest
from cli.estate import KEYS, SPEED, Estate
from contract.registries import redis_server
from guest.real_machine import RealMachine, find_node, wait_for

from emulator.health.responder import Polling
from emulator.history import Event, What
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.ending import Ending
from scaler.model.instance import SessionId
from scaler.registry.reservations import Reservations, Sight, Stage
from scaler.report import Report

ANN = SessionId("ann")
BY_HEALTH = {
    "SCALER_POOL_CAPACITY": "1",
    "SCALER_READY_WHEN": "healthy",
    "SCALER_END_WHEN": "unhealthy",
    # Not in this story: a busy machine shall not bring them about.
    "SCALER_START_TIMEOUT": "24h",
    "SCALER_READY_TIMEOUT": "24h",
    "SCALER_RESERVATION_TIMEOUT": "24h",
    "SCALER_VM_RUNTIME": "24h",
}
RESPONDER = {
    "poll_seconds": 1 / SPEED,
    "gone_seconds": 30 / SPEED,
    "grace_seconds": 120 / SPEED,
    "connect_seconds": 14_400,  # not in this story either
}
LOADS = 6 * len(CONTROLLERS)  # six ticks of each see it run and not stream
STORY = [  # each for the first time
    What.CREATED,
    What.RUNNING,
    "starting",
    "ready",
    What.DEALLOCATE_ORDERED,
    What.DEALLOCATED,
    "reserved",
    What.START_ORDERED,
    "waiting",
    "open",
    "occupied",
    "left",
    "nobody-any-more",
    What.DELETE_ORDERED,
]


@dataclass(kw_only=True)
class Stay:
    """One visitor's on one machine: what the visitor saw, and when, and what a look told when the DELETE arrived."""

    estate: Estate
    machine: RealMachine
    tick: Callable[[Actor], Report]
    seen: list[tuple[datetime, str]] = field(default_factory=list)
    last: Sight | None = None

    def __post_init__(self) -> None:
        self._reservations = Reservations(self.estate.redis, KEYS)
        self.estate.azure.history.listeners.append(self._witness)

    def _witness(self, event: Event) -> None:
        if event.what is What.DELETE_ORDERED and self.last is None:
            self.last = self._reservations.look(ANN)

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Let the controllers tick, one after the other, until it is so; nothing happens between two ticks."""
        turns = cycle(CONTROLLERS)

        def turn() -> None:
            self.machine.follow(self.estate.azure.running())
            self.tick(next(turns))

        wait_for(done, what, turn)

    def saw(self, what: str) -> None:
        """It is so by now."""
        self.seen.append((datetime.now(UTC), what))

    def reserved(self) -> bool:
        """Whether the visitor got a machine."""
        return self._reservations.reserve(ANN) is not None

    def occupied(self) -> bool:
        """Whether Azure shows that somebody is inside."""
        azure = self.estate.azure
        shown = azure.read_vm(next(vm.instance_id for vm in azure.vms if vm.vm_id == self.machine.vm_id)).health
        return shown is not None and "occupied" in shown.metrics

    def opened(self) -> bool:
        """Whether the visitor may go in."""
        return self._reservations.look(ANN).stage is Stage.OPEN

    def story(self) -> list[str]:
        """The things of STORY by when each came first: Azure's, the responder's, and the visitor's."""
        azure = [(each.at, str(each.what)) for each in self.estate.azure.history.of(self.machine.vm_id or "")]
        told = sorted([*azure, *self.machine.reasons, *self.seen], key=lambda each: each[0])
        return [word for word in dict.fromkeys(word for _, word in told) if word in STORY]


def live(stay: Stay) -> None:
    """The whole of it, until the machine is ordered to go."""
    stay.until(stay.reserved, "a machine that is offered")
    stay.saw("reserved")
    stay.until(stay.opened, "open for the visitor")
    stay.saw("open")
    stay.machine.tell("join")
    wait_for(stay.occupied, "the player in Azure's view")
    stay.machine.tell("crash")
    stay.until(lambda: stay.last is not None, "the machine's DELETE")


@pytest.mark.long
def test_a_player_that_crashes_ends_its_session_and_its_machine(tmp_path: Path) -> None:
    find_node()
    (tmp_path / "redis").mkdir()
    (tmp_path / "machine").mkdir()
    with ExitStack() as ending:
        machine = RealMachine(folder=tmp_path / "machine", settings=RESPONDER, loads=LOADS)
        ending.callback(machine.end)
        estate = Estate.beside(ending.enter_context(redis_server(tmp_path / "redis")))
        ending.callback(estate.close)
        ending.enter_context(Polling(estate.azure, "{vm_id}", every=1 / SPEED, asked=machine.probe))
        tick = ending.enter_context(estate.process(**BY_HEALTH))
        stay = Stay(estate=estate, machine=machine, tick=tick)
        live(stay)
        assert stay.story() == STORY
        assert stay.last is not None
        assert (stay.last.stage, stay.last.ended_because) == (Stage.ENDED, Ending.UNHEALTHY)
