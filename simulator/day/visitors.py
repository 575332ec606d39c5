"""The visits of a day, and the line before the door: who comes first is served first.

The web site's queue manager uses the scripts that ship with the scaler. While somebody stands in line it asks every
two seconds. A visitor is in as soon as the starter's write says so; what the browser adds is left out.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from emulator.history import Event
from scaler.model.edges import Actor, Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.policy import Policy
from scaler.registry.reservations import Stage
from scaler.report import Report
from simulator.day.demand import Arrival
from simulator.day.host import VirtualHost
from simulator.happenings import Did, Entry
from simulator.observer.cut_short import CutShort

_ASKS = timedelta(seconds=2)  # how often the queue manager asks for the first in line
_LOOKS = timedelta(seconds=15)  # how often a waiting visitor's page looks whether the session was refused
_OVER = {Stage.REFUSED, Stage.ENDED, Stage.UNKNOWN}


@dataclass(slots=True, kw_only=True)
class Visit:
    """One visit. Times are of the virtual clock; None: not so far."""

    session: SessionId
    arrived: datetime
    stay: timedelta
    at_once: bool = False  # a machine was Available when the visitor came
    refused: int = 0  # how often the scaler gave up on the machine
    vm_id: VmId | None = None
    entered: datetime | None = None


class Visitors:
    """All visitors of a day. `cut`: whose machine the scaler stopped or deleted under them."""

    def __init__(self, host: VirtualHost, arrivals: Sequence[Arrival], policy: Policy) -> None:
        self.visits: list[Visit] = []
        self.cut: list[str] = []
        self._host = host
        self._judge = CutShort(policy)
        self._line: deque[Visit] = deque()
        self._gone = 0
        self._waiting: dict[SessionId, Visit] = {}  # with a machine that does not run yet
        host.readers.append(self._read)
        host.azure.history.listeners.append(self._hear)
        began = host.clock.now()
        for number, arrival in enumerate(arrivals):
            moment = began + timedelta(seconds=arrival.at)
            visit = Visit(session=SessionId(f"v{number:05d}"), arrived=moment, stay=timedelta(seconds=arrival.stay))
            host.at(moment, partial(self._arrive, visit))

    @property
    def present(self) -> int:
        """How many are there: in line, waiting, or in session."""
        return len(self.visits) - self._gone

    # -- coming

    def _arrive(self, visit: Visit) -> None:
        self.visits.append(visit)
        if not self._line and self._reserve(visit):
            visit.at_once = True
            return
        self._line.append(visit)
        if len(self._line) == 1:
            self._host.after(_ASKS, self._serve_the_line)

    def _reserve(self, visit: Visit) -> bool:
        found = self._host.reservations.reserve(visit.session)
        if found is None:
            return False
        visit.vm_id = found.vm_id
        self._waiting[visit.session] = visit
        self._tell(visit, Did.PROMISED)
        self._host.reserved()
        self._host.after(_LOOKS, partial(self._look, visit))
        return True

    def _serve_the_line(self) -> None:
        while self._line and self._reserve(self._line[0]):
            self._line.popleft()
        if self._line:
            self._host.after(_ASKS, self._serve_the_line)

    # -- waiting

    def _read(self, name: Actor, report: Report) -> None:
        """Let in whoever the starter has let in."""
        if name is not Actor.STARTER or not self._waiting:
            return
        opened = {
            each.step.vm_id for each in report.outcomes if each.step.edge == Edge.OPEN.name and each.error is None
        }
        for visit in [each for each in self._waiting.values() if each.vm_id in opened]:
            self._understand(visit)

    def _look(self, visit: Visit) -> None:
        if visit.session in self._waiting:
            self._understand(visit)
            self._host.after(_LOOKS, partial(self._look, visit))

    def _understand(self, visit: Visit) -> None:
        sight = self._host.reservations.look(visit.session)
        if sight.reservation is not None and sight.reservation.vm_id != visit.vm_id:
            self._tell(visit, Did.MOVED)
            visit.vm_id = sight.reservation.vm_id
            self._tell(visit, Did.PROMISED)
        if sight.stage is Stage.OPEN:
            del self._waiting[visit.session]
            visit.entered = self._host.clock.now()
            self._tell(visit, Did.OPENED)
            self._host.after(visit.stay, partial(self._leave, visit))
        elif sight.stage in _OVER:
            self._refused(visit)

    def _refused(self, visit: Visit) -> None:
        """Ask again, first in line, as another session."""
        del self._waiting[visit.session]
        self._tell(visit, Did.REFUSED)
        visit.refused += 1
        visit.at_once, visit.session = False, SessionId(f"{visit.session}+")
        self._line.appendleft(visit)
        if len(self._line) == 1:
            self._host.after(_ASKS, self._serve_the_line)

    # -- going

    def _leave(self, visit: Visit) -> None:
        self._gone += 1
        self._tell(visit, Did.LEAVING)
        self._host.reservations.release(visit.session)

    # -- who is cut short

    def _tell(self, visit: Visit, did: Did) -> None:
        now = self._host.clock.now()
        self._judged(Entry(at=now, session=visit.session, did=did, vm_id=visit.vm_id))

    def _hear(self, event: Event) -> None:
        self._judged(event)

    def _judged(self, happening: Entry | Event) -> None:
        self.cut += [wrong.session or "" for wrong in self._judge.see(happening)]
