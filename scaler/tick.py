"""A tick: read Redis, decide, look at Azure for the asks of the decision, decide again, actuate.

Redis is read before Azure: an instance exists before its record, so a record without an instance is then stale,
never early.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from scaler.actuate import Outcome, Ports, Result, actuate
from scaler.controllers import cleaner, provisioner, reconciler, starter
from scaler.errors import Conflict, QuotaReached, ScalerError
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import ScaleSetName, SessionId, VmId
from scaler.model.plan import Get, Plan, Refusal, SetCapacity, Start, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Snapshot
from scaler.model.scarcity import Ceiling, Shortage, ceiling_after, shortages
from scaler.model.sighting import Pause, strictest
from scaler.observe import AzureObserver, Listings, Look, Targets
from scaler.ports import Registry
from scaler.report import Report

_REMEMBERED = 5_000  # hints: more machines than a scale set starts in a day
_AGAIN_AT_ONCE = 2  # times that a step which lost its race is decided again without waiting for the next look
_LOST_TOO_OFTEN = 10  # times that a step may lose its race before somebody should look at who writes that record

type _Wanted = tuple[VmId | None, Why]  # one step, told apart from the others of its tick


type Decide = Callable[[Fleet, Policy], Plan]

# The starter's two parts, for ticks side by side: no start waits until other machines have been looked at or opened.
STARTS, REST = (partial(starter.decide, part=part) for part in (starter.Part.STARTS, starter.Part.REST))

_OF_THE_REGISTRY: Mapping[Actor, Decide] = {
    Actor.RECONCILER: reconciler.decide,
    Actor.STARTER: starter.decide,
    Actor.CLEANER: cleaner.decide,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Hints between ticks of a controller, also between ticks at the same time with shared hints."""

    started: dict[VmId, SessionId] = field(default_factory=dict)  # whom a machine was started for
    looked: dict[VmId, datetime] = field(default_factory=dict)  # when a targeted GET of a machine was begun


