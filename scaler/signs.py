"""The signs of life that a process leaves in Redis: the latest tick of its controllers, their alarms and failed orders.

With them go the samples of the history, and the waits for the web site.

Signs are for people and probes. No decision rests on a sign, and a sign that could not be left is merely late.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from math import inf
from threading import Lock
from typing import Protocol

from scaler import VERSION
from scaler.errors import Conflict, ScalerError, Throttled, in_one_line
from scaler.history import History
from scaler.model.capacity import Wanted
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud
from scaler.model.history import Sample
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.plan import Plan, Refusal, SetCapacity, Why
from scaler.model.policy import Policy
from scaler.model.signs import ALARM_KEPT, SIGN_EVERY, FailedOrder, Sign
from scaler.model.waits import Waits
from scaler.ports import Clock
from scaler.report import Outcome, Report
from scaler.waits import Measuring
from scaler.watch import Run

_FAILED_ORDERS_KEPT = timedelta(days=1)
_MOST = 50  # alarms, and failed orders, of a controller

type _Kind = tuple[ScaleSetName, str]  # a kind of order at a scale set
type _Alarm = tuple[Why, VmId | None, str]  # an alarm about a machine or a scale set, whatever its other facts


class Book(Protocol):
    """The place where signs, samples and waits are left: Redis. Raises scaler.errors only."""

    def leave_signs(self, signs: Iterable[Sign]) -> None:
        """Write signs, each in the place of the one before."""

    def signs(self) -> Mapping[Actor, Sign]:
        """Read the signs."""

    def leave_sample(self, sample: Sample, *, every: timedelta) -> None:
        """Write a sample of that length."""

    def waits(self) -> Waits:
        """Read the published waits."""

    def leave_waits(self, waits: Waits) -> None:
        """Publish waits for the web site, in the place of the published ones."""


@dataclass(slots=True, kw_only=True)
class _Heard:
    """The memory of a controller's ticks; moments are of the process's clock."""

    moment: float = -inf  # of the latest tick
    at: datetime = field(default_factory=partial(datetime.now, UTC))
    failure: str = ""
    failed_from: float = inf  # the first of the failed ticks that no fine tick has followed
    alarms: dict[_Alarm, tuple[str, float]] = field(default_factory=dict)  # the sentence, and when it was raised last
    held: dict[str, tuple[int, float]] = field(default_factory=dict)  # how often a tick held back, and when
    wanted: Mapping[ScaleSetName, Wanted] = field(default_factory=dict)  # as of the latest listing
    failed: dict[_Kind, tuple[str, float]] = field(default_factory=dict)  # the sentence, and when
    left: float = -inf  # when a sign was left last
    news: bool = True  # since then


class Signs:
    """The signs of one process. The provisioner has no registry: the reconciler's ticks write its sign down."""

    def __init__(
        self, book: Book, clock: Clock, history: History, policy: Policy, every: Mapping[str, timedelta | None]
    ) -> None:
        """`every`: the longest time between two firings of a controller's timer."""
        self._policy = policy
        self._book = book
        self._clock = clock
        self._history = history
        self._every = every
        self._measuring = Measuring()
        self._heard: dict[Actor, _Heard] = {}
        self._recalled = False
        self._lock = Lock()

    def signed(self, name: Actor, run: Run) -> Run:
        """The tick, after which a sign is left."""

        def tick() -> Report:
            try:
                report = run()
            except ScalerError as error:
                self._hear(name, Report(plan=Plan(), errors=(error,)))
                raise
            self._hear(name, report)
            return report

        return tick

    def _hear(self, name: Actor, report: Report) -> None:
        """Note a tick, and leave what is due, without the lock: no tick waits for the sign of another."""
        with self._lock:
            is_due, sample = self._noted(name, report)
            news = self._measuring.hear(name, report, self._clock.monotonic())
        with suppress(ScalerError):  # the tick says by itself that Redis is away
            if sample is not None:
                self._book.leave_sample(sample, every=self._history.every)
            if is_due:
                self._leave_signs(name)
            if news is not None:
                self._book.leave_waits(news.on(self._book.waits(), self._policy))

    def _noted(self, name: Actor, report: Report) -> tuple[bool, Sample | None]:
        """Note a tick. Returns whether a sign is due, and the sample of a minute that is over."""
        heard, now = self._heard.setdefault(name, _Heard()), self._clock.monotonic()
        failure = next((str(error) for error in report.errors if not isinstance(error, Throttled)), "")
        alarms = {_about(each): (_told(each), now) for each in report.plan.refusals if each.alarm}
        failed = {kind: (said, now) for kind, said in _failures(report.outcomes)}
        heard.news |= bool(failed) or bool(alarms.keys() - heard.alarms.keys()) or bool(failure) != bool(heard.failure)
        heard.moment, heard.at, heard.failure = now, datetime.now(UTC), failure
        heard.failed_from = min(heard.failed_from, now) if failure else inf
        heard.alarms |= alarms
        heard.held |= {why: (number, now) for why, number in _held(report.plan).items()}
        heard.failed |= failed
        if name is Actor.PROVISIONER and report.cloud.listings:
            heard.wanted = dict(self._wanted(report.cloud))
        is_due = name is not Actor.PROVISIONER and (heard.news or now - heard.left >= SIGN_EVERY.total_seconds())
        if is_due:
            heard.news, heard.left = False, now
        return is_due, self._history.hear(name, report, self._heard.get(Actor.PROVISIONER, _Heard()).wanted)

    def _wanted(self, cloud: Cloud) -> Iterator[tuple[ScaleSetName, Wanted]]:
        """How many machines each scale set should hold, with the warm ones among the facts."""
        for name in islice(self._policy.capacity, _MOST):
            wanted = cloud.wanted(name, self._policy)
            yield name, replace(wanted, facts={**wanted.facts, "warm": cloud.warm(name, self._policy)})

    def _leave_signs(self, name: Actor) -> None:
        if not self._recalled:
            before = self._book.signs()
            with self._lock:
                self._remember(before)
        with self._lock:
            provisioner = (Actor.PROVISIONER,) if name is Actor.RECONCILER and self._knows_provisioner else ()
            signs = [self._sign(each) for each in (name, *provisioner)]
        self._book.leave_signs(signs)

    @property
    def _knows_provisioner(self) -> bool:
        return self._heard.get(Actor.PROVISIONER, _Heard()).moment > -inf

    def _remember(self, signs: Mapping[Actor, Sign]) -> None:
        """Take over the failed orders in the signs of an earlier process."""
        now, self._recalled = self._clock.monotonic(), True
        for name, sign in signs.items():
            heard = self._heard.setdefault(name, _Heard())
            before = sign.failed_orders
            told = {(each.scale_set, each.order): (each.said, now - each.ago.total_seconds()) for each in before}
            heard.failed = told | heard.failed

    def _sign(self, name: Actor) -> Sign:
        heard, now = self._heard[name], self._clock.monotonic()
        heard.alarms = _latest(heard.alarms, now - ALARM_KEPT.total_seconds())
        heard.held = _latest(heard.held, now - ALARM_KEPT.total_seconds())
        heard.failed = _latest(heard.failed, now - _FAILED_ORDERS_KEPT.total_seconds())
        return Sign(
            controller=name,
            version=VERSION,
            at=heard.at,
            ago=timedelta(seconds=now - heard.moment),
            every=self._every.get(name),
            failure=heard.failure,
            failing=timedelta(seconds=max(now - heard.failed_from, 0)) if heard.failure else timedelta(0),
            wanted=heard.wanted,
            alarms=tuple(said for said, _ in heard.alarms.values()),
            held={why: number for why, (number, _) in heard.held.items()},
            failed_orders=tuple(
                FailedOrder(scale_set=place, order=order, said=said, ago=timedelta(seconds=now - moment))
                for (place, order), (said, moment) in heard.failed.items()
            ),
            knows_provisioner=self._knows_provisioner,
        )


