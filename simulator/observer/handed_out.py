"""Used machine handed out: a machine opened, or reachable, for a second session; or a visitor sent to another's."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from emulator.history import Event, What
from scaler.model.edges import Actor
from scaler.model.instance import PowerState
from simulator.happenings import PARTINGS, Did, Entry, Forgotten, Happening, Look, Manner
from simulator.observer.wrong import Kind, Wrong

_ON_IT = frozenset({Did.OPENED, Did.CONNECTED})


class HandedOut:
    """A machine is within reach of a session when opened for the session, and when started while promised.

    A machine that the reconciler has started runs for nobody: its address is told when it is opened.

    Except for a session without an id whose record got another id: the session reads that the machine is not its own.
    """

    def __init__(self) -> None:
        self._promised: defaultdict[str, set[str]] = defaultdict(set)  # vm id -> sessions that wait for it
        self._reached: defaultdict[str, dict[str, None]] = defaultdict(dict)  # vm id -> sessions, in order
        self._for_nobody: set[str] = set()  # vm ids of those whose latest start the reconciler ordered
        self._nameless: defaultdict[str, set[str]] = defaultdict(set)  # vm id -> those promised without an id
        self._told: set[tuple[str, str]] = set()

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows."""
        if isinstance(happening, Event) and happening.vm_id is not None:
            self._follow(happening, happening.vm_id)
        elif isinstance(happening, Entry) and happening.vm_id is not None:
            yield from self._listen(happening, happening.vm_id)
        elif isinstance(happening, Forgotten):
            self._forget(happening.vm_id)
        elif isinstance(happening, Look):
            for machine in happening.machines:
                if machine.published is not None and machine.published.opened_for is not None:
                    session, vm_id = machine.published.opened_for, machine.state.vm_id
                    for whose in sorted(self._nameless[vm_id]) if session == vm_id else [session]:
                        yield from self._reach(vm_id, whose, happening.at, "opened")

    def _follow(self, event: Event, vm_id: str) -> None:
        if event.what is What.START_ORDERED:
            (self._for_nobody.add if event.by == Actor.RECONCILER else self._for_nobody.discard)(vm_id)
        elif event.what is What.RUNNING and vm_id not in self._for_nobody:
            self._reached[vm_id] |= dict.fromkeys(self._promised[vm_id])

    def _forget(self, vm_id: str | None) -> None:
        """Clear forgotten promises: a forgotten session is not told to go in to a machine that starts later."""
        for forgotten in self._promised if vm_id is None else [vm_id]:
            self._promised[forgotten].clear()

    def _listen(self, entry: Entry, vm_id: str) -> Iterator[Wrong]:
        if entry.did is Did.PROMISED:
            self._promised[vm_id].add(entry.session)
            self._nameless[vm_id] |= {entry.session} if entry.manner is Manner.NAMELESS else set()
        elif entry.did is Did.OVERWROTE and entry.whom in self._nameless[vm_id]:
            self._promised[vm_id].discard(entry.whom)
            self._reached[vm_id].pop(entry.whom, None)
        elif entry.did in PARTINGS:
            self._promised[vm_id].discard(entry.session)
            self._nameless[vm_id].discard(entry.session)
        elif entry.did in _ON_IT:
            yield from self._reach(vm_id, entry.session, entry.at, entry.did)

    def _reach(self, vm_id: str, session: str, at: datetime, how: str) -> Iterator[Wrong]:
        """Put the machine within reach of a session, whether or not the visitor hears of the machine."""
        others = [each for each in self._reached[vm_id] if each != session]
        self._reached[vm_id][session] = None
        self._nameless[vm_id].discard(session)
        if others and (vm_id, session) not in self._told:
            self._told.add((vm_id, session))
            why = f"it was {how} for {session} after it had been within reach of {', '.join(others)}"
            yield Wrong(kind=Kind.HANDED_OUT, at=at, why=why, vm_id=vm_id, session=session)


class SentElsewhere:
    """Instance ids are reused, and lists of addresses are old; a visitor without an address does no harm.

    A machine that was evicted between the opening and the visitor's next question has no address.
    """

    def __init__(self) -> None:
        self._true: dict[str, frozenset[str]] = {}  # vm id -> where it is, while it runs

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows."""
        if isinstance(happening, Look):
            self._true = {
                each.state.vm_id: frozenset(ip for ip in (each.state.private_ip, each.state.public_ip) if ip)
                for each in happening.machines
                if each.state.power is PowerState.RUNNING
            }
        elif isinstance(happening, Entry) and happening.did is Did.OPENED and happening.vm_id is not None:
            yield from self._compare(happening, happening.vm_id)

    def _compare(self, entry: Entry, vm_id: str) -> Iterator[Wrong]:
        strange = [each for each in entry.addresses if each not in self._true.get(vm_id, frozenset())]
        if strange and vm_id in self._true:
            why = f"its visitor was sent to {', '.join(strange)}, and it is at {', '.join(sorted(self._true[vm_id]))}"
            yield Wrong(kind=Kind.HANDED_OUT, at=entry.at, why=why, vm_id=vm_id, session=entry.session)
