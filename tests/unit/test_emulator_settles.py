"""Whatever is done to the emulated scale set, its sums add up, and in the end it comes to rest."""

from datetime import timedelta

from clock import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as some

from emulator.behaviour import Behaviour
from emulator.faults import PLATFORM_EVENTS, Fault, Faults
from emulator.orders import OrderKind, Protection, Scale
from emulator.refusals import ArmError, NoAnswer
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Eviction, Overlap, Switches
from scaler.model.instance import ProvisioningState

_RATES: dict[Fault, float] = {
    each: 0.1 for each in Fault if each not in PLATFORM_EVENTS and each is not Fault.CREATE_LOST
}
_EVENTS: dict[Fault, float] = dict.fromkeys(PLATFORM_EVENTS, 6.0)
_KINDS = (OrderKind.START, OrderKind.POWER_OFF, OrderKind.DEALLOCATE, OrderKind.RESTART, OrderKind.DELETE)

_orders = some.one_of(
    some.tuples(some.just("scale"), some.integers(0, 5)),
    some.tuples(some.sampled_from(_KINDS), some.integers(0, 5)),
    some.tuples(some.just("protect"), some.integers(0, 5)),
    some.tuples(some.just("wait"), some.integers(1, 120)),
)
_switches = some.builds(
    Switches,
    overlap=some.sampled_from(Overlap),
    eviction=some.sampled_from(Eviction),
    reuse_ids=some.booleans(),
    delete_lowers_capacity_at_once=some.booleans(),
    mark_makes_updating=some.booleans(),
    stopped_before_running=some.booleans(),
)


def _do(emulated: EmulatedScaleSet, clock: ManualClock, what: str | OrderKind, number: int) -> None:
    if what == "wait":
        clock.advance(timedelta(seconds=number))
    elif what == "scale":
        emulated.scale(Scale(capacity=number))
    elif what == "protect":
        emulated.protect(str(number), Protection(from_scale_in=number % 2 == 0))
    else:
        emulated.order(OrderKind(what), [str(number)])


def _check(emulated: EmulatedScaleSet, switches: Switches) -> None:
    """Every VM that is not on its way out is counted, and nobody else (here no creation is lost)."""
    rows = emulated.vms
    staying = sum(each.provisioning is not ProvisioningState.DELETING for each in rows)
    assert staying <= emulated.capacity <= len(rows)
    if switches.delete_lowers_capacity_at_once:
        assert staying == emulated.capacity
    assert len({each.instance_id for each in rows}) == len({each.vm_id for each in rows}) == len(rows)
    assert {each.vm_id for each in rows} <= {each.vm_id for each in emulated.history}


@settings(max_examples=60, deadline=None)
@given(seed=some.integers(0, 1000), switches=_switches, steps=some.lists(_orders, max_size=40))
def test_the_sums_add_up_and_it_settles(
    seed: int, switches: Switches, steps: list[tuple[str | OrderKind, int]]
) -> None:
    clock = ManualClock()
    behaviour = Behaviour(faults=Faults(rates={**_RATES, **_EVENTS}), switches=switches)
    emulated = EmulatedScaleSet(clock.now, seed=seed, behaviour=behaviour)
    for what, number in steps:
        try:
            _do(emulated, clock, what, number)
            emulated.read_listing()
        except (ArmError, NoAnswer):
            pass
        _check(emulated, switches)
    emulated.faults = Faults()
    clock.advance(timedelta(hours=1))
    _check(emulated, switches)
    assert emulated.next_due is None
    settled = {ProvisioningState.SUCCEEDED, ProvisioningState.FAILED}
    assert {each.provisioning for each in emulated.vms} <= settled
    assert emulated.set_state.provisioning in settled
