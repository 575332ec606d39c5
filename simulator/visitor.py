"""One visitor: asks for a machine, waits to be let in, connects, stays, leaves."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from scaler.model.instance import SessionId, VmId
from scaler.registry.sessions import Sight, Stage
from simulator.happenings import Did, Entry
from simulator.queue_managers.queue_manager import AWAY, QueueManager
from simulator.visits import Visit

_POLL = 0.15  # seconds: how often a browser asks, and how soon a player notices that the stream is dead
_RETHINK = 2.0  # seconds until one whose reservation vanished asks again; the observer looks several times meanwhile
_MISSES = 5  # failed attempts in a row to reach the machine, until the player gives up


class RunEnded(Exception):
    """Everybody goes home."""


class _Outcome(Enum):
    LET_IN = auto()
    OVER = auto()  # refused, or they gave up
    AGAIN = auto()  # the reservation vanished


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all visitors share."""

    now: Callable[[], datetime]
    tell: Callable[[Entry], None]
    reachable: Callable[[VmId], bool]  # whether the machine itself answers
    pause: Callable[[float], None]  # lets so many seconds pass; raises RunEnded


class Visitor:
    """`run` is the whole visit; it raises RunEnded when the run ends first."""

    def __init__(self, visit: Visit, queue_manager: QueueManager, around: Surroundings) -> None:
        self._visit = visit
        self._session = SessionId(visit.session)
        self._queue_manager = queue_manager
        self._around = around
        self._patient_until = self._in(visit.patience)

    def run(self) -> None:
        """From arrival to departure."""
        self._tell(Did.ARRIVED)
        outcome, vm_id = _Outcome.AGAIN, None
        while outcome is _Outcome.AGAIN:
            vm_id = self._ask()
            outcome, vm_id = self._wait(vm_id) if vm_id is not None else (_Outcome.OVER, None)
        if outcome is _Outcome.LET_IN and vm_id is not None:
            self._go_in(vm_id)

    @property
    def _patient(self) -> bool:
        return self._around.now() < self._patient_until

    def _in(self, seconds: float) -> datetime:
        return self._around.now() + timedelta(seconds=seconds)

    def _ask(self) -> VmId | None:
        """Until there is a machine; None once patience is over."""
        queued = False
        while self._patient:
            vm_id = self._answered(lambda: self._queue_manager.reserve(self._session))
            if vm_id is not None:
                self._tell(Did.PROMISED, vm_id)
                return vm_id
            if not queued:
                self._tell(Did.QUEUED)
                queued = True
            self._around.pause(_POLL)
        self._tell(Did.GAVE_UP, why="there was no machine")
        return None

    def _wait(self, vm_id: VmId) -> tuple[_Outcome, VmId]:
        """Until a machine is open: the one that was promised, or another one that the session was moved to."""
        while self._patient:
            sight = self._look(vm_id)
            vm_id = self._follow(sight, vm_id)
            match sight.stage:
                case Stage.OPEN:
                    self._tell(Did.OPENED, vm_id)
                    return _Outcome.LET_IN, vm_id
                case Stage.REFUSED | Stage.ENDED:
                    self._tell(Did.REFUSED, vm_id, sight.reason or "its record says used")
                    return _Outcome.OVER, vm_id
                case Stage.UNKNOWN:
                    self._tell(Did.DISPLACED, vm_id)
                    self._around.pause(_RETHINK)
                    return _Outcome.AGAIN, vm_id
                case Stage.RESERVED:
                    self._around.pause(_POLL)
        self._tell(Did.GAVE_UP, vm_id, "it took too long")
        self._answered(lambda: self._queue_manager.cancel(self._session, vm_id))
        return _Outcome.OVER, vm_id

    def _look(self, vm_id: VmId) -> Sight:
        return self._answered(lambda: self._queue_manager.look(self._session, vm_id))

    def _follow(self, sight: Sight, vm_id: VmId) -> VmId:
        """The machine that is meant, which may be another one than before."""
        if sight.reservation is None or sight.reservation.vm_id == vm_id:
            return vm_id
        self._tell(Did.MOVED, vm_id, sight.reservation.move_reason or "")
        self._tell(Did.PROMISED, sight.reservation.vm_id)
        return sight.reservation.vm_id

    def _go_in(self, vm_id: VmId) -> None:
        if self._answers(vm_id):
            self._tell(Did.CONNECTED, vm_id)
            self._stay(vm_id)
        else:
            self._tell(Did.UNREACHABLE, vm_id)
            self._leave(vm_id)

    def _stay(self, vm_id: VmId) -> None:
        """As long as they like; one who never releases stays until it is ended for them."""
        until = self._in(self._visit.stay)
        while self._around.now() < until or not self._visit.releases:
            self._around.pause(_POLL)
            if not self._visit.releases and self._is_over(vm_id):
                self._tell(Did.EXPIRED, vm_id)
                return
            if not self._answers(vm_id):
                self._tell(Did.CUT_OFF, vm_id)
                break
        self._leave(vm_id)

    def _is_over(self, vm_id: VmId) -> bool:
        return self._look(vm_id).stage in {Stage.ENDED, Stage.UNKNOWN}

    def _answers(self, vm_id: VmId) -> bool:
        """Whether the machine can be reached, at the latest after a few attempts."""
        for _ in range(_MISSES):
            if self._around.reachable(vm_id):
                return True
            self._around.pause(_POLL)
        return False

    def _leave(self, vm_id: VmId) -> None:
        self._tell(Did.LEAVING, vm_id)
        self._answered(lambda: self._queue_manager.release(self._session, vm_id))

    def _answered[T](self, ask: Callable[[], T]) -> T:
        """Redis may be away for a while."""
        while True:
            try:
                return ask()
            except AWAY:
                self._around.pause(4 * _POLL)

    def _tell(self, did: Did, vm_id: VmId | None = None, why: str = "") -> None:
        entry = Entry(
            at=self._around.now(),
            session=self._session,
            did=did,
            vm_id=vm_id,
            manner=self._visit.manner,
            why=why,
        )
        self._around.tell(entry)
