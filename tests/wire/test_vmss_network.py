"""The look at the network: how many requests, in which lane, and what a refusal says."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from wire.scripted_arm import PATH, Asked, Said, json_said, refusal_said, set_body, wired

from scaler.errors import Garbled, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import Addresses
from scaler.vmss.gates import Kind

NICS, PUBLIC = f"{PATH}/networkInterfaces", f"{PATH}/publicIPAddresses"


def nic(number: int, *, public: bool) -> dict[str, object]:
    vm = f"{PATH}/virtualMachines/{number}"
    where = {"publicIPAddress": {"id": f"{vm}/ip"}} if public else {}
    configuration = {"properties": {"primary": True, "privateIPAddress": f"10.0.0.{number}", **where}}
    return {"properties": {"primary": True, "virtualMachine": {"id": vm}, "ipConfigurations": [configuration]}}


def public_ip(number: int) -> dict[str, object]:
    return {"id": f"{PATH}/virtualMachines/{number}/ip", "properties": {"ipAddress": f"203.0.113.{number}"}}


def networked(*, public: bool) -> Callable[[Asked], Said]:
    """Three machines, one a page."""

    def script(asked: Asked) -> Said:
        path, _, query = asked.path.partition("?")
        page = int(query.partition("page=")[2] or 1)
        link = f"http://{asked.headers['host']}{path}?api-version=2018-10-01&page={page + 1}"
        row = nic(page, public=public) if path == NICS else public_ip(page)
        return json_said({"value": [row], "nextLink": link if page < 3 else None})

    return script


def test_all_addresses_are_the_pages_of_two_lists() -> None:
    with wired(networked(public=True)) as wire:
        assert wire.scale_set.for_controller("starter").addresses() == {
            str(n): Addresses(private=f"10.0.0.{n}", public=f"203.0.113.{n}") for n in (1, 2, 3)
        }
        paths = [each.path.partition("?")[0] for each in wire.asked]
        assert paths == [NICS] * 3 + [PUBLIC] * 3
        assert {each.method for each in wire.asked} == {"GET"}
        assert all("api-version=2018-10-01" in each.path for each in wire.asked)
        assert all(each.headers["user-agent"].startswith("scaler-starter ") for each in wire.asked)
        assert wire.scale_set.gates.asked == {Kind.NETWORK: 6}


def test_the_second_list_is_spared_where_nobody_has_a_public_address() -> None:
    with wired(networked(public=False)) as wire:
        assert wire.scale_set.addresses() == {str(n): Addresses(private=f"10.0.0.{n}") for n in (1, 2, 3)}
        assert [each.path.partition("?")[0] for each in wire.asked] == [NICS] * 3


def test_a_throttled_network_does_not_stop_the_look_at_machines() -> None:
    def script(asked: Asked) -> Said:
        throttled = "networkInterfaces" in asked.path
        return refusal_said(429, "TooManyRequests", retry_after="30") if throttled else json_said(set_body())

    with wired(script) as wire:
        for _ in range(2):
            with pytest.raises(Throttled):
                wire.scale_set.addresses()
        assert len(wire.asked) == 1
        wire.scale_set.view()
        wire.clock.advance(timedelta(seconds=30))
        with pytest.raises(Throttled):
            wire.scale_set.addresses()
        assert len(wire.asked) == 3


def test_throttled_looks_at_machines_do_not_stop_the_look_at_the_network() -> None:
    def script(asked: Asked) -> Said:
        return networked(public=False)(asked) if "networkInterfaces" in asked.path else refusal_said(429, "x")

    with wired(script) as wire:
        with pytest.raises(Throttled):
            wire.scale_set.view()
        assert len(wire.scale_set.addresses()) == 3


@pytest.mark.parametrize("which", ["networkInterfaces", "publicIPAddresses"])
def test_a_want_of_rights_names_both_permissions(which: str) -> None:
    def script(asked: Asked) -> Said:
        refused = which in asked.path
        return refusal_said(403, "AuthorizationFailed") if refused else networked(public=True)(asked)

    with wired(script) as wire, pytest.raises(Refused) as refused:
        wire.scale_set.addresses()
    assert "virtualMachineScaleSets/networkInterfaces/read" in str(refused.value)
    assert "virtualMachineScaleSets/publicIPAddresses/read" in str(refused.value)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Said(body=b"<html>", headers={"Content-Type": "text/html"}), Garbled),
        (json_said({}), Garbled),
        (json_said({"value": [{"properties": {"ipConfigurations": 7}}]}), Garbled),
        (json_said({"value": [], "nextLink": "https://evil.example/"}), Garbled),
        (json_said({"value": []}, 503), Unreachable),
    ],
)
def test_a_list_that_cannot_be_one_tells_no_addresses(said: Said, error: type[ScalerError]) -> None:
    with wired(lambda _: said) as wire:
        with pytest.raises(error):
            wire.scale_set.addresses()
        assert len(wire.asked) == 1