class Tick:
    """A controller with its doors; call `run` for a tick. Holds hints between ticks, never knowledge."""

    def __init__(
        self,
        what: Actor | Decide,
        ports: Ports,
        policy: Policy,
        ceilings: dict[ScaleSetName, Ceiling] | None = None,
        hints: Hints | None = None,
        listings: Listings | None = None,
    ) -> None:
        """`what`: a controller by name; or a `decide`, of the starter's part or of a controller without a timer.

        `ceilings`: shared by the ticks of a process. The provisioner learns ceilings and has no registry; the
        reconciler writes them there, for people. `listings`: shared in the same way: a listing serves all controllers.
        """
        self._decide = _OF_THE_REGISTRY.get(what) if isinstance(what, Actor) else what
        self._reconciles = self._decide is reconciler.decide
        self._follows = self._decide is None or self._reconciles  # new machines, from creation to offer
        self._ports = ports
        self._policy = policy
        view_kept = policy.view_kept if self._decide is not None else timedelta(0)  # a capacity needs the latest etag
        self._observer = AzureObserver(ports.scale_sets, ports.clock, policy, ports.together, listings, view_kept)
        self._hints = hints or Hints()
        self._shortages: Mapping[ScaleSetName, Shortage] = {}
        self._lately: Mapping[ScaleSetName, frozenset[VmId]] = {}  # the machines of the last listing of each
        self._ceilings = ceilings if ceilings is not None else {}
        self._written: Mapping[ScaleSetName, Ceiling] = {}  # of them
        self._lost: dict[_Wanted, int] = {}  # how often these steps have lost their race since they last won it

    def run(self) -> Report:
        """Run a tick. Raises ScalerError when Redis or Azure is away: then no machine was changed.

        But no visitor waits for ever because Azure is away: decisions by the registry alone are carried out.
        """
        report = self.plan()
        outcomes = actuate(report.plan, self._ports, self._policy)
        self._remember(outcomes)
        self._write_ceilings()
        if not outcomes:
            return report
        lost = self._lost_races(outcomes)
        waits = [report.plan.look_again, *(_wait_after(outcome, self._policy) for outcome in outcomes)]
        waits += [timedelta(0) for times in lost.values() if times <= _AGAIN_AT_ONCE]
        plan = replace(
            report.plan,
            refusals=(*report.plan.refusals, *_alarms(lost), *_unconfirmed(outcomes)),
            look_again=min((wait for wait in waits if wait is not None), default=None),
        )
        return replace(report, plan=plan, outcomes=outcomes)

    def _lost_races(self, outcomes: Sequence[Outcome]) -> Mapping[_Wanted, int]:
        """Count lost races: how often a step has lost the race since the last time that it was carried out."""
        lost: dict[_Wanted, int] = {}
        for outcome in outcomes:
            step = (outcome.step.vm_id, outcome.step.why)
            times = self._lost.pop(step, 0)
            if outcome.result is Result.LOST_RACE and outcome.step.change is not None:
                lost[step] = times + 1
        _remember(self._lost, lost)
        return lost

    def _remember(self, outcomes: Sequence[Outcome]) -> None:
        """Remember hints for the next tick: the sessions of started machines, and patched capacities."""
        for outcome in outcomes:
            order, session = outcome.step.order, outcome.step.facts.get("session")
            if isinstance(order, Start) and session is not None and outcome.arrived:
                _remember(self._hints.started, {order.ref.vm_id: SessionId(str(session))})
            undone = isinstance(order, Start) and outcome.result is not Result.DONE
            if (undone or outcome.result in {Result.LOST_RACE, Result.UNCONFIRMED}) and outcome.step.vm_id is not None:
                self._hints.looked.pop(outcome.step.vm_id, None)  # it is decided again, and is looked at for that
            if isinstance(order, SetCapacity):
                self._observer.patched(order.scale_set, done=outcome.result is Result.DONE)
                self._learn_ceiling(order, outcome.error)

    def _learn_ceiling(self, order: SetCapacity, error: ScalerError | None) -> None:
        if error is not None and error.failure.of_capacity:
            room = error.room if isinstance(error, QuotaReached) else None
            ceiling = ceiling_after(order, error.failure, room, str(error), self._policy)
            if ceiling is not None:
                self._ceilings[order.scale_set] = ceiling

    def _write_ceilings(self) -> None:
        """Write the ceilings down, once for a change. After a failure of Redis the next tick tries again."""
        registry, learnt = self._ports.registry, dict(self._ceilings)
        if registry is None or not self._reconciles or learnt == self._written:
            return
        with suppress(ScalerError):
            registry.keep_ceilings(learnt, lasts=self._policy.refused_hold)
            self._written = learnt

    def plan(self) -> Report:
        """Plan a tick without acting: the steps and the reasons."""
        registry, decide = self._ports.registry, self._decide
        report = (
            self._without_registry() if registry is None or decide is None else self._with_registry(registry, decide)
        )
        alarms = self._observer.alarms()
        if not alarms:
            return report
        return replace(report, plan=replace(report.plan, refusals=(*report.plan.refusals, *alarms)))

    def _without_registry(self) -> Report:
        def decide(cloud: Cloud) -> Plan:
            return provisioner.decide(cloud, self._policy)

        cloud = self._observer.following(self._cloud(self._policy.pause))
        return self._looked(cloud, lambda seen: _judged(decide(seen), seen, decide))

    def _with_registry(self, registry: Registry, decide: Decide) -> Report:
        snapshot = registry.read()
        read_at = self._ports.clock.monotonic()
        self._observer.read(snapshot.rows.values())
        self._shortages = shortages(snapshot.rows.values(), self._shortages, self._policy)

        def decided(cloud: Cloud) -> Report:
            nonlocal snapshot
            snapshot = self._with_unnamed(snapshot, cloud, registry)
            fleet = self._join(snapshot, cloud, read_at)
            plan = replace(decide(fleet, self._policy), good_until=fleet.now + self._policy.plan_kept)
            return _judged(plan, cloud, lambda allowed: decide(replace(fleet, cloud=allowed), self._policy), fleet)

        cloud = self._cloud(strictest(self._policy.pause, snapshot.pause))
        report = self._looked(self._observer.following(cloud) if self._reconciles else cloud, decided)
        return replace(report, complaints=snapshot.complaints) if snapshot.complaints else report

    def _cloud(self, pause: Pause) -> Cloud:
        """What is known before the first look of a tick: hints."""
        return self._observer.knowing(Cloud(pause=pause, ceilings=dict(self._ceilings), grown=self._observer.grown))

    def _looked(self, cloud: Cloud, decided: Callable[[Cloud], Report]) -> Report:
        """Decide, look at Azure for the asks, and decide again, until no ask is left that was not looked at.

        Raises the error of a look without any answer, unless the plan has steps all the same: decisions by the
        registry alone do not wait for Azure.
        """
        report, errors, made = decided(cloud), list[ScalerError](), list[Look]()
        while (look := self._observer.next_look(report.plan.asks, report.cloud, made)) is not None:
            made.append(look)
            try:
                cloud, failed = self._look(report, look)
            except ScalerError as away:
                errors.append(away)
                report = decided(cloud)
                if not report.plan.steps:
                    raise
                break
            errors += failed
            report = decided(cloud)
        return replace(report, errors=tuple(errors)) if errors else report

    def _look(self, report: Report, look: Look) -> tuple[Cloud, Sequence[ScalerError]]:
        """Make a look and add the answers. A parallel tick leaves the same machines alone, unless the answers fail."""
        asked = [ref.vm_id for ref in look.refs] if isinstance(look, Targets) else []
        if report.fleet is not None:
            _remember(self._hints.looked, dict.fromkeys(asked, report.fleet.now))
        answered: Collection[VmId] = ()
        try:
            cloud, failed = self._observer.look(report.cloud, look)
            cloud = self._observer.following(cloud) if self._follows else cloud
            answered = cloud.asked.keys()
        finally:
            for vm_id in set(asked) - set(answered):
                self._hints.looked.pop(vm_id, None)
        return cloud, failed

    def _with_unnamed(self, snapshot: Snapshot, cloud: Cloud, registry: Registry) -> Snapshot:
        """Add rows of machines outside the index, by a second read, if there are such machines.

        These are machines that Azure shows, or showed in the last listing: a queue manager may have died with a key
        taken, and the machine vanished since. No other way leads to that row again.
        """
        lately = frozenset[VmId]().union(*self._lately.values())
        followed = cloud.newcomers.keys() if self._reconciles else set[VmId]()
        wanted = {*cloud.instances, *lately, *followed} if cloud.listings else followed
        if not wanted:
            return snapshot
        unnamed = sorted(wanted - snapshot.rows.keys())
        rows = registry.read_also(unnamed) if unnamed else {}
        seen = cloud.instances.keys() | followed
        known = {vm_id: row for vm_id, row in rows.items() if vm_id in seen or row.record is not None}
        for name in cloud.listings:
            listed = frozenset(instance.vm_id for instance in cloud.of(name))
            unseen = frozenset(
                vm_id
                for vm_id in self._lately.get(name, frozenset()) - listed
                if vm_id in known or (vm_id in snapshot.rows and not snapshot.rows[vm_id].index)
            )
            self._lately = {**self._lately, name: listed | unseen}
        return replace(snapshot, rows={**known, **snapshot.rows}) if known else snapshot

    def _join(self, snapshot: Snapshot, cloud: Cloud, read_at: float) -> Fleet:
        """Join registry and cloud, at the registry's time after the looks at Azure, which is the time of new notes."""
        passed = timedelta(seconds=max(self._ports.clock.monotonic() - read_at, 0.0))
        hints = self._hints
        snapshot = replace(snapshot, now=snapshot.now + passed, since_read=passed) if passed else snapshot
        return Fleet.join(snapshot, cloud, self._policy, hints.started, self._shortages, dict(hints.looked))


