"""Signs of life for operators: late and failing controllers, alarms, failed orders, and the probe's verdict."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from scaler.cli.environment import Exit
from scaler.cli.screen import age
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import ScaleSetName
from scaler.model.signs import Sign

_FAILING = timedelta(minutes=1)  # a blip of Redis or Azure is over by then
_RUNBOOK = "docs/operations.md#a-controller-is-silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A trouble of a controller, as a sentence; `exit` is the probe's exit status for the trouble."""

    said: str
    controller: Actor | None = None  # that ticks, and has it; None: no controller ticks
    exit: Exit | None  # None: worth a line, and no reason to wake anybody


def in_one_line(signs: Mapping[Actor, Sign]) -> str:
    """When each controller ticked last, and the versions."""
    ticks = ", ".join(f"{name} {age(signs[name].ago)} ago" for name in CONTROLLERS if name in signs)
    versions = " and ".join(sorted({sign.version for sign in signs.values()}))
    return f"last ticks: {ticks} (version {versions})" if ticks else "last ticks: none"


def troubles(signs: Mapping[Actor, Sign]) -> Iterator[Trouble]:
    """The troubles of all controllers."""
    if not signs:
        said = "no controller has ticked on this Redis and prefix for a week, or ever"
        yield Trouble(said=f"{said}: is the function app deployed, and SCALER_REDIS_PREFIX the same?", exit=Exit.LATE)
        return
    for name in CONTROLLERS:
        sign = signs.get(name)
        if sign is None or sign.late:
            yield _silent(name, sign, known=is_silent(name, signs) is not None)
        if sign is None:
            continue
        for alarm in sign.alarms if not sign.late else ():  # else they are those of its last minutes
            yield Trouble(said=f"alarm of the {name}: {alarm}", controller=name, exit=Exit.ALARM)
        if sign.failure:
            failing = f"for {age(sign.failing)}" if sign.failing >= _FAILING else "since its last tick"
            alarming = Exit.ALARM if sign.failing >= _FAILING else None
            yield Trouble(said=f"the {name} has failed {failing}: {sign.failure}", controller=name, exit=alarming)


def is_silent(name: Actor, signs: Mapping[Actor, Sign]) -> bool | None:
    """Whether a controller is late or left no sign; None where only a reconciler in another process could tell."""
    sign, witness = signs.get(name), signs.get(Actor.RECONCILER)
    if sign is not None and not sign.late:
        return False
    if name is Actor.PROVISIONER and witness is not None and not witness.late and not witness.knows_provisioner:
        return None
    return True


def _silent(name: Actor, sign: Sign | None, *, known: bool) -> Trouble:
    """A controller without a sign, or with an old one."""
    if not known:
        said = (
            "whether the provisioner ticks is unknown: the reconciler, which writes that down, runs in another process"
        )
        return Trouble(said=said, exit=None)
    if sign is None:
        return Trouble(said=f"the {name} has left no sign of life for a week, or never ({_RUNBOOK})", exit=Exit.LATE)
    every = f", and is due every {age(sign.every)}" if sign.every is not None else ""
    return Trouble(said=f"the {name} is late: it ticked {age(sign.ago)} ago{every} ({_RUNBOOK})", exit=Exit.LATE)


def failed_orders(signs: Mapping[Actor, Sign], name: ScaleSetName) -> Iterator[str]:
    """The latest failure of each kind of order at a scale set, the youngest first."""
    failed = [each for sign in signs.values() for each in sign.failed_orders if each.scale_set == name]
    for each in sorted(failed, key=lambda each: each.ago):
        yield f"{age(each.ago)} ago: {each.said}"


def verdict(signs: Mapping[Actor, Sign]) -> tuple[Exit, list[str]]:
    """The probe's exit status, and its sentences. An alarm weighs more than a late controller."""
    found = list(troubles(signs))
    for status in (Exit.ALARM, Exit.LATE):
        if any(trouble.exit is status for trouble in found):
            return status, [trouble.said for trouble in found]
    return Exit.DONE, [f"fine; {in_one_line(signs)}", *(trouble.said for trouble in found)]


def document(signs: Mapping[Actor, Sign]) -> Mapping[str, object]:
    """The signs for machines: durations in seconds."""
    return {
        name: {
            "version": sign.version,
            "at": sign.at.isoformat(),
            "ago_s": round(sign.ago.total_seconds(), 1),
            "every_s": sign.every.total_seconds() if sign.every is not None else None,
            "late": sign.late,
            "failure": sign.failure or None,
            "failing_s": round(sign.failing.total_seconds(), 1),
            "alarms": list(sign.alarms),
            "failed_orders": [
                {
                    "scale_set": each.scale_set,
                    "order": each.order,
                    "ago_s": round(each.ago.total_seconds(), 1),
                    "said": each.said,
                }
                for each in sign.failed_orders
            ],
        }
        for name, sign in signs.items()
    }
