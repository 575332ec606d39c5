"""The emulator's wire below any SDK: bytes, headers, connections."""

import json
import socket
import struct
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from clock import ManualClock
from wire.connection import SET, TOKEN, Wire

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.history import What
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import serve
from emulator.wire.site import SUBSCRIPTION


def test_without_a_token_there_is_nothing(wire: Wire) -> None:
    answer, body = wire.ask("GET", SET, headers={})
    assert answer.status == 401
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert json.loads(body)["error"]["code"] == "AuthenticationFailed"


def test_a_connection_stays_open_and_every_answer_has_its_length(wire: Wire) -> None:
    wire.get()
    before = wire.connection.sock
    posted, content = wire.ask("POST", f"{SET}/start", body={"instanceIds": ["0"]})
    assert (posted.status, content, posted.headers["Content-Length"]) == (202, b"", "0")
    evicted, _ = wire.ask("POST", f"{SET}/virtualMachines/0/simulateEviction")
    assert (evicted.status, evicted.headers["Content-Length"]) == (204, None)
    wire.get()
    assert wire.connection.sock is before


def test_an_answer_over_an_open_connection_takes_no_delayed_acknowledgement(wire: Wire) -> None:
    took = []
    for _ in range(50):
        started = time.perf_counter()
        wire.get(f"{SET}/virtualMachines?$expand=instanceView")
        took.append(time.perf_counter() - started)
    assert sorted(took)[25] < 0.02


def test_the_date_is_azures_and_has_whole_seconds(wire: Wire) -> None:
    answer, _ = wire.ask("GET", SET)
    assert parsedate_to_datetime(answer.headers["Date"]) == wire.clock.now().replace(microsecond=0)


def test_paths_know_no_case_and_any_api_version_will_do(wire: Wire) -> None:
    assert wire.get(f"{SET.upper()}?API-version=1999-01-01")["name"] == "vmss-pixels"
    answer, _ = wire.ask("POST", f"{SET}/PowerOff?api-version=x", body={"instanceIds": ["0"]})
    assert answer.status == 202


def test_links_are_absolute_and_point_to_where_the_caller_came_from(wire: Wire) -> None:
    headers = {**TOKEN, "Host": "azure.local:1234"}
    answer, body = wire.ask("GET", f"{SET}/virtualMachines?api-version=1&$expand=instanceView", headers=headers)
    link = json.loads(body)["nextLink"]
    assert link.startswith("http://azure.local:1234/subscriptions/")
    assert "api-version=1&$expand=instanceView" in link
    posted, _ = wire.ask("POST", f"{SET}/start", headers=headers, body={"instanceIds": ["0"]})
    assert posted.headers["Azure-AsyncOperation"].startswith("http://azure.local:1234/")
    assert "monitor=true" in posted.headers["Location"]
    assert answer.headers["x-ms-request-charge"] == "2"


def test_a_page_is_of_the_moment_it_is_asked_for(wire: Wire) -> None:
    first = wire.get(f"{SET}/virtualMachines")
    wire.ask("DELETE", f"{SET}/virtualMachines/0")
    wire.clock.advance(timedelta(minutes=1))
    second = wire.get(first["nextLink"].removeprefix(wire.server.url))
    assert [each["instanceId"] for each in first["value"] + second["value"]] == ["0", "1"]


def test_what_the_emulator_does_not_have_is_501_and_nobody_takes_it_for_gone(wire: Wire) -> None:
    for path in ("/nowhere", f"{SET}/rollingUpgrades/latest", f"{SET}/virtualMachines/0/runCommands"):
        answer, content = wire.ask("GET", path)
        assert (answer.status, json.loads(content)["error"]["code"]) == (501, "NotImplemented")


def test_the_instance_view_tells_of_the_disk(wire: Wire) -> None:
    (disk,) = wire.get(f"{SET}/virtualMachines/1/instanceView")["disks"]
    assert (disk["name"], disk["statuses"][0]["code"]) == ("vmss-pixels_1_OsDisk_1", "ProvisioningState/succeeded")


@pytest.mark.parametrize("capacity", [-1, 1001, "3", True, 2.5])
def test_a_capacity_that_is_none_is_refused(wire: Wire, capacity: object) -> None:
    answer, _ = wire.ask("PATCH", SET, body={"sku": {"capacity": capacity}})
    assert (answer.status, wire.emulated.capacity) == (400, 3)


def test_a_body_that_is_no_json_is_refused(wire: Wire) -> None:
    wire.connection.request("PATCH", SET, body=b"{", headers=TOKEN)
    answer = wire.connection.getresponse()
    answer.read()
    assert answer.status == 400


