"""A frame -> exactly as many lines as the screen has, whatever its size; the head of it first, if it is too small."""

from rich.console import Group
from rich.text import Text

from simulator.live.events import events
from simulator.live.frame import Frame
from simulator.live.head import head
from simulator.live.machines import machines

_FEWEST_EVENTS = 2  # lines for them, however many machines there are


def draw(frame: Frame, width: int, height: int) -> Group:
    """The screen."""
    lines = list(head(frame, width, height))
    lines += machines(frame, width, max(height - len(lines) - _FEWEST_EVENTS - 1, 0))
    lines += events(frame, width, height - len(lines))
    return Group(*lines[:height], *[Text("")] * (height - len(lines)))
