"""Signing in to Redis with Entra ID tokens: as whom, with which rights, and without anybody waiting for ever."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest
from wire.entra_house import PATIENCE, ROOT, USER_ASSIGNED, House, outcome

from emulator.wire.answer_faults import AnswerFault
from emulator.wire.site import SYSTEM_ASSIGNED, Place
from scaler.errors import Refused, ScalerError, Unreachable
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.runtime import open_doors
from scaler.settings import load


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(stack, tmp_path, monkeypatch)


def test_system_and_user_assigned_identities_are_redis_users_of_their_own(house: House) -> None:
    house.endpoint()
    server = house.redis_with(SYSTEM_ASSIGNED, USER_ASSIGNED)
    system, user = house.client(server), house.client(server, USER_ASSIGNED.client_id)
    system.get("vmss:x")
    assert server.whoever_is_connected() == {SYSTEM_ASSIGNED.object_id}
    user.get("vmss:x")
    assert server.whoever_is_connected() == {SYSTEM_ASSIGNED.object_id, USER_ASSIGNED.object_id}


def test_an_identity_that_redis_does_not_know_is_refused_by_its_object_id(house: House) -> None:
    house.endpoint()
    server = house.redis_with(USER_ASSIGNED)
    refused = outcome(RedisRegistry(house.client(server), Keys()))
    assert isinstance(refused, Refused)
    assert f"refuses the identity with object id {SYSTEM_ASSIGNED.object_id}" in str(refused)
    assert "AZURE_CLIENT_ID" in str(refused)


def test_an_identity_that_is_not_assigned_is_refused_before_redis_is_asked(house: House) -> None:
    house.endpoint()
    server = house.redis_with(SYSTEM_ASSIGNED)
    refused = outcome(RedisRegistry(house.client(server, "00000000-0000-0000-0000-000000000001"), Keys()))
    assert isinstance(refused, Refused)
    assert "no token for Azure" in str(refused)
    assert not server.whoever_is_connected()


def test_keys_of_another_prefix_are_not_for_this_identity(house: House) -> None:
    house.endpoint()
    client = house.client(house.redis_with(SYSTEM_ASSIGNED))
    refused = outcome(RedisRegistry(client, Keys(prefix="other")))
    assert isinstance(refused, Refused)
    assert "this user may not touch a key that it needs: ACL SETUSER <its user> ~other:*" in str(refused)


def test_the_settings_alone_lead_a_controller_to_redis(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = house.endpoint()
    server = house.redis_with(USER_ASSIGNED, tls=True)
    doors = open_doors(
        load(
            {
                "AZURE_SUBSCRIPTION_ID": Place().subscription,
                "AZURE_RESOURCE_GROUP": Place().resource_group,
                "AZURE_VMSS_NAME": "vmss-pixels",
                "AZURE_RESOURCE_MANAGER_URL": endpoint.url,
                "AZURE_CLIENT_ID": USER_ASSIGNED.client_id,
                "REDIS_AUTH": "entra",
                "REDIS_HOST": "localhost",
                "REDIS_PORT": str(server.port),
                "REDIS_SSL": "true",
                "REDIS_CA_FILE": str(house.ca_file),
            }
        )
    )
    assert doors.registry.check() == ()
    assert server.whoever_is_connected() == {USER_ASSIGNED.object_id}


# ── nobody waits for ever ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.long
def test_a_silent_endpoint_is_given_up_by_all_at_once(house: House) -> None:
    endpoint = house.endpoint()
    endpoint.inject(AnswerFault.SLOW, kind="token", times=100, seconds=2000)  # first byte after 100 s
    client = house.client(house.redis_with(SYSTEM_ASSIGNED))
    outcomes: list[ScalerError | None] = []
    started = monotonic()
    threads = [Thread(target=lambda: outcomes.append(outcome(RedisRegistry(client, Keys())))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert monotonic() - started < 15  # 5 each, and not one after the other
    assert [type(each) for each in outcomes] == [Unreachable] * 4


def test_a_process_that_has_signed_in_ends_when_it_is_done(house: House) -> None:
    house.endpoint()
    server = house.redis_with(SYSTEM_ASSIGNED)
    program = (
        "from scaler.registry.auth import connect; from scaler.vmss.credential import Guarded, managed_identity;"
        f"print(connect(url='redis://127.0.0.1:{server.port}', identity=Guarded(managed_identity())).get('vmss:x'))"
    )
    done = run(program, os.environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "None\n", "")


def test_nobody_pays_for_entra_id_who_does_not_ask_for_it() -> None:
    program = (
        "import sys, scaler.runtime; from scaler.registry.auth import connect; connect(url='redis://x').close();"
        "print('scaler.registry.entra' in sys.modules)"
    )
    assert run(program, os.environ).stdout == "False\n"


def run(program: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A Python of its own."""
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False, timeout=PATIENCE
    )
