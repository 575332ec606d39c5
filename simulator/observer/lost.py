"""Lost: an acknowledged session that was never opened, refused or abandoned, and that the registry names nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.happenings import OUTCOMES, Did, Entry, Happening, Look
from simulator.observer.wrong import Kind, Wrong


@dataclass(slots=True, kw_only=True)
class _Promise:
    vm_id: str | None
    unnamed_since: datetime | None = None


class Lost:
    """A session must be missing for `grace`, since a look asks more than one question.

    What Redis itself lost is nobody's fault; but then asking again must give a machine while one is free.
    """

    def __init__(self, grace: timedelta) -> None:
        self._grace = grace
        self._promised: dict[str, _Promise] = {}
        self._forgotten: set[str] = set()  # by Redis
        self._in_vain: dict[str, datetime | None] = {}  # of those, who asked again; since when though one is free

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """One happening after the other."""
        if isinstance(happening, Entry):
            self._listen(happening)
        elif isinstance(happening, Look):
            if happening.forgot:
                self._forgotten |= self._promised.keys()
                self._promised.clear()
            yield from self._unnamed(happening)
            yield from self._unserved(happening)

    def _listen(self, entry: Entry) -> None:
        if entry.did is Did.QUEUED and entry.session in self._forgotten:
            self._in_vain[entry.session] = None
        if entry.did in OUTCOMES | {Did.PROMISED}:
            self._promised.pop(entry.session, None)
            self._forgotten.discard(entry.session)
            self._in_vain.pop(entry.session, None)
        if entry.did is Did.PROMISED:
            self._promised[entry.session] = _Promise(vm_id=entry.vm_id)

    def _unnamed(self, look: Look) -> Iterator[Wrong]:
        for session, promise in list(self._promised.items()):
            if session in look.named:
                promise.unnamed_since = None
                continue
            promise.unnamed_since = promise.unnamed_since or look.at
            if look.at - promise.unnamed_since >= self._grace:
                del self._promised[session]
                why = "its reservation was acknowledged, and the registry names it nowhere"
                yield Wrong(kind=Kind.LOST, at=look.at, why=why, vm_id=promise.vm_id, session=session)

    def _unserved(self, look: Look) -> Iterator[Wrong]:
        for session, since in list(self._in_vain.items()):
            if since is None or not look.offered:
                self._in_vain[session] = look.at if look.offered else None
            elif look.at - since >= self._grace:
                del self._in_vain[session]
                why = "Redis lost its reservation, and asking again gave no machine though some are free"
                yield Wrong(kind=Kind.LOST, at=look.at, why=why, session=session)
