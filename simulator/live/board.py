"""Remembers what happened in a run; gives a frame of any moment."""

from collections import deque

from scaler.model.plan import Why
from simulator.clock import WallClock
from simulator.figures import Figures, power_word, powers, status_word, statuses
from simulator.happenings import Happening, Look, Seen
from simulator.live.frame import Frame, Machine
from simulator.live.rounds import Rounds, Spending
from simulator.narrator import Narrator
from simulator.observer.wrong import Wrong
from simulator.view import NO_STEP, By, Colour, Line, View

_EVENTS = 200  # more than any screen has lines
_DEAD = 100  # so many machines that are gone may be remembered


class Board:
    """Implements simulator.view.Journal for the narrator. Seconds are the run's, on the wall."""

    def __init__(
        self, *, speed: float, figures: Figures, rounds: Rounds, spending: Spending, redis: str = "", page: str = ""
    ) -> None:
        """`redis`, `page`: the addresses to show."""
        self._speed = speed
        self._redis = redis
        self._page = page
        self._figures = figures
        self._rounds = rounds
        self._spending = spending
        self._look: Look | None = None
        self._last: dict[str, Line] = {}  # vm id -> the last step with it
        self._events: deque[Line] = deque(maxlen=_EVENTS)
        self._wrongs: list[Wrong] = []

    def see(self, happening: Happening, seconds: float) -> None:
        """Note a happening, at that second of the run."""
        self._rounds.see(happening, seconds)
        if isinstance(happening, Look):
            self._look = happening
            self._forget_the_dead(happening)

    def row(self, line: Line) -> None:
        """Note a line."""
        self._events.append(line)
        if self._is_a_step(line):
            self._last[line.vm_id] = line

    def remark(self, seconds: float, text: str, colour: Colour) -> None:
        """Note a remark."""
        self._events.append(Line(seconds=seconds, by=By.NOBODY, why=text, colour=colour))

    def accuse(self, wrong: Wrong) -> None:
        """Note a wrong, for good."""
        self._wrongs.append(wrong)

    def frame(self, seconds: float, *, ending: bool = False) -> Frame:
        """The frame of that second of the run."""
        for caller in self._spending.catch_up(seconds):
            self._rounds.called(caller, seconds)
        look = self._look
        machines = tuple(self._machine(each, look) for each in look.machines) if look is not None else ()
        return Frame(
            seconds=seconds,
            speed=self._speed,
            redis=self._redis,
            page=self._page,
            ending=ending,
            statuses=statuses(each.status for each in machines),
            powers=powers(look) if look is not None else {},
            did=dict(self._figures.did),
            waiting=self._figures.waiting,
            waits=tuple(self._figures.waits),
            waits_on={tier: tuple(waits) for tier, waits in self._figures.waits_on.items()},
            costs=self._figures.costs,
            rounds=self._rounds.at(seconds, self._spending.a_minute(seconds)),
            calls_over=self._spending.window,
            throttled=self._spending.throttled,
            budgets=self._spending.budgets,
            machines=machines,
            events=tuple(self._events),
            wrongs=tuple(self._wrongs),
        )

    def _machine(self, seen: Seen, look: Look) -> Machine:
        state, published = seen.state, seen.published
        return Machine(
            scale_set=seen.scale_set,
            instance_id=state.instance_id,
            vm_id=state.vm_id,
            status=status_word(published),
            power=power_word(state),
            marked=state.protected,
            tier=self._figures.tiers.get(state.vm_id),
            age=(look.at - state.created_at) * self._speed,
            session=(published.session or "") if published is not None else "",
            last=self._last.get(state.vm_id),
            wronged=any(wrong.vm_id == state.vm_id for wrong in self._wrongs),
        )

    def _is_a_step(self, line: Line) -> bool:
        """Whether a line is worth keeping beside a machine: what Azure does unasked shows in the power state."""
        says_more = line.by is not By.AZURE and line.step != NO_STEP and line.why != Why.NOTED
        before = self._last.get(line.vm_id)
        return bool(line.vm_id) and (says_more or before is None or before.by is By.AZURE)

    def _forget_the_dead(self, look: Look) -> None:
        if len(self._last) > len(look.machines) + _DEAD:
            living = {each.state.vm_id for each in look.machines}
            self._last = {vm_id: line for vm_id, line in self._last.items() if vm_id in living}


class BoardView(View):
    """What all views of a board have in common."""

    def __init__(self, board: Board, narrator: Narrator, clock: WallClock) -> None:
        self.board = board
        self.clock = clock
        self._narrator = narrator

    def tell(self, happening: Happening) -> None:
        """Show a happening in the next frame."""
        self.board.see(happening, self.clock.seconds)
        self._narrator.tell(happening)

    def accuse(self, wrong: Wrong) -> None:
        """Show a wrong in every frame from now on."""
        self.board.accuse(wrong)
        self._narrator.accuse(wrong)
