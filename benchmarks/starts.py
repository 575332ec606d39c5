"""How long a reservation waits until Azure has accepted the order to start its machine.

python -m benchmarks.starts [--json]: function_app.py on the stand-in for the Functions host, with all four controllers
and the schedules of the README, a redis-server, and the emulated Azure over HTTP with its real latencies and request
budgets. Beside each row, on the same Azure in the same minutes, the pattern of the scaler in Go that this one
replaces: a tick every ten seconds, and in it one start after the other. All in real time; the machines' whole lives
(a cold start takes 90 to 110 s) are real too. Only the making of the machines, before the first visitor, is skipped.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched
from math import ceil
from random import Random
from threading import Event as Flag
from threading import Thread
from time import monotonic, sleep

import redis

from benchmarks.calls import Token
from emulator.behaviour import Behaviour
from emulator.history import Event, What
from emulator.orders import OrderKind, Protection, Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import RunningServer, serve
from emulator.wire.site import Place, Site
from scaler.model.instance import InstanceId, ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.row import Notes, Record, Row, Status
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Reservations
from scaler.vmss.client import ArmClient, connect
from simulator.parts.environment import assemble
from simulator.parts.functions_host import Hosts
from simulator.parts.redis_server import redis_server

STEADY, BURSTS = 270.0, 110.0  # seconds that the rows of a round last
SETTLED_AFTER = 45.0  # seconds: from then on a row counts; so many machines are starting by then that it is as crowded
LAST_ANSWERS = (
    20.0  # seconds after the last visitor: longer than anybody waits for an order, with the other pattern too
)
GO_TICKS_EVERY = 10.0
SETUP_BEGINS = timedelta(days=1)  # ago, by the emulated Azure's clock
A_WHILE = timedelta(minutes=5)  # longer than any operation of the emulated Azure takes
SCHEDULES = {
    "PROVISIONER_SCHEDULE": "0 * * * * *",
    "RECONCILER_SCHEDULE": "*/30 * * * * *",
    "STARTER_SCHEDULE": "*/10 * * * * *",
    "CLEANER_SCHEDULE": "*/15 * * * * *",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """One row: who comes, and to how many machines."""

    name: str
    machines: int
    every: float  # seconds, on average, between two arrivals
    at_once: int = 1  # how many come with each
    warm: bool = False
    counts_after: float = SETTLED_AFTER

    def arrivals(self, lasts: float) -> Iterator[float]:
        """Seconds from the beginning, irregular, but the same in every run."""
        dice, at = Random(self.name), 0.0
        while (at := at + self.every * dice.uniform(0.6, 1.4)) < lasts:
            yield at


ROUNDS: Sequence[tuple[float, Sequence[Crowd]]] = (
    (
        STEADY,
        (
            Crowd(name="alone", machines=40, every=11.3, warm=True, counts_after=0),
            Crowd(name="one cold visitor per 8 s, N=100", machines=100, every=8),
            Crowd(name="one cold visitor per 2 s, N=230", machines=230, every=2),
            Crowd(name="one warm visitor per 3 s, N=120", machines=120, every=3, warm=True),
        ),
    ),
    (
        BURSTS,
        (
            Crowd(name="bursts of 20, cold, N=120", machines=120, every=23, at_once=20, counts_after=0),
            Crowd(name="bursts of 50, cold, N=230", machines=230, every=31, at_once=50, counts_after=0),
        ),
    ),
)


class Lagging:
    """Azure's clock. It is behind while the machines are made, and then the time of day."""

    def __init__(self) -> None:
        self.lag = SETUP_BEGINS

    def now(self) -> datetime:
        """The time of day, as Azure has it."""
        return datetime.now(UTC) - self.lag

    def later(self) -> None:
        """Let Azure finish what is under way."""
        self.lag -= A_WHILE


@dataclass(slots=True)
class Waits:
    """From the reservation until the order was accepted, by machine; in monotonic seconds."""

    reserved: dict[str, float] = field(default_factory=dict)
    accepted: dict[str, float] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        """An order that Azure accepted."""
        if event.what is What.START_ORDERED and event.vm_id is not None:
            self.accepted.setdefault(event.vm_id.lower(), monotonic())

    def seconds(self, since: float) -> list[float]:
        """Of everybody who came after that moment, in rising order. No answer yet is a wait until now."""
        now = monotonic()
        return sorted(self.accepted.get(vm_id, now) - at for vm_id, at in self.reserved.items() if at >= since)


