"""`scaler doctor`: one look at all surroundings of the scaler, and a command for each fault."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Annotated
from uuid import UUID

import typer

from scaler.cli.checks import azure, redis, settings
from scaler.cli.checks.catalogue import Known
from scaler.cli.checks.findings import Area, Finding, Level
from scaler.cli.environment import AsJson, Exit, Operator, Yes, sure
from scaler.cli.screen import Screen
from scaler.errors import ScalerError
from scaler.model.plan import counted
from scaler.runtime import Doors
from scaler.settings import InvalidSettings

_STYLES = {Level.FAULT: "bold red", Level.WARNING: "yellow", Level.UNKNOWN: "magenta", Level.FINE: "green"}
_PAGE = "docs/doctor.md"
_ODD = (ScalerError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError)


_Identity = Annotated[
    UUID | None,
    typer.Option(
        metavar="OBJECT_ID", help="Look at the roles of this identity (its object id), as a person who may read them."
    ),
]


_Queue = Annotated[
    str | None,
    typer.Option("--queue-manager", metavar="USER", help="Look at the rights of this user of Redis, too; Redis 7."),
]
_Mark = Annotated[
    str | None,
    typer.Option("--try-mark", metavar="VM_ID", help="Set the mark of a machine that has it once more. Asks."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The checks that are made only where an operator asks for them."""

    identity: UUID | None = None
    queue_manager: str | None = None
    mark: str | None = None


def doctor(
    context: typer.Context,
    identity: _Identity = None,
    queue_manager: _Queue = None,
    try_mark: _Mark = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Look for faults in settings, identity, role, scale sets, cores, Redis, clocks and controllers.

    Changes nothing; ends with 4 where there is a fault. docs/doctor.md has every finding.
    """
    operator: Operator = context.obj
    if try_mark is not None:
        sure(f"Shall the mark of {try_mark} be set once more? It stays as it is.", yes=yes)
    found = tuple(examine(operator, Wishes(identity=identity, queue_manager=queue_manager, mark=try_mark)))
    screen = Screen()
    if as_json:
        screen.json([asdict(finding) for finding in found])
    else:
        _show(screen, found)
    if any(finding.level is Level.FAULT for finding in found):
        raise typer.Exit(Exit.ALARM)


def examine(operator: Operator, wishes: Wishes) -> Iterator[Finding]:
    """All findings, area by area; with mistakes in the settings the mistakes alone."""
    _ = operator.environment  # a file that cannot be read is no finding
    try:
        doors = operator.doors
    except InvalidSettings as invalid:
        yield from settings.mistakes(invalid)
        return
    seen = set[Finding]()
    for area, checks in _checks(operator, doors, wishes):
        found = [each for check in checks for each in _tried(area, check) if each not in seen]
        seen.update(found)
        yield from found
        if checks and not found:
            yield Finding(code="", area=area, level=Level.FINE, said="nothing was found", remedy="")


def _checks(operator: Operator, doors: Doors, wishes: Wishes) -> Iterator[tuple[Area, Sequence[Iterator[Finding]]]]:
    """The checks of each area; a check begins with the first question for a finding."""
    sets, registry = azure.subjects(doors, wishes.identity), doors.registry
    yield Area.SETTINGS, (settings.of_host(operator.environment), settings.of_scaler(doors.settings))
    yield Area.AZURE, [azure.of_access(each) for each in sets]
    there = [each for each in sets if each.is_seen]
    yield Area.SHAPE, [*map(azure.of_model, there), *map(azure.of_health_shown, there)]
    tried = [azure.of_mark(there, wishes.mark)] if wishes.mark is not None else []
    yield Area.ROLES, [*(azure.of_role(each, is_caller=operator.by_identity) for each in there), *tried]
    yield Area.CORES, [azure.of_cores(there), *map(azure.of_reservation, there)] if there else []
    queue = wishes.queue_manager
    of_queue = [redis.of_queue_manager(doors.settings, registry, queue)] if queue is not None else []
    yield Area.REDIS, [redis.of_server(doors.settings, registry, hot=azure.wants_hot(doors, there)), *of_queue]
    yield Area.CLOCKS, [*map(azure.of_clock, there[:1]), redis.of_clock(registry)]
    yield Area.CONTROLLERS, [redis.of_controllers(registry)]


def _tried(area: Area, check: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of a check; the failure of a check is a finding as well, and stops no check."""
    try:
        yield from check
    except _ODD as error:
        said = str(error) if isinstance(error, ScalerError) else "an answer had another form than the check expects"
        yield replace(Known.UNCHECKED.found(area=area, error=said), area=area)


def _show(screen: Screen, found: tuple[Finding, ...]) -> None:
    for remedy, several in groupby(found, key=lambda finding: finding.remedy):
        for finding in several:
            code = f" [{finding.code}]" if finding.code else ""
            screen.line(f"{finding.level:8}{finding.area}: {finding.said}{code}", _STYLES[finding.level])
        if remedy:
            screen.line(f"        {remedy}")
    screen.line(_in_one_line(found))


def _in_one_line(found: tuple[Finding, ...]) -> str:
    numbers = {level: sum(finding.level is level for finding in found) for level in Level}
    told = (counted(numbers[level], level) for level in list(Level)[:2])
    unknown = f", {numbers[Level.UNKNOWN]} unknown" if numbers[Level.UNKNOWN] else ""
    return f"{', '.join(told)}{unknown}" + (f"; what each means: {_PAGE}" if any(f.code for f in found) else "")
