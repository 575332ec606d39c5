"""Leaked: a machine billed without a reason, left alone for ever, or kept for a session that never comes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from emulator.history import Event, What
from emulator.vm import VmState
from scaler.model.instance import PowerState, ProvisioningState
from scaler.model.policy import Moves
from scaler.model.row import Status
from simulator.happenings import PARTINGS, RECKLESS, Did, Entry, Forgotten, Happening, Look, Published, Seen
from simulator.observer.patience import Patience, under_way
from simulator.observer.wrong import Kind, Wrong

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class _Watched:
    """One machine's clocks. `idle_since`: billed for nothing; `alone_since`: unchanged, though it should change."""

    looks_like: tuple[VmState, Published | None]
    alone_since: datetime
    idle_since: datetime | None = None
    told: bool = False


class Leaked:
    """A machine has a reason while Azure is at work, a visitor waits or stays, or it is offered warm or hot."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._guests: dict[str, dict[str, datetime]] = {}  # vm id -> session -> until when that is a reason
        self._deletes: dict[str, int] = {}  # orders so far
        self._watched: dict[str, _Watched] = {}

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows."""
        if isinstance(happening, Entry) and happening.vm_id is not None:
            self._listen(happening, happening.vm_id)
        elif isinstance(happening, Event) and happening.what is What.DELETE_ORDERED and happening.vm_id is not None:
            self._deletes[happening.vm_id] = self._deletes.get(happening.vm_id, 0) + 1
        elif isinstance(happening, Look):
            self._watched = {each.state.vm_id: self._watch(each, happening.at) for each in happening.machines}
            for seen in happening.machines:
                yield from self._judge(seen, happening.at)

    def _listen(self, entry: Entry, vm_id: str) -> None:
        guests, policy = self._guests.setdefault(vm_id, {}), self._patience.policy
        if entry.did is Did.PROMISED:
            guests[entry.session] = entry.at + policy.reservation_timeout + policy.start_timeout
        elif entry.did is Did.OPENED:
            limit = policy.session_limit + policy.expiry_grace
            guests[entry.session] = entry.at + limit if policy.session_limit else _NEVER
        elif entry.did in PARTINGS:
            guests.pop(entry.session, None)

    def _watch(self, seen: Seen, at: datetime) -> _Watched:
        looks_like = (seen.state, seen.published)
        watched = self._watched.get(seen.state.vm_id)
        if watched is None:
            watched = _Watched(looks_like=looks_like, alone_since=at)
        if watched.looks_like != looks_like or _is_offered(seen) or self._is_somebodys(seen, at):
            watched.looks_like, watched.alone_since = looks_like, at
        idle = seen.state.billed and not self._has_reason(seen, at)
        watched.idle_since = (watched.idle_since or at) if idle else None
        return watched

    def _has_reason(self, seen: Seen, at: datetime) -> bool:
        offered = seen.state.power is not PowerState.DEALLOCATED and _is_offered(seen)
        return under_way(seen.state) or self._is_somebodys(seen, at) or offered

    def _is_somebodys(self, seen: Seen, at: datetime) -> bool:
        policy, published = self._patience.policy, seen.published
        if any(at < until for until in self._guests.get(seen.state.vm_id, {}).values()):
            return True
        runs = seen.state.power is PowerState.RUNNING
        presumed = published.presumed_since if published is not None and runs else None
        return presumed is not None and at - presumed < policy.limit_of_presumed + policy.expiry_grace

    def _judge(self, seen: Seen, at: datetime) -> Iterator[Wrong]:
        watched = self._watched[seen.state.vm_id]
        why = self._billed_for_nothing(watched, at) or self._left_alone(seen, watched, at)
        if why is not None and not watched.told:
            watched.told = True
            session = seen.published.session if seen.published is not None else None
            yield Wrong(kind=Kind.LEAKED, at=at, why=why, vm_id=seen.state.vm_id, session=session)

    def _billed_for_nothing(self, watched: _Watched, at: datetime) -> str | None:
        if watched.idle_since is None or at - watched.idle_since <= self._patience.idle:
            return None
        return f"it has been billed for {_seconds(at - watched.idle_since)}, and nobody is on it or does anything to it"

    def _left_alone(self, seen: Seen, watched: _Watched, at: datetime) -> str | None:
        deletes = self._deletes.get(seen.state.vm_id, 0)
        if at - watched.alone_since <= self._patience.unchanged(seen.state, seen.published, deletes):
            return None
        return f"nobody has acted on it for {_seconds(at - watched.alone_since)}, and it is neither offered nor in use"


