"""The observer where parts are away: it excuses what Redis forgot and what nobody could do, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scaler.model.policy import Policy
from simulator.chaos_real.calmed import Calmed
from simulator.chaos_real.outages import Outages
from simulator.chaos_real.sight import Sight
from simulator.chaos_real.web_site import Asked
from simulator.happenings import OUTCOMES, Did, Entry, Forgotten, Happening, Manner
from simulator.observer.judges import Observer
from simulator.observer.leaked import Leaked
from simulator.observer.patience import Patience
from simulator.observer.wrong import Wrong

_IN_VAIN = timedelta(seconds=10)
"""Who asks again cannot do so while Redis refuses them, though the observer sees machines that are free."""


@dataclass(slots=True, kw_only=True)
class _Promise:
    """`since` is when it was asked for: any of its steps may be among what Redis forgot."""

    vm_id: str | None
    since: datetime
    at: datetime
    manner: Manner
    doubtful: bool = False


class Bench(Observer):
    """The same judges. What Redis forgot is known by the looks' numbers, and told to them one promise at a time.

    A promise that was asked for or given while Redis was losing things is in doubt until the next look: if nothing
    names it then, Redis lost it; if something does, it must not be lost any more. (The steps of a naive one may have
    been lost singly: it stays in doubt, since somebody else may still be given its machine.)
    """

    def __init__(self, policy: Policy, patience: Patience, outages: Outages, asked: Asked) -> None:
        super().__init__(policy, patience, in_vain=_IN_VAIN)
        self.judges = [
            Calmed(each, outages, asked, policy.flush_hold) if isinstance(each, Leaked) else each
            for each in self.judges
        ]
        self._asked = asked
        self._promises: dict[str, _Promise] = {}
        self._recorded: dict[str, datetime] = {}  # vm id -> since when Redis has known it
        self._lost: tuple[datetime, datetime] | None = None  # from when until when what was said is in doubt
        self.forgettings = 0  # how often Redis lost something

    def see(self, happening: Happening) -> tuple[Wrong, ...]:
        """The wrongs that this happening shows."""
        if isinstance(happening, Sight):
            return tuple(wrong for each in self._sorted_out(happening) for wrong in super(Bench, self).see(each))
        if isinstance(happening, Entry):
            self._listen(happening)
        return super().see(happening)

    def _listen(self, entry: Entry) -> None:
        if entry.did in OUTCOMES:
            self._promises.pop(entry.session, None)
        elif entry.did is Did.PROMISED:
            asked = self._asked.at.get(entry.session, entry.at)
            promise = _Promise(vm_id=entry.vm_id, since=asked, at=entry.at, manner=entry.manner)
            promise.doubtful = self._is_in_doubt(promise)
            self._promises[entry.session] = promise

    def _is_in_doubt(self, promise: _Promise) -> bool:
        return self._lost is not None and promise.since <= self._lost[1] and self._lost[0] <= promise.at

    def _sorted_out(self, sight: Sight) -> Iterator[Happening]:
        if sight.forgot and sight.remembered is None:  # everything
            self.forgettings += 1
            self._promises.clear()
            yield sight
            return
        if sight.forgot and sight.remembered is not None:
            self.forgettings += 1
            self._lost = (sight.remembered, sight.at)
            for each in self._promises.values():
                each.doubtful = each.doubtful or self._is_in_doubt(each)
            yield from self._forgotten_machines(sight, sight.remembered)
        else:
            yield from self._forgotten(sight)
        self._record(sight)
        yield replace(sight, forgot=False)

    def _forgotten_machines(self, sight: Sight, remembered: datetime) -> Iterator[Forgotten]:
        """Those that Redis knows no more, and of which it first heard after what it remembers."""
        for each in sight.machines:
            since = self._recorded.get(each.state.vm_id)
            if each.published is None and since is not None and since > remembered:
                yield Forgotten(at=sight.at, vm_id=each.state.vm_id)

    def _record(self, sight: Sight) -> None:
        known = [each.state.vm_id for each in sight.machines if each.published is not None]
        self._recorded = {vm_id: self._recorded.get(vm_id, sight.at) for vm_id in known}

    def _forgotten(self, sight: Sight) -> Iterator[Forgotten]:
        for session, promise in tuple(self._promises.items()):
            if promise.doubtful and session not in sight.named:
                del self._promises[session]
                yield Forgotten(at=sight.at, vm_id=promise.vm_id)
            elif promise.doubtful and sight.at > promise.at:
                promise.doubtful = promise.manner is Manner.NAIVE
