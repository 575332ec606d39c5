"""Renewing the Entra ID tokens for Redis, in real time: load, outages, and connections that die unnoticed.

Tokens live for seconds here. The margins are such that a machine that stops for a second or two makes nothing fail.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from wire.entra_house import House, Load, outcome, tokens_asked, until

from emulator.wire.answer_faults import AnswerFault
from emulator.wire.site import SYSTEM_ASSIGNED
from scaler.errors import Unreachable
from scaler.registry.entra import AGAIN
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry

pytestmark = pytest.mark.long


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(stack, tmp_path, monkeypatch)


def test_under_load_and_tls_tokens_are_renewed_before_they_end_and_no_command_fails(house: House) -> None:
    house.endpoint(token_life=timedelta(seconds=5))
    server = house.redis_with(SYSTEM_ASSIGNED, tls=True)
    with closing(Load(house.client(server))) as load_:
        load_.run(11)
    assert not load_.failures
    assert not server.expired
    assert load_.done > 500
    assert len({each.expires for each in server.sign_ins}) >= 4  # renewals, to the second


def test_an_endpoint_that_hands_out_the_old_token_for_long_is_asked_until_there_is_a_new_one(house: House) -> None:
    endpoint = house.endpoint(token_life=timedelta(seconds=7), kept=timedelta(seconds=4))
    server = house.redis_with(SYSTEM_ASSIGNED)
    with closing(Load(house.client(server))) as load_:
        load_.run(10)
    assert not load_.failures
    assert not server.expired
    assert 2 <= len(server.tokens) < tokens_asked(endpoint)


def test_an_endpoint_that_is_away_when_a_token_is_renewed_costs_nothing(house: House) -> None:
    endpoint = house.endpoint(token_life=timedelta(seconds=9))
    server = house.redis_with(SYSTEM_ASSIGNED)
    with closing(Load(house.client(server))) as load_:
        load_.run(2)
        before = len(server.sign_ins)
        endpoint.inject(AnswerFault.DROPPED, kind="token", times=2)
        load_.run(9)
    assert [each.status for each in endpoint.calls if each.kind == "token"].count(0) == 2
    assert not load_.failures
    assert not server.expired
    assert len(server.sign_ins) > before


def test_an_endpoint_that_is_away_for_longer_than_a_token_lives_is_waited_for(house: House) -> None:
    endpoint = house.endpoint(token_life=timedelta(seconds=3))
    server = house.redis_with(SYSTEM_ASSIGNED)
    told = list[Exception]()
    client = house.client(server, report=told.append)
    registry = RedisRegistry(client, Keys())
    registry.read()
    endpoint.inject(AnswerFault.DROPPED, kind="token", times=25)
    outcomes = []

    def recovered() -> bool:
        outcomes.append(outcome(registry))
        return outcomes[-1] is None and any(outcomes)

    until(recovered)
    away = [each for each in outcomes if each is not None]
    assert {type(each) for each in away} == {Unreachable}
    assert "the identity endpoint does not answer" in str(away[0])
    with closing(Load(client)) as load_:
        load_.run(AGAIN + 1)
        ended, failed = len(server.expired), len(load_.failures)  # the old token ended under somebody's hands
        load_.run(5)
    assert (len(server.expired), len(load_.failures)) == (ended, failed)  # and the next ones are renewed in time
    assert len(told) <= 1  # and not once for every time that it is tried again


def test_connections_that_died_unnoticed_do_not_end_the_renewals(house: House) -> None:
    house.endpoint(token_life=timedelta(seconds=5))
    server = house.redis_with(SYSTEM_ASSIGNED)
    client = house.client(server)
    registry = RedisRegistry(client, Keys())
    failures, waiting = [], Event()
    for _ in range(30):
        idle = [client.connection_pool.get_connection() for _ in range(4)]
        for each in idle:
            client.connection_pool.release(each)
        server.drop_all()
        waiting.wait(0.1)
        failures.append(outcome(registry))
    for _ in range(50):
        waiting.wait(0.1)
        failures.append(outcome(registry))
    assert not any(failures)
    assert not server.expired


def test_a_client_that_nobody_uses_asks_for_no_more_tokens(house: House) -> None:
    endpoint = house.endpoint(token_life=timedelta(seconds=3))
    client = house.client(house.redis_with(SYSTEM_ASSIGNED))
    client.get("vmss:x")
    asked = tokens_asked(endpoint)
    Event().wait(4)
    assert tokens_asked(endpoint) == asked
    client.get("vmss:x")
    assert tokens_asked(endpoint) > asked
