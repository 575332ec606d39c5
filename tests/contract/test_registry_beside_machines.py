"""Keys beside the machines, held by every implementation: the pause, ceilings of capacity, and whose the prefix is."""

from contextlib import closing, suppress
from datetime import timedelta

import pytest
import redis
from contract.registries import EPOCH, House, Server
from unit.test_settings import LEAST
from wire.scripted_arm import ScriptedArm, StaticToken, json_said, set_body

from scaler.errors import Refused, ScalerError
from scaler.model.edges import Actor
from scaler.model.instance import FailureClass, ScaleSetName
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import Pause
from scaler.registry.keys import Keys
from scaler.registry.redis import OCCUPIED_FOR, RedisRegistry
from scaler.runtime import Scaler, open_doors
from scaler.settings import load


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


OURS, OTHERS = "sub/rg: vmss-a, vmss-b", "sub/rg: vmss-c"


def test_a_second_scaler_for_other_scale_sets_is_refused_with_the_remedy(wired_house: House) -> None:
    registry = wired_house.registry
    assert isinstance(registry, RedisRegistry)
    registry.occupy(OURS)
    registry.occupy(OURS)  # another host of the same one
    with pytest.raises(Refused) as refused:
        registry.occupy(OTHERS)
    for word in (OURS, OTHERS, "SCALER_REDIS_PREFIX", "two minutes", "vmss:scale-sets"):
        assert word in str(refused.value)
    registry.occupy(OURS)


def test_when_the_first_one_is_stopped_the_second_one_goes_on_by_itself(wired_house: House) -> None:
    registry = wired_house.registry
    assert isinstance(registry, RedisRegistry)
    registry.occupy(OURS)
    assert 0 < wired_house.redis.pttl("vmss:scale-sets") <= OCCUPIED_FOR.total_seconds() * 1000
    wired_house.redis.pexpire("vmss:scale-sets", 1)
    while wired_house.redis.exists("vmss:scale-sets"):
        pass
    registry.occupy(OTHERS)


def test_another_prefix_is_another_place(shared_redis: Server, real_house: House) -> None:
    real_house.redis.set("vmss:scale-sets", OURS)
    elsewhere = RedisRegistry(redis.Redis(port=shared_redis.port), Keys(prefix="second"))
    elsewhere.occupy(OTHERS)


def test_a_process_says_whose_the_prefix_is_and_does_nothing_where_it_is_somebody_elses(
    shared_redis: Server, real_house: House
) -> None:
    with closing(ScriptedArm(lambda _: json_said(set_body()))) as arm:
        least = {key: value for key, value in LEAST.items() if key != "REDIS_HOST"}
        here = least | {"AZURE_RESOURCE_MANAGER_URL": arm.endpoint, "SCALER_RECONCILER_WATCH": "0"}
        here |= {"REDIS_URL": f"redis://127.0.0.1:{shared_redis.port}"}
        ours, others = (load(here | {"AZURE_VMSS_NAME": name}) for name in ("vmss-a", "vmss-b"))
        with closing(open_doors(ours, StaticToken())) as doors, suppress(ScalerError):
            Scaler(doors).watch(Actor.RECONCILER)  # which does not get far: this ARM's answers are no listing
        asked = len(arm.asked)
        assert asked > 0
        with closing(open_doors(others, StaticToken())) as doors, pytest.raises(Refused, match="they would take"):
            Scaler(doors).watch(Actor.RECONCILER)
        assert len(arm.asked) == asked
    assert real_house.redis.exists("vmss:scale-sets")
