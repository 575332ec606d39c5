"""`scaler explain --capacity`: the wanted number of machines, its sources (settings, windows, tags), and refusals."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from scaler.cli.environment import Exit, Operator
from scaler.cli.overview import decision_in_words
from scaler.cli.screen import Screen, age
from scaler.model.capacity import Demand, Use, Wanted
from scaler.model.edges import Actor
from scaler.model.in_force import by_calendar
from scaler.model.instance import ScaleSetName
from scaler.model.plan import counted
from scaler.model.policy import Capacity, Mode, Policy
from scaler.model.signs import Sign
from scaler.model.tags import as_documented
from scaler.registry.rights import READER
from scaler.report import Report


def explain_capacity(operator: Operator, *, as_json: bool) -> Exit:
    """Explain the number of each scale set, by a look of this command and by the sign of the running provisioner."""
    operator.doors.registry.check(READER)
    operator.doors.recall()
    sign = operator.doors.registry.signs().get(Actor.PROVISIONER)
    report, policy, screen = operator.doors.tick(Actor.PROVISIONER).plan(), operator.settings.policy, Screen()
    told = {name: numbers(name, report, policy, sign) for name in policy.capacity}
    held = [refusal for refusal in report.plan.refusals if refusal.vm_id is None]
    if as_json:
        screen.json({"scale_sets": told, "held_back": [decision_in_words(each) for each in held]})
    else:
        for name, lines in told.items():
            screen.line(name, style="bold")
            for title, said in lines.items():
                screen.line(f"  {title.replace('_', ' '):11}  {said}")
        for each in held:
            screen.line(decision_in_words(each), style="bold red" if each.alarm else "yellow")
    for error in report.errors:
        screen.complain(f"not looked at: {error}")
    return Exit.NOT_DONE if report.errors else Exit.DONE


def numbers(name: ScaleSetName, report: Report, policy: Policy, sign: Sign | None) -> Mapping[str, str]:
    """Where the number of a scale set comes from: a line for each source, the strongest last."""
    demand = report.cloud.demand_of(name, policy)
    at = demand.at if demand.was_listed else datetime.now(UTC)
    running = sign.wanted.get(name) if sign is not None and not sign.late else None
    lines = {
        "settings": _in_words(policy.capacity.get(name, Capacity())),
        "calendar": by_calendar(name, demand, at, policy).because or "no window is open",
        "tags": ", ".join(_tags(name, demand)) or "none",
        "in_force": _in_words(demand.capacity) + (f" ({demand.capacity.because})" if demand.capacity.because else ""),
        "there_are": _there(demand),
        "wanted": _wanted(report.cloud.wanted(name, policy), report.cloud.warm(name, policy)),
    }
    if running is not None and sign is not None:
        lines["wanted"] += "; by this look alone, which knows no past"
        lines["running"] = f"{_wanted(running, running.facts.get('warm'))}; by the provisioner, {age(sign.ago)} ago"
    return lines


def _in_words(capacity: Capacity) -> str:
    """The rule and its bounds."""
    warm = "a warm part that follows the demand" if capacity.warm_follows else f"{capacity.warm} warm"
    warm += f", {capacity.hot_target} hot" if capacity.hot_target else ""
    if capacity.mode is Mode.FIXED:
        return f"fixed: {counted(capacity.desired, 'machine')}, {warm}"
    bounds = f"{capacity.least} to {counted(capacity.most, 'machine')} in all, {warm}"
    if capacity.mode is Mode.BUFFER:
        share = f", or {capacity.buffer_share:.0%} as many where that is more" if capacity.buffer_share else ""
        return f"buffer: {capacity.buffer} ready beyond those in use{share}; {bounds}"
    found = f"{capacity.found_at_once * 100:g} % of visitors find a machine ready"
    return f"auto: {found}, at least {capacity.buffer} spare; {bounds}"


def _tags(scale_set: ScaleSetName, demand: Demand) -> Iterator[str]:
    """The tags in force with their owners; then the unusable tags."""
    for name, tag in demand.tags.good.items():
        yield f"{as_documented(name)}={tag.value} by {tag.source.of(scale_set)}"
    for bad in demand.tags.bad:
        yield f"{as_documented(bad.name)}={bad.value!r} cannot be used (expected {bad.expected})"


def _there(demand: Demand) -> str:
    """The machines by their use."""
    leaving = demand.counts[Use.LEAVING]
    uses = ", ".join(f"{number} {use}" for use, number in demand.counts.items() if number and use is not Use.LEAVING)
    deleted = f"; and {leaving} being deleted" if leaving else ""
    return f"{counted(demand.machines, 'machine')}{': ' if uses else ''}{uses}{deleted}"


def _wanted(wanted: Wanted, warm: object) -> str:
    return f"{counted(wanted.machines, 'machine')}, {warm} warm: {wanted.why}"
