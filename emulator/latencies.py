"""How long Azure takes for what it does."""

from dataclasses import dataclass, fields, replace

type Span = tuple[float, float]
"""Seconds, (lowest, highest); each case draws its own within them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Seconds per transition, after measured ARM traffic (D-series; a GPU image's boot comes on top)."""

    create: Span = (100.0, 120.0)  # capacity raised until running; two VMs with their network took 108
    start_stopped: Span = (5.0, 10.0)  # the allocation is kept
    start_deallocated: Span = (90.0, 110.0)  # an allocation has to be found
    power_off: Span = (8.0, 12.0)
    deallocate: Span = (45.0, 57.0)
    restart: Span = (44.0, 68.0)
    delete: Span = (11.0, 30.0)
    protect: Span = (0.28, 0.3)  # a PUT of the instance: Updating meanwhile; measured twice
    no_change: Span = (1.0, 2.0)  # an order that finds its target state reached: Updating for a moment
    evict: Span = (60.0, 94.0)  # from the platform's decision until deallocated or gone
    restart_itself: Span = (10.0, 25.0)  # a guest that shows stopped and then runs again, ordered by nobody
    accept: Span = (0.1, 0.4)  # any request until its answer

    def at_speed(self, speed: float) -> "Latencies":
        """The same Azure in a world that runs `speed` times faster."""
        scaled = {name: (low / speed, high / speed) for name, (low, high) in self._spans().items()}
        return replace(self, **scaled)

    def exact(self) -> "Latencies":
        """Always the middle of each span, and answers that take no time: for whoever has to do sums with them."""
        middles = {name: ((low + high) / 2,) * 2 for name, (low, high) in self._spans().items()}
        return replace(self, **{**middles, "accept": (0.0, 0.0)})

    def _spans(self) -> dict[str, Span]:
        return {each.name: getattr(self, each.name) for each in fields(self)}
