"""The story of one machine: orders, changes, faults and visitors' words, in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from emulator.history import Event
from simulator.happenings import Entry, Forgotten, Happening, Look, Published, Seen, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that happened, with its machines and sessions. Without any: of interest to every machine."""

    at: datetime
    who: str
    what: str
    rests_on: str = ""  # a look; that of an order which is repeated is another one each time
    vm_ids: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()

    def is_about(self, vm_id: str | None, session: str | None) -> bool:
        """Whether the line belongs to the story of that machine, or that session."""
        return vm_id in self.vm_ids or session in self.sessions or not (self.vm_ids or self.sessions)


class Story:
    """A memory of happenings. `of`: the story of one machine, or of one session; `now`: a clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lines: list[Line] = []
        self._looked: dict[str, tuple[str, str]] = {}  # vm id -> Azure's truth, Redis

    def of(self, vm_id: str | None, session: str | None) -> Iterator[str]:
        """The lines with times, from the first line about the machine; repeated lines are told once."""
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

    def add(self, line: Line) -> None:
        """One more line."""
        self._lines.append(line)

    def note(self, who: str, what: str, *vm_ids: str, session: str | None = None, at: datetime | None = None) -> None:
        """Add a line about some machines and a session, at the present time by default."""
        when, sessions = at if at is not None else self._now(), frozenset({session} if session else ())
        self.add(Line(at=when, who=who, what=what, vm_ids=frozenset(vm_ids), sessions=sessions))

    # -- what is heard

    def hear(self, happening: Happening) -> None:
        """Note a happening."""
        match happening:
            case Event(vm_id=str() as vm_id):
                late = f", given at {happening.given_at:%H:%M:%S}" if happening.given_at is not None else ""
                detail = f" ({happening.detail})" if happening.detail else ""
                what = f"{happening.what}, by the {happening.by}{late}{detail}"
                self.note("Azure", what, vm_id, at=happening.at)
            case Entry(vm_id=vm_id):
                self._write_entry(happening, *([vm_id] if vm_id is not None else []))
            case Forgotten(vm_id=None):
                self.note("Redis", "FORGOT what it had been told lately, or all of it")
            case Forgotten(vm_id=str() as vm_id):
                self.note("Redis", "FORGOT something of this machine", vm_id)
            case Look():
                for seen in happening.machines:
                    self._look(seen)
            case Told():
                step = " ".join(filter(None, (happening.edge, happening.order, happening.result, happening.error)))
                about = [happening.vm_id] if happening.vm_id else []
                self.note(happening.controller, f"{step or happening.event}, since {happening.why}", *about)

    def _write_entry(self, entry: Entry, *vm_ids: str) -> None:
        where = f" {vm_ids[0][:8]}" if vm_ids else ""
        whose = f" (it was {entry.whom}'s)" if entry.whom is not None else ""
        why = f": {entry.why}" if entry.why else ""
        self.note(
            f"visitor {entry.session}",
            f"{entry.did}{where}{whose}{why} [{entry.manner}]",
            *vm_ids,
            session=entry.session,
        )

    def _look(self, seen: Seen) -> None:
        """Note changes of the true state and of the record."""
        state, vm_id = seen.state, seen.state.vm_id
        marked = "marked" if state.protected else "unmarked"
        now = (f"{state.power}, {state.provisioning}, {marked}", _in_words(seen.published))
        before = self._looked.get(vm_id, ("", ""))
        if now[0] != before[0]:
            self.note("truth", now[0], vm_id)
        if now[1] != before[1]:
            self.note("Redis", now[1], vm_id)
        self._looked[vm_id] = now


def _in_words(published: Published | None) -> str:
    if published is None:
        return "nothing is written of it"
    words = [str(published.status or "notes without a record")]
    words += ["used"] if published.used else []
    words += [f"for {published.session}"] if published.session else []
    words += ["on offer"] if published.offered else []
    words += ["presumed in use"] if published.presumed_since else []
    return ", ".join(words)
