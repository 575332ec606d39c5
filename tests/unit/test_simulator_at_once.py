"""More deletes begun at once than the policy's share of the machines."""

from collections.abc import Iterator

import pytest
from simulator_builders import azure, look, machine

from emulator.history import Event, What
from scaler.model.instance import PowerState
from scaler.model.policy import Policy
from simulator.happenings import Happening
from simulator.observer.judges import AtOnce

RUNS = machine(PowerState.RUNNING)


def sentences(machines: int, *events: Event) -> Iterator[str]:
    judge = AtOnce(Policy(max_deletes=0.1))
    history: tuple[Happening, ...] = (look(0, *[RUNS] * machines), *events)
    return (sentence for happening in history for sentence in judge.see(happening))


@pytest.mark.parametrize(("machines", "deletes", "wrong"), [(8, 1, 0), (8, 2, 1), (20, 2, 0), (20, 3, 1), (20, 9, 1)])
def test_a_tick_may_begin_to_delete_a_share_of_the_machines_and_one_at_least(
    machines: int, deletes: int, wrong: int
) -> None:
    events = [azure(5, What.DELETE_ORDERED, vm_id=str(number)) for number in range(deletes)]
    assert len(list(sentences(machines, *events))) == wrong


def test_another_tick_may_begin_as_many_again() -> None:
    events = [azure(number, What.DELETE_ORDERED, vm_id=str(number)) for number in range(8)]
    assert list(sentences(8, *events)) == []


def test_what_is_ordered_again_and_what_others_delete_does_not_count() -> None:
    first, again = azure(5, What.DELETE_ORDERED, vm_id="a"), azure(9, What.DELETE_ORDERED, vm_id="a")
    other, by_hand = azure(9, What.DELETE_ORDERED, vm_id="b"), azure(9, What.DELETE_ORDERED, "somebody", "c")
    assert list(sentences(8, first, again, other, by_hand)) == []
