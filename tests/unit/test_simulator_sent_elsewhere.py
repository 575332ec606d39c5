"""A visitor is sent to their own machine, or to none."""

from dataclasses import replace

import pytest
from simulator_builders import judged, look, machine, told

from scaler.model.instance import PowerState
from simulator.happenings import Did
from simulator.observer.handed_out import SentElsewhere


def wrongs(address: str, power: PowerState = PowerState.RUNNING) -> int:
    there = machine(power, private_ip="10.0.0.6", public_ip="198.18.0.1")
    opened = replace(told(2, "ann", Did.OPENED), addresses=(address,))
    return len(judged(SentElsewhere(), look(1, there), opened))


@pytest.mark.parametrize(("address", "found"), [("10.0.0.6", 0), ("198.18.0.1", 0), ("10.0.0.7", 1), ("198.18.0.2", 1)])
def test_an_address_is_its_own_or_it_is_a_wrong(address: str, found: int) -> None:
    assert wrongs(address) == found


def test_what_was_evicted_meanwhile_has_no_address_to_compare_with() -> None:
    assert wrongs("198.18.0.9", PowerState.DEALLOCATED) == 0
