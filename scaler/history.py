"""The history of a process: a sample a minute of machines, waits, refusals and cost, for people.

A sample is over when the next minute begins, and is left in Redis then; a sample that could not be left is a gap.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from scaler.model.capacity import Wanted
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Cloud
from scaler.model.history import SAMPLED, Sample
from scaler.model.instance import ScaleSetName, Tier
from scaler.model.lifecycle import Change
from scaler.model.policy import Policy
from scaler.model.price import cost_of
from scaler.model.row import Notes
from scaler.report import Report, Result

_MOST = 500  # waits of one tier in one sample


class History:
    """The samples that the ticks of this process gather, one for each sampled controller."""

    def __init__(self, policy: Policy, every: timedelta) -> None:
        """`every`: the time of one sample."""
        self.every = every
        self._policy = policy
        self._gathered: dict[Actor, Sample] = {}

    def hear(self, name: Actor, report: Report, wanted: Mapping[ScaleSetName, Wanted]) -> Sample | None:
        """Add a tick to the sample of its minute. Returns the sample of an earlier minute, which is to be left."""
        if name not in SAMPLED or report.fleet is None:
            return None
        at = report.fleet.now
        sample, over = self._gathered.get(name, Sample(controller=name, at=at)), None
        if at.timestamp() // self.every.total_seconds() != sample.at.timestamp() // self.every.total_seconds():
            over = sample if not sample.says_nothing else None
            sample = Sample(controller=name, at=at)
        if name is Actor.RECONCILER:
            self._gathered[name] = self._with_machines(sample, report, wanted)
        else:
            self._gathered[name] = _with_visitors(sample, report)
        return over

    def _with_machines(self, sample: Sample, report: Report, wanted: Mapping[ScaleSetName, Wanted]) -> Sample:
        """Add the machines of a look at Azure, if the sample has none yet."""
        if sample.machines or report.fleet is None or not report.cloud.listings:
            return sample
        return replace(
            sample,
            machines=Counter(str(machine.standing) for machine in report.fleet.by_id.values()),
            wanted=sum(want.machines for want in wanted.values()) if wanted else None,
            cost=self._cost(report.cloud),
        )

    def _cost(self, cloud: Cloud) -> float | None:
        """The cost of all scale sets per hour; None without prices."""
        costs = [cost_of(cloud.demand_of(name, self._policy)) for name in self._policy.capacity]
        known = [cost.per_hour for cost in costs if cost is not None]
        return round(sum(known), 4) if known else None


def _with_visitors(sample: Sample, report: Report) -> Sample:
    """Add the waits of opened sessions, and the refused visitors."""
    changes = done(report)
    waits = dict(sample.waits)
    for change in changes:
        for tier, waited in waited_for(change):
            waits[tier] = (*waits.get(tier, ()), waited)[-_MOST:]
    return replace(sample, waits=waits, refused=sample.refused + sum(change.edge is Edge.REFUSE for change in changes))


def done(report: Report) -> list[Change]:
    """The changes that a tick has written."""
    written = (outcome.step.change for outcome in report.outcomes if outcome.result is Result.DONE)
    return [change for change in written if change is not None]


def waited_for(change: Change) -> Iterator[tuple[Tier, float]]:
    """The tier and the seconds of the wait of a session that a change has let in; nothing for any other change."""
    notes = change.notes if change.edge is Edge.OPEN else None
    if isinstance(notes, Notes) and notes.reserved is not None and notes.opened is not None:
        start = notes.start
        tier = Tier.of(warm=start is not None and start.warm, hot=start is not None and start.hot)
        yield tier, round((notes.opened.at - notes.reserved.at).total_seconds(), 1)