def _is_offered(seen: Seen) -> bool:
    """Fresh, at rest or hot, and reservable: it may stay so for ever."""
    state, published = seen.state, seen.published
    waits = state.power in {PowerState.STOPPED, PowerState.DEALLOCATED} or is_hot(seen)
    settled = waits and state.provisioning is ProvisioningState.SUCCEEDED
    return settled and published is not None and published.offered and not published.used


def is_hot(seen: Seen) -> bool:
    """Whether it runs because it was heated, and for nobody."""
    published = seen.published
    free = published is not None and published.status is Status.AVAILABLE and published.heated
    return free and seen.state.power is PowerState.RUNNING


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.1f} s"


class ForNobody:
    """A record is deleted after the machine, and a refused session gets no machine unheard.

    Under Moves.ALWAYS the operator has promised that every queue manager follows a moved session: a queue manager that
    does not is no fault of the scaler's.
    """

    def __init__(self, moves: Moves) -> None:
        self._moves = moves
        self._recorded: set[str] = set()  # vm ids of those that are somebody's, or were
        self._refused: dict[str, str] = {}  # session -> the vm id it had waited for
        self._told: set[str] = set()  # vm ids

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows."""
        if isinstance(happening, Forgotten):
            self._recorded -= {happening.vm_id} if happening.vm_id is not None else set(self._recorded)
        elif isinstance(happening, Entry) and happening.vm_id is not None:
            yield from self._listen(happening, happening.vm_id)
        elif isinstance(happening, Look):
            if not happening.forgot:
                for seen in happening.machines:
                    yield from self._forgotten(seen, happening.at)
                    yield from self._opened_for_nobody(seen, happening.at)
            self._recorded = {each.state.vm_id for each in happening.machines if _is_somebodys(each)}

    def _listen(self, entry: Entry, vm_id: str) -> Iterator[Wrong]:
        if entry.did is Did.REFUSED and entry.manner not in RECKLESS:  # who may have undone their first machine
            self._refused[entry.session] = vm_id
        elif entry.did is Did.LEFT_BEHIND and self._moves is not Moves.ALWAYS:
            why = "a session was moved to it whose queue manager will never hear of that"
            yield from self._leaked(vm_id, entry.at, why, entry.session)

    def _forgotten(self, seen: Seen, at: datetime) -> Iterator[Wrong]:
        runs = seen.state.power is PowerState.RUNNING and seen.state.provisioning is not ProvisioningState.DELETING
        if runs and seen.state.vm_id in self._recorded and seen.published is None:
            yield from self._leaked(seen.state.vm_id, at, "its record was deleted, and it is still there and runs")

    def _opened_for_nobody(self, seen: Seen, at: datetime) -> Iterator[Wrong]:
        published = seen.published
        if published is None or published.status is not Status.UNAVAILABLE or published.used:
            return
        refused = self._refused.get(published.session or "")
        if refused is not None and refused != seen.state.vm_id:
            why = "it was opened for a session that had been refused another one and asks no more"
            yield from self._leaked(seen.state.vm_id, at, why, published.session)

    def _leaked(self, vm_id: str, at: datetime, why: str, session: str | None = None) -> Iterator[Wrong]:
        if vm_id not in self._told:
            self._told.add(vm_id)
            yield Wrong(kind=Kind.LEAKED, at=at, why=why, vm_id=vm_id, session=session)


def _is_somebodys(seen: Seen) -> bool:
    """Whether a machine is or was a visitor's. A fresh machine may be forgotten after two old listings."""
    return seen.published is not None and seen.published.status not in {None, Status.AVAILABLE}
