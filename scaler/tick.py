"""One tick: read Redis, observe Azure, join, decide, actuate; with one `now`.

Redis is read before Azure: an instance exists before its record, so a record without an instance is then stale,
never early.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from scaler.actuate import Outcome, Ports, Result, actuate
from scaler.controllers import cleaner, provisioner, reconciler, starter
from scaler.errors import ScalerError
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import SessionId, VmId
from scaler.model.plan import Look, Nothing, Plan, SetCapacity, Start
from scaler.model.policy import Policy
from scaler.model.row import Snapshot
from scaler.observe import Eyes
from scaler.ports import Registry
from scaler.report import Report

_REMEMBERED = 5_000  # starts: more than a scale set can make in a day
_MOST_LOOKS = 3  # a listing, targeted GETs after it, and a last "nothing more"


class Name(StrEnum):
    """The four controllers."""

    PROVISIONER = "provisioner"
    RECONCILER = "reconciler"
    STARTER = "starter"
    CLEANER = "cleaner"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verbs:
    wants: Callable[[Fleet, Policy], Look]
    decide: Callable[[Fleet, Policy], Plan]


_OF_THE_REGISTRY: Mapping[Name, _Verbs] = {
    Name.RECONCILER: _Verbs(wants=reconciler.wants, decide=reconciler.decide),
    Name.STARTER: _Verbs(wants=starter.wants, decide=starter.decide),
    Name.CLEANER: _Verbs(wants=cleaner.wants, decide=cleaner.decide),
}


class Tick:
    """One controller with its doors; call `run` for each tick. Holds hints between ticks, never knowledge."""

    def __init__(self, name: Name, ports: Ports, policy: Policy) -> None:
        self.name = name
        self._ports = ports
        self._policy = policy
        self._eyes = Eyes(ports.scale_sets, ports.clock, policy)
        self._started: dict[VmId, SessionId] = {}
        self._lately: frozenset[VmId] = frozenset()  # the machines of the last listing

    def run(self) -> Report:
        """One pass. Raises ScalerError when Redis or Azure is away: then nothing was changed."""
        report = self.plan()
        outcomes = actuate(report.plan, self._ports, self._policy)
        self._remember(outcomes)
        return replace(report, outcomes=outcomes)

    def _remember(self, outcomes: Sequence[Outcome]) -> None:
        """Hints for the next tick: whom a machine was started for, and which capacity was patched again."""
        for outcome in outcomes:
            order, session = outcome.step.order, outcome.step.facts.get("session")
            arrived = outcome.result is Result.DONE or (outcome.error is not None and not outcome.error.uncounted)
            if isinstance(order, Start) and arrived:
                self._started[order.ref.vm_id] = SessionId(str(session))
                if len(self._started) > _REMEMBERED:
                    del self._started[next(iter(self._started))]
            if isinstance(order, SetCapacity):
                self._eyes.patched(order.scale_set)

    def plan(self) -> Report:
        """The same without acting: what a tick would do, and why."""
        registry = self._ports.registry
        if registry is None:
            return self._of_azure()
        return self._of_both(registry, _OF_THE_REGISTRY[self.name])

    def _of_azure(self) -> Report:
        cloud, errors = Cloud(), list[ScalerError]()
        for _ in range(_MOST_LOOKS):
            look = provisioner.wants(cloud, self._policy)
            if isinstance(look, Nothing):
                break
            cloud, failed = self._eyes.look(cloud, look)
            errors += failed
        plan = provisioner.decide(cloud, self._policy)
        return Report(plan=plan, errors=tuple(errors), machines=len(cloud.seen))

    def _of_both(self, registry: Registry, verbs: _Verbs) -> Report:
        snapshot = registry.read()
        cloud, errors = Cloud(), list[ScalerError]()
        fleet = self._join(snapshot, cloud)
        for _ in range(_MOST_LOOKS):
            look = verbs.wants(fleet, self._policy)
            if isinstance(look, Nothing):
                break
            cloud, failed = self._eyes.look(cloud, look)
            errors += failed
            snapshot = self._with_unnamed(snapshot, cloud, registry)
            fleet = self._join(snapshot, cloud)
        plan = verbs.decide(fleet, self._policy)
        complaints = snapshot.complaints
        return Report(plan=plan, errors=tuple(errors), complaints=complaints, machines=len(fleet.rows))

    def _with_unnamed(self, snapshot: Snapshot, cloud: Cloud, registry: Registry) -> Snapshot:
        """Rows of machines that the index does not name: a second read, only when there are any.

        Those that Azure shows; and those that it showed in the last listing: a queue manager may have died with a key
        in its hands, and the machine vanished since. Nothing else would lead to that row again.
        """
        unnamed = sorted({*cloud.seen, *self._lately} - snapshot.rows.keys()) if cloud.listings else []
        rows = registry.read_also(unnamed) if unnamed else {}
        known = {vm_id: row for vm_id, row in rows.items() if vm_id in cloud.seen or row.record is not None}
        if cloud.listings:
            self._lately = frozenset({*cloud.seen, *known})
        return replace(snapshot, rows={**known, **snapshot.rows})

    def _join(self, snapshot: Snapshot, cloud: Cloud) -> Fleet:
        return Fleet.join(snapshot, cloud, self._policy.capacity, self._started)
