"""Orders on the way from a caller to Azure (lost, late, doubled, or never answered), and on arrival."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from emulator.behaviour import Fault
from emulator.history import What
from emulator.machines import Machines
from emulator.operations import Operation
from emulator.orders import Given, OrderKind, Protection, Scale
from emulator.refusals import ArmError, Failure, NoAnswer, etag_mismatch, preempted, throttled, unavailable
from emulator.scaling import Scaling
from emulator.transitions import admit_starts
from emulator.world import World

type Arrive = Callable[[], Operation]
"""Applies an order on arrival: to the VM that has the instance id by then."""

_THROTTLED = frozenset({Fault.MARK_THROTTLED, Fault.DEALLOCATE_THROTTLED})
_LATE = frozenset({Fault.DEALLOCATE_LATE})


class Delivery:
    """Carries orders, with the faults of the way."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, given: Given, policy: str, arrive: Arrive, *, own: frozenset[Fault] = frozenset()) -> Operation:
        """Deliver an order, or raise the error for the caller. `policy`: the bucket for a random 429.

        `own`: the faults of orders of this kind only.
        """
        self._refuse(policy, own)
        strikes = self._world.chance.strikes
        if strikes(Fault.ORDER_LOST):
            raise NoAnswer
        if strikes(Fault.ORDER_LATE) or any(map(strikes, own & _LATE)):
            self._later(given, arrive)
            raise NoAnswer
        if strikes(Fault.ORDER_SWALLOWED):
            return self._swallow(given)
        operation = self._queue(given, arrive) if strikes(Fault.ORDER_QUEUED) else arrive()
        if strikes(Fault.ORDER_DOUBLED):
            self._later(given, arrive)
        if strikes(Fault.ANSWER_LOST):
            raise NoAnswer
        return operation

    def _refuse(self, policy: str, own: frozenset[Fault]) -> None:
        chance = self._world.chance
        if chance.strikes(Fault.WRITE_THROTTLED) or any(map(chance.strikes, own & _THROTTLED)):
            raise throttled(policy, chance.within(chance.faults.retry_after))
        if chance.strikes(Fault.WRITE_FAILED):
            raise unavailable()
        if chance.strikes(Fault.WRITE_CONFLICT):
            raise self._world.conflict()

    def _swallow(self, given: Given) -> Operation:
        self._world.write(What.ORDER_SWALLOWED, None, given.by, given=given)
        operation = self._world.begin(1)
        operation.part_done(self._world.at, preempted())
        return operation

    def _queue(self, given: Given, arrive: Arrive) -> Operation:
        shown = self._world.begin(1)

        def begin() -> Operation:
            try:
                real = arrive()
            except ArmError as error:
                shown.part_done(self._world.at, Failure(error.code, error.message))
                raise
            if real.ended is None:
                real.when_done.append(lambda done: shown.part_done(self._world.at, done.failure))
            else:
                shown.part_done(self._world.at, real.failure)
            return real

        self._later(given, begin)
        return shown

    def _later(self, given: Given, arrive: Arrive) -> None:
        """At some moment from now on, but not after `given.at + given.within`."""
        left = max(timedelta(0), given.at + given.within - self._world.at)
        delay = self._world.chance.within((0.0, left.total_seconds()))

        def land() -> None:
            try:
                arrive()
            except ArmError as error:
                self._world.write(What.ORDER_REFUSED, None, given.by, given=given, detail=error.code)

        self._world.queue.after(delay, land)


class Arrivals:
    """Every method returns the operation that began, or raises ArmError and has changed nothing."""

    def __init__(self, world: World, machines: Machines, scaling: Scaling) -> None:
        self._world = world
        self._machines = machines
        self._scaling = scaling

    def batch(self, kind: OrderKind, instance_ids: Sequence[str], given: Given) -> Operation:
        """An order to several VMs; a VM that cannot take the order refuses the whole batch."""
        vms = self._world.named(instance_ids)
        for vm in vms:
            self._machines.check(vm, kind)
        if kind is OrderKind.START:
            admit_starts(self._world, [vm.state for vm in vms])
        if kind is OrderKind.DELETE:
            return self._scaling.delete(vms, given)
        operation = self._world.begin(len(vms))
        for vm in vms:
            self._machines.begin(vm, kind, given, operation)
        return operation

    def protection(self, instance_id: str, protection: Protection, if_match: str | None, given: Given) -> Operation:
        """A PUT of the instance's protectionPolicy."""
        (vm,) = self._world.named([instance_id])
        self._match(if_match, vm.state.etag)
        self._machines.check_protection(vm)
        if protection == vm.state.protection:
            return self._world.begin(0)
        operation = self._world.begin(1)
        self._machines.protect(vm, protection, given, operation)
        return operation

    def scale(self, scale: Scale, if_match: str | None, given: Given) -> Operation:
        """A PATCH or PUT of the scale set."""
        self._match(if_match, self._world.set_state.etag)
        return self._scaling.change(scale, given)

    def _match(self, if_match: str | None, etag: int) -> None:
        check_etag(if_match, etag)
        if if_match not in {None, "*"} and self._world.chance.strikes(Fault.ETAG_CHANGED):
            raise etag_mismatch(str(if_match), quoted(etag))


def check_etag(if_match: str | None, etag: int) -> None:
    """Raises the 412 of an If-Match that names another etag."""
    if if_match not in {None, "*", str(etag), quoted(etag)}:
        raise etag_mismatch(str(if_match), quoted(etag))


def quoted(etag: int) -> str:
    """An etag as headers and bodies carry it."""
    return f'"{etag}"'
