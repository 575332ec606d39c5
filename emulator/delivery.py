"""The way of an order from its caller to Azure: it may be lost, late, doubled, or never answered."""

from collections.abc import Callable
from datetime import timedelta

from emulator.faults import Fault
from emulator.history import What
from emulator.operations import Operation
from emulator.orders import Given
from emulator.refusals import ArmError, Failure, NoAnswer, preempted, throttled, unavailable
from emulator.world import World

type Arrive = Callable[[], Operation]
"""Applies the order to the world as it is when it arrives: to whoever has the instance id by then."""


class Delivery:
    """Carries orders, with the faults of the way."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, given: Given, policy: str, arrive: Arrive, *, throttles: Fault | None = None) -> Operation:
        """Deliver it, or raise what its caller gets to see instead. `policy`: the bucket that a 429 would name.

        `throttles`: a 429 for orders of this kind only.
        """
        self._refuse(policy, throttles)
        strikes = self._world.chance.strikes
        if strikes(Fault.ORDER_LOST):
            raise NoAnswer
        if strikes(Fault.ORDER_LATE):
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

    def _refuse(self, policy: str, throttles: Fault | None) -> None:
        chance = self._world.chance
        if chance.strikes(Fault.WRITE_THROTTLED) or (throttles is not None and chance.strikes(throttles)):
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

        self._world.agenda.after(delay, land)