def _latest[Key, Told](told: Mapping[Key, tuple[Told, float]], oldest: float) -> dict[Key, tuple[Told, float]]:
    """The entries whose moment is after `oldest`, in the order of their moments; the latest ones if there are many."""
    young = ((key, entry) for key, entry in told.items() if entry[1] > oldest)
    return dict(sorted(young, key=lambda each: each[1][1])[-_MOST:])


def _held(plan: Plan) -> Mapping[str, int]:
    """How many steps were held back for each reason, without the alarms."""
    return Counter(str(refusal.why) for refusal in plan.refusals if not refusal.alarm)


def _about(alarm: Refusal) -> _Alarm:
    """What an alarm is about. Its other facts, such as a number of seconds, may differ from tick to tick."""
    vm_id = alarm.vm_id if "machines" not in alarm.facts else None  # of so many machines one is named
    return alarm.why, vm_id, str(alarm.facts.get("scale_set", ""))


def _told(alarm: Refusal) -> str:
    """An alarm as a sentence with its facts."""
    machine = f"{alarm.vm_id}: " if alarm.vm_id is not None else ""
    return in_one_line(machine + alarm.in_words)


def _failures(outcomes: Sequence[Outcome]) -> Iterator[tuple[_Kind, str]]:
    """The kind and the sentence of each order that failed; to wait for a budget, or to be late, is no failure."""
    for outcome in outcomes:
        order, error, name = outcome.step.order, outcome.error, outcome.step.order_name
        if order is None or error is None or isinstance(error, Throttled | Conflict):
            continue
        if isinstance(order, SetCapacity):
            what, place = f"capacity {order.rests_on.capacity} → {order.capacity}", order.scale_set
        else:
            what, place = f"{name} of instance {order.ref.instance_id}", order.ref.scale_set
        yield (place, name), f"{what} failed: {type(error).__name__}: {error}"
