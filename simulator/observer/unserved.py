"""Lost, another way: a session that waits longer than any may, or is let in to a machine that was never started."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from emulator.history import Event, What
from scaler.model.record import Status
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
        """One happening after the other."""
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
    """The session that this machine's record has let in or refused."""
    published = seen.published
    return published.session if published is not None and published.status is Status.UNAVAILABLE else None


def _lost(at: datetime, why: str, vm_id: str | None, session: str) -> Wrong:
    return Wrong(kind=Kind.LOST, at=at, why=why, vm_id=vm_id, session=session)
