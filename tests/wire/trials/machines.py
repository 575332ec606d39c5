"""Switches of VMs, the capacity, etags and the mark, each with an experiment."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from wire.desk import SET, Desk, desk
from wire.trials.trial import MARK, Trial

from emulator.behaviour import Latencies
from emulator.orders import Scale
from emulator.switches import Eviction, Renewal, Switches


def _protected_survive_scale_in(switches: Switches) -> object:
    azure = desk(switches, capacity=3)
    azure.emulated.protect("2", MARK)
    azure.wait()
    azure.emulated.scale(Scale(capacity=2))
    azure.wait()
    return [each.instance_id for each in azure.emulated.vms]


def _eviction(switches: Switches) -> object:
    azure = desk(switches)
    azure.ask("POST", f"{SET}/virtualMachines/0/simulateEviction")
    azure.wait()
    return [each.power.value for each in azure.emulated.vms], azure.emulated.capacity


def _reuse_ids(switches: Switches) -> object:
    azure = desk(switches, capacity=2)
    azure.order("delete", "0")
    azure.wait()
    azure.emulated.scale(Scale(capacity=2))
    return [each.instance_id for each in azure.emulated.vms]


def _renewal_at_rest(switches: Switches) -> object:
    azure = desk(switches)
    azure.order("deallocate", "0")
    azure.wait()
    status = azure.order("reimage", "0").status
    azure.wait()
    return status, azure.emulated.vms[0].power.value


def _vm_id_at_once(switches: Switches) -> object:
    azure = desk(switches, capacity=0)
    azure.emulated.scale(Scale(capacity=1))
    return "vmId" in azure.get(f"{SET}/virtualMachines")["value"][0]["properties"]


def _stopped_before_running(switches: Switches) -> object:
    azure = desk(switches)
    azure.order("deallocate", "0")
    azure.wait()
    azure.order("start", "0")
    azure.wait(Latencies().exact().start_deallocated[0] * 0.95)
    return azure.emulated.vms[0].power.value


def _delete_lowers_capacity_at_once(switches: Switches) -> object:
    azure = desk(switches)
    azure.order("delete", "0")
    before = azure.get(SET)["sku"]["capacity"]
    azure.wait()
    return before, azure.get(SET)["sku"]["capacity"]


def _etag_after(switches: Switches, change: Callable[[Desk], object]) -> int:
    azure = desk(switches)
    before = azure.emulated.set_state.etag
    change(azure)
    azure.wait()
    return azure.emulated.set_state.etag - before


def _delete_bumps_etag(switches: Switches) -> object:
    return _etag_after(switches, lambda azure: azure.order("delete", "0"))


def _eviction_bumps_etag(switches: Switches) -> object:
    deleting = replace(switches, eviction=Eviction.DELETE)
    return _etag_after(deleting, lambda azure: azure.ask("POST", f"{SET}/virtualMachines/0/simulateEviction"))


def _completion_bumps_etag(switches: Switches) -> object:
    return _etag_after(switches, lambda azure: azure.emulated.scale(Scale(capacity=2)))


def _mark(switches: Switches, *before: str) -> Desk:
    azure = desk(switches)
    for each in before:
        azure.order(each, "0")
        azure.wait()
    policy = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}
    azure.ask("PUT", f"{SET}/virtualMachines/0", policy)
    return azure


def _mark_on_deallocated(switches: Switches) -> object:
    return _mark(switches, "deallocate").emulated.vms[0].protected


def _mark_makes_updating(switches: Switches) -> object:
    return _mark(switches).get(f"{SET}/virtualMachines/0")["properties"]["provisioningState"]


def _mark_keeps_latest_model(switches: Switches) -> object:
    return _mark(switches).get(f"{SET}/virtualMachines/0")["properties"]["latestModelApplied"]


TRIALS: Mapping[str, Trial] = {
    "protected_survive_scale_in": Trial(look=_protected_survive_scale_in, shows={True: ["0", "2"], False: ["0", "1"]}),
    "eviction": Trial(look=_eviction, shows={Eviction.DEALLOCATE: (["deallocated"], 1), Eviction.DELETE: ([], 0)}),
    "renewal_at_rest": Trial(
        look=_renewal_at_rest,
        shows={
            Renewal.RUNS: (202, "running"),
            Renewal.STAYS: (202, "deallocated"),
            Renewal.REFUSED: (409, "deallocated"),
        },
    ),
    "reuse_ids": Trial(look=_reuse_ids, shows={True: ["0", "1"], False: ["1", "2"]}),
    "vm_id_at_once": Trial(look=_vm_id_at_once, shows={True: True, False: False}),
    "stopped_before_running": Trial(look=_stopped_before_running, shows={True: "stopped", False: "starting"}),
    "delete_lowers_capacity_at_once": Trial(look=_delete_lowers_capacity_at_once, shows={True: (0, 0), False: (1, 0)}),
    "delete_bumps_etag": Trial(look=_delete_bumps_etag, shows={True: 1, False: 0}),
    "eviction_bumps_etag": Trial(look=_eviction_bumps_etag, shows={True: 1, False: 0}),
    "completion_bumps_etag": Trial(look=_completion_bumps_etag, shows={True: 2, False: 1}),
    "mark_on_deallocated": Trial(look=_mark_on_deallocated, shows={True: True, False: False}),
    "mark_makes_updating": Trial(look=_mark_makes_updating, shows={True: "Updating", False: "Succeeded"}),
    "mark_keeps_latest_model": Trial(look=_mark_keeps_latest_model, shows={True: True, False: False}),
}
