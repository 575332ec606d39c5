"""Lost, for a while: a session was promised a machine, and nobody orders its start, though nothing is in the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from emulator.history import Event, What
from scaler.model.record import Status
from simulator.happenings import DEPARTURES, Did, Entry, Happening, Look
from simulator.observer.wrong import Kind, Wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promise:
    vm_id: str | None
    at: datetime


class Unstarted:
    """For campaigns in which Azure answers, Redis forgets nothing and processes live."""

    def __init__(self, at_most: timedelta) -> None:
        self._at_most = at_most
        self._promised: dict[str, _Promise] = {}  # by session
        self._started: set[str | None] = set()  # vm ids: a start may be ordered before the promise has been told

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """One happening after the other."""
        if isinstance(happening, Entry) and happening.did is Did.PROMISED:
            if happening.vm_id not in self._started:
                self._promised[happening.session] = _Promise(vm_id=happening.vm_id, at=happening.at)
        elif isinstance(happening, Entry) and happening.did in DEPARTURES | {Did.OPENED, Did.DISPLACED}:
            self._promised.pop(happening.session, None)
        elif isinstance(happening, Event) and happening.what is What.START_ORDERED:
            self._started.add(happening.vm_id)
            started = [name for name, promise in self._promised.items() if promise.vm_id == happening.vm_id]
            for session in started:
                del self._promised[session]
        elif isinstance(happening, Look):
            yield from self._overdue(happening)

    def _overdue(self, look: Look) -> Iterator[Wrong]:
        known = [each.published for each in look.machines if each.published is not None]
        ended = {each.session for each in known if each.status is Status.UNAVAILABLE}
        for session, promise in list(self._promised.items()):
            waited = look.at - promise.at
            if session in ended or session not in look.named:
                del self._promised[session]
            elif waited > self._at_most:
                del self._promised[session]
                why = f"it was promised a machine {waited.total_seconds():.0f} s ago, and no start is ordered"
                yield Wrong(kind=Kind.LOST, at=look.at, why=why, vm_id=promise.vm_id, session=session)
