"""Readiness: a machine is ready when running, or, where the operator asks for more, when its health says Healthy.

Health is the word of a guest, and late: health decides when a new machine is stopped and when a session is let in,
never to which session a machine belongs. Absent is not Unknown: a machine shows no health until the extension speaks,
and never does without the extension.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scaler.model.clocks import is_ahead
from scaler.model.instance import Health, HealthState, Instance, VmId
from scaler.model.policy import Policy
from scaler.model.row import HeatedNote, StartNote


def may_rest(instance: Instance, at: datetime, policy: Policy) -> bool:
    """Whether a new running machine may be stopped by a look of this time: Healthy, or silent for the whole grace."""
    if not policy.awaits_health(instance.ref.scale_set) or _says_healthy(instance.health):
        return True
    if instance.health is not None:
        return False
    return instance.created_at is None or at - instance.created_at >= policy.absent_grace


def boots(instance: Instance, at: datetime, policy: Policy) -> bool:
    """Whether a new machine runs, and must go on running until Healthy."""
    return instance.runs and not instance.marked and not instance.busy and not may_rest(instance, at, policy)


def never_ready(instance: Instance, at: datetime, since: datetime | None, policy: Policy) -> bool:
    """Whether a new machine shows a health other than Healthy at the bound. `since`: the creation, or the first sight.

    A machine without health is never given up for the lack: see `may_rest`.
    """
    if instance.health is None or not boots(instance, at, policy) or since is None:
        return False
    return at - since >= policy.unready_bound


def healthy_in_this_run(start: StartNote | HeatedNote, instance: Instance, policy: Policy) -> bool:
    """Whether the machine is Healthy by a word of this run: Azure may show the health of an earlier run.

    The health is later than the look before the start (both times are Azure's, of whole seconds), or a look since the
    start has shown Initializing: where Azure's time is of the last change, Healthy after Healthy keeps the old one.
    Another health in between proves nothing, because a view may flicker.
    """
    health = instance.health
    if health is None or not _says_healthy(health):
        return False
    return start.initializing or is_later(health, start.seen_at, policy)


def heated_as_seen(
    heated: HeatedNote, instance: Instance, now: datetime, *, by_get: bool, policy: Policy
) -> HeatedNote:
    """The note after a look at a heated machine: ready when running, and Healthy where SCALER_READY_WHEN says so.

    Only a targeted GET tells the readiness: the Initializing of this run is short, and a listing may be old. A
    machine that shows no health at all until `ready_timeout` counts as ready, as where it is opened.
    """
    if not instance.runs:
        is_over = instance.at_rest and heated.ready_at is not None
        return replace(heated, ready_at=None, attempts=0) if is_over else heated
    if heated.ready_at is not None or instance.busy or not by_get:
        return heated
    boots_at, health_seen, initializing = after_look(heated, instance, now)
    seen = replace(heated, boots_at=boots_at, health_seen=health_seen, initializing=initializing)
    silent = not health_seen and now - boots_at >= policy.ready_timeout
    gated = policy.awaits_health(instance.ref.scale_set)
    is_ready = not gated or silent or healthy_in_this_run(seen, instance, policy)
    return replace(seen, ready_at=now) if is_ready else seen


def heating_age(heated: HeatedNote, now: datetime, at: datetime) -> timedelta:
    """The age of the latest order by Redis' clock; by Azure's where Redis' clock was ahead at the order."""
    return at - heated.seen_at if is_ahead(heated.at, now) else now - heated.at


def after_look(start: StartNote | HeatedNote, instance: Instance, now: datetime) -> tuple[datetime, bool, bool]:
    """When the machine was first seen running, and whether looks at this run have shown a health, and Initializing."""
    health = instance.health
    initializing = health is not None and health.state is HealthState.INITIALIZING
    return start.boots_at or now, start.health_seen or health is not None, start.initializing or initializing


def is_later(health: Health, look: datetime | None, policy: Policy) -> bool:
    """Whether the health is surely later than a look. Both times are Azure's, the look's of whole seconds."""
    return health.at is not None and look is not None and health.at >= look + policy.date_resolution


def _says_healthy(health: Health | None) -> bool:
    return health is not None and health.state is HealthState.HEALTHY


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSeen:
    """Health in a scale set, as looks of this process have shown: a hint; a loss costs some machines."""

    shown: bool = False  # by any machine, at any time
    silent_at: datetime | None = None  # no machine ever has, and a new one had not after `Policy.absent_grace`
    unready: Mapping[VmId, datetime] = field(default_factory=dict)  # not Healthy at the bound: when that was seen

    def after(self, instances: Iterable[Instance], at: datetime, policy: Policy) -> "HealthSeen":
        """The hint after targeted GETs, answered at `at`."""
        seen = tuple(instances)
        shown = self.shown or any(each.health is not None for each in seen)
        silent = any(
            each.health is None and each.runs and not each.marked and not each.busy and may_rest(each, at, policy)
            for each in seen
        )
        unready = {each.vm_id: at for each in seen if never_ready(each, at, each.created_at, policy)}
        known = {vm_id: since for vm_id, since in self.unready.items() if at - since < policy.failure_window}
        silent_at = None if shown else at if silent else self.silent_at
        return HealthSeen(shown=shown, silent_at=silent_at, unready={**unready, **known})

    def is_lacking(self, at: datetime, policy: Policy) -> bool:
        """Whether the extension was surely forgotten. After a while another creation tells."""
        return self.silent_at is not None and at - self.silent_at < policy.failure_window
