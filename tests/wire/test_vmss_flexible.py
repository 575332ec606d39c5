"""What goes over the wire for a Flexible scale set: two lists to a look, and an order to each VM."""

import json
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from urllib.parse import parse_qs, unquote

import pytest
from wire.scripted_arm import PATH, Asked, Said, Wire, json_said, refusal_said, set_body, vm_id, wired

from scaler.errors import Garbled, Partly, Refused, Throttled
from scaler.model.instance import Addresses, InstanceId, InstanceRef, PowerState, ScaleSetName
from scaler.ports import one_by_one
from scaler.vmss.flexible import FlexibleScaleSet
from scaler.vmss.gates import Kind

MINUTE = timedelta(minutes=1)
GROUP = PATH.partition("/Microsoft.Compute")[0]
MACHINES = f"{GROUP}/Microsoft.Compute/virtualMachines"
ACCEPTED = Said(status=202)


def flexible(script: Callable[[Asked], Said]) -> AbstractContextManager[Wire]:
    return wired(script, door=FlexibleScaleSet)


def name(number: int) -> str:
    return f"Pixels_0000000{number}"


def ref(number: int) -> InstanceRef:
    return InstanceRef(scale_set=ScaleSetName("pixels"), instance_id=InstanceId(name(number)), vm_id=vm_id(number))


def member(number: int, *, marked: bool = True) -> dict[str, object]:
    protection = {"protectionPolicy": {"protectFromScaleIn": marked}}
    properties = {"vmId": vm_id(number), "provisioningState": "Succeeded", **protection}
    return {"id": "…", "instanceId": name(number), "etag": '"3"', "properties": properties}


def machine(number: int, power: str = "running") -> dict[str, object]:
    view = {"statuses": [{"code": f"PowerState/{power}"}]}
    properties = {"vmId": vm_id(number), "provisioningState": "Succeeded", "instanceView": view}
    return {"id": "…", "name": name(number), "properties": properties}


def path_of(asked: Asked) -> str:
    return asked.path.partition("?")[0]


def azure(asked: Asked) -> Said:
    """Two machines, one a page; each also by its name."""
    path, _, query = asked.path.partition("?")
    build = machine if path.startswith(MACHINES) else member
    last = path.rpartition("_0000000")[2]
    if last.isdigit():
        return json_said(build(int(last)))
    page = int(query.partition("page=")[2] or 1)
    link = f"http://{asked.headers['host']}{asked.path}&page=2" if page == 1 else None
    return json_said({"value": [build(page)], "nextLink": link})


def test_a_listing_is_the_pages_of_two_lists_in_the_time_of_the_first() -> None:
    with flexible(azure) as wire:
        wire.clock.advance(timedelta(seconds=3))
        pages = wire.scale_set.list_instances()
        assert [each.ref for each in pages.instances] == [ref(1), ref(2)]
        assert all(each.marked and each.power is PowerState.RUNNING for each in pages.instances)
        assert (pages.requests, pages.unidentified, pages.sent) == (4, 0, 3.0)
        assert [path_of(each) for each in wire.asked] == [f"{PATH}/virtualMachines"] * 2 + [MACHINES] * 2
        assert wire.scale_set.gates.asked == {Kind.LIST: 2, Kind.LIST_VMS: 2}


def test_the_groups_list_is_asked_for_this_scale_sets_machines_and_their_power() -> None:
    with flexible(azure) as wire:
        wire.scale_set.list_instances()
        query = parse_qs(wire.asked[2].path.partition("?")[2])
        assert query["$filter"] == [f"'virtualMachineScaleSet/id' eq '{PATH}'"]
        assert query["$expand"] == ["instanceView"]
        assert "$expand" not in unquote(wire.asked[0].path)  # Azure has no instance view there


@pytest.mark.parametrize("broken", [f"{PATH}/virtualMachines", MACHINES])
def test_half_a_look_is_no_listing(broken: str) -> None:
    def script(asked: Asked) -> Said:
        return json_said({}) if path_of(asked) == broken else azure(asked)

    with flexible(script) as wire, pytest.raises(Garbled):
        wire.scale_set.list_instances()