class Stage:
    """One row: our scaler before one scale set, the other pattern before another one just like it."""

    def __init__(self, crowd: Crowd, url: str, clock: Lagging) -> None:
        self.crowd = crowd
        self.waits, self.go_waits = Waits(), Waits()
        self.opened: list[float] = []
        self.url = url
        slug = "".join(each if each.isalnum() else "-" for each in crowd.name.lower())
        made = [_at_rest(clock, f"{prefix}-{slug}", crowd) for prefix in ("vmss", "go")]
        self.azure, self.go_azure = made
        self.azure.history.listeners.append(self.waits.hear)
        self.go_azure.history.listeners.append(self.go_waits.hear)
        self.redis = redis.Redis.from_url(url)
        self.registry = RedisRegistry(self.redis, Keys())
        self.visitors = Reservations(self.redis, Keys())
        self.registry.apply([_admission(self.azure, vm.instance_id, vm.vm_id, crowd) for vm in self.azure.vms])
        self._go_free = [(vm.vm_id.lower(), vm.instance_id) for vm in self.go_azure.vms]
        self._go_reserved: list[tuple[str, str]] = []
        self._walls: dict[str, datetime] = {}

    def variables(self, server: RunningServer) -> dict[str, str]:
        """Of the functions host."""
        ours = {
            **os.environ,
            **SCHEDULES,
            "SCALER_POOL_CAPACITY": str(self.crowd.machines),
            "SCALER_WARMPOOL_SIZE": str(self.crowd.machines if self.crowd.warm else 0),
            "SCALER_VM_RUNTIME": "60m",
            "SCALER_PROVISIONER_WATCH": "55s",
            "SCALER_RECONCILER_WATCH": "25s",
            "SCALER_STARTER_WATCH": "9.8s",
            "SCALER_CLEANER_WATCH": "0s",
        }
        environment = assemble(ours, speed=1)
        return {**environment.at(redis_url=self.url, azure_url=server.url), "AZURE_VMSS_NAME": self.azure.name}

    def play(self, lasts: float, arm: ArmClient, group: str) -> None:
        """Everybody comes, on both sides at the same moments."""
        over = Flag()
        other = Thread(target=self._go_pattern, args=(arm, group, over), name=self.go_azure.name)
        other.start()
        began = monotonic()
        for number, at in enumerate(self.crowd.arrivals(lasts)):
            sleep(max(0.0, began + at - monotonic()))
            for each in range(self.crowd.at_once):
                self._arrive(SessionId(f"visitor-{number}-{each}"))
        sleep(LAST_ANSWERS)
        over.set()
        other.join()

    def _arrive(self, session: SessionId) -> None:
        reservation = self.visitors.reserve(session)
        if reservation is None or not self._go_free:
            raise SystemExit(f"{self.crowd.name}: no machine is free for {session}; make the row's machines more")
        self.waits.reserved[reservation.vm_id.lower()] = monotonic()
        self._walls[reservation.vm_id.lower()] = datetime.now(UTC)
        machine = self._go_free.pop(0)
        self.go_waits.reserved[machine[0]] = monotonic()
        self._go_reserved.append(machine)

    def _go_pattern(self, arm: ArmClient, group: str, over: Flag) -> None:
        start = arm.sdk.virtual_machine_scale_set_vms.begin_start
        due = monotonic()
        while not over.wait(max(0.0, due - monotonic())):
            due += GO_TICKS_EVERY
            found, self._go_reserved = self._go_reserved, []
            for _, instance_id in found:
                start(group, self.go_azure.name, instance_id, polling=False, enforce_https=False)

    def row(self, began: float) -> dict[str, str | int | float]:
        """What came of it. Raises SystemExit where nobody came."""
        since = began + self.crowd.counts_after
        ours, theirs = self.waits.seconds(since), self.go_waits.seconds(since)
        if not ours:
            raise SystemExit(f"{self.crowd.name}: nobody came")
        shares = {f"p{share}_s": _percentile(ours, share) for share in (50, 90, 99)}
        go = {f"go_p{share}_s": _percentile(theirs, share) for share in (50, 99)}
        opened = sorted(self._opened())
        inside = {f"open_p{share}_s": _percentile(opened, share) for share in (50, 99)} if opened else {}
        return {"name": self.crowd.name, "n": len(ours), **shares, **go, **inside}

    def _opened(self) -> Iterator[float]:
        """From the reservation until the session was let in."""
        for row in self.registry.read().rows.values():
            opened = row.notes.opened if row.notes is not None else None
            if opened is not None and row.vm_id.lower() in self._walls:
                yield (opened.at - self._walls[row.vm_id.lower()]).total_seconds()