def test_tags_can_be_patched(wire: Wire) -> None:
    wire.ask("PATCH", SET, body={"tags": {"scaler:managed": "b", "scaler:paused": "true"}})
    assert wire.get()["tags"] == {"scaler:managed": "b", "scaler:paused": "true"}


def test_a_put_without_a_policy_leaves_the_protection_as_it_is(wire: Wire) -> None:
    policy = {"properties": {"protectionPolicy": {"protectFromScaleIn": True, "protectFromScaleSetActions": True}}}
    wire.ask("PUT", f"{SET}/virtualMachines/0", body=policy)
    wire.clock.advance(timedelta(minutes=1))
    wire.ask("PUT", f"{SET}/virtualMachines/0", body={"location": "westeurope"})
    assert wire.get(f"{SET}/virtualMachines/0")["properties"]["protectionPolicy"] == {
        "protectFromScaleIn": True,
        "protectFromScaleSetActions": True,
    }


def test_an_operation_and_its_monitor_tell_how_it_went(wire: Wire) -> None:
    wire.emulated.script(Fault.START_ALLOCATION)
    wire.ask("POST", f"{SET}/deallocate", body={"instanceIds": ["0"]})
    wire.clock.advance(timedelta(minutes=5))
    posted, _ = wire.ask("POST", f"{SET}/start", body={"instanceIds": ["0"]})
    monitor = posted.headers["Location"].removeprefix(wire.server.url)
    assert wire.ask("GET", monitor)[0].status == 202
    wire.clock.advance(timedelta(minutes=5))
    assert wire.ask("GET", monitor)[0].status == 409
    status = wire.get(posted.headers["Azure-AsyncOperation"].removeprefix(wire.server.url))
    assert (status["status"], status["error"]["code"]) == ("Failed", "AllocationFailed")


def test_what_a_client_asks_before_it_works_is_answered(wire: Wire) -> None:
    assert wire.get("/subscriptions")["value"][0]["subscriptionId"] == SUBSCRIPTION
    assert wire.get(f"/subscriptions/{SUBSCRIPTION}")["state"] == "Enabled"
    assert len(wire.get("/tenants")["value"]) == 1
    assert wire.get("/metadata/endpoints?api-version=2022-09-01")["resourceManager"] == wire.server.url
    assert len(wire.get("/metadata/endpoints?api-version=2019-05-01")) == 1
    assert wire.get(SET.rpartition("/")[0])["value"][0]["name"] == "vmss-pixels"
    assert len({call.kind for call in wire.server.calls if call.arm}) == 1


def test_several_scale_sets_can_live_behind_one_address() -> None:
    clock = ManualClock()
    both = [EmulatedScaleSet(clock.now, name=name, behaviour=Behaviour(latencies=Latencies().exact())) for name in "ab"]
    with serve(both) as server, closing(HTTPConnection(urlsplit(server.url).netloc, timeout=10)) as connection:
        wire = Wire(clock, both[1], server)
        wire.connection = connection
        posted, _ = wire.ask("PATCH", SET.replace("vmss-pixels", "b"), body={"sku": {"capacity": 1}})
        assert (both[0].capacity, both[1].capacity) == (0, 1)
        assert wire.get(posted.headers["Azure-AsyncOperation"].removeprefix(server.url))["status"] == "InProgress"


# ── connections ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_closing_the_server_ends_connections_that_are_waiting() -> None:
    clock = ManualClock()
    emulated = EmulatedScaleSet(clock.now, behaviour=Behaviour(latencies=Latencies().exact()))
    server = serve(emulated)
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=10)) as connection:
        wire = Wire(clock, emulated, server)
        wire.connection = connection
        wire.get()
        started = time.perf_counter()
        server.close()
        assert time.perf_counter() - started < 8  # a connection that is waited for takes 10


def test_a_request_whose_client_is_gone_before_its_body_is_complete_is_none(wire: Wire) -> None:
    address = urlsplit(wire.server.url)
    head = f"POST {SET}/deallocate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer any\r\n"
    for rest in (
        "Content-Length: 23\r\n\r\n",
        'Content-Length: 23\r\n\r\n{"instanceIds":',
        "Transfer-Encoding: chunked\r\n\r\n17\r\n{",
    ):
        with socket.create_connection((address.hostname, address.port), timeout=10) as client:
            client.sendall((head + rest).encode())
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""  # and not an order to deallocate all, which a body without ids is
    assert not [each for each in wire.emulated.history if each.what is What.DEALLOCATE_ORDERED]


def test_a_client_that_hangs_up_rudely_does_not_keep_the_server_from_closing() -> None:
    slow = Behaviour(latencies=replace(Latencies().exact(), accept=(600.0, 600.0)))
    with serve(EmulatedScaleSet(ManualClock().now, behaviour=slow)) as server:
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(f"GET {SET} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer any\r\n\r\n".encode())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
