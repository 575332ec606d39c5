"""Scale sets with one shared number of machines: placed by weight; a scale set without room is passed over."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from scaler.model.instance import ScaleSetName


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Why a scale set is passed over: the others grow instead."""

    why: str
    until: datetime | None = None  # by Azure's clock; None: until an operator changes something
    room: int = 0  # so many machines there is room for all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A scale set with a shared number."""

    weight: int
    machines: int  # of every kind but those being deleted
    occupied: int  # of these, in use or lost
    most: int  # machines of this scale set
    seal: Seal | None = None

    def takes(self, machines: int) -> bool:
        """Whether a scale set with so many machines is not passed over."""
        return self.seal is None or machines < self.seal.room


def placed(total: int, parts: Mapping[ScaleSetName, Part]) -> Mapping[ScaleSetName, int]:
    """Place machines: existing machines stay, and only the difference is placed by weight.

    No scale set grows for the weights alone: the next new machines restore the weights. A sealed scale set grows only
    where no other has room. Occupied machines always count.
    """
    found = {name: max(part.occupied, min(part.machines, part.most)) for name, part in parts.items()}

    def share(name: ScaleSetName) -> Fraction:
        return Fraction(found[name], parts[name].weight)

    while sum(found.values()) > total:
        most = max((name for name, part in parts.items() if found[name] > part.occupied), key=share, default=None)
        if most is None:
            break
        found[most] -= 1
    while sum(found.values()) < total:
        room = [name for name, part in parts.items() if found[name] < part.most]
        if not room:
            break
        found[min([name for name in room if parts[name].takes(found[name])] or room, key=share)] += 1
    return found


def in_words(
    name: ScaleSetName, found: Mapping[ScaleSetName, int], total: int, parts: Mapping[ScaleSetName, Part]
) -> str:
    """How a scale set came to its number: `7 of 10 by weight 2 of 3; second is passed over until 12:00:00 UTC: …`."""
    weights = sum(part.weight for part in parts.values())
    return "; ".join([f"{found[name]} of {total} by weight {parts[name].weight} of {weights}", *_sealed(found, parts)])


def _sealed(found: Mapping[ScaleSetName, int], parts: Mapping[ScaleSetName, Part]) -> Iterator[str]:
    for name, part in parts.items():
        if part.seal is not None and not part.takes(found[name]):
            until = f" until {part.seal.until:%H:%M:%S} UTC" if part.seal.until is not None else ""
            yield f"{name} is passed over{until}: {part.seal.why}"
