"""Billed for nothing, judged by a clock that stands still while a part is away: nobody can act then."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from scaler.model.record import Status
from simulator.chaos_real.outages import Outages
from simulator.chaos_real.sight import Sight
from simulator.chaos_real.web_site import Asked
from simulator.happenings import DEPARTURES, Did, Entry, Forgotten, Happening, Look, Seen, Ticked, Told, Trouble
from simulator.observer.leaked import Leaked
from simulator.observer.wrong import Wrong

_NOBODY = "nobody that Redis remembers"
_SEEN_LATE = timedelta(seconds=5)  # the scaler counts from when it first sees it, which takes a tick that succeeds
_MEANS = {Status.RESERVED: Did.PROMISED, Status.UNAVAILABLE: Did.OPENED}
"""What a visitor would say of a record in their name, if they knew of it."""


class Calmed:
    """A machine has three more reasons than Leaked knows, the first two until its session's limit.

    It is kept for a session whose queue manager crashed, or was cut off, before it heard of it: nobody will ever come.
    Or Redis forgot that its visitor has left. Or Redis forgot most of the fleet at once: then the scaler holds back for
    `flush_hold`, so that somebody may bring it back, and whatever is marked and has no record stays as it is.
    """

    def __init__(self, judge: Leaked, outages: Outages, asked: Asked, flush_hold: timedelta) -> None:
        self._judge = judge
        self._outages = outages
        self._asked = asked
        self._kept: set[tuple[str, str, Did]] = set()  # for those who never come
        self._flush_hold = flush_hold
        self._forgot_at: datetime | None = None
        self._held: set[str] = set()  # vm ids, because Redis forgot most
        self._opened: dict[tuple[str, str], Entry] = {}
        self._left: dict[tuple[str, str], datetime] = {}

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """One happening after the other."""
        if isinstance(happening, Entry) and happening.vm_id is not None:
            self._listen(happening, (happening.vm_id, happening.session))
        if isinstance(happening, Look):
            self._look(happening)
        for wrong in self._judge.see(self._calm(happening)):
            yield replace(wrong, at=happening.at)

    def _listen(self, entry: Entry, whose: tuple[str, str]) -> None:
        if entry.did is Did.OPENED:
            self._opened[whose] = entry
        elif entry.did in DEPARTURES:
            self._left[whose] = entry.at

    def _look(self, look: Look) -> None:
        for seen in look.machines:
            self._keep(seen, look.at)
        self._hold(look)
        if isinstance(look, Sight) and look.remembered is not None:
            for whose, left in self._left.items():
                if left >= look.remembered and whose in self._opened:
                    self._tell(self._opened[whose])

    def _hold(self, look: Look) -> None:
        if look.forgot or (isinstance(look, Sight) and look.remembered is not None):
            self._forgot_at = look.at
        marked = [each for each in look.machines if each.state.protected]
        unknown = {each.state.vm_id for each in marked if each.published is None or each.published.status is None}
        lately = self._forgot_at is not None and look.at - self._forgot_at < self._flush_hold + _SEEN_LATE
        held = unknown if lately and (2 * len(unknown) > len(marked) or self._held) else set()
        for vm_id in held - self._held:
            self._tell(Entry(at=look.at, session=_NOBODY, did=Did.PROMISED, vm_id=vm_id))
        for vm_id in self._held - held:
            self._tell(Entry(at=look.at, session=_NOBODY, did=Did.DISPLACED, vm_id=vm_id))
        self._held = held

    def _keep(self, seen: Seen, at: datetime) -> None:
        vm_id, published = seen.state.vm_id, seen.published
        session = published.session if published is not None and not published.used else None
        did = _MEANS.get(published.status) if published is not None and published.status is not None else None
        if did is None or session not in self._asked.unanswered or (vm_id, session) in self._opened:
            return
        if (vm_id, session, did) not in self._kept:
            self._kept.add((vm_id, session, did))
            self._tell(Entry(at=at, session=session, did=did, vm_id=vm_id))

    def _tell(self, entry: Entry) -> None:
        for _ in self._judge.see(self._calm(entry)):
            pass  # an entry alone never shows a leak

    def _calm(self, happening: Happening) -> Happening:
        at = self._outages.calm(happening.at)
        if isinstance(happening, Look):
            return replace(happening, at=at, machines=tuple(self._calm_seen(each) for each in happening.machines))
        if isinstance(happening, Told | Ticked | Trouble | Forgotten):
            return happening
        return replace(happening, at=at)

    def _calm_seen(self, seen: Seen) -> Seen:
        published = seen.published
        if published is None or published.presumed_since is None:
            return seen
        since = self._outages.calm(published.presumed_since)
        return replace(seen, published=replace(published, presumed_since=since))
