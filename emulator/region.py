"""What the scale sets of one subscription share in one region: its cores, its request budgets, its addresses."""

from collections.abc import Callable
from threading import RLock

from emulator.address_space import AddressSpace
from emulator.meter import Buckets


class Region:
    """A scale set that is given none has one of its own. `cores` is the quota; None: enough."""

    def __init__(self, *, cores: int | None = None) -> None:
        self.cores = cores
        self.addresses = AddressSpace()
        self.buckets = Buckets()
        self.lock = RLock()  # of all its scale sets: each may look at what the others use
        self._used: list[Callable[[], int]] = []

    def join(self, used: Callable[[], int]) -> None:
        """One more scale set, by how it counts the cores that it uses."""
        self._used.append(used)

    @property
    def cores_used(self) -> int:
        """By all of them."""
        return sum(each() for each in self._used)

    def lacks(self, cores: int) -> bool:
        """Whether so many more are too many."""
        return self.cores is not None and self.cores_used + cores > self.cores
