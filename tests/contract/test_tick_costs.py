"""What one tick costs, through the real SDK and a real redis-server: pages plus a constant, whatever the size."""

from collections import Counter
from collections.abc import Iterator

import pytest
from contract.registries import Server
from contract.scale_sets import House, over_the_wire
from contract.test_registry_wire import counted

from emulator.orders import Protection
from scaler.actuate import Ports
from scaler.model.lifecycle import Change
from scaler.model.notes import Notes
from scaler.model.policy import Capacity, Policy
from scaler.model.record import Record, Status
from scaler.model.row import Row
from scaler.registry.redis import RedisRegistry
from scaler.tick import Name, Tick
from scaler.vmss.scale_set import ArmScaleSet

PAGE = 250


@pytest.fixture
def house() -> Iterator[House]:
    """A scale set over the wire, in pages of 250."""
    with over_the_wire(page_size=PAGE) as wire:
        yield wire


def _admitted(house: House, number: int) -> list[Change]:
    """That many marked machines at rest, and what makes the registry know them."""
    refs = house.with_resting_machines(number)
    for ref in refs:
        house.emulated.protect(ref.instance_id, Protection(from_scale_in=True), by="operator")
    house.later()
    unique_id, now = house.emulated.set_state.unique_id, house.clock.now()
    return [
        Change(
            row=Row(vm_id=ref.vm_id),
            edge=None,
            record=Record(vm_id=ref.vm_id, instance_id=ref.instance_id, status=Status.AVAILABLE),
            notes=Notes(
                scale_set=ref.scale_set,
                unique_id=unique_id,
                instance_id=ref.instance_id,
                mark_asked_at=now,
                mark_seen_at=now,
                admitted_at=now,
            ),
            index=Status.AVAILABLE,
        )
        for ref in refs
    ]


def _tick(name: Name, house: House, server: Server, known: list[Change]) -> tuple[Counter[str], int, int]:
    """One tick: its ARM requests by method and its Redis round trips; and how many steps it took."""
    redis_house, packets_of = counted(server)
    redis_house.registry.apply(known)
    assert isinstance(redis_house.registry, RedisRegistry)
    policy = Policy(capacity={house.scale_set.name: Capacity(desired=len(house.emulated.vms))})
    ports = Ports(registry=redis_house.registry, scale_sets={house.scale_set.name: house.scale_set}, clock=house.clock)
    tick = Tick(name, ports, policy)
    before = _asked(house)
    steps: list[int] = []
    packets = packets_of(lambda: steps.append(len(tick.run().outcomes)))
    return _asked(house) - before, packets, steps[0]


def _asked(house: House) -> Counter[str]:
    assert isinstance(house.scale_set, ArmScaleSet)
    return Counter({str(kind): number for kind, number in house.scale_set.usage.asked.items()})


@pytest.mark.parametrize("machines", [10, 1000])
def test_a_reconciler_tick_is_the_pages_of_one_listing_one_get_and_at_most_four_round_trips(
    house: House, shared_redis: Server, machines: int
) -> None:
    requests, packets, steps = _tick(Name.RECONCILER, house, shared_redis, _admitted(house, machines))
    assert steps == 0
    assert requests == {"list": -(-machines // PAGE), "view": 1}
    assert packets <= 4


def test_the_same_when_all_of_them_are_new_but_for_ten_marks(house: House, shared_redis: Server) -> None:
    house.with_resting_machines(1000)
    requests, packets, steps = _tick(Name.RECONCILER, house, shared_redis, [])
    assert steps == 10
    assert requests == {"list": 4, "view": 1, "mark": 10}
    assert packets <= 4


def test_starter_and_cleaner_without_work_ask_azure_nothing(house: House, shared_redis: Server) -> None:
    known = _admitted(house, 300)
    for name in (Name.STARTER, Name.CLEANER):
        requests, packets, _ = _tick(name, house, shared_redis, known)
        assert (requests, packets) == (Counter(), 2)