def test_one_machine_is_two_gets() -> None:
    with flexible(azure) as wire:
        answer = wire.scale_set.get(ref(2))
        assert answer.instance is not None
        assert (answer.instance.ref, answer.instance.marked, answer.instance.runs) == (ref(2), True, True)
        assert [path_of(each) for each in wire.asked] == [
            f"{PATH}/virtualMachines/{name(2)}",
            f"{MACHINES}/{name(2)}",
        ]
        assert "$expand=instanceView" in wire.asked[1].path


def test_a_vm_of_the_group_that_is_not_the_scale_sets_is_none_of_ours() -> None:
    def script(asked: Asked) -> Said:
        return azure(asked) if path_of(asked).startswith(MACHINES) else refusal_said(404, "NotFound")

    with flexible(script) as wire:
        assert wire.scale_set.get(ref(1)).found is None
        assert len(wire.asked) == 1


def test_a_member_whose_machine_is_gone_is_gone() -> None:
    def script(asked: Asked) -> Said:
        gone = path_of(asked).startswith(MACHINES)
        return refusal_said(404, "ResourceNotFound") if gone else azure(asked)

    with flexible(script) as wire:
        assert wire.scale_set.get(ref(1)).found is None


@pytest.mark.parametrize("hostile", ["..", "a/b", "*", "", "a?b", "a%2f..", "-x", "x" * 65])
def test_a_name_in_the_notes_that_is_none_is_refused_and_never_asked_for(hostile: str) -> None:
    wrong = InstanceRef(scale_set=ScaleSetName("pixels"), instance_id=InstanceId(hostile), vm_id=vm_id(1))
    with flexible(azure) as wire:
        with pytest.raises(Refused, match="not an instance"):
            wire.scale_set.get(wrong)
        with pytest.raises(ValueError, match="not an instance"):
            wire.scale_set.start([ref(1), wrong], within=MINUTE)
        assert wire.asked == []


def test_a_name_is_no_id_of_a_uniform_scale_set() -> None:
    with wired(azure) as wire:
        with pytest.raises(Refused, match="not an instance"):
            wire.scale_set.get(ref(1))
        assert wire.asked == []


ORDERS = {"start": "start", "power_off": "poweroff", "deallocate": "deallocate"}


@pytest.mark.parametrize(("order", "action"), ORDERS.items())
def test_an_order_goes_to_each_vm_however_many(order: str, action: str) -> None:
    with flexible(lambda _: ACCEPTED) as wire:
        getattr(wire.scale_set.for_controller("starter"), order)([ref(n) for n in range(9)], within=MINUTE)
        assert [path_of(each).lower() for each in wire.asked] == [
            f"{MACHINES}/{name(n)}/{action}".lower() for n in range(9)
        ]
        assert {each.method for each in wire.asked} == {"POST"}
        assert all("api-version=2025-04-01" in each.path for each in wire.asked)


def test_our_own_closed_gate_is_no_attempt_of_anybody() -> None:
    with flexible(lambda _: refusal_said(429, "TooManyRequests")) as wire:
        with pytest.raises(Throttled):
            wire.scale_set.start([ref(1)], within=MINUTE)
        with pytest.raises(Partly) as partly:
            wire.scale_set.start([ref(1), ref(2)], within=MINUTE)
        assert all(each.never_sent for each in partly.value.failures.values())
        assert len(wire.asked) == 1


def test_for_what_there_was_no_time_nothing_was_sent_and_that_is_no_attempt() -> None:
    def script(_: Asked) -> Said:
        wire.clock.advance(MINUTE)
        return ACCEPTED

    with flexible(script) as wire:
        with pytest.raises(Partly) as partly:
            wire.scale_set.start([ref(1), ref(2), ref(3)], within=MINUTE)
        assert {each: error.never_sent for each, error in partly.value.failures.items()} == {
            name(2): True,
            name(3): True,
        }
        assert len(wire.asked) == 1


def test_a_deletion_is_one_batch_through_the_scale_set_without_those_that_are_gone() -> None:
    dead = f"The provided instanceId {name(2).lower()} is not an active Virtual Machine Scale Set VM instanceId."
    answers = deque([refusal_said(400, "InvalidParameter", dead), ACCEPTED])
    with flexible(lambda _: answers.popleft()) as wire:
        wire.scale_set.delete([ref(1), ref(2)], within=MINUTE)
        assert [path_of(each) for each in wire.asked] == [f"{PATH}/delete"] * 2
        sent = [json.loads(each.body)["instanceIds"] for each in wire.asked]
        assert sent == [[name(1), name(2)], [name(1)]]


