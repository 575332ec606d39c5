"""Orders to the ports: orders of one kind to a scale set go together, and no order goes past the horizon."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import assert_never

from scaler.errors import Conflict, Missing, Partly, Refused, ScalerError
from scaler.model.instance import InstanceId
from scaler.model.plan import Deallocate, Delete, InstanceOrder, Mark, Order, PowerOff, SetCapacity, Start, Step
from scaler.model.policy import Policy
from scaler.ports import Clock, Ports, ScaleSet
from scaler.report import Outcome, Result


def give(live: Sequence[Step], ports: Ports, policy: Policy) -> Iterator[Outcome]:
    """What became of every order among these steps."""
    for group in _groups(live):
        yield from _give(group, ports, policy)


def _groups(live: Sequence[Step]) -> Iterator[list[Step]]:
    """Orders of one kind to one scale set go together; marks and capacities each alone."""
    together: dict[tuple[str, str], list[Step]] = {}
    for step in live:
        match step.order:
            case None:
                pass
            case Start() | PowerOff() | Deallocate() | Delete() as order:
                together.setdefault((type(order).__name__, order.ref.scale_set), []).append(step)
            case Mark() | SetCapacity():
                yield [step]
            case _ as never:
                assert_never(never)
    yield from together.values()


def _give(group: list[Step], ports: Ports, policy: Policy) -> Iterator[Outcome]:
    """Give a group's order; drop steps past the horizon, and resend steps that a dead id or a refusal held up."""
    waiting = [group]  # no recursion: of a thousand, Azure may name one dead id after the other
    while waiting:
        pending = []
        for step in waiting.pop():
            if _left(step, ports.clock, policy) <= timedelta(0):
                yield Outcome(step=step, result=Result.EXPIRED)
            else:
                pending.append(step)
        if pending:
            outcomes, held_up = _given(pending, ports, policy)
            yield from outcomes
            waiting += held_up


def _given(pending: list[Step], ports: Ports, policy: Policy) -> tuple[list[Outcome], list[list[Step]]]:
    """The outcomes of an order, and the groups in which the rest is given again."""
    try:
        _send(pending, ports, policy)
    except Partly as partly:
        return [_came_to(step, partly.failures.get(_instance_id(step))) for step in pending], []
    except Missing as missing:
        dead = [step for step in pending if _instance_id(step) in missing.instance_ids] or pending
        rest = [step for step in pending if step not in dead]
        return [_came_to(step, missing) for step in dead], [rest] if rest else []
    except ScalerError as error:
        if isinstance(error, Refused | Conflict) and len(pending) > 1:
            return [], [[step] for step in reversed(pending)]  # it may object to one of them: singly, the others pass
        return [_came_to(step, error) for step in pending], []
    return [_came_to(step, None) for step in pending], []


def _came_to(step: Step, error: ScalerError | None) -> Outcome:
    """The outcome of an order. A machine that Azure names as gone is deleted already."""
    gone = isinstance(error, Missing) and _instance_id(step) in error.instance_ids
    if error is None or (gone and isinstance(step.order, Delete)):
        return Outcome(step=step, result=Result.DONE, error=error)
    lost = isinstance(error, Conflict) and isinstance(step.order, SetCapacity)
    return Outcome(step=step, result=Result.LOST_RACE if lost else Result.FAILED, error=error)


def _left(step: Step, clock: Clock, policy: Policy) -> timedelta:
    """How long the step's order may still live: the order horizon is kept here, and only here."""
    if step.order is None:
        return timedelta(0)
    return policy.order_horizon - timedelta(seconds=clock.monotonic() - step.order.rests_on.sent)


def _instance_id(step: Step) -> InstanceId:
    """The instance id in a step's order; empty for an order to the scale set itself."""
    order = step.order
    return InstanceId("") if order is None or isinstance(order, SetCapacity) else order.ref.instance_id


def _send(steps: Sequence[Step], ports: Ports, policy: Policy) -> None:
    """Send a group in one call, whose time-outs end with the horizon of the oldest look."""
    orders: list[Order] = [step.order for step in steps if step.order is not None]
    within = min(_left(step, ports.clock, policy) for step in steps)
    first = orders[0]
    if isinstance(first, SetCapacity):
        ports.scale_sets[first.scale_set].set_capacity(first.capacity, first.etag, within=within)
        return
    scale_set = ports.scale_sets[first.ref.scale_set]
    if isinstance(first, Mark):
        scale_set.mark(first.ref, first.etag, within=within)
        return
    refs = [order.ref for order in orders if not isinstance(order, SetCapacity)]
    _verb(first, scale_set)(refs, within=within)


def _verb(order: InstanceOrder, scale_set: ScaleSet) -> Callable[..., None]:
    match order:
        case Start():
            return scale_set.start
        case PowerOff():
            return scale_set.power_off
        case Deallocate():
            return scale_set.deallocate
        case Delete():
            return scale_set.delete
        case Mark():
            return scale_set.mark
        case _ as never:
            assert_never(never)
