"""What scale sets of one subscription share in a region (cores, budgets, addresses); what each of them is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from heapq import heappop, heappush
from ipaddress import IPv4Address, ip_address
from threading import RLock

from emulator.budgets import Buckets
from emulator.health.extension import Extension

_PRIVATE = int(IPv4Address("10.0.0.0"))
_FIRST = 4  # Azure keeps the first ones of a subnet to itself
_PUBLIC = int(IPv4Address("198.18.0.0"))  # of the range for benchmarks: it leads to nobody
_PUBLIC_SIZE = 2**14


class AddressSpace:
    """Lends addresses. A private one is the lowest that is free; a public one has not been anybody's for long."""

    def __init__(self) -> None:
        self._returned: list[int] = []
        self._next = _PRIVATE + _FIRST
        self._lent: set[int] = set()
        self._turn = 0

    def private(self) -> str:
        """An address in the virtual network."""
        if self._returned:
            return str(IPv4Address(heappop(self._returned)))
        self._next += 1
        return str(IPv4Address(self._next - 1))

    def public(self) -> str:
        """An address in the internet."""
        for _ in range(_PUBLIC_SIZE):
            self._turn = (self._turn + 1) % _PUBLIC_SIZE
            found = _PUBLIC + self._turn
            if found not in self._lent:
                self._lent.add(found)
                return str(IPv4Address(found))
        raise RuntimeError(f"all {_PUBLIC_SIZE} public addresses of this region are in use")

    def give_back(self, address: str | None) -> None:
        """It is free again."""
        if address is None:
            return
        number = int(ip_address(address))
        if number in self._lent:
            self._lent.discard(number)
        else:
            heappush(self._returned, number)


class Region:
    """A region of Azure: quota, request budgets and addresses of its scale sets. `cores`: the quota; None: enough."""

    def __init__(self, *, cores: int | None = None) -> None:
        self.cores = cores
        self.withheld = False  # the region does not sell the size to this subscription
        self.reserved: int | None = None  # machines of the one capacity reservation; None: there is none
        self.group_tags: dict[str, str] = {}  # of the resource group that holds its scale sets
        self.addresses = AddressSpace()
        self.buckets = Buckets()
        self.lock = RLock()  # of all its scale sets: each may look at what the others use
        self._used: list[Callable[[], int]] = []

    def join(self, used: Callable[[], int]) -> None:
        """Add a scale set. `used`: counts the scale set's cores."""
        self._used.append(used)

    @property
    def cores_used(self) -> int:
        """The cores used by all scale sets."""
        return sum(count_used() for count_used in self._used)

    def lacks(self, cores: int) -> bool:
        """Whether so many more are too many."""
        return self.cores is not None and self.cores_used + cores > self.cores


class Orchestration(StrEnum):
    """How a scale set holds its VMs."""

    UNIFORM = "Uniform"  # they are parts of it; their ids are numbers
    FLEXIBLE = "Flexible"  # they are VMs of the resource group as well; their ids are their names


WITH_TIME_FOR_A_FIRST_RUN = Extension(grace=900.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The scale set's model, as far as it matters here."""

    orchestration: Orchestration = Orchestration.UNIFORM
    public_ips: bool = True  # every instance has a public IP of its own
    cores: int = 36  # of one VM: Standard_NV36ads_A10_v5
    region: Region | None = None  # None: one of its own
    health: Extension | None = WITH_TIME_FOR_A_FIRST_RUN  # in the model at first; None: without
