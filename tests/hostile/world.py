"""The whole scaler before a hostile world: four controllers, the real doors, an emulated Azure, any kind of Redis."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from clock import ManualClock
from contract.registries import House
from wire.scripted_arm import Asked, Said, ScriptedArm, StaticToken

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import OrderKind, Scale
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire.server import RunningServer, serve
from emulator.wire.site import Site
from scaler.actuate import Outcome, Ports
from scaler.errors import ScalerError
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import SessionId
from scaler.model.lifecycle import Change
from scaler.model.plan import Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row, Snapshot
from scaler.ports import Registry
from scaler.report import Report
from scaler.telemetry import Telemetry
from scaler.tick import Tick
from scaler.vmss.client import Bounds, connect
from scaler.vmss.gates import Budget, Gates
from scaler.vmss.scale_set import ArmScaleSet

A_WHILE = timedelta(minutes=5)  # longer than anything takes
TOKEN = "eyJ-a-token-that-nobody-may-read"
PLENTY = replace(Budget(), pages_a_minute=1000)
PATHS = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w-]+(/providers/Microsoft\.Compute/virtualMachineScaleSets/[\w-]+"
    r"(/virtualMachines(/[0-9]+(/deallocate|/powerOff|/networkInterfaces(/[\w-]+/ipConfigurations/[\w-]+/publicIPAddresses(/[\w-]+)?)?)?)?"
    r"|/networkInterfaces|/publicIPAddresses|/start|/delete|/deallocate|/poweroff)?)?",
    re.IGNORECASE,
)
"""What the scaler may ask for: by names from the settings and numbers from Azure."""

type Spoil = Callable[[Asked, Said], Said | Iterable[bytes]]


class Between(ScriptedArm):
    """A proxy between the scaler and Azure: spoils answers, byte for byte. Without a `spoil` it hands them through."""

    def __init__(self, azure: str) -> None:
        self.spoil: Spoil | None = None
        self._azure = urlsplit(azure).netloc
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> Said | Iterable[bytes]:
        with closing(HTTPConnection(self._azure)) as azure:
            azure.request(asked.method, asked.path, body=asked.body or None, headers=dict(asked.headers))
            answer = azure.getresponse()
            body, headers = answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        said = Said(status=answer.status, headers={**headers, "content-length": str(len(body))}, body=body)
        return self.spoil(asked, said) if self.spoil is not None else said


class PutForward:
    """A registry on a real Redis, whose TIME passes with the manual clock of the test."""

    def __init__(self, inner: Registry, clock: ManualClock) -> None:
        self._inner = inner
        self._clock = clock
        self._began = clock.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read(self) -> Snapshot:
        """Every machine the index names, at the time that the test has put Redis forward to."""
        snapshot = self._inner.read()
        return replace(snapshot, now=snapshot.now + self._ahead)

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        """Write, until the same moment by the real server's own clock."""
        return self._inner.apply(changes, good_until=good_until - self._ahead if good_until is not None else None)

    @property
    def _ahead(self) -> timedelta:
        return timedelta(seconds=self._clock.monotonic() - self._began)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A scaler between a hostile Redis and a hostile Azure. `ticks`: the four controllers, with a log each."""

    house: House
    emulated: EmulatedScaleSet
    server: RunningServer
    between: Between  # on the way to it
    door: ArmScaleSet
    clock: ManualClock
    ticks: dict[Actor, Tick]
    logs: dict[Actor, Telemetry]

    def tick(self, name: Actor) -> Report | ScalerError:
        """One tick, logged as in production; it ends with a report or with one of our errors, or the test fails."""
        try:
            report = self.ticks[name].run()
        except ScalerError as error:
            self.logs[name].failed(error)
            return error
        self.logs[name].report(report)
        return report

    def tick_all(self) -> None:
        """Each controller once."""
        for name in CONTROLLERS:
            self.tick(name)

    def did(self, name: Actor, why: Why) -> bool:
        """Tick, and say whether that was done for a machine that Azure has."""
        report = self.tick(name)
        assert isinstance(report, Report), report
        real = {each.vm_id for each in self.emulated.vms}
        return any(each.step.why is why and each.step.vm_id in real and _well(each) for each in report.outcomes)

    def machines(self, number: int) -> tuple[VmState, ...]:
        """So many of them, deallocated and unmarked."""
        self.emulated.scale(Scale(capacity=number), by="operator")
        self.later()
        for each in self.emulated.vms:
            self.emulated.order(OrderKind.DEALLOCATE, [each.instance_id], by="operator", single=True)
        self.later()
        return tuple(self.emulated.vms)

    def later(self, by: timedelta = A_WHILE) -> None:
        """Let time pass, for Azure, for the process and for the scaler's reading of Redis' TIME."""
        self.clock.advance(by)

    def serves_a_visitor(self) -> None:
        """One machine's whole life: marked, admitted, reserved, started, opened, released, deleted, retired."""
        session = SessionId("a-good-visitor")
        self.machines(1)
        assert self.did(Actor.RECONCILER, Why.NEW_AT_REST)
        self.later()
        assert self.did(Actor.RECONCILER, Why.MARK_SEEN)
        self.later()
        assert self.did(Actor.RECONCILER, Why.HORIZON_PASSED)
        assert self.house.reservations.reserve(session) is not None
        assert self.did(Actor.STARTER, Why.RESERVED)
        self.later()
        assert self.did(Actor.STARTER, Why.RUNS)
        assert self.house.reservations.look(session).stage == "open"
        assert self.house.reservations.release(session) == "released"
        assert self.did(Actor.CLEANER, Why.RIPE)
        self.later()
        assert self.emulated.vms == ()

    def assert_tidy(self, caplog: pytest.LogCaptureFixture) -> None:
        """No request, no key and no log line has anything hostile in it."""
        for call in self.server.calls:
            assert PATHS.fullmatch(call.path.partition("?")[0]), call.path
        if hasattr(self.house.redis, "keys"):
            assert all(key.startswith(b"vmss:") for key in self.house.redis.keys("*"))
        for line in caplog.records:
            said = [line.getMessage(), *(value for value in vars(line).values() if isinstance(value, str | dict))]
            for each in said:
                text = each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
                assert text.isprintable() or (line.name != "scaler" and "\x1b" not in text), (line.name, text[:300])
                assert len(text) < 3_000, (line.name, text[:300])


