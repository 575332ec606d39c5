"""Paths and their handlers. Paths are matched in lower case; any api-version will do."""

from collections.abc import Callable
from typing import NamedTuple

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from emulator.refusals import ArmError
from emulator.wire import directory, network, operations, scale_sets, token_endpoints, vms
from emulator.wire.exchange import Answer, Asked
from emulator.wire.site import Site

_SUB = "/subscriptions/<subscription>"
_GROUP = f"{_SUB}/resourcegroups/<group>"
_COMPUTE = f"{_SUB}/providers/microsoft.compute"
_SETS = f"{_GROUP}/providers/microsoft.compute/virtualmachinescalesets"
_SET = f"{_SETS}/<name>"
_TAGS = f"{_SET}/providers/microsoft.resources/tags/default"
_VM = f"{_SET}/virtualmachines/<instance>"
_NIC = f"{_VM}/networkinterfaces/<nic>"
_PUBLIC_IPS = f"{_NIC}/ipconfigurations/<configuration>/publicipaddresses"
_MACHINES = f"{_GROUP}/providers/microsoft.compute/virtualmachines"
_MACHINE = f"{_MACHINES}/<name>"
_NETWORK = f"{_GROUP}/providers/microsoft.network"
_POWER = "start, deallocate, poweroff, restart, reimage, redeploy"
_ACTIONS = f"<any({_POWER}, reimageall, delete):action>"
_VM_ACTIONS = f"<any({_POWER}, reimageall):action>"
_MACHINE_ACTIONS = f"<any({_POWER}):action>"


class Route(NamedTuple):
    """One line of the table. `kind` is what the log of calls says; `open`: no token wanted."""

    method: str
    path: str
    kind: str
    handle: Callable[[Site, Asked], Answer]
    open: bool = False


ROUTES = (
    Route("GET", _SETS, "list-sets", scale_sets.every),
    Route("GET", f"{_COMPUTE}/virtualmachinescalesets", "list-sets", scale_sets.every),
    Route("GET", _SET, "get-set", scale_sets.get),
    Route("GET", f"{_SET}/skus", "directory", scale_sets.skus),
    Route("PATCH", _SET, "update-set", scale_sets.update),
    Route("DELETE", _SET, "delete-set", scale_sets.delete),
    Route("PUT", _SET, "update-set", scale_sets.put),
    Route("GET", f"{_SET}/instanceview", "set-view", scale_sets.view),
    Route("POST", f"{_SET}/{_ACTIONS}", "batch", scale_sets.act),
    Route("GET", _TAGS, "get-tags", directory.get_tags),
    Route("PATCH", _TAGS, "tag", directory.patch_tags),
    Route("GET", f"{_SET}/virtualmachines", "list", vms.parts),
    Route("GET", _VM, "get-vm", vms.get_part),
    Route("PUT", _VM, "update-vm", vms.put),
    Route("DELETE", _VM, "vm-delete", vms.delete),
    Route("GET", f"{_VM}/instanceview", "get-vm", vms.view),
    Route("POST", f"{_VM}/{_VM_ACTIONS}", "vm", vms.act),
    Route("POST", f"{_VM}/simulateeviction", "vm-evict", vms.evict),
    Route("GET", _MACHINES, "list-machines", vms.machines),
    Route("GET", f"{_COMPUTE}/virtualmachines", "list-machines", vms.machines),
    Route("GET", _MACHINE, "get-machine", vms.get_machine),
    Route("DELETE", _MACHINE, "machine-delete", vms.delete),
    Route("GET", f"{_MACHINE}/instanceview", "get-machine", vms.view),
    Route("POST", f"{_MACHINE}/{_MACHINE_ACTIONS}", "machine", vms.act),
    Route("POST", f"{_MACHINE}/simulateeviction", "machine-evict", vms.evict),
    Route("GET", f"{_SET}/networkinterfaces", "list-nics", network.of_set),
    Route("GET", f"{_SET}/publicipaddresses", "list-public-ips", network.public_ips_of_set),
    Route("GET", f"{_VM}/networkinterfaces", "get-nic", network.of_vm),
    Route("GET", _NIC, "get-nic", network.get),
    Route("GET", _PUBLIC_IPS, "get-public-ip", network.public_ips_of_vm),
    Route("GET", f"{_PUBLIC_IPS}/<address>", "get-public-ip", network.public_ip_of_vm),
    Route("GET", f"{_NETWORK}/networkinterfaces", "list-nics", network.of_group),
    Route("GET", f"{_NETWORK}/networkinterfaces/<nic>", "get-nic", network.get_of_group),
    Route("GET", f"{_NETWORK}/publicipaddresses", "list-public-ips", network.public_ips_of_group),
    Route("GET", f"{_NETWORK}/publicipaddresses/<address>", "get-public-ip", network.public_ip_of_group),
    Route("GET", f"{_COMPUTE}/locations/<location>/operations/<operation>", "get-operation", operations.status),
    Route("GET", f"{_COMPUTE}/locations/<location>/usages", "directory", directory.usages),
    *(
        Route("GET", f"{scope}/providers/microsoft.authorization/{what}", "directory", handle)
        for scope in (_SUB, _GROUP, _SET)
        for what, handle in (("permissions", directory.permissions), ("locks", directory.locks))
    ),
    Route("GET", "/subscriptions", "directory", directory.subscriptions),
    Route("GET", _SUB, "directory", directory.subscription),
    Route("GET", f"{_SUB}/resourcegroups", "directory", directory.resource_groups),
    Route("GET", _GROUP, "directory", directory.resource_group),
    Route("GET", f"{_SUB}/locations", "directory", directory.locations),
    Route("GET", "/tenants", "directory", directory.tenants),
    Route("GET", "/metadata/endpoints", "directory", directory.endpoints, open=True),
    Route("GET", "/<tenant>/v2.0/.well-known/openid-configuration", "directory", token_endpoints.discovery, open=True),
    Route("POST", "/<tenant>/oauth2/v2.0/token", "token", token_endpoints.token, open=True),
    Route("GET", "/msi/token", "token", token_endpoints.app_service, open=True),
    Route("GET", "/metadata/identity/oauth2/token", "token", token_endpoints.metadata_service, open=True),
)

_MAP = Map(
    [Rule(each.path, methods=[each.method], endpoint=index) for index, each in enumerate(ROUTES)],
    strict_slashes=False,
    merge_slashes=False,
)


def route(asked: Asked) -> tuple[Route, Asked]:
    """The route of a request, and the request with the parts of the path."""
    try:
        index, params = _MAP.bind("").match(asked.path, method=asked.method)
    except (NotFound, MethodNotAllowed):
        raise _not_here(asked) from None
    return ROUTES[index], asked.with_params(params)


def _not_here(asked: Asked) -> ArmError:
    """Answer an unknown path, so that the resource does not look as if it were gone."""
    return ArmError(501, "NotImplemented", f"The emulator has no {asked.method} of '{asked.path}'.")
