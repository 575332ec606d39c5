"""How a run is watched: line by line (lines.py), or on a screen (live)."""

from types import TracebackType
from typing import Self

from simulator.happenings import Happening
from simulator.observer.wrong import Wrong


class View:
    """Entered when the run begins. Whatever it did to the terminal is undone when it is left, however that happens."""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Show no more. What was written stays."""

    def tell(self, happening: Happening) -> None:
        """Something happened."""

    def accuse(self, wrong: Wrong) -> None:
        """One of the four wrongs was seen."""

    def turn(self) -> None:
        """Called some ten times a second, for whatever has to be shown now and then."""

    def end(self) -> None:
        """The run is over but for the last looks, which take a second or two."""
