"""A controller's evaluation row: settings in force, machines by standing and power, wanted, done, held back and why.

A row is written in every minute in which the controller ticks, and at once when a tick has news: another kind of
step, another reason to hold back, a lost consent. Changed numbers wait for the next row: else every visitor would
cost a row.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from scaler import VERSION
from scaler.actuate import Outcome, Result
from scaler.errors import ScalerError
from scaler.model.capacity import Wanted
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import ScaleSetName
from scaler.model.plan import counted
from scaler.model.policy import Mode, Policy
from scaler.model.price import cost_facts
from scaler.model.row import Status
from scaler.model.sighting import Sighting
from scaler.report import Report

_MINUTE = 60.0
_MOST_SCALE_SETS = 50  # of one row: Application Insights cuts a message at 32,768 characters
_UNKNOWN = ScaleSetName("unknown")  # neither Azure nor the notes say where such a machine is
_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "provisioner": ("managed_by", "pause", "max_surge"),
    "reconciler": ("managed_by", "pause", "max_forgets"),
    "starter": ("managed_by", "pause", "moves", "reservation_timeout", "start_timeout", "start_attempts"),
    "cleaner": ("managed_by", "pause", "session_limit", "presumed_limit", "max_deletes"),
}
"""The numbers of the policy that each controller goes by."""
_SUMS = ("done", "not_done", "held", "errors")  # by step, by step and error, by reason, by kind

type Row = tuple[str, Mapping[str, object]]


class Evaluations:
    """Adds up what the ticks since the last row did and held back."""

    def __init__(self, controller: str, policy: Policy) -> None:
        self._controller = controller
        self._policy = policy
        self._minute = -1
        self._told: set[tuple[object, ...]] = set()  # by the rows of this minute
        self._ticks = 0
        self._sums: Mapping[str, Counter[str]] = {name: Counter() for name in _SUMS}

    def row(self, report: Report, seconds: float) -> Row | None:
        """The sentence and the facts of the row, if a row is due after this tick, else None."""
        self._add(report)
        return self._due(report, seconds)

    def row_of_failed(self, error: ScalerError, seconds: float) -> Row | None:
        """The same after a tick that failed as a whole: it saw nothing, so the row tells of no scale set."""
        self._ticks += 1
        self._sums["errors"][type(error).__name__] += 1
        return self._due(None, seconds)

    def _due(self, report: Report | None, seconds: float) -> Row | None:
        if int(seconds // _MINUTE) != self._minute:
            self._minute = int(seconds // _MINUTE)
            self._told.clear()
        news = set(self._news(report.cloud if report is not None else Cloud())) - self._told
        if self._told and not news:
            return None
        self._told |= news
        row = self._sentence(report), self._facts(report)
        self._ticks = 0
        for counter in self._sums.values():
            counter.clear()
        return row

    def _add(self, report: Report) -> None:
        self._ticks += 1
        for outcome in report.outcomes:
            if outcome.result is Result.DONE:
                self._sums["done"][outcome.step.verb] += 1
            else:
                self._sums["not_done"][_failure(outcome)] += 1
        held = Counter(str(refusal.why) for refusal in report.plan.refusals)
        for why, number in held.items():  # the next tick holds the same back again: the most of one tick counts
            self._sums["held"][why] = max(self._sums["held"][why], number)
        self._sums["errors"].update(type(error).__name__ for error in report.errors)

    def _news(self, cloud: Cloud) -> Iterator[tuple[object, ...]]:
        """What a row tells at once, if no row of this minute has."""
        yield ("settings", *self._settings().items())
        for scale_set in self._policy.capacity:
            capacity = cloud.demand_of(scale_set, self._policy).capacity
            yield ("wanted", scale_set, replace(capacity, expected=0, because=""))  # these change with every listing
        for scale_set, look in cloud.withheld.items():
            yield ("withheld", scale_set, look.consent, look.pause)
        for name, counter in self._sums.items():
            yield from ((name, key) for key in counter)

    def _sentence(self, report: Report | None) -> str:
        wants = self._wanted(report.cloud if report is not None else Cloud())
        machines = f" and wants {sum(each.machines for each in wants.values())}" if wants else ""
        if report is None:
            errors = self._sums["errors"].total()
            return f"the {self._controller} failed{machines}: {counted(errors, 'error')} since its last evaluation"
        known = len(report.fleet.rows) if report.fleet is not None else len(report.cloud.instances)
        done, not_done, held = (self._sums[name].total() for name in ("done", "not_done", "held"))
        return (
            f"the {self._controller} knows {counted(known, 'machine')}{machines}: {counted(done, 'step')} done,"
            f" {not_done} not done, {held} held back since its last evaluation"
        )

    def _facts(self, report: Report | None) -> Mapping[str, object]:
        scale_sets = self._scale_sets(report) if report is not None else ()
        return {
            "version": VERSION,
            "ticks": self._ticks,
            "settings": self._settings(),
            "scale_sets": dict(islice(scale_sets, _MOST_SCALE_SETS)),
            **{name: dict(counter) for name, counter in self._sums.items()},
        }

    def _wanted(self, cloud: Cloud) -> Mapping[ScaleSetName, Wanted]:
        """How many machines each scale set should hold; without a listing only a fixed number is known."""
        return {
            name: cloud.wanted(name, self._policy)
            for name, capacity in self._policy.capacity.items()
            if name in cloud.demand or capacity.mode is Mode.FIXED
        }

    def _settings(self) -> Mapping[str, object]:
        found: dict[str, object] = {}
        for name in _SETTINGS.get(self._controller, ()):
            value = getattr(self._policy, name)
            seconds = isinstance(value, timedelta)
            found[f"{name}_s" if seconds else name] = value.total_seconds() if seconds else value
        return found

    def _scale_sets(self, report: Report) -> Iterator[tuple[ScaleSetName, Mapping[str, object]]]:
        """Wanted and found machines of each scale set; no facts of Azure after a tick without a look."""
        looks, standings = _looks(report.cloud), _counted(_standings(report))
        powers = _counted((instance.ref.scale_set, instance.power) for instance in report.cloud.instances.values())
        wants, waits, offered = self._wanted(report.cloud), _longest_waits(report), _counted(_offered(report.fleet))
        for name in dict.fromkeys((*self._policy.capacity, *looks, *standings)):
            look, found = looks.get(name), dict[str, object]()
            if name in wants:
                found |= {"wanted": wants[name].machines, "because": wants[name].why, "demand": wants[name].facts}
            if name in self._policy.capacity:
                demand = report.cloud.demand_of(name, self._policy)
                cost = cost_facts(demand, self._policy.currency)
                found["wanted_warm"] = report.cloud.warm(name, self._policy)
                hot = report.cloud.hot_wanted(name, self._policy)
                found |= {"wanted_hot": hot} if hot else {}
                found |= {"cost": cost} if cost else {}
                found |= {"failed_creations": len(demand.failures)} if demand.failures else {}
            if look is not None:
                found |= {"capacity": look.capacity, "consent": look.consent, "pause": look.pause}
            if report.fleet is not None:
                found["offered"] = offered[name].total()
            found |= {"longest_wait_s": waits[name]} if name in waits else {}
            yield name, found | {"standing": dict(standings[name]), "power": dict(powers[name])}


def _failure(outcome: Outcome) -> str:
    """What was not done and how, with the kind of error: `Start failed: OutOfCapacity`."""
    kind = f": {type(outcome.error).__name__}" if outcome.error is not None else ""
    return f"{outcome.step.verb} {outcome.result}{kind}"


def _looks(cloud: Cloud) -> Mapping[ScaleSetName, Sighting]:
    """The latest look of this tick at each scale set."""
    looks = sorted((*cloud.listings.values(), *cloud.asked.values()), key=lambda each: each.sent)
    return {look.scale_set: look for look in looks}


def _standings(report: Report) -> Iterator[tuple[ScaleSetName, str]]:
    """By the one classification of all controllers; the provisioner, without a registry, knows the mark alone."""
    if report.fleet is None:
        for instance in report.cloud.instances.values():
            yield instance.ref.scale_set, "marked" if instance.marked else "new"
        return
    for machine in report.fleet.machines:
        yield report.fleet.scale_set_of(machine.vm_id) or _UNKNOWN, machine.standing


def _offered(fleet: Fleet | None) -> Iterator[tuple[ScaleSetName, str]]:
    """The machines that a visitor may reserve, by the registry alone: a tick that has not looked knows them, too."""
    if fleet is not None:
        for vm_id, row in fleet.rows.items():
            if Status.AVAILABLE in row.index:
                yield fleet.scale_set_of(vm_id) or _UNKNOWN, Status.AVAILABLE


def _longest_waits(report: Report) -> Mapping[ScaleSetName, float]:
    """The longest wait in seconds among the reservations on each scale set's machines."""
    found: dict[ScaleSetName, float] = {}
    for machine in report.fleet.machines if report.fleet is not None else ():
        waited, notes = machine.reserved_for, machine.stored.notes
        if waited is not None and notes is not None:
            found[notes.scale_set] = max(round(waited.total_seconds(), 1), found.get(notes.scale_set, 0.0))
    return found


def _counted(words: Iterable[tuple[ScaleSetName, str]]) -> defaultdict[ScaleSetName, Counter[str]]:
    found: defaultdict[ScaleSetName, Counter[str]] = defaultdict(Counter)
    for name, word in words:
        found[name][str(word)] += 1
    return found
