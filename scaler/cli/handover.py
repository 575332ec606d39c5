"""Adoption, round after round, until no further round would hand anything over."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from scaler.actuate import Outcome, Ports, Result, actuate
from scaler.controllers import adoption
from scaler.errors import Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import VmId
from scaler.model.plan import Plan, Why
from scaler.model.policy import Policy
from scaler.report import Report
from scaler.tick import Tick

_TAKES_TIME = {Why.UNSETTLED, Why.INCOMPLETE}  # only time mends these, and perhaps never


def is_left(report: Report) -> bool:
    """Whether there is anything to hand over, or anything that could not be looked at."""
    return bool(report.plan.steps or report.plan.refusals or report.errors)


class Handover:
    """One adoption. Every round begins with a look of its own: it may be ended anywhere, and begun again."""

    def __init__(self, ports: Ports, policy: Policy) -> None:
        self._ports = ports
        self._policy = policy
        self._tick = Tick(adoption.decide, ports, policy)
        self._tried: Counter[VmId] = Counter()
        self._refused: set[VmId] = set()

    def look(self) -> Report:
        """What is left."""
        return self._tick.plan()

    def rounds(self) -> Iterator[Report]:
        """Each round's report, with what became of its steps. The last one shows what is left."""
        clock = self._ports.clock
        moved = clock.monotonic()
        while True:
            report = self._round()
            yield report
            if any(each.result is Result.DONE for each in report.outcomes):
                moved = clock.monotonic()
            if not self._goes_on(report, timedelta(seconds=clock.monotonic() - moved)):
                return
            clock.sleep(self._rest(report))

    def _round(self) -> Report:
        """Look and hand over; where nobody answers now, the next round may be luckier."""
        try:
            report = self._tick.plan()
        except (Throttled, Unreachable) as away:
            return Report(plan=Plan(), errors=(away,))
        return replace(report, outcomes=self._take(report.plan))

    def _take(self, plan: Plan) -> tuple[Outcome, ...]:
        """A refused mark is an operator's matter, and not the next round's."""
        wanted = tuple(each for each in plan.steps if not self._given_up(each.vm_id))
        outcomes = actuate(replace(plan, steps=wanted), self._ports, self._policy)
        for outcome in outcomes:
            vm_id = outcome.step.vm_id
            if vm_id is not None and outcome.arrived:
                self._tried[vm_id] += 1
                self._refused |= {vm_id} if isinstance(outcome.error, Refused) else set()
        return outcomes

    def _given_up(self, vm_id: VmId | None) -> bool:
        """In this adoption; another one tries again."""
        return vm_id is not None and (vm_id in self._refused or self._tried[vm_id] >= self._policy.mark_attempts)

    def _goes_on(self, report: Report, idle: timedelta) -> bool:
        """Something is left that another round may hand over. What is under way gets the time of a start to end."""
        if any(not self._given_up(each.vm_id) for each in report.plan.steps):
            return True
        unanswered = {Why.UNSEEN}  # the alarm of a silence that the errors tell of too, and that has its own end below
        waiting = [each.why for each in report.plan.refusals if not self._given_up(each.vm_id)]
        waiting = [each for each in waiting if each not in unanswered]
        if any(each not in _TAKES_TIME for each in waiting) or any(
            isinstance(each, Throttled) for each in report.errors
        ):
            return True
        away = [each for each in report.errors if not isinstance(each, Missing)]  # a scale set does not come by waiting
        return bool(waiting or away) and idle < self._policy.start_timeout

    def _rest(self, report: Report) -> timedelta:
        """Until the next look can show something new, and Azure will bear it."""
        errors: list[ScalerError | None] = [*report.errors, *(each.error for each in report.outcomes)]
        waits = [each.retry_after for each in errors if isinstance(each, Throttled)]
        return max([report.plan.look_again or self._policy.look_after_mark, *waits])
