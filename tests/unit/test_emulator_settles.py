"""Whatever is done to the emulated scale set, its sums add up, and in the end it comes to rest."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

from clock import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as some

from emulator.behaviour import PLATFORM_EVENTS, Behaviour, Fault, Faults
from emulator.orders import POWER_CHANGES, OrderKind, Protection, Scale
from emulator.refusals import ArmError, NoAnswer
from emulator.region import Orchestration, Profile
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches, values_of
from scaler.model.instance import PowerState, ProvisioningState

_NEVER_COME_RIGHT = {Fault.CREATE_LOST, Fault.ORDER_ENDLESS}
_RATES: dict[Fault, float] = {
    each: 0.1 for each in Fault if each not in PLATFORM_EVENTS and each not in _NEVER_COME_RIGHT
}
_EVENTS: dict[Fault, float] = dict.fromkeys(PLATFORM_EVENTS, 6.0)
_KINDS = sorted(POWER_CHANGES | {OrderKind.DELETE})


def _made(values: dict[str, Any]) -> Switches:
    return Switches(**values)


_orders = some.one_of(
    some.tuples(some.just("scale"), some.integers(0, 5)),
    some.tuples(some.sampled_from(_KINDS), some.integers(0, 5)),
    some.tuples(some.just("protect"), some.integers(0, 5)),
    some.tuples(some.just("wait"), some.integers(1, 120)),
)
_switches: some.SearchStrategy[Switches] = some.fixed_dictionaries(
    {each.name: some.sampled_from(sorted(set(values_of(each.name).values()), key=str)) for each in fields(Switches)}
).map(_made)
_profiles = some.builds(Profile, orchestration=some.sampled_from(Orchestration), public_ips=some.booleans())


def _target(emulated: EmulatedScaleSet, number: int) -> str:
    """An instance id of that number; in Flexible of the VM in that place, if there is one."""
    names = [each.instance_id for each in emulated.vms]
    if not emulated.flexible:
        return str(number)
    return names[number] if number < len(names) else "nobody"


def _do(emulated: EmulatedScaleSet, clock: ManualClock, what: str | OrderKind, number: int) -> None:
    if what == "wait":
        clock.advance(timedelta(seconds=number))
    elif what == "scale":
        emulated.scale(Scale(capacity=number))
    elif what == "protect":
        emulated.protect(_target(emulated, number), Protection(from_scale_in=number % 2 == 0))
    else:
        emulated.order(OrderKind(what), [_target(emulated, number)], single=emulated.flexible)


def _check(emulated: EmulatedScaleSet, switches: Switches) -> None:
    """Every VM that is not on its way out is counted, and nobody else (here no creation is lost)."""
    rows = emulated.vms
    staying = sum(each.provisioning is not ProvisioningState.DELETING for each in rows)
    assert staying <= emulated.capacity <= len(rows)
    if switches.delete_lowers_capacity_at_once:
        assert staying == emulated.capacity
    assert len({each.instance_id for each in rows}) == len({each.vm_id for each in rows}) == len(rows)
    assert {each.vm_id for each in rows} <= {each.vm_id for each in emulated.history}
    addresses = [each for row in rows for each in (row.private_ip, row.public_ip) if each is not None]
    assert len(set(addresses)) == len(addresses) >= len(rows)
    if not switches.public_ip_survives_deallocation:
        assert all(row.public_ip is None for row in rows if row.power is PowerState.DEALLOCATED)


@settings(max_examples=60, deadline=None)
@given(
    seed=some.integers(0, 1000),
    switches=_switches,
    profile=_profiles,
    cores=some.sampled_from([None, 72, 144]),
    steps=some.lists(_orders, max_size=40),
)
def test_the_sums_add_up_and_it_settles(
    seed: int, switches: Switches, profile: Profile, cores: int | None, steps: list[tuple[str | OrderKind, int]]
) -> None:
    clock = ManualClock()
    behaviour = Behaviour(faults=Faults(rates={**_RATES, **_EVENTS}), switches=switches)
    emulated = EmulatedScaleSet(clock.now, seed=seed, behaviour=behaviour, profile=profile)
    emulated.limit(cores=cores)
    for what, number in steps:
        try:
            _do(emulated, clock, what, number)
            emulated.read_first_page()
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
