"""Which of an instance's addresses is the one to reach it by."""

import pytest
from unit.arm_replies import reply

from scaler.errors import Garbled
from scaler.model.instance import Addresses, InstanceId
from scaler.vmss.addresses import INTERFACES, PUBLIC_IPS, configurations, located, public_by_id

SET = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/Pixels"


def configured(private: object = "10.0.0.4", *, primary: object = True, public: str | None = None) -> dict[str, object]:
    """An ipConfiguration as ARM writes it."""
    shown = {"privateIPAddress": private, "primary": primary, "privateIPAllocationMethod": "Dynamic"}
    return {"name": "ip", "properties": shown | ({"publicIPAddress": {"id": public}} if public else {})}


def interface(*those: object, vm: str | None = f"{SET}/virtualMachines/7", primary: object = True) -> dict[str, object]:
    """A network interface as ARM writes it."""
    machine = {"virtualMachine": {"id": vm}} if vm is not None else {}
    return {"id": "…", "properties": {"primary": primary, "ipConfigurations": list(those), **machine}}


def found(*interfaces: object, public: dict[str, object] | None = None) -> dict[InstanceId, Addresses]:
    rows = [{"id": name, "properties": {"ipAddress": address}} for name, address in (public or {}).items()]
    known = public_by_id(reply({"value": rows}).read(PUBLIC_IPS).value)
    return located(configurations(reply({"value": interfaces}).read(INTERFACES).value, SET), known)


def one(*interfaces: object, public: dict[str, object] | None = None) -> Addresses:
    (addresses,) = found(*interfaces, public=public).values()
    return addresses


def test_an_instance_is_found_by_the_id_of_its_vm() -> None:
    both = found(
        interface(configured("10.0.0.4", public="/P/1"), vm=f"{SET.upper()}/VIRTUALMACHINES/7"),
        interface(configured("10.0.0.5"), vm=f"{SET}/virtualMachines/12"),
        public={"/p/1": "203.0.113.9"},
    )
    assert both == {
        "7": Addresses(private="10.0.0.4", public="203.0.113.9"),
        "12": Addresses(private="10.0.0.5"),
    }


def test_the_address_of_instance_1_is_not_that_of_instance_11() -> None:
    """S0 11: "ends with 1" was true of 11 and 21 too, and one visitor was led to another one's machine."""
    numbers = ("1", "11", "21", "111")
    for order in (numbers, numbers[::-1]):
        shown = found(*(interface(configured(f"10.0.0.{each}"), vm=f"{SET}/virtualMachines/{each}") for each in order))
        assert shown == {each: Addresses(private=f"10.0.0.{each}") for each in numbers}


@pytest.mark.parametrize(
    "vm",
    [
        None,
        "",
        SET,
        f"{SET}s/virtualMachines/7",
        f"{SET}/virtualMachines/",
        f"{SET}/virtualMachines/7/extensions",
        f"{SET}/virtualMachines/..",
        f"{SET}/virtualMachines/*",
        *(f"{SET}/virtualMachines/7".replace("/rg/", f"/{other}/") for other in ("other", "r2", "RH", "xx")),
    ],
)
def test_an_interface_of_somebody_else_is_not_ours(vm: str | None) -> None:
    assert found(interface(configured(), vm=vm)) == {}


def test_the_primary_interface_is_the_one_and_on_it_the_primary_configuration() -> None:
    second = interface(configured("10.0.0.1"), primary=False)
    first = interface(configured("10.0.0.2", primary=False), configured("10.0.0.3"))
    assert one(second, first).private == "10.0.0.3"
    assert one(first, second).private == "10.0.0.3"


def test_what_is_not_said_to_be_primary_serves_where_nothing_else_is() -> None:
    assert one(interface(configured("10.0.0.1", primary=None), primary=None)).private == "10.0.0.1"


def test_an_address_of_version_6_serves_only_where_there_is_no_other() -> None:
    six = interface(configured("fd00::0:4"))
    assert one(six).private == "fd00::4"
    assert one(six, interface(configured("10.0.0.1", primary=False), primary=False)).private == "10.0.0.1"


def test_the_public_address_is_that_of_the_best_configuration_that_has_one() -> None:
    those = (configured("10.0.0.1"), configured("10.0.0.2", primary=False, public="/p/2"))
    assert one(interface(*those), public={"/P/2": "203.0.113.2"}) == Addresses(private="10.0.0.1", public="203.0.113.2")


def test_a_public_address_that_is_not_allocated_is_none() -> None:
    nic = interface(configured(public="/p/1"))
    assert one(nic, public={"/p/1": None}).public is None
    assert one(nic, public={}).public is None


@pytest.mark.parametrize("told", [{}, {"/p/1": None}, {"/P/2": "203.0.113.2"}], ids=["not listed", "empty", "another"])
def test_a_public_address_that_azure_has_and_does_not_tell_is_not_the_same_as_none(told: dict[str, object]) -> None:
    assert one(interface(configured(public="/p/1")), public=told) == Addresses(private="10.0.0.4", untold=True)
    assert one(interface(configured()), public=told) == Addresses(private="10.0.0.4")


def test_one_public_address_that_is_told_is_enough() -> None:
    those = (configured("10.0.0.1", public="/p/1"), configured("10.0.0.2", primary=False, public="/p/2"))
    assert not one(interface(*those), public={"/p/2": "203.0.113.2"}).untold


@pytest.mark.parametrize("text", ["", None, "10.0.0", "10.0.0.4/24", "10.0.0.04", "vm.example", "fe80::1%eth0", "\x00"])
def test_what_is_no_address_is_left_out(text: str | None) -> None:
    nic = interface(configured(text, public="/p/1"))
    assert one(nic, public={"/p/1": text}) == Addresses(untold=True)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"properties": None},
        {"properties": {"virtualMachine": None}},
        {"properties": {"virtualMachine": {"id": f"{SET}/virtualMachines/7"}, "ipConfigurations": None}},
        interface({"properties": None}),
    ],
)
def test_an_interface_that_says_too_little_says_nothing(row: object) -> None:
    assert found(row) == {}


@pytest.mark.parametrize("row", [7, {"properties": []}, interface(configured(7)), interface({"properties": "x"})])
def test_an_interface_of_another_shape_is_garbled(row: object) -> None:
    with pytest.raises(Garbled):
        found(row)
