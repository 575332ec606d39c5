"""Azure: orders that arrive late, more than once or never; and the provisioner, which knows nothing else."""

from collections.abc import Iterable, Iterator

from model.rules import Rule, Rules
from model.state import LONG, Health, Kind, Machine, Order, Power, View

AT_REST = (Power.WARM, Power.COLD)
_HURTS = (Kind.STOP, Kind.COOL, Kind.DELETE)


def ordered(machine: Machine, kind: Kind | None, age: int = 0) -> Machine:
    """With one more order under way; none if its look is too old by now."""
    if kind is None or age >= LONG:
        return machine
    return machine._replace(orders=tuple(sorted({*machine.orders, Order(kind, age)})))


def arrivals(machine: Machine) -> Iterator[tuple[str, Machine]]:
    """Each order under way may arrive now, and again later, until it is dead."""
    for kind in dict.fromkeys(each.kind for each in machine.orders):
        after = arrived(machine, kind)
        if after != machine:
            yield f"the {kind} arrives", after


def arrived(machine: Machine, kind: Kind) -> Machine:
    """The machine after the order has arrived at Azure."""
    if machine.power is Power.GONE:
        return machine
    if kind in _HURTS and machine.inside is not None:
        machine = machine._replace(cut=True)
    match kind:
        case Kind.MARK:
            return machine._replace(marked=True)
        case Kind.START:
            return machine if machine.power is Power.RUNS else machine._replace(power=Power.RUNS, up=False)
        case Kind.STOP if machine.power is Power.RUNS:
            return at_rest(machine, Power.WARM)
        case Kind.COOL:
            return at_rest(machine, Power.COLD)
        case Kind.DELETE:
            return at_rest(machine, Power.GONE)._replace(marked=False, stale=None, orders=())
        case _:
            return machine


def at_rest(machine: Machine, power: Power) -> Machine:
    """Whoever was inside is out."""
    return machine._replace(power=power, inside=None, entered=None, up=False)


def provisioner(machine: Machine, listing: View, truth: View, rules: Rules) -> Iterable[tuple[str, Machine]]:
    """Stops what runs and is unmarked, by a listing and then a targeted GET."""
    if (listing.power, listing.marked) != (Power.RUNS, False):
        return ()
    if Rule.GET_BEFORE_STOP in rules and (truth.power, truth.marked) != (Power.RUNS, False):
        return ()
    if truth.health is Health.NONE and Rule.HEALTHY_AT_REST in rules:
        return ()
    return (("provisioner: stops it", ordered(machine, Kind.STOP)),)
