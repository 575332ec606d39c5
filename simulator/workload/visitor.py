"""One visit: comes, asks, waits, goes in, stays, leaves; or gives up, vanishes, comes again."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import Enum, auto

from scaler.errors import Unreachable
from scaler.model.instance import VmId
from scaler.registry.reservations import Stage
from simulator.happenings import Did
from simulator.workload.habits import Died, Intent, Steps, between, mortal
from simulator.workload.queue_manager import Heard, QueueManager, Session

_MISSES = 5
"""Failed attempts in a row to reach the machine, until the player gives up."""


class Place(Enum):
    """Where a visitor is."""

    ASKING = auto()  # nobody has promised them anything
    WAITING = auto()  # they were promised a machine
    INSIDE = auto()
    GONE = auto()  # only their queue manager may still have something to do


class Visitor:
    """One visit, in steps. `closing`: whether visitors on a machine shall leave."""

    def __init__(self, session: Session, manager: QueueManager, intent: Intent, closing: Callable[[], bool]) -> None:
        self.place = Place.ASKING
        self.deaths = 0
        self.disappointed = False  # refused, or they gave up
        self.session = session
        self._manager = manager
        self._intent = intent
        self._closing = closing
        self._unsure = False  # a reservation may have been made though nobody said so

    def visit(self) -> Steps[None]:
        """The steps from arrival to departure, and the late tasks of the queue manager."""
        self.session.tell(Did.ARRIVED)
        vm_id = None
        while self.place in {Place.ASKING, Place.WAITING}:
            vm_id = yield from (self._wait() if self.place is Place.WAITING else self._ask())
        if self.place is Place.INSIDE and vm_id is not None:
            yield from self._stay(vm_id)
        if vm_id is not None:
            yield from self._finish(vm_id)

    # -- asking

    def _ask(self) -> Steps[VmId | None]:
        """Until there is a machine, or no patience."""
        queued = False
        while self._patient:
            if self._intent.vanishes(self._now):
                self._vanish(None)
                return None
            yield from self._attempt()
            if self.session.vm_id is not None:
                self.place = Place.WAITING
                return self.session.vm_id
            if not queued:
                self.session.tell(Did.QUEUED)
                queued = True
            yield self.session.poll()
        yield from self._give_up(None, "there was no machine")
        return None

    def _attempt(self) -> Steps[None]:
        """Ask once; the account says whether there was a promise."""
        try:
            yield from self._mortal(self._manager.reserve())
        except Unreachable:
            self._unsure = True
        except Died:
            self._unsure = True

    # -- waiting

    def _wait(self) -> Steps[VmId | None]:
        """Look once, and act on the answer."""
        vm_id = self.session.vm_id
        if vm_id is None:
            raise AssertionError("only who was promised a machine waits")
        if self._intent.vanishes(self._now):
            self._vanish(vm_id)
            return vm_id
        if not self._patient or self.session.dice.random() < self.session.habits.fickleness:
            yield from self._give_up(vm_id, "it took too long")
            return vm_id
        self._let_it_work(vm_id)
        heard = self._look(vm_id)
        if heard is not None:
            yield from self._understand(vm_id, heard)
        if self.place is Place.WAITING:
            yield self.session.poll()
        return self.session.vm_id or vm_id

    def _look(self, vm_id: VmId) -> Heard | None:
        """None: no answer."""
        try:
            return self._manager.look(vm_id)
        except Unreachable:
            return None

    def _let_it_work(self, vm_id: VmId) -> None:
        with suppress(Unreachable):
            self._manager.meanwhile(vm_id)

    def _understand(self, vm_id: VmId, heard: Heard) -> Steps[None]:
        if heard.vm_id != vm_id:
            self.session.tell(Did.MOVED, vm_id, f"to {heard.vm_id}")
            self.session.tell(Did.PROMISED, heard.vm_id)
        match heard.stage:
            case Stage.OPEN:
                self.session.tell(Did.OPENED, heard.vm_id, addresses=heard.addresses)
                self.place = Place.INSIDE
            case Stage.UNKNOWN:
                yield from self._begin_again(heard, "nobody knows of it")
            case Stage.REFUSED | Stage.ENDED if heard.moved_to is not None:
                self.session.tell(Did.LEFT_BEHIND, heard.moved_to)
                yield from self._begin_again(heard, heard.why)
            case Stage.REFUSED | Stage.ENDED:
                self.session.tell(Did.REFUSED, heard.vm_id, heard.why)
                self.place, self.disappointed = Place.GONE, True
            case Stage.RESERVED:
                pass

    def _begin_again(self, heard: Heard, why: str) -> Steps[None]:
        self.session.tell(Did.DISPLACED, heard.vm_id, why)
        self.place = Place.ASKING
        yield self.session.habits.rethink * self.session.poll()

    # -- inside

    def _stay(self, vm_id: VmId) -> Steps[None]:
        """Stay while the machine answers, as long as intended or until the session is ended."""
        if self.session.habits.connects is not None:
            yield between(self.session.dice, self.session.habits.connects)
        if not (yield from self._answers(vm_id)):
            self.session.tell(Did.UNREACHABLE, vm_id)
            yield from self._leave(vm_id)
            return
        self.session.tell(Did.CONNECTED, vm_id)
        until = self._now + self._intent.stay
        while not self._closing() and (self._now < until or self._intent.overstays):
            yield self.session.poll()
            if self._intent.vanishes(self._now):
                self._vanish(vm_id)
                return
            self._let_it_work(vm_id)
            if self._intent.overstays and self._is_over(vm_id):
                self.session.tell(Did.EXPIRED, vm_id)
                return
            if not (yield from self._answers(vm_id)):
                self.session.tell(Did.CUT_OFF, vm_id)
                yield from self._leave(vm_id)
                return
        if self._intent.closes_tab:
            self._vanish(vm_id)
            return
        yield from self._leave(vm_id)

    def _is_over(self, vm_id: VmId) -> bool:
        heard = self._look(vm_id)
        return heard is not None and heard.stage in {Stage.ENDED, Stage.UNKNOWN}

    def _answers(self, vm_id: VmId) -> Steps[bool]:
        for _ in range(_MISSES):
            if self.session.access.reachable(vm_id):
                return True
            yield self.session.rest()
        return False

    # -- going

    def _leave(self, vm_id: VmId) -> Steps[None]:
        self.session.tell(Did.LEAVING, vm_id)
        self.place = Place.GONE
        yield from self._farewell(lambda: self._manager.release(vm_id), vm_id)

    def _give_up(self, vm_id: VmId | None, why: str) -> Steps[None]:
        self.session.tell(Did.GAVE_UP, vm_id, why)
        self.place, self.disappointed = Place.GONE, True
        if vm_id is not None or self._unsure:
            yield from self._farewell(lambda: self._manager.cancel(vm_id), vm_id)

    def _vanish(self, vm_id: VmId | None) -> None:
        self.session.tell(Did.VANISHED, vm_id)
        self.place = Place.GONE

    def _farewell(self, steps: Callable[[], Steps[bool]], vm_id: VmId | None) -> Steps[None]:
        """Say goodbye until there is an answer, or the queue manager dies."""
        told = None
        while told is None:
            try:
                told = yield from self._mortal(steps())
            except Unreachable:
                yield self.session.rest()
            except Died:
                told = False
        if not told:
            self.session.tell(Did.VANISHED, vm_id, "nobody could be told")

    def _finish(self, vm_id: VmId) -> Steps[None]:
        """Let the queue manager do its late tasks; failures do not matter."""
        self.place = Place.GONE
        try:
            yield from self._mortal(self._manager.afterwards(vm_id))
        except (Unreachable, Died):
            return

    # -- the small words

    def _mortal[T](self, steps: Steps[T]) -> Steps[T]:
        try:
            return (yield from mortal(steps, self.session.dice, self.session.habits.deaths))
        except Died:
            self.deaths += 1
            raise

    @property
    def _now(self) -> datetime:
        return self.session.access.now()

    @property
    def _patient(self) -> bool:
        return self._now < self._intent.patient_until
