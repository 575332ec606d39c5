"""What must hold in every state."""

from model.state import NAMELESS, Machine, Power, Session, Stage, Visitor, World
from model.visitors import heard, pointed

from scaler.model.edges import Edge
from scaler.model.row import Status


def broken(world: World) -> str | None:
    """The first promise broken in a state of the world; None if all promises are kept."""
    for machine in world.machines:
        if len(_had_it(world, machine)) > 1:
            return "I1: two visitors' sessions on one machine"
        if machine.cut:
            return "I2: an order of ours cut a session short"
        if machine.early:
            return "I6: opened before it was Healthy"
        if machine.gated and machine.row.offered and not machine.was_up:
            return "I6: offered, and never Healthy"
    wrongs = () if world.forgot else (_wrong(world, visitor) for visitor in world.visitors)
    first = next((wrong for wrong in wrongs if wrong is not None), None)
    if first is not None:
        return first
    if any(_has_too_many(world, visitor) for visitor in world.visitors):
        return "I5: a machine too many for one session"
    return None


def _had_it(world: World, machine: Machine) -> set[Session]:
    """The sessions that were on the machine, or for which the machine was opened."""
    nameless = {each.session for each in world.visitors if each.nameless}
    had = {*machine.guests, *machine.served}
    return had - {NAMELESS} if nameless & had else had


def _wrong(world: World, visitor: Visitor) -> str | None:
    """What was promised to this visitor and cannot be found where its queue manager looks."""
    found = pointed(world, visitor.session) if visitor.atomic else (visitor.at, world.machines[visitor.at])
    machine = found[1] if found is not None else None
    if visitor.stage is Stage.IN and any(each.inside == visitor.session for each in world.machines):
        said = heard(machine.row, visitor.name) if machine is not None else "unknown"
        return {"open": None, "over": "I2: a session is told that it is over"}.get(said, "I3: a promise is lost")
    if visitor.stage not in {Stage.SET, Stage.WAITING} or visitor.overrun:
        return None
    return None if machine is not None and _is_answered(machine, visitor) else "I3: a promise is lost"


def _is_answered(machine: Machine, visitor: Visitor) -> bool:
    if visitor.name in machine.served and machine.power is not Power.RUNS:  # their session came, and is over
        return True
    notes = machine.row.notes
    how = notes.how(visitor.name) if notes is not None else None
    if how is not None:
        return how is not Edge.MOVE
    return heard(machine.row, visitor.name) != "unknown"


def _has_too_many(world: World, visitor: Visitor) -> bool:
    """Whether a visitor has two machines, or has one after the answer that no machine is free."""
    held = sum(_holds(machine, visitor) for machine in _where(world, visitor))
    return held > 1 or (held > 0 and visitor.told_no and not world.forgot)


def _where(world: World, visitor: Visitor) -> tuple[Machine, ...]:
    """Where it may hold one: of those without an id only on their own machine, and only until they have left."""
    if not visitor.nameless:
        return world.machines
    return () if visitor.stage is Stage.OVER else (world.machines[visitor.at],)


def _holds(machine: Machine, visitor: Visitor) -> bool:
    record, notes = machine.row.record, machine.row.notes
    if record is None or record.session != visitor.name or record.used or (notes is not None and notes.spent):
        return False
    return record.status is not Status.AVAILABLE
