"""Tells a run to a newcomer, with a line per change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from emulator.history import Event, What
from emulator.vm import VmState
from scaler.model.plan import Why
from scaler.model.row import Status
from simulator.clock import WallClock
from simulator.figures import Counts, in_words, power_word, status_word
from simulator.happenings import Did, Entry, Happening, Published, Told, Trouble
from simulator.observer.wrong import Wrong
from simulator.view import NO_STEP, By, Colour, Journal, Line, Lines, Table

_OF_AZURE: Mapping[What, str] = {
    What.CREATED: "a VM is being created",
    What.CREATE_FAILED: "it could not be created",
    What.RUNNING: "it runs",
    What.STOPPED: "it is stopped and stays allocated (warm)",
    What.DEALLOCATED: "it is deallocated (cold)",
    What.DELETED: "it is gone",
    What.START_FAILED: "it could not be started",
    What.PREEMPTED: "another order took the place of what it was busy with",
    What.ROLLED_BACK: "its mark was taken back",
    What.EVICTED: "it was evicted",
    What.SHUT_DOWN: "it was shut down from inside",
    What.RESTARTED_ITSELF: "it restarts itself",
    What.TURNED_FAILED: "it turned Failed",
    What.FELL_SILENT: "its guest does not tell its health",
    What.LIED: "its guest tells a wrong health",
}
_OF_VISITORS: Mapping[Did, tuple[str, str]] = {
    Did.QUEUED: (NO_STEP, "no machine is free; asks again"),
    Did.PROMISED: ("RESERVE", "asked for a machine"),
    Did.MOVED: (NO_STEP, "goes on with another machine"),
    Did.DISPLACED: (NO_STEP, "its reservation has vanished; asks again"),
    Did.REFUSED: (NO_STEP, "is refused"),
    Did.GAVE_UP: ("CANCEL", "gives up"),
    Did.OPENED: (NO_STEP, "is let in"),
    Did.UNREACHABLE: (NO_STEP, "was let in, but the machine does not answer"),
    Did.CUT_OFF: (NO_STEP, "the machine does not answer any more"),
    Did.LEAVING: ("RELEASE", "leaves"),
    Did.EXPIRED: (NO_STEP, "its time is over"),
}
_BAD = frozenset({Did.DISPLACED, Did.REFUSED, Did.UNREACHABLE, Did.CUT_OFF})
_COLOURS = {Status.AVAILABLE: Colour.GREEN, Status.RESERVED: Colour.YELLOW, Status.UNAVAILABLE: Colour.CYAN}
_TOO_MUCH = frozenset({Why.SEEN_AGAIN, Why.WARMTH})  # bookkeeping that follows from the lines above it
_PATIENCE = 5.0  # seconds for which the same trouble is not told again


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Both sides of one machine, right now."""

    state: VmState | None  # None: it is gone
    published: Published | None