def test_addresses_are_picked_from_the_resource_groups_lists() -> None:
    def script(asked: Asked) -> Said:
        if path_of(asked).endswith("/publicIPAddresses"):
            return json_said({"value": [{"id": f"{GROUP}/P/1", "properties": {"ipAddress": "203.0.113.1"}}]})
        where = {"privateIPAddress": "10.0.0.1", "publicIPAddress": {"id": f"{GROUP}/p/1"}}
        ours = {"virtualMachine": {"id": f"{MACHINES}/{name(1)}"}, "ipConfigurations": [{"properties": where}]}
        uniform = {**ours, "virtualMachine": {"id": f"{PATH}/virtualMachines/1"}}
        return json_said({"value": [{"properties": ours}, {"properties": uniform}, {"properties": {}}]})

    with flexible(script) as wire:
        found = {vm_id(1): Addresses(private="10.0.0.1", public="203.0.113.1")}
        assert wire.scale_set.addresses([ref(1)], one_by_one) == (found, ())
        lists = f"{GROUP}/Microsoft.Network"
        assert [path_of(each) for each in wire.asked] == [f"{lists}/networkInterfaces", f"{lists}/publicIPAddresses"]


def test_where_the_groups_lists_have_several_pages_a_machine_is_asked_for_by_itself_in_three_requests() -> None:
    interface, public = (
        f"{GROUP}/Microsoft.Network/networkInterfaces/n",
        f"{GROUP}/Microsoft.Network/publicIPAddresses/p",
    )
    where = {"privateIPAddress": "10.0.0.1", "publicIPAddress": {"id": public}}
    shown = {"virtualMachine": {"id": f"{MACHINES}/{name(1)}"}, "ipConfigurations": [{"properties": where}]}

    def script(asked: Asked) -> Said:
        path, _, query = asked.path.partition("?")
        if path.lower() == interface.lower():
            return json_said({"properties": shown})
        if path.lower() == public.lower():
            return json_said({"properties": {"ipAddress": "203.0.113.1"}, "id": public})
        if path == f"{MACHINES}/{name(1)}":
            return json_said({"properties": {"networkProfile": {"networkInterfaces": [{"id": interface}]}}})
        if path == PATH:
            return json_said(
                set_body(capacity=2) | {"properties": {"uniqueId": "u-1", "orchestrationMode": "Flexible"}}
            )
        link = f"http://{asked.headers['host']}{asked.path}&page=2" if "page=" not in query else None
        return json_said({"value": [{"properties": shown}], "nextLink": link})

    with flexible(script) as wire:
        wire.scale_set.view()
        assert len(wire.scale_set.addresses([ref(1)], one_by_one)[0]) == 1  # by list: nothing is known of its pages
        del wire.asked[:]
        assert wire.scale_set.addresses([ref(1)], one_by_one) == (
            {vm_id(1): Addresses(private="10.0.0.1", public="203.0.113.1")},
            [],
        )
        assert [path_of(each) for each in wire.asked] == [f"{MACHINES}/{name(1)}", interface, public.lower()]


RIGHTS: dict[str, tuple[Callable[[Wire], object], str]] = {
    "addresses": (lambda it: it.scale_set.addresses([ref(1)], one_by_one), "Microsoft.Network/networkInterfaces/read"),
    "listing": (lambda it: it.scale_set.list_instances(), "Microsoft.Compute/virtualMachineScaleSets/*"),
    "start": (lambda it: it.scale_set.start([ref(1)], within=MINUTE), "Microsoft.Compute/virtualMachines/*"),
}


@pytest.mark.parametrize("call", RIGHTS)
def test_a_want_of_rights_names_them(call: str) -> None:
    ask, right = RIGHTS[call]
    with flexible(lambda _: refusal_said(403, "AuthorizationFailed")) as wire:
        with pytest.raises(Refused) as refused:
            ask(wire)
        assert right in str(refused.value)
