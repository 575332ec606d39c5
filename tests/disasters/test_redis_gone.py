"""Redis loses everything, or is away: whoever is in session stays, whoever waits is told, and nothing is handed out."""

import logging

from disasters.disaster_house import MINUTE, House
from redis import exceptions

from scaler.model.plan import Why
from scaler.model.policy import Policy
from scaler.registry.failures import translate
from scaler.registry.reservations import Stage

INSIDE, READY = 500, 20
POLICY = Policy(session_limit=120 * MINUTE)
REFUSED = exceptions.ConnectionError("Error 111 connecting to redis.example:10000. Connection refused.")


def flushed(inside: int = INSIDE) -> House:
    """FLUSHALL, with everybody in session and five who are waiting."""
    house = House.full_of(inside, READY, POLICY)
    assert house.arrive(5) == 5
    house.run(MINUTE)
    house.registry.keyspace.flush()
    house.waiting.clear()  # their promises are gone with it; what was started for them is presumed to be theirs
    return house


def test_nobody_is_disturbed_and_the_alarm_is_raised_until_the_hold_is_over() -> None:
    house = flushed()
    began = house.clock.now()
    house.run(POLICY.flush_hold)
    assert len(house.said(Why.MARKED_UNKNOWN_RUNS)) == INSIDE + 5
    alarms = [each for each in house.log.lines if each.level == logging.ERROR]
    assert {each.why for each in alarms} == {Why.MOST_UNKNOWN}
    assert alarms[-1].at - alarms[0].at > POLICY.flush_hold - 2 * MINUTE
    assert (house.wrongs, house.deleted_since(began)) == ([], 0)


def test_what_is_at_rest_is_replaced_and_nothing_else() -> None:
    house = flushed()
    began = house.clock.now()
    assert house.until_well(within=20 * MINUTE) > POLICY.flush_hold
    assert (house.wrongs, house.deleted_since(began)) == ([], READY - 5)
    assert house.arrive(5) == 5


def test_nobody_can_say_whose_session_it_is_so_each_ends_at_its_limit() -> None:
    house = flushed(60)
    house.until_well(within=20 * MINUTE)
    began = house.clock.now()
    house.leave(60)  # the queue manager says so, and names the machines
    house.run(POLICY.session_limit - 40 * MINUTE, pace=3)
    assert house.deleted_since(began) == 0, "a release by a session that nobody knows could be anybody's"
    house.run(70 * MINUTE, pace=3)
    assert len(house.said(Why.PRESUMED_LIMIT)) == 65


def test_a_registry_that_is_brought_back_in_time_costs_nothing() -> None:
    house = House.full_of(INSIDE, READY, POLICY)
    backup = house.registry.keyspace.snapshot_state()
    began = house.clock.now()
    house.registry.keyspace.flush()
    house.run(POLICY.flush_hold - MINUTE)
    house.registry.keyspace.restore_state(backup)
    house.until_well(within=2 * MINUTE)
    assert (house.stages(), house.wrongs, house.deleted_since(began)) == ({Stage.OPEN: INSIDE}, [], 0)


def test_twenty_minutes_without_redis_end_nobodys_session() -> None:
    house = House.full_of(INSIDE, READY, POLICY)
    assert house.arrive(3) == 3
    began = house.clock.now()
    house.redis_guard = lambda _call: translate(REFUSED, "redis.example:10000")
    house.run(20 * MINUTE)
    assert {each.event for each in house.log.lines if each.at > began and each.event != "evaluation"} == {"tick_failed"}
    assert all("Redis at redis.example:10000 does not answer" in each.why for each in house.failed(since=began))
    house.redis_guard = lambda _call: None
    house.until_well(within=20 * MINUTE)
    assert (house.stages(), house.wrongs) == ({Stage.OPEN: INSIDE}, [])
    assert (len(house.refused), house.deleted_since(began)) == (3, 3), "they had waited for longer than their timeout"
