"""What one tick costs, through the real SDK and a real redis-server: pages plus a constant, whatever the size."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta

import pytest
from contract.registries import Server
from contract.scale_sets import FLEXIBLE, UNIFORM, House, Orchestrated
from contract.test_registry_wire import counted

from emulator.orders import Protection
from scaler.actuate import Ports
from scaler.model.edges import Actor
from scaler.model.instance import SessionId
from scaler.model.lifecycle import Change
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Notes, Record, Row, Status
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Stage
from scaler.tick import Tick
from scaler.vmss.scale_set import ArmScaleSet

PAGE = 250
type Houses = Sequence[House]


class Scaler:
    """Its doors to some scale sets and one Redis, counting."""

    def __init__(self, houses: Houses, server: Server) -> None:
        self.houses = houses
        self.redis, self._packets_of = counted(server)
        assert isinstance(self.redis.registry, RedisRegistry)
        self.redis.registry.read()  # sends the scripts that this server has not seen yet

    def knows(self, changes: Sequence[Change]) -> None:
        """The registry holds these."""
        self.redis.registry.apply(changes)

    def tick(self, name: Actor) -> tuple[Counter[str], int, int]:
        """One tick: its ARM requests by kind and its Redis round trips; and how many steps it took."""
        sets = {it.scale_set.name: it.scale_set for it in self.houses}
        capacity = {it.scale_set.name: Capacity(desired=len(it.emulated.vms)) for it in self.houses}
        policy = Policy(capacity=capacity, first_look_cold=timedelta(0))  # Redis' clock does not wait for Azure's
        registry = None if name is Actor.PROVISIONER else self.redis.registry
        tick = Tick(name, Ports(registry=registry, scale_sets=sets, clock=self.houses[0].clock), policy)
        before = self._asked()
        steps: list[int] = []
        packets = self._packets_of(lambda: steps.append(len(tick.run().outcomes)))
        return self._asked() - before, packets, steps[0]

    def _asked(self) -> Counter[str]:
        asked: Counter[str] = Counter()
        for each in self.houses:
            assert isinstance(each.scale_set, ArmScaleSet)
            asked.update({str(kind): number for kind, number in each.scale_set.gates.asked.items()})
        return asked


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes what a test opened."""
    with ExitStack() as opened:
        yield opened


def some(stack: ExitStack, number: int, kind: Orchestrated = UNIFORM) -> Houses:
    """So many scale sets over the wire, in pages of 250."""
    names = ("vmss-pixels", "vmss-more-pixels")[:number]
    return stack.enter_context(kind.several_over_the_wire(*names, page_size=PAGE))


def pages(*machines: int) -> int:
    return sum(max(1, -(-each // PAGE)) for each in machines)


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


SIZES = [(10,), (1000,), (500, 500), (750, 10)]


@pytest.mark.parametrize("machines", SIZES)
def test_a_reconciler_tick_is_the_pages_of_the_listings_a_get_each_one_of_the_group_and_at_most_four_round_trips(
    stack: ExitStack, shared_redis: Server, machines: tuple[int, ...]
) -> None:
    scaler = Scaler(some(stack, len(machines)), shared_redis)
    for house, number in zip(scaler.houses, machines, strict=True):
        scaler.knows(_admitted(house, number))
    requests, packets, steps = scaler.tick(Actor.RECONCILER)
    assert steps == 0
    assert requests == {"list": pages(*machines), "view": len(machines), "group": 1}
    assert packets <= 4


@pytest.mark.parametrize("machines", SIZES)
def test_a_provisioner_tick_without_work_is_the_pages_of_the_listings_a_get_each_and_one_of_the_group(
    stack: ExitStack, shared_redis: Server, machines: tuple[int, ...]
) -> None:
    scaler = Scaler(some(stack, len(machines)), shared_redis)
    for house, number in zip(scaler.houses, machines, strict=True):
        house.with_resting_machines(number)
    requests, packets, steps = scaler.tick(Actor.PROVISIONER)
    assert (requests, packets, steps) == (
        {"list": pages(*machines), "view": len(machines), "group": 1},
        0,
        0,
    )


def test_the_same_when_all_of_them_are_new_but_for_ten_marks_and_a_look_before_each(
    stack: ExitStack, shared_redis: Server
) -> None:
    scaler = Scaler(some(stack, 1), shared_redis)
    scaler.houses[0].with_resting_machines(1000)
    requests, _, steps = scaler.tick(Actor.RECONCILER)  # a thousand notes are as many packets as the kernel likes
    assert steps == 1000  # the first look at each is noted
    assert requests == {"list": 4, "view": 1, "group": 1, "get": 10, "mark": 10}


@pytest.mark.parametrize("scale_sets", [1, 2])
def test_starter_and_cleaner_without_work_ask_azure_nothing(
    stack: ExitStack, shared_redis: Server, scale_sets: int
) -> None:
    scaler = Scaler(some(stack, scale_sets), shared_redis)
    for house in scaler.houses:
        scaler.knows(_admitted(house, 150))
    for name in (Actor.STARTER, Actor.CLEANER):
        requests, packets, _ = scaler.tick(name)
        assert (requests, packets) == (Counter(), 2)


@pytest.mark.long
@pytest.mark.parametrize("machines", [(1000,), (500, 500)])
def test_opening_machines_costs_two_network_listings_a_scale_set_however_many_are_opened(
    stack: ExitStack, shared_redis: Server, machines: tuple[int, ...]
) -> None:
    scaler = Scaler(some(stack, len(machines)), shared_redis)
    for house, number in zip(scaler.houses, machines, strict=True):
        scaler.knows(_admitted(house, number))
    visitors = scaler.redis.reservations
    for number in range(20):
        visitors.reserve(SessionId(f"visitor-{number}"))
    requests, _, steps = scaler.tick(Actor.STARTER)
    assert (steps, requests["get"], requests["start"], requests["network"]) == (20, 20, len(machines), 0)
    scaler.houses[0].later()
    for _ in range(2):  # ten are looked at in one tick
        requests, packets, steps = scaler.tick(Actor.STARTER)
        assert (steps, requests["get"], requests["list"]) == (10, 10, 0)
        assert requests["network"] <= 2 * pages(*machines)
        assert packets <= 4
    sights = [visitors.look(SessionId(f"visitor-{number}")) for number in range(20)]
    told = [each.reservation for each in sights if each.stage is Stage.OPEN and each.reservation is not None]
    assert len(told) == 20
    assert not [each for each in told if None in {each.public_ip, each.private_ip}]


def test_a_look_at_a_flexible_scale_set_is_two_listings(stack: ExitStack, shared_redis: Server) -> None:
    scaler = Scaler(some(stack, 1, FLEXIBLE), shared_redis)
    scaler.knows(_admitted(scaler.houses[0], 600))
    requests, packets, steps = scaler.tick(Actor.RECONCILER)
    assert steps == 0
    assert requests == {"list": pages(600), "list_vms": pages(600), "view": 1, "group": 1}
    assert packets <= 4
