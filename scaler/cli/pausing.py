"""`scaler pause` and `scaler resume`: the registry's key and each scale set's tag, and the halted controllers."""

from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from scaler.cli.environment import Exit, Operator
from scaler.cli.screen import Screen
from scaler.errors import ScalerError
from scaler.model.instance import ScaleSetName
from scaler.model.sighting import OuterTags, Pause
from scaler.ports import ScaleSet

_REGISTRY = "the registry's key"
_All = Annotated[bool, typer.Option("--all", help="Not even starts of what is reserved.")]


def pause(context: typer.Context, everything: _All = False) -> None:
    """Halt the scaler.

    No orders to Azure but starts of reserved machines. Sessions go on, and their limits too.
    """
    operator: Operator = context.obj
    how = Pause.ALL if everything else Pause.ORDERS
    done = _set(operator, how)
    names = operator.settings.scale_sets
    if all(done.values()):
        Screen().line(f"halted from each controller's next tick on: {halts(how)}")
        return
    for line in _not_halted(done, names):
        Screen().complain(line)
    raise typer.Exit(Exit.NOT_DONE)


def resume(context: typer.Context) -> None:
    """Let the scaler go on.

    Takes back the key and the tags of `scaler pause`, whoever wrote them.
    """
    operator: Operator = context.obj
    done = _set(operator, Pause.NONE)
    left = [where for where, went in done.items() if not went]
    if left:
        Screen().complain(f"perhaps still halted by {', '.join(left)}")
    outside = list(_outside(operator))
    for where in outside:
        Screen().complain(f"still halted by {where}")
    if left or outside:
        raise typer.Exit(Exit.NOT_DONE)
    Screen().line("nothing halts the scaler any more")


def _outside(operator: Operator) -> Iterator[str]:
    """Who halts the scaler and is not written by this command, with the remedy."""
    if operator.settings.policy.pause is not Pause.NONE:
        yield "the setting SCALER_PAUSED: only the app settings can end that"
    doors, store = operator.doors, OuterTags()
    group = _asked("the resource group", next(iter(doors.scale_sets.values())).group_tags)
    if group.pause is not Pause.NONE:
        yield f"the tag scaler:paused of the resource group ({halts(group.pause)}): delete it, or set it to false"
    if doors.listings.store is not None:
        store = _asked("App Configuration", doors.listings.store.read)
    for label in ("", *operator.settings.scale_sets):
        keys = store.labelled.get(ScaleSetName(label), OuterTags()) if label else store
        if keys.pause is not Pause.NONE:
            labelled = f" with the label {label}" if label else ""
            yield f"the key scaler:paused of App Configuration{labelled} ({halts(keys.pause)}): delete it"


def _asked(whom: str, read: Callable[[], OuterTags]) -> OuterTags:
    try:
        return read()
    except ScalerError as error:
        Screen().remark(f"not known whether {whom} halts the scaler: {error}")
        return OuterTags()


def _set(operator: Operator, how: Pause) -> dict[str, bool]:
    """Write the pause to key and tags, and say for each whether it was written; a failure does not stop the rest."""
    doors = operator.doors
    done = {_REGISTRY: _tried(_REGISTRY, how, doors.registry.pause)}
    for name, scale_set in doors.scale_sets.items():
        where = f"the tag of {name}"
        done[name] = _tried(where, how, scale_set.set_pause) or _shows(where, how, scale_set)
    return done


def _tried(where: str, how: Pause, write: Callable[[Pause], None]) -> bool:
    try:
        write(how)
    except ScalerError as error:
        Screen().complain(f"{where}: failed: {error}")
        return False
    Screen().line(f"{where}: {how}")
    return True


def _shows(where: str, how: Pause, scale_set: ScaleSet) -> bool:
    """The answer may have been lost, and not the order."""
    try:
        arrived = scale_set.view().pause is how
    except ScalerError:
        return False
    if arrived:
        Screen().line(f"{where}: {how}; only the answer was lost")
    return arrived


def halts(how: Pause) -> str:
    """The consequence of a pause, in words."""
    return "no orders at all" if how is Pause.ALL else "no orders but starts of what is reserved"


def _not_halted(done: dict[str, bool], names: tuple[ScaleSetName, ...]) -> Iterator[str]:
    """A tag halts all four controllers on a scale set; the key halts the three with a registry, on all scale sets."""
    for name in names:
        if done[name]:
            yield f"{name}: halted for all four controllers, by its tag"
        elif done[_REGISTRY]:
            yield f"{name}: reconciler, starter and cleaner are halted; the provisioner is NOT"
        else:
            yield f"{name}: NOTHING is halted"