def _remember[Key, Value](hints: dict[Key, Value], new: Mapping[Key, Value]) -> None:
    """Add hints as the latest, and drop the oldest of too many."""
    for key, value in new.items():
        hints.pop(key, None)
        hints[key] = value
    for key in list(hints)[:-_REMEMBERED]:
        hints.pop(key, None)


def _alarms(lost: Mapping[_Wanted, int]) -> Iterator[Refusal]:
    for (vm_id, why), times in lost.items():
        if times > _LOST_TOO_OFTEN:
            yield Refusal(why=Why.LOSES_EVERY_RACE, vm_id=vm_id, alarm=True, facts={"step": str(why), "times": times})


def _unconfirmed(outcomes: Iterable[Outcome]) -> Iterator[Refusal]:
    """Raise an alarm where hot machines are of no use, because no replica answers."""
    held = [outcome.step.vm_id for outcome in outcomes if outcome.result is Result.UNCONFIRMED]
    if held:
        yield Refusal(why=Why.NO_REPLICA, vm_id=held[0], alarm=True, facts={"machines": len(held)})


def _wait_after(outcome: Outcome, policy: Policy) -> timedelta | None:
    """How soon to look again after a start that Azure refused at once: the plan took the start for accepted.

    For want of capacity the session may be moved at once; another operation on the machine ends soon. For a waiting
    visitor a replica is asked again soon.
    """
    if outcome.result is Result.UNCONFIRMED:
        return policy.look_every_warm if "session" in outcome.step.facts else None
    if outcome.error is None or not isinstance(outcome.step.order, Start):
        return None
    if outcome.error.failure.of_capacity:
        return timedelta(0)
    return policy.look_every if isinstance(outcome.error, Conflict) else None


def _judged(plan: Plan, cloud: Cloud, decide: Callable[[Cloud], Plan], fleet: Fleet | None = None) -> Report:
    """Report the plan, and the steps that permission would add (without addresses, because no visitor is let in)."""
    if not cloud.withheld:
        return Report(plan=plan, cloud=cloud, fleet=fleet)
    would = decide(cloud.as_if_allowed())
    asks = (*plan.asks, *(ask for ask in would.asks if isinstance(ask, Get)))
    return Report(plan=replace(plan, asks=asks), would=withheld_steps(plan, would, cloud), cloud=cloud, fleet=fleet)


def withheld_steps(plan: Plan, would: Plan, cloud: Cloud) -> tuple[Step, ...]:
    """The steps that only a missing consent, or a pause, prevents."""
    taken = {_topic(step) for step in plan.steps}
    return tuple(step for step in would.steps if _topic(step) not in taken and _is_withheld(step, cloud))


def _is_withheld(step: Step, cloud: Cloud) -> bool:
    instance = cloud.instances.get(step.vm_id) if step.vm_id is not None else None
    notes = step.change.row.notes if step.change is not None else None
    noted = notes.scale_set if notes is not None else None
    where = instance.ref.scale_set if instance is not None else step.facts.get("scale_set") or noted
    return where in cloud.withheld if where else bool(cloud.withheld)  # in no place: the consent of all is needed


def _topic(step: Step) -> tuple[object, ...]:
    """The subject of a step, for comparing steps of two plans."""
    return step.vm_id, step.why, type(step.order), step.facts.get("scale_set")
