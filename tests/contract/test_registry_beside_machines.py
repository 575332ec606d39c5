"""Keys beside the machines: the pause, ceilings of capacity, whose the prefix is, and signs of life."""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta

import pytest
import redis
from contract.registries import EPOCH, House, Server
from unit.test_settings import LEAST
from wire.scripted_arm import ScriptedArm, StaticToken, json_said, set_body

from scaler.errors import Refused, ScalerError
from scaler.model.edges import Actor
from scaler.model.history import Sample
from scaler.model.instance import FailureClass, ScaleSetName
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import Pause
from scaler.model.signs import FailedOrder, Sign
from scaler.registry.keys import Keys
from scaler.registry.redis import OCCUPIED_FOR, RedisRegistry
from scaler.registry.signs_json import SIGN_KEPT
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


SIGN = Sign(
    controller=Actor.CLEANER,
    version="1.2.3",
    at=EPOCH,
    ago=timedelta(seconds=1),
    every=MINUTE,
    failure="é",
    failing=timedelta(seconds=3),
    alarms=('"a"',),
    failed_orders=(FailedOrder(scale_set=GPU, order="Delete", said="no", ago=timedelta(seconds=5)),),
)


def test_a_sign_of_life_ages_by_the_clock_of_redis(wired_house: House) -> None:
    registry = wired_house.registry
    assert isinstance(registry, RedisRegistry)
    registry.leave_signs([SIGN, replace(SIGN, controller=Actor.STARTER)])
    wired_house.redis.pexpire("vmss:alive:cleaner", SIGN_KEPT - timedelta(minutes=10))
    signs = registry.signs()
    aged = signs[Actor.CLEANER]
    assert timedelta(minutes=10) <= aged.ago - SIGN.ago < timedelta(minutes=11)
    assert aged.failed_orders[0].ago - SIGN.failed_orders[0].ago == aged.ago - SIGN.ago
    young = replace(aged, ago=SIGN.ago, failed_orders=SIGN.failed_orders)
    assert young == SIGN
    assert set(signs) == {Actor.CLEANER, Actor.STARTER}


SAMPLE = Sample(
    controller=Actor.RECONCILER,
    at=EPOCH,
    machines={"ready": 3},
    wanted=4,
    cost=1.5,
    waits={"cold": (98.5, 101.0)},
    refused=1,
)
PLACE = (Actor.RECONCILER, int(EPOCH.timestamp() // 60))


def test_a_sample_is_found_in_the_place_of_its_minute_for_two_days(wired_house: House) -> None:
    registry = wired_house.registry
    assert isinstance(registry, RedisRegistry)
    registry.leave_sample(SAMPLE, every=MINUTE)
    (key,) = wired_house.redis.keys("vmss:history:*")
    assert timedelta(hours=47) < timedelta(seconds=wired_house.redis.ttl(key)) <= timedelta(days=2)
    beside = (Actor.RECONCILER, PLACE[1] + 1)
    assert registry.history([PLACE, beside]) == {PLACE: SAMPLE}
    assert registry.history([]) == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"",
        lambda text: b"[" * 30_000,
        lambda text: text.replace(b"reconciler", b"starter"),
        lambda text: text.replace(b"00Z", b"00"),
        lambda text: text.replace(b'"wanted":4', b'"wanted":-4'),
        lambda text: text.replace(b'"ready":3', b'"ready":1' + b"0" * 300),
        lambda text: text.replace(b'"ready":3', b'"ready":"<script>"'),
        lambda text: text[:-1] + b',"more":"' + b"x" * 40_000 + b'"}',
    ],
)
def test_a_sample_of_somebody_else_says_nothing(wired_house: House, change: Callable[[bytes], bytes]) -> None:
    registry = wired_house.registry
    assert isinstance(registry, RedisRegistry)
    registry.leave_sample(SAMPLE, every=MINUTE)
    (key,) = wired_house.redis.keys("vmss:history:*")
    text = wired_house.redis.get(key)
    assert change(text) != text
    wired_house.redis.set(key, change(text))
    assert registry.history([PLACE]) == {}
    wired_house.redis.delete(key)
    wired_house.redis.sadd(key, "a set")
    assert registry.history([PLACE]) == {}


def test_a_sign_of_somebody_else_says_nothing(wired_house: House) -> None:
    registry = wired_house.registry
    assert isinstance(registry, RedisRegistry)
    registry.leave_signs([SIGN])
    text = wired_house.redis.get("vmss:alive:cleaner")
    wired_house.redis.sadd("vmss:alive:reconciler", "a set")
    for name, written in (("starter", text), ("provisioner", b"[" * 100_000)):  # the cleaner's own; no JSON
        wired_house.redis.set(f"vmss:alive:{name}", written)
    assert set(registry.signs()) == {Actor.CLEANER}
    for junk in (b"", b"7", b"{}", text.replace(b"00Z", b"00"), b'"' + b"x" * 300_000 + b'"'):
        wired_house.redis.set("vmss:alive:cleaner", junk)
        assert registry.signs() == {}
