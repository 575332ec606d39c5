"""Registry.ceilings: what Azure lately refused, written down for people by every implementation."""

from datetime import timedelta

import pytest
from contract.registries import EPOCH, House

from scaler.model.instance import FailureClass, ScaleSetName
from scaler.model.scarcity import Ceiling

GPU, OTHER = ScaleSetName("gpu"), ScaleSetName("other")
REFUSED = Ceiling(refused=3, exact=True, failure=FailureClass.QUOTA, until=EPOCH, said='exceeding "approved" é quota')
MINUTE = timedelta(minutes=1)


def test_nothing_was_refused_at_first(house: House) -> None:
    assert house.registry.ceilings() == {}


def test_what_was_written_last_is_read(house: House) -> None:
    house.registry.keep_ceilings({GPU: REFUSED, OTHER: REFUSED}, lasts=MINUTE)
    house.registry.keep_ceilings({GPU: REFUSED}, lasts=MINUTE)
    assert house.registry.ceilings() == {GPU: REFUSED}


@pytest.mark.parametrize(("lasts", "seconds"), [(MINUTE, 60), (timedelta(milliseconds=20), 1)])
def test_it_goes_by_itself(house: House, lasts: timedelta, seconds: int) -> None:
    house.registry.keep_ceilings({GPU: REFUSED}, lasts=lasts)
    assert seconds - 1 <= house.redis.ttl(house.keys.ceilings) <= seconds


@pytest.mark.parametrize(
    "written",
    [b"", b"7", b"[]", b'{"gpu":7}', b'{"gpu":{"refused":"x"}}', b"\xff", b"[" * 100_000, b'"' + b"x" * 300_000 + b'"'],
)
def test_what_somebody_else_wrote_there_says_nothing(house: House, written: bytes) -> None:
    house.redis.set(house.keys.ceilings, written)
    assert house.registry.ceilings() == {}


def test_a_key_of_another_type_says_nothing(house: House) -> None:
    house.redis.sadd(house.keys.ceilings, "x")
    assert house.registry.ceilings() == {}
