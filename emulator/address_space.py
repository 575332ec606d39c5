"""IP addresses: those of a virtual network, and those of the internet that Azure lends."""

from heapq import heappop, heappush
from ipaddress import IPv4Address, ip_address

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
