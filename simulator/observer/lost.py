"""Lost: a promised session that nothing names any more, that waits too long, or whose machine was never started."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from emulator.history import Event, What
from scaler.model.row import Status
from simulator.happenings import DEPARTURES, OUTCOMES, RECKLESS, Did, Entry, Forgotten, Happening, Look, Seen
from simulator.observer.wrong import Kind, Wrong


@dataclass(slots=True, kw_only=True)
class _Promise:
    vm_id: str | None
    names: frozenset[str]
    unnamed_since: datetime | None = None
    told: bool = False  # that it is theirs no more


class Lost:
    """A session must be missing for `grace`, since a look asks more than one question.

    A session that Redis lost is excused; but then asking again must give a free machine. The same is true of a session
    overwritten by a queue manager without rules, or by a queue manager whose SPOP Redis forgot.
    """

    def __init__(self, grace: timedelta, in_vain: timedelta) -> None:
        """`in_vain`: for how long a forgotten session may ask while a machine is free."""
        self._grace = grace
        self._in_vain_at_most = in_vain
        self._promised: dict[str, _Promise] = {}
        self._forgotten: set[str] = set()  # by Redis
        self._took: dict[str, datetime] = {}  # session -> when a machine was taken for it, before they were told
        self._theirs_since: dict[tuple[str, str | None], datetime] = {}  # (session, vm id): taken, or else promised
        self._overwritten: set[str] = set()  # sessions, by somebody else before they were told
        self._forgot_at: datetime | None = None
        self._in_vain: dict[str, datetime | None] = {}  # of those, who asked again; since when though one is free

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows."""
        if isinstance(happening, Entry):
            self._listen(happening)
        elif isinstance(happening, Forgotten):
            self._forgot_at = happening.at
            self._forget(happening.vm_id)
        elif isinstance(happening, Look):
            if happening.forgot:
                self._forgot_at = happening.at
                self._forget(None)
            yield from self._unnamed(happening)
            yield from self._unserved(happening)

    def _listen(self, entry: Entry) -> None:
        if entry.did is Did.QUEUED and entry.session in self._forgotten:
            self._in_vain[entry.session] = None
        if entry.did is Did.TOOK:
            self._overwritten.discard(entry.session)  # that was another machine
            self._took[entry.session] = self._theirs_since[entry.session, entry.vm_id] = entry.at
        if entry.did is Did.OVERWROTE:
            self._excuse(entry)
        if entry.did is Did.DISPLACED and entry.session in self._promised:
            self._promised[entry.session].told = True
        if entry.did in OUTCOMES | {Did.PROMISED}:
            self._promised.pop(entry.session, None)
            self._forgotten.discard(entry.session)
            self._in_vain.pop(entry.session, None)
        if entry.did is Did.PROMISED and entry.manner not in RECKLESS:
            self._promised[entry.session] = _Promise(vm_id=entry.vm_id, names=entry.names)
            self._theirs_since.setdefault((entry.session, entry.vm_id), entry.at)
            took = self._took.pop(entry.session, None)
            forgot = took is not None and self._forgot_at is not None and took <= self._forgot_at
            if forgot or entry.session in self._overwritten:
                self._overwritten.discard(entry.session)
                self._forget_session(entry.session)  # meanwhile, while the answer was on its way

    def _excuse(self, entry: Entry) -> None:
        """Somebody writes over a record that is another's by now. It is no fault of the scaler's where they keep no
        rules, or where Redis has forgotten that the machine was theirs."""
        since = self._theirs_since.get((entry.session, entry.vm_id))
        let_down = since is not None and self._forgot_at is not None and since <= self._forgot_at
        if entry.whom is None or not (entry.manner in RECKLESS or let_down):
            return
        promise = self._promised.get(entry.whom)
        if promise is not None and promise.vm_id == entry.vm_id:
            self._forget_session(entry.whom)
        elif entry.whom in self._took:
            self._overwritten.add(entry.whom)

    def _forget(self, vm_id: str | None) -> None:
        """Forget all promises, or the promises of one machine."""
        for session, promise in list(self._promised.items()):
            if vm_id is None or promise.vm_id == vm_id:
                self._forget_session(session)

    def _forget_session(self, session: str) -> None:
        self._promised.pop(session, None)
        self._forgotten.add(session)

    def _unnamed(self, look: Look) -> Iterator[Wrong]:
        for session, promise in list(self._promised.items()):
            if promise.names & look.named:
                promise.unnamed_since = None
                if promise.told:  # they know, and the registry knows why: they ask for another
                    del self._promised[session]
                continue
            promise.unnamed_since = promise.unnamed_since or look.at
            if look.at - promise.unnamed_since >= self._grace:
                del self._promised[session]
                why = "its reservation was acknowledged, and the registry names it nowhere"
                yield Wrong(kind=Kind.LOST, at=look.at, why=why, vm_id=promise.vm_id, session=session)

    def _unserved(self, look: Look) -> Iterator[Wrong]:
        for session, since in list(self._in_vain.items()):
            if since is None or not look.offered:
                self._in_vain[session] = look.at if look.offered else None
            elif look.at - since >= self._in_vain_at_most:
                del self._in_vain[session]
                why = "Redis lost its reservation, and asking again gave no machine though some are free"
                yield Wrong(kind=Kind.LOST, at=look.at, why=why, session=session)


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


class Unstarted:
    """A judge for campaigns without faults of Azure's answers, Redis and processes."""

    def __init__(self, at_most: timedelta) -> None:
        self._at_most = at_most
        self._promised: dict[str, Entry] = {}  # by session
        self._started: set[str | None] = set()  # vm ids: a start may be ordered before the promise has been told

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows."""
        if isinstance(happening, Entry) and happening.did is Did.PROMISED:
            if happening.vm_id not in self._started:
                self._promised[happening.session] = happening
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
