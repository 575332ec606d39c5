"""Time that moves only when a test moves it."""

from simulator.clock import VirtualClock


class ManualClock(VirtualClock):
    """The clock of a test; `now` is also the time of an emulated Azure or Redis."""
