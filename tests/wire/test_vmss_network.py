"""The look at the network: how many requests, in which lane, and what a refusal says."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from wire.scripted_arm import PATH, Asked, Said, Wire, json_said, ref, refusal_said, set_body, vm_id, wired

from scaler.errors import Garbled, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import Addresses, InstanceRef, VmId
from scaler.ports import one_by_one
from scaler.vmss.gates import Kind

NICS, PUBLIC = f"{PATH}/networkInterfaces", f"{PATH}/publicIPAddresses"
REFS = tuple(ref(number) for number in (1, 2, 3))
SINGLE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces/read"


def nics_of(number: int) -> str:
    return f"{PATH}/virtualMachines/{number}/networkInterfaces"


def ip_of(number: int) -> str:
    return f"{nics_of(number)}/nic/ipConfigurations/ip/publicIPAddresses/pub"


def nic(number: int, *, public: bool) -> dict[str, object]:
    where = {"publicIPAddress": {"id": ip_of(number)}} if public else {}
    configuration = {"properties": {"primary": True, "privateIPAddress": f"10.0.0.{number}", **where}}
    vm = {"id": f"{PATH}/virtualMachines/{number}"}
    return {"properties": {"primary": True, "virtualMachine": vm, "ipConfigurations": [configuration]}}


def public_ip(number: int) -> dict[str, object]:
    return {"id": ip_of(number), "properties": {"ipAddress": f"203.0.113.{number}"}}


def networked(*, public: bool) -> Callable[[Asked], Said]:
    """A scale set of three machines, one to a page; and each machine by itself."""

    def script(asked: Asked) -> Said:
        path, _, query = asked.path.partition("?")
        for number in (1, 2, 3):
            if path == nics_of(number):
                return json_said({"value": [nic(number, public=public)]})
            if path == ip_of(number).lower():
                return json_said(public_ip(number))
        if path == PATH:
            return json_said(set_body(capacity=3))
        page = int(query.partition("page=")[2] or 1)
        link = f"http://{asked.headers['host']}{path}?api-version=2018-10-01&page={page + 1}"
        row = nic(page, public=public) if path == NICS else public_ip(page)
        return json_said({"value": [row], "nextLink": link if page < 3 else None})

    return script


def found(wire: Wire, *refs: InstanceRef) -> Mapping[VmId, Addresses | None]:
    told, errors = wire.scale_set.for_controller("starter").addresses(refs or REFS, one_by_one)
    assert not errors
    return told


def at(number: int, *, public: bool = True) -> Addresses:
    return Addresses(private=f"10.0.0.{number}", public=f"203.0.113.{number}" if public else None)


def paths(wire: Wire) -> list[str]:
    return [each.path.partition("?")[0] for each in wire.asked]


def test_the_addresses_of_one_machine_are_two_requests() -> None:
    with wired(networked(public=True)) as wire:
        assert found(wire, ref(2)) == {vm_id(2): at(2)}
        assert paths(wire) == [nics_of(2), ip_of(2).lower()]
        assert all("api-version=2018-10-01" in each.path for each in wire.asked)
        assert all(each.headers["user-agent"].startswith("scaler-starter ") for each in wire.asked)


def test_the_addresses_of_many_are_the_pages_of_two_lists() -> None:
    with wired(networked(public=True)) as wire:
        assert found(wire) == {vm_id(n): at(n) for n in (1, 2, 3)}
        assert paths(wire) == [NICS] * 3 + [PUBLIC] * 3
        assert {each.method for each in wire.asked} == {"GET"}
        assert all("api-version=2018-10-01" in each.path for each in wire.asked)
        assert wire.scale_set.gates.asked == {Kind.NETWORK: 6}


def test_without_public_addresses_the_second_half_of_the_requests_is_spared() -> None:
    with wired(networked(public=False)) as wire:
        assert found(wire) == {vm_id(n): at(n, public=False) for n in (1, 2, 3)}
        assert found(wire, ref(1)) == {vm_id(1): at(1, public=False)}
        assert paths(wire) == [NICS] * 3 + [nics_of(1)]


def test_once_a_list_had_several_pages_as_many_machines_are_asked_for_one_by_one() -> None:
    with wired(networked(public=False)) as wire:
        wire.scale_set.view()  # three machines
        found(wire)
        del wire.asked[:]
        assert found(wire) == {vm_id(n): at(n, public=False) for n in (1, 2, 3)}
        assert paths(wire) == [nics_of(n) for n in (1, 2, 3)]
        found(wire, *REFS, ref(4))
        assert paths(wire)[3:] == [NICS] * 3


def test_an_interface_of_another_machine_is_not_believed() -> None:
    with wired(lambda _: json_said({"value": [nic(7, public=False)]})) as wire:
        assert found(wire, ref(1)) == {vm_id(1): Addresses()}


@pytest.mark.parametrize("elsewhere", ["/subscriptions/other/x", "{ours}/../../x", "{ours}?x=1", "{ours}%2e", "https:"])
def test_an_address_is_not_looked_for_outside_the_subscription(elsewhere: str) -> None:
    row = nic(1, public=True)
    text = json.dumps({"value": [row]}).replace(ip_of(1), elsewhere.format(ours=f"{PATH}/x"))
    with wired(lambda _: json_said(json.loads(text))) as wire:
        assert found(wire, ref(1)) == {vm_id(1): Addresses(private="10.0.0.1", untold=True)}
        assert paths(wire) == [nics_of(1)]


@pytest.mark.parametrize("which", [nics_of(1), ip_of(1).lower()])
def test_without_the_right_to_ask_for_one_machine_the_lists_are_read_and_the_right_is_named(which: str) -> None:
    def script(asked: Asked) -> Said:
        refused = asked.path.partition("?")[0] == which
        return refusal_said(403, "AuthorizationFailed") if refused else networked(public=True)(asked)

    with wired(script) as wire:
        told, errors = wire.scale_set.addresses([ref(1)], one_by_one)
        assert told == {vm_id(1): at(1)}
        (error,) = errors
        assert SINGLE in str(error)
        assert "until then the lists of all machines are asked" in str(error)
        del wire.asked[:]
        wire.clock.advance(timedelta(minutes=10) - timedelta(seconds=1))
        found(wire, ref(1))
        assert paths(wire) == [NICS] * 3 + [PUBLIC] * 3
        wire.clock.advance(timedelta(seconds=1))
        assert wire.scale_set.addresses([ref(1)], one_by_one)[1] != ()  # asked again: the role may have been mended


def test_one_machine_that_gives_no_answer_hides_no_other() -> None:
    def script(asked: Asked) -> Said:
        broken = asked.path.startswith(nics_of(2))
        return Said(body=b"<html>", headers={"Content-Type": "text/html"}) if broken else networked(public=True)(asked)

    with wired(script) as wire:
        wire.scale_set.view()
        found(wire)
        told, errors = wire.scale_set.addresses(REFS, one_by_one)
        assert told == {vm_id(1): at(1), vm_id(2): None, vm_id(3): at(3)}
        assert [type(error) for error in errors] == [Garbled]


def test_after_a_silence_no_further_machine_is_asked_for() -> None:
    silent = False

    def script(asked: Asked) -> Said:
        return json_said({}, 503) if silent else networked(public=False)(asked)

    with wired(script) as wire:
        wire.scale_set.view()
        found(wire)
        del wire.asked[:]
        silent = True
        with pytest.raises(Unreachable):
            wire.scale_set.addresses(REFS, one_by_one)
        assert paths(wire) == [nics_of(1)]


def test_a_throttled_network_does_not_stop_the_look_at_machines() -> None:
    def script(asked: Asked) -> Said:
        throttled = "networkInterfaces" in asked.path
        return refusal_said(429, "TooManyRequests", retry_after="30") if throttled else json_said(set_body())

    with wired(script) as wire:
        for _ in range(2):
            with pytest.raises(Throttled):
                found(wire)
        assert len(wire.asked) == 1
        wire.scale_set.view()
        wire.clock.advance(timedelta(seconds=30))
        with pytest.raises(Throttled):
            found(wire)
        assert len(wire.asked) == 3


def test_throttled_looks_at_machines_do_not_stop_the_look_at_the_network() -> None:
    def script(asked: Asked) -> Said:
        return networked(public=False)(asked) if "networkInterfaces" in asked.path else refusal_said(429, "x")

    with wired(script) as wire:
        with pytest.raises(Throttled):
            wire.scale_set.view()
        assert len(found(wire)) == 3


@pytest.mark.parametrize("which", ["networkInterfaces", "publicIPAddresses"])
def test_a_want_of_rights_names_both_permissions(which: str) -> None:
    def script(asked: Asked) -> Said:
        refused = which in asked.path
        return refusal_said(403, "AuthorizationFailed") if refused else networked(public=True)(asked)

    with wired(script) as wire, pytest.raises(Refused) as refused:
        found(wire)
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
            found(wire)
        assert len(wire.asked) == 1
