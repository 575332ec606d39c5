"""Looking at Azure as a controller asked for it: listings and targeted GETs into one Cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from scaler.errors import Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.fleet import Cloud
from scaler.model.instance import InstanceRef, ScaleSetName
from scaler.model.plan import Listing, Look, Nothing, Some, Whereabouts
from scaler.model.policy import Policy
from scaler.model.sighting import Answer, Pages, ScaleSetView
from scaler.ports import Clock, ScaleSet

_AWAY = (Unreachable, Throttled)  # nobody answers, whoever is asked for


def _answers(scale_set: ScaleSet, refs: Sequence[InstanceRef]) -> tuple[list[Answer], list[ScalerError]]:
    """What was answered counts. One machine of which Azure talks nonsense does not keep the others from being seen."""
    answers: list[Answer] = []
    errors: list[ScalerError] = []
    for ref in refs:
        try:
            answers.append(scale_set.get(ref))
        except _AWAY as error:
            return answers, [*errors, error]
        except ScalerError as error:
            errors.append(error)
    return answers, errors


class Eyes:
    """One controller's eyes. What they remember between ticks are hints; losing them costs a look, never a machine."""

    def __init__(self, scale_sets: Mapping[ScaleSetName, ScaleSet], clock: Clock, policy: Policy) -> None:
        self._scale_sets = scale_sets
        self._clock = clock
        self._policy = policy
        self._listed: dict[ScaleSetName, float] = {}
        self._short_since: dict[ScaleSetName, datetime] = {}

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
        for name, scale_set in self._scale_sets.items():
            if not urgent and not self._due(name):
                cloud = replace(cloud, unlisted=cloud.unlisted | {name})
                continue
            try:
                view = scale_set.view()
                pages = scale_set.list_instances()
            except Throttled as held:
                errors.append(held)
                cloud = replace(cloud, unlisted=cloud.unlisted | {name})
            except ScalerError as error:
                errors.append(error)
            else:
                self._listed[name] = self._clock.monotonic()
                self._time_shortness(view, pages)
                cloud = cloud.with_listing(view, pages, self._policy)
        if errors and not cloud.listings and not cloud.unlisted:
            raise errors[0]
        return replace(cloud, short_since=dict(self._short_since)), tuple(errors)

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
        for ref in refs[: self._policy.max_gets]:
            wanted.setdefault(ref.scale_set, []).append(ref)
        for name, of_set in wanted.items():
            try:
                view = self._scale_sets[name].view(no_older_than=self._kept(cloud, name))
            except ScalerError as error:
                errors.append(error)
                continue
            answers, failed = _answers(self._scale_sets[name], of_set)
            errors += failed
            cloud = cloud.with_answers(view, answers, self._policy)
        away = [each for each in errors if isinstance(each, _AWAY)]
        if away and not cloud.asked and not cloud.listings:
            raise away[0]
        return cloud, tuple(errors)

    def _locate(self, cloud: Cloud, names: frozenset[ScaleSetName]) -> tuple[Cloud, tuple[ScalerError, ...]]:
        """Nobody is kept waiting for addresses that cannot be had: a refusal is an answer, silence is none yet."""
        errors: list[ScalerError] = []
        for name in sorted(names):
            try:
                cloud = cloud.with_addresses(name, self._scale_sets[name].addresses())
            except ScalerError as error:
                errors.append(error)
                cloud = cloud.with_addresses(name, {} if isinstance(error, Refused | Missing) else None)
        return cloud, tuple(errors)

    def _kept(self, cloud: Cloud, name: ScaleSetName) -> timedelta:
        """Right after a listing its own view serves; else one a minute is enough for consent."""
        return self._policy.order_horizon if name in cloud.listings else self._policy.view_kept
