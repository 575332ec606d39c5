"""Lost: a session that waits too long, or is let in to a machine that was never started."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from emulator.history import Event, What
from scaler.model.row import Status
from simulator.happenings import DEPARTURES, Did, Entry, Forgotten, Happening, Look, Seen
from simulator.observer.wrong import Kind, Wrong


@dataclass(slots=True, kw_only=True)
class _Wait:
    vm_id: str | None
    names: frozenset[str]
    since: datetime


class Unserved:
    """A reservation is started, moved or visibly refused by then; what Redis forgot of it begins anew."""

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience
        self._waits: dict[str, _Wait] = {}
        self._at_rest: set[str] = set()  # vm ids
        self._fresh: set[str] = set()  # vm ids of those that were marked, and have not run since

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows."""
        if isinstance(happening, Entry):
            yield from self._listen(happening)
        elif isinstance(happening, Event) and happening.vm_id is not None:
            self._follow(happening.what, happening.vm_id)
        elif isinstance(happening, Forgotten) or (isinstance(happening, Look) and happening.forgot):
            for wait in self._waits.values():
                wait.since = happening.at
        elif isinstance(happening, Look):
            yield from self._look(happening)

    def _listen(self, entry: Entry) -> Iterator[Wrong]:
        if entry.did is Did.PROMISED:
            before = self._waits.get(entry.session)
            since = before.since if before is not None else entry.at  # a moved session has waited all the time
            self._waits[entry.session] = _Wait(vm_id=entry.vm_id, names=entry.names, since=since)
        elif entry.did in DEPARTURES | {Did.OPENED, Did.DISPLACED}:
            self._waits.pop(entry.session, None)
        if entry.did is Did.OPENED and entry.vm_id in self._fresh:
            self._fresh.discard(entry.vm_id)  # told once
            yield _lost(entry.at, "it was let in to a machine that had never been started", entry.vm_id, entry.session)

    def _follow(self, what: What, vm_id: str) -> None:
        if what in {What.STOPPED, What.DEALLOCATED}:
            self._at_rest.add(vm_id)
        elif what is What.PROTECT_ORDERED and vm_id in self._at_rest:
            self._fresh.add(vm_id)
        elif what in {What.RUNNING, What.UNPROTECT_ORDERED, What.ROLLED_BACK}:
            self._fresh.discard(vm_id)
        if what is What.RUNNING:
            self._at_rest.discard(vm_id)

    def _look(self, look: Look) -> Iterator[Wrong]:
        answered = {name for name in map(_answered, look.machines) if name is not None}
        for session, wait in list(self._waits.items()):
            if wait.names & answered or not wait.names & look.named:  # they only have to ask; or `Lost` tells of it
                del self._waits[session]
            elif look.at - wait.since > self._patience:
                del self._waits[session]
                waited = (look.at - wait.since).total_seconds()
                why = f"it has been waiting for {waited:.0f} s, and was neither let in, moved nor refused"
                yield _lost(look.at, why, wait.vm_id, session)


def _answered(seen: Seen) -> str | None:
    """The session that the record of the machine has let in or refused."""
    published = seen.published
    return published.session if published is not None and published.status is Status.UNAVAILABLE else None


def _lost(at: datetime, why: str, vm_id: str | None, session: str) -> Wrong:
    return Wrong(kind=Kind.LOST, at=at, why=why, vm_id=vm_id, session=session)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promise:
    vm_id: str | None
    at: datetime


class Unstarted:
    """A judge for campaigns without faults of Azure's answers, Redis and processes."""

    def __init__(self, at_most: timedelta) -> None:
        self._at_most = at_most
        self._promised: dict[str, _Promise] = {}  # by session
        self._started: set[str | None] = set()  # vm ids: a start may be ordered before the promise has been told

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows."""
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