def _well(outcome: Outcome) -> bool:
    return outcome.error is None and outcome.result == "done"


@contextmanager
def a_world(
    house: House, clock: ManualClock | None = None, bounds: Bounds | None = None, policy: Policy | None = None
) -> Iterator[World]:
    """The emulator behind its wire, and the four controllers before it and before this Redis."""
    clock = clock or ManualClock()
    emulated = EmulatedScaleSet(clock.now, behaviour=Behaviour(latencies=Latencies().exact()))
    site = Site(stall=0.0)
    with ExitStack() as stack:
        server = stack.enter_context(serve(emulated, site=site))
        between = stack.enter_context(closing(Between(server.url)))
        client = connect(site.place.subscription, StaticToken(TOKEN), endpoint=between.endpoint, bounds=bounds)
        stack.enter_context(closing(client.sdk))
        gates = Gates(clock, PLENTY)
        door = ArmScaleSet(client, site.place.resource_group, emulated.name, clock=clock, gates=gates)
        patient = Policy(capacity={door.name: Capacity(desired=0)}, reservation_timeout=timedelta(hours=3))
        policy = policy or patient  # the scripts note a reservation at the real TIME of Redis
        in_memory = isinstance(house.registry, MemoryRegistry)  # on the test's clock already
        registry: Registry = house.registry if in_memory else PutForward(house.registry, clock)
        yield World(
            house=house,
            emulated=emulated,
            server=server,
            between=between,
            door=door,
            clock=clock,
            ticks={name: Tick(name, _ports(name, registry, door, clock), policy) for name in CONTROLLERS},
            logs={name: Telemetry(name) for name in CONTROLLERS},
        )


def _ports(name: Actor, registry: Registry, door: ArmScaleSet, clock: ManualClock) -> Ports:
    scale_sets = {door.name: door.for_controller(name)}
    return Ports(registry=None if name is Actor.PROVISIONER else registry, scale_sets=scale_sets, clock=clock)
