"""The story of one machine: every order, change, sighting, accident and word of a visitor about it, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from emulator.history import Event
from scaler.model.edges import Actor
from scaler.model.plan import Order, SetCapacity, Step
from scaler.report import Report
from simulator.chaos.hosts import Host
from simulator.chaos.sighted import Sighted
from simulator.chaos.world import World
from simulator.happenings import Entry, Forgotten, Happening, Look, Published, Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that happened, with everything it is about. About nothing: about everything."""

    at: datetime
    who: str
    what: str
    rests_on: str = ""  # a look; that of an order which is repeated is another one each time
    vm_ids: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()

    def is_about(self, vm_id: str | None, session: str | None) -> bool:
        """Whether whoever asks for that machine, or that session, should hear of it."""
        return vm_id in self.vm_ids or session in self.sessions or not (self.vm_ids or self.sessions)


class Story:
    """Listens to a world from its beginning. `of` tells what concerns one machine, or one session."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lines: list[Line] = []
        self._looked: dict[str, tuple[str, str]] = {}  # vm id -> Azure's truth, Redis
        world.hearers.append(self._hear)
        world.readers.append(self._read)
        self._sighted = Sighted(self._write)
        for host in world.hosts:
            host.sightings.append(self._sighted.see)

    def of(self, vm_id: str | None, session: str | None) -> Iterator[str]:
        """With virtual times. What came before anybody knew of it is left out; what is said twice is said once."""
        about = [each for each in self._lines if each.is_about(vm_id, session)]
        first = next((n for n, each in enumerate(about) if vm_id in each.vm_ids or session in each.sessions), 0)
        said: list[tuple[Line, int]] = []
        for line in about[first:]:
            if said and (said[-1][0].who, said[-1][0].what) == (line.who, line.what):
                said[-1] = (said[-1][0], said[-1][1] + 1)
            else:
                said.append((line, 1))
        for line, times in said:
            again = f"  ({times} times)" if times > 1 else ""
            yield f"{line.at:%H:%M:%S.%f}"[:12] + f"  {line.who:24} {line.what}{line.rests_on}{again}"

    @property
    def machines(self) -> list[str]:
        """Every machine there ever was."""
        return list(self._looked)

    def _write(self, who: str, what: str, *vm_ids: str, session: str | None = None, at: datetime | None = None) -> None:
        sessions = frozenset({session}) if session is not None else frozenset()
        when = at if at is not None else self._world.clock.now()
        self._lines.append(Line(at=when, who=who, what=what, vm_ids=frozenset(vm_ids), sessions=sessions))

    # -- what is heard

    def _hear(self, happening: Happening) -> None:
        match happening:
            case Event(vm_id=str() as vm_id):
                late = f", given at {happening.given_at:%H:%M:%S}" if happening.given_at is not None else ""
                detail = f" ({happening.detail})" if happening.detail else ""
                what = f"{happening.what}, by the {happening.by}{late}{detail}"
                self._write("Azure", what, vm_id, at=happening.at)
            case Entry(vm_id=vm_id):
                self._write_entry(happening, *([vm_id] if vm_id is not None else []))
            case Forgotten(vm_id=None):
                self._write("Redis", "FORGOT what it had been told lately, or all of it")
            case Forgotten(vm_id=str() as vm_id):
                self._write("Redis", "FORGOT something of this machine", vm_id)
            case Look():
                for seen in happening.machines:
                    self._look(seen)

    def _write_entry(self, entry: Entry, *vm_ids: str) -> None:
        where = f" {vm_ids[0][:8]}" if vm_ids else ""
        whose = f" (it was {entry.whom}'s)" if entry.whom is not None else ""
        why = f": {entry.why}" if entry.why else ""
        self._write(
            f"visitor {entry.session}",
            f"{entry.did}{where}{whose}{why} [{entry.manner}]",
            *vm_ids,
            session=entry.session,
        )

    def _look(self, seen: Seen) -> None:
        """What is true and what is written, whenever either changed."""
        state, vm_id = seen.state, seen.state.vm_id
        marked = "marked" if state.protected else "unmarked"
        now = (f"{state.power}, {state.provisioning}, {marked}", _in_words(seen.published))
        before = self._looked.get(vm_id, ("", ""))
        if now[0] != before[0]:
            self._write("truth", now[0], vm_id)
        if now[1] != before[1]:
            self._write("Redis", now[1], vm_id)
        self._looked[vm_id] = now

    def _read(self, host: Host, name: Actor, report: Report) -> None:
        for outcome in report.outcomes:
            step = outcome.step
            moved = step.change.partner.row.vm_id if step.change and step.change.partner else None
            vm_ids = [each for each in (step.vm_id, moved) if each is not None]
            error = f" ({outcome.error})" if outcome.error is not None else ""
            session = step.facts.get("session")
            line = Line(
                at=self._world.clock.now(),
                who=f"{name} of {host.name}",
                what=f"{_of_step(step)}: {outcome.result}{error}",
                rests_on=f", by a look of {step.order.rests_on.at:%H:%M:%S}" if step.order is not None else "",
                vm_ids=frozenset(vm_ids),
                sessions=frozenset({str(session)} if session is not None else ()),
            )
            self._lines.append(line)


def _of_step(step: Step) -> str:
    edge = step.change.edge if step.change is not None else None
    parts = [edge.name if edge is not None else "notes" if step.change is not None else "", _of_order(step.order)]
    return f"{' and '.join(each for each in parts if each) or 'nothing'}, since {step.why}"


def _of_order(order: Order | None) -> str:
    if order is None:
        return ""
    if isinstance(order, SetCapacity):
        return f"capacity {order.capacity}"
    return f"{type(order).__name__} ordered"


def _in_words(published: Published | None) -> str:
    if published is None:
        return "nothing is written of it"
    words = [str(published.status or "notes without a record")]
    words += ["used"] if published.used else []
    words += [f"for {published.session}"] if published.session else []
    words += ["on offer"] if published.offered else []
    words += ["presumed in use"] if published.presumed_since else []
    return ", ".join(words)