def _at_rest(clock: Lagging, name: str, crowd: Crowd) -> EmulatedScaleSet:
    """A scale set whose machines are made, marked and stopped. Its clock is yesterday's until all are."""
    azure = EmulatedScaleSet(
        clock.now, name=name, seed=len(name), behaviour=Behaviour(metered=True), tags={"scaler:managed": "true"}
    )
    azure.scale(Scale(capacity=crowd.machines), by="operator")
    clock.later()
    rest = OrderKind.POWER_OFF if crowd.warm else OrderKind.DEALLOCATE
    azure.order(rest, [vm.instance_id for vm in azure.vms], by="operator")
    for some in batched(azure.vms, 10, strict=False):  # the bucket of marks
        clock.later()
        for vm in some:
            azure.protect(vm.instance_id, Protection(from_scale_in=True), by="operator")
    clock.later()
    return azure


def _admission(azure: EmulatedScaleSet, instance_id: str, vm_id: str, crowd: Crowd) -> Change:
    now, address, machine = azure.now, InstanceId(instance_id), VmId(vm_id.lower())
    notes = Notes(
        scale_set=ScaleSetName(azure.name),
        unique_id=azure.set_state.unique_id,
        instance_id=address,
        mark_asked_at=now,
        mark_seen_at=now,
        admitted_at=now,
    )
    record = Record(vm_id=machine, instance_id=address, status=Status.AVAILABLE, warm=crowd.warm)
    return Change(row=Row(vm_id=machine), edge=None, record=record, notes=notes, index=Status.AVAILABLE)


def _percentile(rising: Sequence[float], share: int) -> float:
    """The smallest value that so many per cent of all do not exceed."""
    return round(rising[max(0, ceil(len(rising) * share / 100) - 1)], 2)


def played(lasts: float, crowds: Sequence[Crowd]) -> list[dict[str, str | int | float]]:
    """One round: its rows at the same time, each with a scaler, a Redis and two scale sets of its own, in one Azure."""
    with ExitStack() as stack:
        clock = Lagging()
        stages = [Stage(each, stack.enter_context(redis_server()).url, clock) for each in crowds]
        clock.lag = timedelta(0)
        azures = [each for stage in stages for each in (stage.azure, stage.go_azure)]
        secret = assemble(os.environ, speed=1).variables["IDENTITY_HEADER"]
        site = Site(place=_place(), identity_secret=secret)
        server = stack.enter_context(serve(azures, site=site))
        hosts = [Hosts(each.variables(server), lambda _: None) for each in stages]
        for each in hosts:
            stack.callback(each.close)
            each.start(Flag())
        arm = connect(site.place.subscription, Token(), endpoint=server.url)
        stack.callback(arm.close)
        began = monotonic()
        with ThreadPoolExecutor(len(stages)) as pool:
            for done in [pool.submit(stage.play, lasts, arm, site.place.resource_group) for stage in stages]:
                done.result()
        dead = [each.failure for each in hosts if each.failure is not None]
        if dead:
            raise SystemExit(dead[0])
        return [stage.row(began) for stage in stages]


def _place() -> Place:
    settings = assemble(os.environ, speed=1).settings
    return Place(subscription=settings.subscription, resource_group=settings.resource_group)


def main(arguments: Sequence[str]) -> None:
    """All rows, as a table; with --json as one line after it."""
    rows = []
    print("seconds from the reservation until Azure accepted the start; go: ticks of 10 s, one start after the other\n")
    heads = ("n", "p50", "p90", "p99", "go p50", "go p99", "in p50", "in p99")
    print(f"{'':<36}" + "".join(f"{each:>8}" for each in heads))
    for lasts, crowds in ROUNDS:
        for row in played(lasts, crowds):
            rows.append(row)
            print(f"{row['name']:<36}" + "".join(f"{value:>8}" for value in list(row.values())[1:]), flush=True)
    print("\nin: until the session was let in; of a cold machine that takes longer than most of these rows last")
    if "--json" in arguments:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main(sys.argv[1:])
