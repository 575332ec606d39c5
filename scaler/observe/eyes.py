"""Each look that a controller can ask for, at every scale set it concerns, into one Cloud."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from scaler.errors import Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.fleet import Cloud
from scaler.model.instance import InstanceRef, ScaleSetName
from scaler.model.plan import Listing, Look, Nothing, Some, Whereabouts
from scaler.model.policy import Policy
from scaler.model.sighting import Answer, Pages, ScaleSetView
from scaler.observe.silences import Silences
from scaler.ports import Clock, ScaleSet, Together, one_by_one

_AWAY = (Unreachable, Throttled)  # nobody answers, whoever is asked for


class Eyes:
    """One controller's eyes. What they remember between ticks are hints; losing them costs a look, never a machine."""

    def __init__(
        self,
        scale_sets: Mapping[ScaleSetName, ScaleSet],
        clock: Clock,
        policy: Policy,
        together: Together = one_by_one,
    ) -> None:
        self._scale_sets = scale_sets
        self._clock = clock
        self._policy = policy
        self._together = together
        self._listed: dict[ScaleSetName, float] = {}
        self._short_since: dict[ScaleSetName, datetime] = {}
        self._nameless: dict[ScaleSetName, Mapping[str, datetime]] = {}
        self._silences = Silences(clock, policy)
        self._of_network = Silences(clock, policy)

    def look(self, cloud: Cloud, look: Look) -> tuple[Cloud, tuple[ScalerError, ...]]:
        """Add what was asked for. A scale set that does not answer is left out and its error returned;
        when none answers, the first error is raised: the tick has nothing to go by.
        """
        match look:
            case Nothing():
                return cloud, ()
            case Listing(urgent=urgent):
                return self._list_all(cloud, urgent)
            case Some(refs=refs):
                return self._ask(cloud, refs)
            case Whereabouts(scale_sets=names):
                return self._locate(cloud, names)

    def _list_all(self, cloud: Cloud, urgent: bool) -> tuple[Cloud, tuple[ScalerError, ...]]:
        errors: list[ScalerError] = []
        put_off = self._put_off(self._scale_sets, cloud)
        for name in self._silences.slowest_first(self._scale_sets):
            if name in put_off or (not urgent and not self._due(name)):
                cloud = replace(cloud, unlisted=cloud.unlisted | {name})
                continue
            try:
                with self._silences.listening(name):
                    view = self._scale_sets[name].view()
                    pages = self._scale_sets[name].list_instances()
            except Throttled as held:
                errors.append(held)
                cloud = replace(cloud, unlisted=cloud.unlisted | {name})
            except Missing as none:
                errors.append(none)
                cloud = replace(cloud, missing=cloud.missing | {name})
            except ScalerError as error:
                errors.append(error)
            else:
                self._listed[name] = self._clock.monotonic()
                self._time_shortness(view, pages)
                known = self._nameless.get(name, {})
                self._nameless[name] = {each: known.get(each, pages.at) for each in pages.nameless}
                cloud = cloud.with_listing(view, pages, self._policy)
        if errors and not (cloud.listings or cloud.unlisted or cloud.missing):
            raise errors[0]
        return replace(cloud, short_since=dict(self._short_since), nameless=dict(self._nameless)), tuple(errors)

    def _due(self, name: ScaleSetName) -> bool:
        last = self._listed.get(name)
        return last is None or self._clock.monotonic() - last >= self._policy.cleaner_lists_every.total_seconds()

    def _time_shortness(self, view: ScaleSetView, pages: Pages) -> None:
        """Since when capacity promises more than is listed, with nothing under way that would explain it."""
        short = len(pages.instances) + pages.unidentified < view.capacity
        if short and not any(each.busy for each in pages.instances):
            self._short_since.setdefault(view.name, pages.at)
        else:
            self._short_since.pop(view.name, None)

    def patched(self, scale_set: ScaleSetName) -> None:
        """Capacity was patched again: its shortness is timed anew."""
        self._short_since.pop(scale_set, None)

    def _ask(self, cloud: Cloud, refs: tuple[InstanceRef, ...]) -> tuple[Cloud, tuple[ScalerError, ...]]:
        errors: list[ScalerError] = []
        wanted: dict[ScaleSetName, list[InstanceRef]] = {}
        for ref in refs:
            wanted.setdefault(ref.scale_set, []).append(ref)
        put_off = self._put_off(wanted, cloud)
        for name in self._silences.slowest_first(wanted):
            if name not in put_off:
                cloud, failed = self._answers(cloud, name, wanted[name])
                errors += failed
        away = [each for each in errors if isinstance(each, _AWAY)]
        if away and not cloud.asked and not cloud.listings:
            raise away[0]
        return cloud, tuple(errors)

    def _answers(
        self, cloud: Cloud, name: ScaleSetName, refs: Sequence[InstanceRef]
    ) -> tuple[Cloud, list[ScalerError]]:
        """What was answered counts. One machine of which Azure talks nonsense does not hide the others.

        Nothing more is asked once one request has shown that nobody answers; what is under way by then may still be.
        """
        scale_set, kept = self._scale_sets[name], self._kept(cloud, name)
        asking, view = _Asking(), None
        answers, errors = list[Answer](), list[ScalerError]()
        of_the_set = partial(asking, partial(scale_set.view, no_older_than=kept), essential=True)
        of_each = [partial(asking, partial(scale_set.get, ref)) for ref in refs]
        requests: list[Callable[[], ScaleSetView | Answer | ScalerError | None]] = [of_the_set, *of_each]
        try:
            with self._silences.listening(name):
                for found in self._together(requests):
                    if isinstance(found, ScaleSetView):
                        view = found
                    elif isinstance(found, Answer):
                        answers.append(found)
                    elif found is not None and found is not asking.away:
                        errors.append(found)
                if asking.away is not None:
                    raise asking.away
        except ScalerError as error:
            errors.append(error)
        return cloud.with_answers(view, answers, self._policy) if view is not None else cloud, errors

    def _put_off(self, names: Collection[ScaleSetName], cloud: Cloud) -> frozenset[ScaleSetName]:
        """Who was silent lately: as long as anybody else answers, whose orders waiting for them would cost."""
        silent = frozenset(name for name in names if self._silences.lately(name))
        return silent if cloud.listings or cloud.asked or len(silent) < len(names) else frozenset()

    def _locate(self, cloud: Cloud, names: frozenset[ScaleSetName]) -> tuple[Cloud, tuple[ScalerError, ...]]:
        """Nobody is kept waiting for addresses that cannot be had: a refusal is an answer, silence is none yet.

        No order rests on an address: after one silence in a tick no other is waited for, or its orders would die of it.
        """
        errors: list[ScalerError] = []
        for name in self._of_network.quickest_first(sorted(names)):
            if any(each.since(self._began(cloud)) for each in (self._silences, self._of_network)):
                cloud = cloud.with_addresses(name, None)
                continue
            try:
                with self._of_network.listening(name):
                    found = self._scale_sets[name].addresses()
                cloud = cloud.with_addresses(name, found)
            except ScalerError as error:
                errors.append(error)
                cloud = cloud.with_addresses(name, {} if isinstance(error, Refused | Missing) else None)
        return cloud, tuple(errors)

    def _began(self, cloud: Cloud) -> float:
        """When the oldest look of this tick was sent."""
        looks = (*cloud.listings.values(), *cloud.asked.values())
        return min((each.sent for each in looks), default=self._clock.monotonic())

    def _kept(self, cloud: Cloud, name: ScaleSetName) -> timedelta:
        """Right after a listing its own view serves; else one a minute is enough for consent."""
        return self._policy.order_horizon if name in cloud.listings else self._policy.view_kept


class _Asking:
    """Requests about one scale set, until one of them shows that nobody answers."""

    away: ScalerError | None = None

    def __call__[Found](self, request: Callable[[], Found], *, essential: bool = False) -> Found | ScalerError | None:
        """What was answered, or the error; None: not asked any more. Without an essential answer no other counts."""
        if self.away is not None:
            return None
        try:
            return request()
        except ScalerError as error:
            if essential or isinstance(error, _AWAY):
                self.away = self.away or error
            return error
