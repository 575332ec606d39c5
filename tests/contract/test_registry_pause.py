"""Registry.pause: the key that halts the controllers, held by every implementation."""

import pytest
from contract.registries import House

from scaler.model.sighting import Pause


def test_nothing_is_paused_at_first(house: House) -> None:
    assert house.registry.read().pause is Pause.NONE


@pytest.mark.parametrize("how", list(Pause))
def test_what_was_said_is_read_until_it_is_said_otherwise(house: House, how: Pause) -> None:
    house.registry.pause(how)
    assert house.registry.read().pause is how
    house.registry.pause(Pause.NONE)
    assert house.registry.read().pause is Pause.NONE
    assert house.redis.get(house.keys.pause) is None


@pytest.mark.parametrize(
    ("written", "means"), [("", Pause.ORDERS), ("1", Pause.ORDERS), ("\x00", Pause.ORDERS), (" ALL\n", Pause.ALL)]
)
def test_a_key_set_by_hand_halts_whatever_it_says(house: House, written: str, means: Pause) -> None:
    house.redis.set(house.keys.pause, written)
    assert house.registry.read().pause is means
