"""Paths and their handlers. Paths stand in ARM's spelling, and are matched in any case; any api-version will do."""

from collections.abc import Callable
from typing import NamedTuple

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from emulator.refusals import ArmError
from emulator.wire import directory, network, operations, scale_sets, token_endpoints, vms
from emulator.wire.exchange import Answer, Asked
from emulator.wire.roles import needed
from emulator.wire.site import Site

_SUB = "/subscriptions/<subscription>"
_GROUP = f"{_SUB}/resourceGroups/<group>"
_COMPUTE = f"{_SUB}/providers/Microsoft.Compute"
_ROLES = "/providers/Microsoft.Authorization/roleDefinitions"
_RESERVATIONS = f"{_GROUP}/providers/Microsoft.Compute/capacityReservationGroups"
_SETS = f"{_GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets"
_SET = f"{_SETS}/<name>"
_TAGS = f"{_SET}/providers/Microsoft.Resources/tags/default"
_GROUP_TAGS = f"{_GROUP}/providers/Microsoft.Resources/tags/default"
_VM = f"{_SET}/virtualMachines/<instance>"
_NIC = f"{_VM}/networkInterfaces/<nic>"
_PUBLIC_IPS = f"{_NIC}/ipConfigurations/<configuration>/publicIPAddresses"
_MACHINES = f"{_GROUP}/providers/Microsoft.Compute/virtualMachines"
_MACHINE = f"{_MACHINES}/<name>"
_NETWORK = f"{_GROUP}/providers/Microsoft.Network"
_POWER = "start, deallocate, powerOff, restart, reimage, redeploy"
_ACTIONS = f"<any({_POWER}, reimageAll, delete):action>"
_VM_ACTIONS = f"<any({_POWER}, reimageAll):action>"
_MACHINE_ACTIONS = f"<any({_POWER}):action>"


class Route(NamedTuple):
    """One line of the table. `kind` is what the log of calls says; `open`: no token wanted; `free`: no role either."""

    method: str
    path: str
    kind: str
    handle: Callable[[Site, Asked], Answer]
    open: bool = False
    free: bool = False

    def action(self, asked: Asked) -> str:
        """The action that the caller's role must have."""
        return needed(self.method, self.path, asked.params)


ROUTES = (
    Route("GET", _SETS, "list-sets", scale_sets.every),
    Route("GET", f"{_COMPUTE}/virtualMachineScaleSets", "list-sets", scale_sets.every),
    Route("GET", _SET, "get-set", scale_sets.get),
    Route("GET", f"{_SET}/skus", "directory", scale_sets.skus),
    Route("PATCH", _SET, "update-set", scale_sets.update),
    Route("DELETE", _SET, "delete-set", scale_sets.delete),
    Route("PUT", _SET, "update-set", scale_sets.put),
    Route("GET", f"{_SET}/instanceView", "set-view", scale_sets.view),
    Route("POST", f"{_SET}/{_ACTIONS}", "batch", scale_sets.act),
    Route("GET", _TAGS, "get-tags", directory.get_tags),
    Route("PATCH", _TAGS, "tag", directory.patch_tags),
    Route("GET", _GROUP_TAGS, "get-tags", directory.get_tags),
    Route("PATCH", _GROUP_TAGS, "tag", directory.patch_tags),
    Route("PATCH", _GROUP, "update-group", directory.update_group),
    Route("PUT", _GROUP, "update-group", directory.update_group),
    Route("GET", f"{_SET}/virtualMachines", "list", vms.parts),
    Route("GET", _VM, "get-vm", vms.get_part),
    Route("PUT", _VM, "update-vm", vms.put),
    Route("DELETE", _VM, "vm-delete", vms.delete),
    Route("GET", f"{_VM}/instanceView", "get-vm", vms.view),
    Route("POST", f"{_VM}/{_VM_ACTIONS}", "vm", vms.act),
    Route("POST", f"{_VM}/simulateEviction", "vm-evict", vms.evict),
    Route("GET", _MACHINES, "list-machines", vms.machines),
    Route("GET", f"{_COMPUTE}/virtualMachines", "list-machines", vms.machines),
    Route("GET", _MACHINE, "get-machine", vms.get_machine),
    Route("DELETE", _MACHINE, "machine-delete", vms.delete),
    Route("GET", f"{_MACHINE}/instanceView", "get-machine", vms.view),
    Route("POST", f"{_MACHINE}/{_MACHINE_ACTIONS}", "machine", vms.act),
    Route("POST", f"{_MACHINE}/simulateEviction", "machine-evict", vms.evict),
    Route("GET", f"{_SET}/networkInterfaces", "list-nics", network.of_set),
    Route("GET", f"{_SET}/publicIPAddresses", "list-public-ips", network.public_ips_of_set),
    Route("GET", f"{_VM}/networkInterfaces", "get-nic", network.of_vm),
    Route("GET", _NIC, "get-nic", network.get),
    Route("GET", _PUBLIC_IPS, "get-public-ip", network.public_ips_of_vm),
    Route("GET", f"{_PUBLIC_IPS}/<address>", "get-public-ip", network.public_ip_of_vm),
    Route("GET", f"{_NETWORK}/networkInterfaces", "list-nics", network.of_group),
    Route("GET", f"{_NETWORK}/networkInterfaces/<nic>", "get-nic", network.get_of_group),
    Route("GET", f"{_NETWORK}/publicIPAddresses", "list-public-ips", network.public_ips_of_group),
    Route("GET", f"{_NETWORK}/publicIPAddresses/<address>", "get-public-ip", network.public_ip_of_group),
    Route("GET", f"{_COMPUTE}/locations/<location>/operations/<operation>", "get-operation", operations.status),
    Route("GET", f"{_COMPUTE}/locations/<location>/usages", "directory", directory.usages),
    Route("GET", f"{_COMPUTE}/skus", "directory", directory.sizes),
    Route("GET", f"{_RESERVATIONS}/<reservations>", "directory", directory.reservation_group),
    *(
        Route("GET", f"{scope}/providers/Microsoft.Authorization/{what}", "directory", handle)
        for scope in (_SUB, _GROUP, _SET)
        for what, handle in (
            ("permissions", directory.permissions),
            ("locks", directory.locks),
            ("roleAssignments", directory.role_assignments),
        )
    ),
    Route("GET", f"{_SUB}{_ROLES}/<role>", "directory", directory.role_definition),
    Route("GET", "/subscriptions", "directory", directory.subscriptions, free=True),
    Route("GET", _SUB, "directory", directory.subscription),
    Route("GET", f"{_SUB}/resourceGroups", "directory", directory.resource_groups),
    Route("GET", _GROUP, "get-group", directory.resource_group),
    Route("GET", f"{_SUB}/locations", "directory", directory.locations),
    Route("GET", "/tenants", "directory", directory.tenants, free=True),
    Route("GET", "/metadata/endpoints", "directory", directory.endpoints, open=True),
    Route("GET", "/<tenant>/v2.0/.well-known/openid-configuration", "directory", token_endpoints.discovery, open=True),
    Route("POST", "/<tenant>/oauth2/v2.0/token", "token", token_endpoints.token, open=True),
    Route("GET", "/msi/token", "token", token_endpoints.app_service, open=True),
    Route("GET", "/metadata/identity/oauth2/token", "token", token_endpoints.metadata_service, open=True),
)

_MAP = Map(
    [Rule(each.path.lower(), methods=[each.method], endpoint=index) for index, each in enumerate(ROUTES)],
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
