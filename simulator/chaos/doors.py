"""Gates between a process and its doors: the process may die there, be held up, or get no answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

EFFECTS = frozenset({"apply", "confirm", "start", "power_off", "deallocate", "delete", "mark", "set_capacity"})
"""Calls with an effect, or with an answer that an order waits for. Other calls only look."""
_NO_CALLS = frozenset({"name", "now", "keys"})


class Crash(BaseException):
    """The process died here."""


class Gate:
    """A gate at a door. Both halves may raise an exception for the caller."""

    def before(self, call: str) -> None:
        """A call is about to go through."""

    def after(self, call: str, answer: object) -> None:
        """A call went through."""


@dataclass(slots=True)
class Fate(Gate):
    """The death of a process at the n-th effect from now, before or right after the effect. None: no death."""

    left: int | None = None
    after_the_last: bool = False

    def before(self, call: str) -> None:
        """An effect is about to happen."""
        if self.left is not None and call in EFFECTS:
            self.left -= 1
            if self.left < 0 and not self.after_the_last:
                raise Crash

    def after(self, call: str, answer: object) -> None:
        """An effect has happened."""
        if self.left is not None and self.left < 0 and call in EFFECTS:
            raise Crash


@dataclass(slots=True)
class Effects(Gate):
    """How many there were."""

    count: int = 0

    def after(self, call: str, answer: object) -> None:
        """One more?"""
        if call in EFFECTS:
            self.count += 1


@dataclass(slots=True)
class Overheard(Gate):
    """Listeners to every answer."""

    who: str
    hearers: list[Callable[[str, object], None]]

    def after(self, call: str, answer: object) -> None:
        """Pass the answer on."""
        for hear in self.hearers:
            hear(self.who, answer)


@dataclass(slots=True)
class Delay(Gate):
    """A delay of a process at the n-th call from now; `meanwhile` happens in between."""

    meanwhile: Callable[[], None]
    left: int | None = None

    def before(self, call: str) -> None:
        """Hold the process up, if this is the call."""
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            self.meanwhile()


class Door:
    """A door with gates in front; after a call the gates are asked in reverse order."""

    def __init__(self, behind: Any, gates: Sequence[Gate]) -> None:
        self._behind = behind
        self._gates = tuple(gates)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        if name in _NO_CALLS or not callable(found):
            return found
        passage = self._passage(name, found)
        setattr(self, name, passage)  # the next time it is found without coming here
        return passage

    def _passage(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        gates, backwards = self._gates, self._gates[::-1]

        def passage(*args: Any, **kwargs: Any) -> Any:
            for gate in gates:
                gate.before(name)
            answer = call(*args, **kwargs)
            for gate in backwards:
                gate.after(name, answer)
            return answer

        return passage
