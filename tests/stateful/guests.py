"""Visitors whom a test leads step by step: they reserve, look, go in, leave or give up when it says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emulator.history import Event, What
from scaler.model.instance import PowerState, SessionId, VmId
from scaler.registry.reservations import Reservation
from simulator.chaos.world import World
from simulator.happenings import Did, Entry, Happening, Manner

_OUT = frozenset({What.STOPPED, What.DEALLOCATED, What.DELETED, What.EVICTED, What.SHUT_DOWN})


@dataclass(slots=True)
class Visitor:
    """One session, from its own point of view."""

    session: SessionId
    naive: bool
    vm_id: VmId
    asked_at: datetime
    told_open: bool = False  # the machine may be gone before they get there
    entered_at: datetime | None = None
    done: str | None = None  # left, refused, gave up, thrown out, forgotten


class Guests:
    """All of them. They keep no record of wrongs: the observer hears what they do."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.visitors: dict[SessionId, Visitor] = {}
        world.hearers.append(self._hear)

    def reserve(self, session: SessionId) -> None:
        """With our own client."""
        got = self._world.reservations.reserve(session)
        if got is not None:
            self.acknowledged(session, got.vm_id, naive=False)

    def acknowledged(self, session: SessionId, vm_id: VmId, *, naive: bool) -> None:
        """The visitor was told that a machine is on its way."""
        visitor = Visitor(session=session, naive=naive, vm_id=vm_id, asked_at=self._world.clock.now())
        self.visitors[session] = visitor
        self._tell(visitor, Did.PROMISED)

    def is_inside(self, session: SessionId, vm_id: VmId) -> None:
        """One who was there before the scaler."""
        self.acknowledged(session, vm_id, naive=True)
        self._let_in(self.visitors[session])

    def was_inside(self, session: SessionId, vm_id: VmId) -> None:
        """One who was there and has left."""
        self.is_inside(session, vm_id)
        self._ends(self.visitors.pop(session), "left", Did.LEAVING)

    def waiting(self) -> list[Visitor]:
        """Those who were promised a machine and are not in yet."""
        return [each for each in self.visitors.values() if each.done is None and each.entered_at is None]

    def inside(self) -> list[Visitor]:
        """Those who are on a machine."""
        return [each for each in self.visitors.values() if each.done is None and each.entered_at is not None]

    def poll(self) -> None:
        """Every waiting visitor asks once."""
        for visitor in self.waiting():
            if visitor.naive:
                self._poll_naively(visitor)
            else:
                self._poll(visitor)

    def leave(self, visitor: Visitor) -> None:
        """They go, and their queue manager says so."""
        self._ends(visitor, "left", Did.LEAVING)
        if visitor.naive:
            self._naive_write(visitor, status="Unavailable")
        else:
            self._world.reservations.release(visitor.session)

    def give_up(self, visitor: Visitor) -> None:
        """They do not want to wait any longer."""
        self._ends(visitor, "gave up", Did.GAVE_UP)
        if visitor.naive:
            self._naive_write(visitor, status="Reserved")
        else:
            self._world.reservations.cancel(visitor.session)

    def vanish(self) -> None:
        """All go, and nobody says so."""
        for visitor in [*self.waiting(), *self.inside()]:
            self._ends(visitor, "vanished", Did.GAVE_UP)

    def _poll(self, visitor: Visitor) -> None:
        sight = self._world.reservations.look(visitor.session)
        if sight.reservation is not None and sight.reservation.vm_id != visitor.vm_id:  # moved
            visitor.vm_id, visitor.told_open = sight.reservation.vm_id, False
            self._tell(visitor, Did.PROMISED)
        match sight.stage.value:
            case "open" if sight.reservation is not None:
                self._let_in(visitor, sight.reservation)
            case "refused" | "ended":
                self._ends(visitor, "refused", Did.REFUSED)
            case "unknown":
                self._ends(visitor, "forgotten", Did.DISPLACED)

    def _poll_naively(self, visitor: Visitor) -> None:
        record = self._record_of(visitor.vm_id)
        if record is not None and record.get("used") and record.get("sessionId") == visitor.session:
            self._ends(visitor, "refused", Did.REFUSED)
        elif record is None or record.get("sessionId") != visitor.session:
            self._ends(visitor, "forgotten", Did.DISPLACED)
        elif record["status"] == "Unavailable":
            self._let_in(visitor)

    def _let_in(self, visitor: Visitor, told: Reservation | None = None) -> None:
        """They go in if the machine truly runs."""
        if not visitor.told_open:
            self._open(visitor, told)
        state = self._world.find(visitor.vm_id)
        if state is None or state.power is not PowerState.RUNNING:
            return
        visitor.entered_at = self._world.clock.now()
        self._tell(visitor, Did.CONNECTED)

    def _open(self, visitor: Visitor, told: Reservation | None) -> None:
        visitor.told_open = True
        said = (told.private_ip, told.public_ip) if told is not None else ()
        self._tell(visitor, Did.OPENED, addresses=tuple(each for each in said if each is not None))

    def _hear(self, happening: Happening) -> None:
        """Whoever is on a machine notices when it stops."""
        if not isinstance(happening, Event) or happening.what not in _OUT:
            return
        for visitor in self.inside():
            if visitor.vm_id == happening.vm_id:
                self._ends(visitor, "thrown out", Did.CUT_OFF)

    def _ends(self, visitor: Visitor, done: str, did: Did) -> None:
        visitor.done = done
        self._tell(visitor, did)

    def _tell(self, visitor: Visitor, did: Did, addresses: tuple[str, ...] = ()) -> None:
        manner = Manner.NAIVE if visitor.naive else Manner.ATOMIC
        now = self._world.clock.now()
        entry = Entry(at=now, session=visitor.session, did=did, vm_id=visitor.vm_id, manner=manner, addresses=addresses)
        self._world.tell(entry)

    def _record_of(self, vm_id: VmId) -> Mapping[str, Any] | None:
        """What a naive GET shows."""
        record = self._world.registry.read_also([vm_id])[vm_id].readable
        if record is None:
            return None
        return {"status": str(record.status), "sessionId": record.session_id, "used": record.used}

    def _naive_write(self, visitor: Visitor, *, status: str) -> None:
        """SET of the fields that a naive queue manager knows, whatever was there."""
        text = (
            f'{{"vmId": "{visitor.vm_id}", "instanceId": "1", "status": "{status}", '
            f'"used": true, "sessionId": "{visitor.session}"}}'
        )
        registry = self._world.registry
        registry.keyspace.set(registry.keys.instance(visitor.vm_id), text)
