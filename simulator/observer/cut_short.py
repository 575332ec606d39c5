"""Cut short: a machine with a visitor on it stopped or deleted by the scaler before its limit."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from emulator.history import Event, What
from scaler.model.edges import CONTROLLERS
from scaler.model.policy import Policy
from scaler.model.row import Status
from simulator.happenings import PARTINGS, Did, Entry, Happening, Look, Manner, Seen
from simulator.observer.wrong import Kind, Wrong

_HURTS = {
    What.STOP_ORDERED: "stopped",
    What.DEALLOCATE_ORDERED: "deallocated",
    What.RESTART_ORDERED: "restarted",
    What.DELETE_ORDERED: "deleted",
}
_BLIND = timedelta(seconds=1)  # without a look: there are several in a second
_GOES = PARTINGS | {Did.VANISHED}  # who has closed the tab is on no machine any more
_BELIEVED = timedelta(minutes=10)  # a lie lasts minutes, is shown late, and two looks at it are a minute apart
_DARK = frozenset({What.STOPPED, What.DEALLOCATED, What.DELETED, What.EVICTED, What.SHUT_DOWN})


@dataclass(slots=True, kw_only=True)
class _Stay:
    session: str
    since: datetime
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


class CutShort:
    """A visitor is on a machine from the opening, by account or by record, until the visitor has gone, told or not.

    An order to a machine at rest is harmless; a harmful order is judged at arrival. Garbage in the place of a record
    may say that the visitor has left, which looks like a release.

    A guest that lies about itself may end its own session, and no other. So where the guest has told a wrong health
    shortly before, a machine's order is judged by the next look: a session that ended by health is no wrong.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._waiting: dict[str, tuple[str, str]] = {}  # by each of the session's names: the session, its vm id
        self._stays: dict[str, dict[str, _Stay]] = {}  # vm id -> session -> stay
        self._presumed: dict[str, datetime] = {}  # vm id -> since
        self._garbled: set[str] = set()  # vm ids
        self._dark: set[str] = set()  # vm ids of those that do not run
        self._looked: datetime | None = None  # when Redis was last seen
        self._lied: dict[str, datetime] = {}  # vm id -> when its guest last began to
        self._doubts: list[Wrong] = []  # about liars: to be judged by the next look

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows."""
        if isinstance(happening, Entry) and happening.vm_id is not None:
            self._listen(happening, happening.vm_id)
        elif isinstance(happening, Look):
            for seen in happening.machines:
                self._look(seen, happening.at)
            self._looked = happening.at
            yield from self._judged(happening)
        elif isinstance(happening, Event) and happening.vm_id is not None:
            ordered = happening.what in _HURTS and happening.by in CONTROLLERS
            if ordered and happening.vm_id not in self._dark | self._garbled:
                found = self._hurt(happening, happening.vm_id)
                yield from self._without_liars(found, happening.at)
            self._follow(happening.what, happening.vm_id)
            if happening.what is What.LIED:
                self._lied[happening.vm_id] = happening.at

    def _without_liars(self, found: Iterator[Wrong], at: datetime) -> Iterator[Wrong]:
        """The wrongs; those of machines whose guests lied wait for the next look."""
        for wrong in found:
            lied = self._lied.get(wrong.vm_id or "")
            if lied is not None and at - lied < _BELIEVED:
                self._doubts.append(wrong)
            else:
                yield wrong

    def _judged(self, look: Look) -> Iterator[Wrong]:
        """The doubts whose sessions did not end by health."""
        ended = {each.state.vm_id for each in look.machines if each.published and each.published.ended_by_health}
        doubts, self._doubts = self._doubts, []
        yield from (wrong for wrong in doubts if wrong.vm_id not in ended)

    def _follow(self, what: What, vm_id: str) -> None:
        if what is What.RUNNING:
            self._dark.discard(vm_id)
        elif what in _DARK:
            self._dark.add(vm_id)

    def _listen(self, entry: Entry, vm_id: str) -> None:
        if entry.did is Did.PROMISED:
            self._waiting |= dict.fromkeys(entry.names, (entry.session, vm_id))
        elif entry.did is Did.OPENED:
            self._wait_no_more(entry)
            self._begin(vm_id, entry.session, entry.at)
        elif entry.did is Did.OVERWROTE and entry.manner is Manner.GARBAGE:
            self._garbled.add(vm_id)
        elif entry.did in _GOES:
            self._wait_no_more(entry)
            stay = self._stays.get(vm_id, {}).get(entry.session)
            if stay is not None and stay.until is None:
                stay.until = entry.at

    def _wait_no_more(self, entry: Entry) -> None:
        for name in entry.names:
            self._waiting.pop(name, None)

    def _look(self, seen: Seen, at: datetime) -> None:
        vm_id, published = seen.state.vm_id, seen.published
        if published is None:
            return
        if published.presumed_since is not None:
            self._presumed.setdefault(vm_id, published.presumed_since)
        let_in = published.status is Status.UNAVAILABLE and not published.used
        session, where = self._waiting.get(published.session or "", ("", ""))
        if let_in and where == vm_id:
            self._begin(vm_id, session, at)

    def _begin(self, vm_id: str, session: str, at: datetime) -> None:
        """Begin a stay. After a time without looks the stay may have begun at the last look."""
        blind = self._looked is not None and at - self._looked > _BLIND
        since = self._looked if blind and self._looked is not None else at
        self._stays.setdefault(vm_id, {}).setdefault(session, _Stay(session=session, since=since))

    def _hurt(self, event: Event, vm_id: str) -> Iterator[Wrong]:
        for stay in self._stays.get(vm_id, {}).values():
            if stay.holds(event.at) and not self._over(stay, vm_id, event.at):
                after = (event.at - stay.since).total_seconds()
                stay.until = event.at  # told once
                why = f"it was {_HURTS[event.what]} by the {event.by} {after:.1f} s after it had been opened"
                yield Wrong(kind=Kind.CUT_SHORT, at=event.at, why=why, vm_id=vm_id, session=stay.session)

    def _over(self, stay: _Stay, vm_id: str, at: datetime) -> bool:
        """Whether the limit of the session is over, or of a presumed session where sessions have no limit."""
        if self._policy.session_limit > timedelta(0):
            return at - stay.since >= self._policy.session_limit
        presumed = self._presumed.get(vm_id)
        return presumed is not None and at - presumed >= self._policy.presumed_limit
