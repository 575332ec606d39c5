"""Switches of listings, addresses, roles and request budgets, each with an experiment."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from wire.desk import SET, Desk, desk
from wire.trials.trial import MARK, Trial, as_it_is

from emulator.behaviour import Fault, Faults
from emulator.orders import OrderKind, Protection, Scale
from emulator.refusals import ArmError
from emulator.switches import FrontDoorCode, Switches
from emulator.wire.roles import Grant, Role


def _vm_etags(switches: Switches) -> object:
    azure = desk(switches)
    row, alone = azure.get(f"{SET}/virtualMachines")["value"][0], azure.ask("GET", f"{SET}/virtualMachines/0")
    return "etag" in row, "etag" in alone.body, "etag" in alone.headers


def _deleting_rows_lose_id(switches: Switches) -> object:
    azure = desk(switches)
    azure.order("delete", "0")
    row = azure.get(f"{SET}/virtualMachines")["value"][0]
    return row["id"] == "", "vmId" in row["properties"]


def _ragged_listings(switches: Switches) -> object:
    """Two VMs change at the same moments: rows that are equally old look the same."""
    azure = desk(replace(switches, mark_makes_updating=False), capacity=2)
    for each in range(12):
        for vm in ("0", "1"):
            azure.emulated.protect(vm, Protection(from_scale_in=each % 2 == 0))
        azure.wait(10)
    azure.emulated.faults = Faults(rates={Fault.LISTING_OLD: 1.0})
    looks = [azure.emulated.read_first_page() for _ in range(20)]
    return all(first.etag == second.etag for first, second in looks)


def _stale_skip_tokens(switches: Switches) -> object:
    azure = desk(switches, capacity=2, page_size=1)
    link = azure.get(f"{SET}/virtualMachines")["nextLink"]
    azure.emulated.scale(Scale(capacity=3))
    return azure.ask("GET", link).status


def _public_ip_survives_deallocation(switches: Switches) -> object:
    azure = desk(switches)
    before = azure.emulated.vms[0].public_ip
    azure.order("deallocate", "0")
    azure.wait()
    return azure.emulated.vms[0].public_ip == before


def _unallocated_public_ips_listed(switches: Switches) -> object:
    azure = desk(switches)
    azure.order("deallocate", "0")
    azure.wait()
    return [sorted(each["properties"]) for each in azure.get(f"{SET}/publicipaddresses")["value"]] != []


def _thirteenth(switches: Switches, order: Callable[[Desk, str], object]) -> object:
    """Whether a bucket of twelve is full after as many calls about as many VMs."""
    azure = desk(switches, capacity=13, metered=True)
    for each in range(12):
        order(azure, str(each))
    try:
        order(azure, "12")
    except ArmError as error:
        return error.status
    return 202


def _mark_bucket_per_vm(switches: Switches) -> object:
    return _thirteenth(switches, lambda azure, vm: azure.emulated.protect(vm, MARK))


def _delete_bucket_of_set(switches: Switches) -> object:
    return _thirteenth(switches, lambda azure, vm: azure.emulated.order(OrderKind.DELETE, [vm]))


def _deallocate_bucket_of_set(switches: Switches) -> object:
    return _thirteenth(switches, lambda azure, vm: azure.emulated.order(OrderKind.DEALLOCATE, [vm]))


def _views_are_metered(switches: Switches) -> object:
    azure = desk(switches, capacity=250, metered=True, page_size=250)
    answers = [azure.ask("GET", f"{SET}/virtualMachines").status for _ in range(21)]  # of 5,000 views, and 30 listings
    return answers[-1]


def _front_door_code(switches: Switches) -> object:
    azure = desk(switches, metered=True)
    for _ in range(250):
        azure.get("/subscriptions")
    return azure.ask("GET", "/subscriptions").code


def _permissions_want_a_right(switches: Switches) -> object:
    azure = desk(switches)
    azure.site.grants["any"] = Grant(role=Role(actions=()))
    return azure.ask("GET", f"{SET}/providers/Microsoft.Authorization/permissions").status


TRIALS: Mapping[str, Trial] = {
    "vm_etags": Trial(look=_vm_etags, shows={True: (True,) * 3, False: (False,) * 3}),
    "deleting_rows_lose_id": Trial(look=_deleting_rows_lose_id, shows={True: (True, False), False: (False, True)}),
    "ragged_listings": Trial(look=_ragged_listings, shows={True: False, False: True}),
    "stale_skip_tokens": Trial(look=_stale_skip_tokens, shows={True: 400, False: 200}),
    "public_ip_survives_deallocation": Trial(look=_public_ip_survives_deallocation, shows={True: True, False: False}),
    "unallocated_public_ips_listed": Trial(look=_unallocated_public_ips_listed, shows={True: True, False: False}),
    "mark_bucket_per_vm": Trial(look=_mark_bucket_per_vm, shows={True: 202, False: 429}),
    "delete_bucket_of_set": Trial(look=_delete_bucket_of_set, shows={True: 429, False: 202}),
    "deallocate_bucket_of_set": Trial(look=_deallocate_bucket_of_set, shows={True: 429, False: 202}),
    "views_are_metered": Trial(look=_views_are_metered, shows={True: 429, False: 200}),
    "permissions_want_a_right": Trial(look=_permissions_want_a_right, shows={True: 403, False: 200}),
    "front_door_code": Trial(look=_front_door_code, shows=as_it_is(FrontDoorCode)),
}
