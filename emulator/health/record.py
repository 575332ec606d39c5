"""The runs of one VM, and its health in an instance view at any moment: calculated when somebody looks."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from emulator.health.extension import Extension, Heard, State, turns
from emulator.health.guest import Mood, Run, Spell, Visit, answers
from emulator.switches import HealthTime, StoppedHealth, Switches


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """The health in an instance view. As long as the health is the same, looks get the same object."""

    extension: Extension
    state: State  # by the extension's substatus
    status: str  # of vmHealth: `HealthState/…`
    at: datetime  # the time of that status
    metrics: str = ""  # customMetrics; "": none


class _Step(NamedTuple):
    """A state of one run and the moment when the extension came to it."""

    at: datetime
    state: State
    status: str
    status_since: datetime


class _Course(NamedTuple):
    """What the extension says in one run, from first to last."""

    starts: datetime
    steps: Sequence[_Step]
    heard: Sequence[Heard]


class HealthRecord:
    """The health of one VM. `drawn`: a run that begins at a moment; and whether it is the first of a new disk."""

    def __init__(
        self, extension: Extension, switches: Switches, drawn: Callable[[datetime, bool], Run], speed: float = 1.0
    ) -> None:
        self.extension = extension
        self.runs: list[Run] = []
        self._clocked = extension.at_speed(speed)
        self._switches = switches
        self._drawn = drawn
        self._courses: dict[int, _Course] = {}  # by the number of the run
        self._last: tuple[tuple[Extension, State, str, datetime, str], Shown] | None = None  # what was shown last

    # -- what happens to the VM

    def begin(self, at: datetime, *, first: bool) -> None:
        """The VM runs from now on."""
        self.end(at)
        self.runs.append(self._drawn(at, first))

    def end(self, at: datetime) -> None:
        """The VM does not run any more."""
        if self.runs and self.runs[-1].until is None:
            self.runs[-1].until = at

    def visit(self, at: datetime, more: int) -> None:
        """Somebody came (1) or left (-1)."""
        if self.running is not None:
            self.running.visits.append(Visit((at - self.running.since).total_seconds(), more))
            self._forget()

    def misbehave(self, at: datetime, lasts: timedelta, mood: Mood) -> None:
        """The guest mutes, lies or flaps for so long."""
        if self.running is not None:
            since = (at - self.running.since).total_seconds()
            self.running.spells.append(Spell(since, since + lasts.total_seconds(), mood))
            self._forget()

    def told(self, at: datetime, heard: Heard) -> None:
        """A real responder answered; `since` of the answer is set here."""
        run = self.running
        if run is None:
            return
        last = run.told[-1] if run.told else None
        if last is None or (last.verdict, last.metrics) != (heard.verdict, heard.metrics):
            run.told = [*(run.told or ()), heard._replace(since=(at - run.since).total_seconds())]
            self._forget()

    @property
    def running(self) -> Run | None:
        """The run that goes on."""
        return self.runs[-1] if self.runs and self.runs[-1].until is None else None

    def _forget(self) -> None:
        self._courses.pop(len(self.runs) - 1, None)

    @property
    def lied(self) -> bool:
        """Whether the guest ever told a wrong verdict."""
        return any(spell.mood is not Mood.MUTE for run in self.runs for spell in run.spells)

    def streams(self, at: datetime) -> bool:
        """Whether the application was ready in the run that goes on, whatever is shown of it."""
        return self.running is not None and at >= _ready(self.running)

    def has_streamed(self, at: datetime) -> bool:
        """Whether the application was ever ready, in any run."""
        return any((run.until or at) >= _ready(run) for run in self.runs)

    # -- what a look shows

    def shown(self, when: datetime) -> Shown | None:
        """The health as of a moment; None: Azure shows none."""
        number = next((each for each in reversed(range(len(self.runs))) if self.runs[each].since <= when), None)
        if number is None:
            return None
        until = self.runs[number].until
        if until is None or when < until:
            return self._in_run(number, when)
        match self._switches.stopped_health:
            case StoppedHealth.LAST:
                return self._in_run(number, until)
            case StoppedHealth.UNHEALTHY:
                last = self._in_run(number, until)
                return (
                    None
                    if last is None
                    else Shown(
                        extension=last.extension, state=last.state, status="unhealthy", at=until, metrics=last.metrics
                    )
                )
            case StoppedHealth.ABSENT:
                return None

    def _in_run(self, number: int, when: datetime) -> Shown | None:
        """The latest report of a run; before the first one, that of the run before, or none."""
        run, course = self.runs[number], self._course(number)
        heard_at = when - timedelta(seconds=run.reported)
        index = bisect_right(course.steps, heard_at, key=lambda step: step.at) - 1
        if index < 0:
            return self._before(number)
        step = course.steps[index]
        at = step.status_since if self._switches.health_time is HealthTime.CHANGE else self._report(course, heard_at)
        answer = bisect_right(course.heard, (heard_at - run.since).total_seconds(), key=lambda heard: heard.since) - 1
        found = self.extension, step.state, step.status, at, course.heard[max(0, answer)].metrics
        if self._last is None or self._last[0] != found:
            extension, state, status, at, metrics = found
            shown = Shown(extension=extension, state=state, status=status, at=at, metrics=metrics)
            self._last = found, shown
        return self._last[1]

    def _before(self, number: int) -> Shown | None:
        if number == 0 or not self._switches.health_outlives_start:
            return None
        return self.shown(self.runs[number].since - timedelta(microseconds=1))

    def _report(self, course: _Course, heard_at: datetime) -> datetime:
        """The moment of the latest probe."""
        interval = timedelta(seconds=self._clocked.interval)
        return course.starts + (heard_at - course.starts) // interval * interval

    def _course(self, number: int) -> _Course:
        if number not in self._courses:
            self._courses[number] = self._calculated(number)
        return self._courses[number]

    def _calculated(self, number: int) -> _Course:
        run = self.runs[number]
        heard = answers(run, self._clocked.interval)
        since_start = [each._replace(since=each.since - run.starts) for each in heard]
        starts, before = run.since + timedelta(seconds=run.starts), self._before(number)
        status, status_since = (before.status, before.at) if before is not None else ("", starts)
        steps = []
        for turn in turns(since_start, self._clocked):
            at, says = starts + timedelta(seconds=turn.at), self._status(turn.state)
            status, status_since = says, status_since if says == status else at
            steps.append(_Step(at, turn.state, status, status_since))
        return _Course(starts, steps, heard)

    def _status(self, state: State) -> str:
        """The state in vmHealth, which is made of the extension's first substatus."""
        if state is State.INITIALIZING and self._switches.initializing_reads_healthy:
            return "healthy"
        if state is State.UNKNOWN and self._switches.unknown_reads_unhealthy:
            return "unhealthy"
        return state.lower()


def _ready(run: Run) -> datetime:
    """When the application of a run is ready."""
    return run.since + timedelta(seconds=run.boots + (run.prepares if run.first else 0.0))