class Narrator:
    """`glance` looks at a machine for the line about it."""

    def __init__(self, journal: Journal, clock: WallClock, glance: Callable[[str], Glance]) -> None:
        self._journal = journal
        self._clock = clock
        self._glance = glance
        self._addresses: dict[str, str] = {}  # vm id -> instance id, of machines that may be gone by now
        self._told: dict[str, float] = {}  # trouble -> when
        self._waits: dict[tuple[str, str], str] = {}  # controller, machine or scale set -> why it waits

    def tell(self, happening: Happening) -> None:
        """Write the line about a happening, if there is one."""
        match happening:
            case Event():
                self._tell_of_azure(happening)
            case Entry():
                self._tell_of_visitor(happening)
            case Told():
                self._tell_of_scaler(happening)
            case Trouble():
                self._tell_trouble(happening.what)
            case _:
                pass

    def accuse(self, wrong: Wrong) -> None:
        """Write a line about a wrong."""
        self._journal.remark(self._clock.since_start(wrong.at), in_words(wrong), Colour.RED)

    def _tell_of_azure(self, event: Event) -> None:
        if event.vm_id is None or event.what not in _OF_AZURE:
            return
        self._addresses[event.vm_id] = event.instance_id or ""
        asked = f", as the {event.by} asked" if event.what is What.CREATED else ""
        self._row(self._line(By.AZURE, event.vm_id, "(Azure)", _OF_AZURE[event.what] + asked))

    def _tell_of_visitor(self, entry: Entry) -> None:
        if entry.did not in _OF_VISITORS:
            return
        step, why = _OF_VISITORS[entry.did] if entry.vm_id is not None else (NO_STEP, _OF_VISITORS[entry.did][1])
        told = f"{entry.manner} visitor: {why}" + (f" ({entry.why})" if entry.why else "")
        self._row(self._line(By.VISITOR, entry.vm_id, step, told, entry.session), bad=entry.did in _BAD)

    def _tell_of_scaler(self, told: Told) -> None:
        if told.event in {"tick_failed", "complaint"}:
            self._tell_trouble(f"{told.controller}: {told.why}")
        elif told.why not in _TOO_MUCH and not self._is_repeated(told):
            about = f" ({told.scale_set})" if told.scale_set else ""
            bad, why = told.alarm or told.result in {"failed", "expired"}, f"{told.why}{about}{_what_became_of(told)}"
            self._row(self._line(By.SCALER, told.vm_id, _step(told), why, told.session), bad=bad)

    def _is_repeated(self, told: Told) -> bool:
        """Whether the same wait was told at the tick before."""
        whose = (told.controller, told.vm_id or told.scale_set)
        if told.event != "held":
            self._waits.pop(whose, None)
            return False
        repeated = self._waits.get(whose) == told.why
        self._waits[whose] = told.why
        return repeated

    def _tell_trouble(self, what: str) -> None:
        """A tick that failed is told by the scaler first, and then by the host in other words: once is enough."""
        now = self._clock.seconds
        gist = what.strip().partition("failed: ")[2] or what
        self._told = {each: when for each, when in self._told.items() if now - when < _PATIENCE}
        if not any(each in what for each in self._told):
            self._told[gist] = now
            self._journal.remark(now, f"! {what.strip()}", Colour.RED)

    def _line(self, by: By, vm_id: str | None, step: str, why: str, session: str = "") -> Line:
        return Line(seconds=self._clock.seconds, by=by, vm_id=vm_id or "", step=step, why=why, session=session)

    def _row(self, line: Line, *, bad: bool = False) -> None:
        """The line, with how its machine looks right now."""
        if line.vm_id:
            glance = self._glance(line.vm_id)
            published = glance.published
            line = replace(
                line,
                instance_id=self._addresses.get(line.vm_id, ""),
                status=status_word(published),
                power=power_word(glance.state),
                session=line.session or (published.session if published is not None and published.session else ""),
                colour=_colour(published),
            )
        self._journal.row(replace(line, colour=Colour.RED) if bad else line)


def _colour(published: Published | None) -> Colour:
    if status_word(published) == "used":
        return Colour.DIM
    return _COLOURS.get(published.status, Colour.PLAIN) if published and published.status else Colour.PLAIN


def _step(told: Told) -> str:
    step = "+".join(filter(None, (told.edge, told.order))) or "note"
    if told.event == "held":
        return "held back" if told.alarm else "waiting"
    return f"({step})" if told.event == "would" else step


def _what_became_of(told: Told) -> str:
    """The result of a step, unless the step was done."""
    if told.event == "would":
        return " – is not done: paused, or nobody allowed it"
    if told.result in {"", "done"}:
        return ""
    return f" – {told.result}: {told.error}" if told.error else f" – {told.result}"


_LEGEND = "– = not offered yet; used = Unavailable, and never offered again; visit = session id; Ctrl-C ends it all\n"


class NarratedLines(Lines):
    """A line per change as well."""

    def __init__(self, table: Table, counts: Counts, greeting: Sequence[str], narrator: Narrator) -> None:
        super().__init__(table, counts, greeting)
        self._narrator = narrator

    def __enter__(self) -> Self:
        super().__enter__()
        self.table.free(_LEGEND, Colour.DIM)
        self.table.heading()
        return self

    def tell(self, happening: Happening) -> None:
        """Write the line about a happening, if there is one."""
        super().tell(happening)
        self._narrator.tell(happening)
