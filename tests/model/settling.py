"""The fourth promise: when the accidents stop, every machine comes to a good end by itself."""

from functools import cache

from model import cleaner, cloud, reconciler, starter
from model.ageing import machine_hours_older, machine_older
from model.local import done
from model.rules import Rules
from model.state import Machine, Power, Row, Step, World

from scaler.model.row import Status

_ROUNDS = 40


def unsettled(world: World, rules: Rules) -> str | None:
    """The promise that is broken, if some machine never comes to rest."""
    if all(_settles(_alone(each), rules) for each in world.machines):
        return None
    return "I4: something is left for ever"


def _alone(machine: Machine) -> Machine:
    """Without its past and its visitors: they died, or never come back."""
    return machine._replace(
        up=False,
        was_up=False,
        early=False,
        held=None,
        stalled=None,
        stale=None,
        listed=None,
        kept=None,
        inside=None,
        entered=None,
        guests=(),
        served=(),
        cut=False,
    )


@cache
def _settles(machine: Machine, rules: Rules) -> bool:
    """Whether its app comes up, or never does."""
    if not machine.gated:
        return _comes_to_an_end(machine, rules)
    return all(_comes_to_an_end(machine._replace(was_up=comes_up), rules) for comes_up in (False, True))


def _comes_to_an_end(machine: Machine, rules: Rules) -> bool:
    """Round after round of all four controllers, every order arriving, until nothing changes; then hours."""
    for _ in range(_ROUNDS):
        after = _round(machine, rules)
        if after == machine:
            after = machine_hours_older(machine)
            if after == machine:
                break
        machine = after
    return _is_good(machine)


def _round(machine: Machine, rules: Rules) -> Machine:
    for name in ("provisioner", "reconciler", "starter", "cleaner"):
        machine = _up(_arrived(_tick(name, _up(machine), rules)))
    return machine_older(machine)


def _tick(name: str, machine: Machine, rules: Rules) -> Machine:
    if name == "provisioner":
        view = machine.views[-1]
        return next((after for _, after in cloud.provisioner(machine, view, view, rules)), machine)
    step = _decided(name, machine, rules)
    after = done(machine, step, rules, (machine.row.record, machine.row.notes)) if step is not None else None
    return after or machine


def _decided(name: str, machine: Machine, rules: Rules) -> Step | None:
    view = machine.views[-1]
    if name == "reconciler":
        return reconciler.reconcile(machine.row, view, view, rules)
    if name == "cleaner":
        return cleaner.clean(machine.row, view, view, rules)
    late = machine.gated and view.power is Power.RUNS and not machine.up
    why = starter.strand(machine.row, view, rules, failing=late)
    if why is not None:
        return starter.refuse(machine.row, view, rules, why)
    return starter.start_or_open(machine.row, view, rules)


def _up(machine: Machine) -> Machine:
    """Its app comes up at once, if ever."""
    return machine._replace(up=machine.was_up and machine.gated and machine.power is Power.RUNS)


def _arrived(machine: Machine) -> Machine:
    for order in machine.orders:
        machine = cloud.arrived(machine, order.kind)
    return machine


def _is_good(machine: Machine) -> bool:
    """Gone without a trace, or offered: fresh, marked, and at rest or hot."""
    row = machine.row
    if machine.power is Power.GONE:
        return row._replace(pointer=None) == Row()
    fresh = row.notes is not None and row.notes.fresh
    ready = machine.power in cloud.AT_REST or (row.notes is not None and row.notes.heated)
    return ready and row.status is Status.AVAILABLE and row.offered and fresh
