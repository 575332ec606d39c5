"""Who is inside which machine, by the visitors' own account: told to the emulated guests, who tell Azure."""

from collections.abc import Iterable
from dataclasses import replace

from emulator.scale_set import EmulatedScaleSet
from simulator.happenings import PARTINGS, Did, Entry, Happening

_GOES = PARTINGS | {Did.VANISHED}


class Presence:
    """Visitors inside machines: from the moment at which they see the stream until they are gone, told or not."""

    def __init__(self, scale_sets: Iterable[EmulatedScaleSet]) -> None:
        self._scale_sets = tuple(scale_sets)
        self._inside: set[tuple[str, str]] = set()  # session, vm id

    def sees_nothing(self, happening: Happening) -> Entry | None:
        """Tell of a visitor who connects before the application is ready; None for anything else."""
        if not isinstance(happening, Entry) or happening.did is not Did.CONNECTED or happening.vm_id is None:
            return None
        found = (scale_set.health_of(happening.vm_id) for scale_set in self._scale_sets)
        health = next((each for each in found if each is not None), None)
        early = health is not None and not health.streams(happening.at)
        return replace(happening, did=Did.SAW_NOTHING) if early else None

    def see(self, happening: Happening) -> None:
        """Follow a visitor in and out."""
        if not isinstance(happening, Entry) or happening.vm_id is None:
            return
        stay = happening.session, happening.vm_id
        if happening.did is Did.CONNECTED and stay not in self._inside:
            self._inside.add(stay)
            for scale_set in self._scale_sets:
                scale_set.enter(happening.vm_id)
        elif happening.did in _GOES and stay in self._inside:
            self._inside.discard(stay)
            for scale_set in self._scale_sets:
                scale_set.leave(happening.vm_id)
