"""Microsoft.Network: the NICs and public IPs of a Uniform scale set's VMs."""

from wire.desk import GROUP, NETWORK, SET, Desk, desk

from emulator.orders import Scale

NICS, PUBLIC = f"{SET}/networkInterfaces", f"{SET}/publicipaddresses"
NIC = f"{SET}/virtualMachines/0/networkInterfaces/nic"


def private(azure: Desk) -> list[str | None]:
    """By VM."""
    configurations = (each["properties"]["ipConfigurations"][0]["properties"] for each in azure.every(NICS))
    return [each.get("privateIPAddress") for each in configurations]


def public(azure: Desk) -> list[str | None]:
    """By VM."""
    return [each["properties"].get("ipAddress") for each in azure.every(PUBLIC)]


def test_a_nic_says_whose_it_is_where_it_is_and_which_public_ip_it_has() -> None:
    (nic,) = desk().get(NICS)["value"]
    assert (nic["name"], nic["id"]) == ("nic", NIC)
    assert nic["properties"]["virtualMachine"] == {"id": f"{SET}/virtualMachines/0"}
    (configuration,) = nic["properties"]["ipConfigurations"]
    assert configuration["id"] == f"{NIC}/ipConfigurations/ipconfig"
    properties = configuration["properties"]
    assert (properties["privateIPAddress"], properties["primary"]) == ("10.0.0.4", True)
    assert properties["publicIPAddress"] == {
        "id": f"{NIC}/ipConfigurations/ipconfig/publicIPAddresses/instancepublicip"
    }


def test_a_private_address_is_for_life_and_a_public_one_ends_with_its_allocation() -> None:
    azure = desk()
    before = private(azure), public(azure)
    azure.order("deallocate", "0")
    azure.wait()
    assert (private(azure), public(azure)) == (before[0], [None])
    assert "ipAddress" not in azure.get(PUBLIC)["value"][0]["properties"]
    azure.order("start", "0")
    azure.wait()
    assert private(azure) == before[0]
    assert public(azure) not in (before[1], [None])


def test_a_stopped_vm_keeps_its_public_address() -> None:
    azure = desk()
    before = public(azure)
    azure.order("poweroff", "0")
    azure.wait()
    assert public(azure) == before


def test_a_new_vm_has_a_private_address_at_once_and_a_public_one_when_it_runs() -> None:
    azure = desk(capacity=0)
    azure.emulated.scale(Scale(capacity=1))
    assert (private(azure), public(azure)) == (["10.0.0.4"], [None])
    azure.wait()
    assert None not in public(azure)


def test_one_vm_can_be_asked_for_alone() -> None:
    azure = desk(capacity=2)
    assert azure.get(f"{SET}/virtualMachines/1/networkInterfaces")["value"] == azure.get(NICS)["value"][1:]
    assert azure.get(f"{NIC}/ipConfigurations/ipconfig/publicIPAddresses")["value"] == azure.get(PUBLIC)["value"][:1]


def test_only_one_nic_by_itself_can_show_its_public_ip_in_it() -> None:
    azure = desk()
    expand = "?$expand=ipConfigurations/publicIPAddress"

    def shown(nic: dict[str, dict[str, list[dict[str, dict[str, object]]]]]) -> object:
        return nic["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"]

    assert shown(azure.get(f"{NIC}{expand}")) == azure.get(PUBLIC)["value"][0]
    assert shown(azure.get(f"{NICS}{expand}")["value"][0]) == shown(azure.get(NIC))


def test_what_belongs_to_a_uniform_scale_set_is_no_resource_of_the_group() -> None:
    azure = desk()
    assert azure.get(f"{NETWORK}/networkInterfaces") == azure.get(f"{NETWORK}/publicIPAddresses") == {"value": []}


def test_no_two_scale_sets_of_a_region_have_an_address_in_common() -> None:
    azure = desk()
    made = azure.ask("PUT", SET.replace("vmss-pixels", "other"), {"location": "westeurope", "sku": {"capacity": 2}})
    azure.wait()
    assert made.status == 201
    other = azure.get(NICS.replace("vmss-pixels", "other"))["value"]
    addresses = [each["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] for each in other]
    assert sorted([*addresses, *private(azure)]) == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]
    assert all(each["id"].startswith(GROUP) for each in other)
