"""The Redis of virtual time answers scripts and clients as a redis-server does."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from clock import ManualClock
from contract.registries import Server

from emulator.redis.keyspace import Keyspace
from emulator.redis.memory import InProcessRedis

SCRIPTS = (
    "return redis.call('GET', KEYS[1])",
    "return redis.call('GET', 'nobody')",
    "return {redis.call('GET', KEYS[1]), false, true, 1.9, 'x', {1, {'deep'}}}",
    "return {1, nil, 3}",
    "return {}",
    "return 3.99",
    "return redis.status_reply('FINE')",
    "return redis.error_reply('ERR no such luck')",
    "return redis.call('GET', KEYS[2])",
    "return redis.pcall('GET', KEYS[2])",
    "return type(redis.pcall('SADD', KEYS[1], 'x').err)",
    "return {redis.call('TYPE', KEYS[1]).ok, redis.call('TYPE', KEYS[2]).ok, redis.call('TYPE', 'nobody').ok}",
    "return redis.call('SET', KEYS[1], ARGV[1]).ok",
    "return {redis.call('SET', KEYS[2], 'x'), redis.call('TYPE', KEYS[2]).ok}",
    "return {redis.call('SADD', KEYS[2], 'a', 'new'), redis.call('SREM', KEYS[2], 'a', 'b', 'new', 'gone')}",
    "redis.call('SREM', KEYS[2], 'a', 'b') return redis.call('EXISTS', KEYS[2])",
    "return {redis.call('SISMEMBER', KEYS[2], 'a'), redis.call('SISMEMBER', 'nobody', 'a')}",
    "return #redis.call('SRANDMEMBER', KEYS[2], 5)",
    "return #redis.call('SRANDMEMBER', KEYS[2], 1)",
    "return redis.call('SRANDMEMBER', 'nobody')",
    "for n, at in pairs({b=2, a=1, c=2}) do redis.call('ZADD', 's', at, n) end return redis.call('ZRANGE', 's', 0, 1)",
    "return {redis.call('ZADD', 's', 1, 'a'), redis.call('ZADD', 's', 2, 'a'), redis.call('ZREM', 's', 'b')}",
    "redis.call('ZADD', 's', 1, 'a') return {redis.call('ZREM', 's', 'a'), redis.call('EXISTS', 's')}",
    "redis.call('ZADD', 's', 1, 'a') return redis.call('TYPE', 's').ok",
    "return redis.call('ZADD', KEYS[2], 1, 'a')",
    "redis.call('ZADD', 's', 1, 'a') return redis.call('SADD', 's', 'a')",
    "redis.call('ZADD', 's', 1, 'a') redis.call('ZADD', 's', 2, 'b') return redis.call('ZREM', 's', 'a', 'b', 'c')",
    "redis.call('EXPIRE', KEYS[1], 9) redis.call('MSET', KEYS[1], 'y', 'n', 'z') return redis.call('TTL', KEYS[1])",
    "return {redis.call('MSET', KEYS[2], 'x', 'new', 'y').ok, redis.call('GET', KEYS[2]), redis.call('GET', 'new')}",
    "return #redis.call('ZRANGE', 'nobody', 0, 9)",
    "return redis.call('MGET', KEYS[1], 'nobody', KEYS[2])",
    "return {redis.call('GETRANGE', KEYS[1], 1, 2), redis.call('GETRANGE', 'nobody', 0, 9)}",
    "return redis.call('STRLEN', KEYS[1])",
    "return {redis.call('EXPIRE', KEYS[1], 100), redis.call('EXPIRE', 'nobody', 100), redis.call('TTL', KEYS[1])}",
    "redis.call('EXPIRE', KEYS[1], 9) return {redis.call('PERSIST', KEYS[1]), redis.call('PERSIST', KEYS[1])}",
    "redis.call('SET', KEYS[1], 'x', 'EX', 50) redis.call('SET', KEYS[1], 'y') return redis.call('TTL', KEYS[1])",
    "return {redis.call('DEL', KEYS[1], KEYS[2], 'nobody'), redis.call('EXISTS', KEYS[1])}",
    "return cjson.encode('a/b \"c\" \\\\ \\n\\t\\1\\127 é')",
    'return cjson.decode(\'{"a":{"b":[1,null,"\\\\u00e9"]}}\').a.b[3]',
    "return cjson.decode('[null]')[1] == cjson.null and 'null' or 'else'",
    "return tostring(cjson.decode('[1e999]')[1])",
    "return tostring(pcall(cjson.decode, '{\"a\":}'))",
    "a_global = 1",
)


@pytest.fixture
def real(shared_redis: Server) -> redis.Redis:
    client = shared_redis.client()
    client.flushall()
    return client


@pytest.fixture
def emulated() -> InProcessRedis:
    return InProcessRedis(Keyspace(ManualClock().now))


def answer_of(client: Any, script: str) -> object:
    """What a client gets, or that it gets an error; the words of errors differ, and members have no order."""
    client.set("text", "value")
    client.sadd("set", "a", "b")
    try:
        return client.register_script(script)(keys=["text", "set"], args=["argument"])
    except redis.ResponseError:
        return "an error"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_gets_the_same_answer(real: redis.Redis, emulated: InProcessRedis, script: str) -> None:
    assert answer_of(emulated, script) == answer_of(real, script)


def test_a_value_ends_with_its_time() -> None:
    clock = ManualClock()
    client = InProcessRedis(Keyspace(clock.now))
    client.set("text", "value", ex=10)
    clock.advance(timedelta(seconds=9))
    assert client.get("text") == b"value"
    clock.advance(timedelta(seconds=1))
    assert client.get("text") is None


def test_a_command_that_it_lacks_is_an_error(emulated: InProcessRedis) -> None:
    with pytest.raises(redis.ResponseError, match="LPUSH"):
        emulated.lpush("list", "value")
