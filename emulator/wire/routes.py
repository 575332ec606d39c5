"""Paths and their handlers. Paths are matched in lower case; any api-version will do."""

from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from emulator.refusals import ArmError
from emulator.wire import directory, machines, network, operations, scale_sets, token_endpoints, vms
from emulator.wire.exchange import Answer, Asked
from emulator.wire.site import Site

_SUB = "/subscriptions/<subscription>"
_SETS = f"{_SUB}/resourcegroups/<group>/providers/microsoft.compute/virtualmachinescalesets"
_SET = f"{_SETS}/<name>"
_VM = f"{_SET}/virtualmachines/<instance>"
_NIC = f"{_VM}/networkinterfaces/<nic>"
_MACHINES = f"{_SUB}/resourcegroups/<group>/providers/microsoft.compute/virtualmachines"
_MACHINE = f"{_MACHINES}/<name>"
_NETWORK = f"{_SUB}/resourcegroups/<group>/providers/microsoft.network"
_POWER = "start, deallocate, poweroff, restart, reimage, redeploy"
_ACTIONS = f"<any({_POWER}, reimageall, delete):action>"
_VM_ACTIONS = f"<any({_POWER}, reimageall):action>"
_MACHINE_ACTIONS = f"<any({_POWER}):action>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One line of the table. `kind` is what the log of calls says; `open`: no token wanted."""

    method: str
    path: str
    kind: str
    handle: Callable[[Site, Asked], Answer]
    open: bool = False


ROUTES = (
    Route(method="GET", path=_SETS, kind="list-sets", handle=scale_sets.every),
    Route(
        method="GET",
        path=f"{_SUB}/providers/microsoft.compute/virtualmachinescalesets",
        kind="list-sets",
        handle=scale_sets.every,
    ),
    Route(method="GET", path=_SET, kind="get-set", handle=scale_sets.get),
    Route(method="GET", path=f"{_SET}/skus", kind="directory", handle=scale_sets.skus),
    Route(method="PATCH", path=_SET, kind="update-set", handle=scale_sets.update),
    Route(method="DELETE", path=_SET, kind="delete-set", handle=scale_sets.delete),
    Route(method="PUT", path=_SET, kind="update-set", handle=scale_sets.put),
    Route(method="GET", path=f"{_SET}/instanceview", kind="set-view", handle=scale_sets.view),
    Route(method="POST", path=f"{_SET}/{_ACTIONS}", kind="batch", handle=scale_sets.act),
    Route(
        method="GET",
        path=f"{_SET}/providers/microsoft.resources/tags/default",
        kind="get-tags",
        handle=directory.get_tags,
    ),
    Route(
        method="PATCH",
        path=f"{_SET}/providers/microsoft.resources/tags/default",
        kind="tag",
        handle=directory.patch_tags,
    ),
    Route(method="GET", path=f"{_SET}/virtualmachines", kind="list", handle=vms.every),
    Route(method="GET", path=_VM, kind="get-vm", handle=vms.get),
    Route(method="PUT", path=_VM, kind="update-vm", handle=vms.put),
    Route(method="DELETE", path=_VM, kind="vm-delete", handle=vms.delete),
    Route(method="GET", path=f"{_VM}/instanceview", kind="get-vm", handle=vms.view),
    Route(method="POST", path=f"{_VM}/{_VM_ACTIONS}", kind="vm", handle=vms.act),
    Route(method="POST", path=f"{_VM}/simulateeviction", kind="vm-evict", handle=vms.evict),
    Route(method="GET", path=_MACHINES, kind="list-machines", handle=machines.every),
    Route(
        method="GET",
        path=f"{_SUB}/providers/microsoft.compute/virtualmachines",
        kind="list-machines",
        handle=machines.every,
    ),
    Route(method="GET", path=_MACHINE, kind="get-machine", handle=machines.get),
    Route(method="DELETE", path=_MACHINE, kind="machine-delete", handle=machines.delete),
    Route(method="GET", path=f"{_MACHINE}/instanceview", kind="get-machine", handle=machines.view),
    Route(method="POST", path=f"{_MACHINE}/{_MACHINE_ACTIONS}", kind="machine", handle=machines.act),
    Route(method="POST", path=f"{_MACHINE}/simulateeviction", kind="machine-evict", handle=machines.evict),
    Route(method="GET", path=f"{_SET}/networkinterfaces", kind="list-nics", handle=network.of_set),
    Route(method="GET", path=f"{_SET}/publicipaddresses", kind="list-public-ips", handle=network.public_ips_of_set),
    Route(method="GET", path=f"{_VM}/networkinterfaces", kind="get-nic", handle=network.of_vm),
    Route(method="GET", path=_NIC, kind="get-nic", handle=network.get),
    Route(
        method="GET",
        path=f"{_NIC}/ipconfigurations/<configuration>/publicipaddresses",
        kind="get-public-ip",
        handle=network.public_ips_of_vm,
    ),
    Route(
        method="GET",
        path=f"{_NIC}/ipconfigurations/<configuration>/publicipaddresses/<address>",
        kind="get-public-ip",
        handle=network.public_ip_of_vm,
    ),
    Route(method="GET", path=f"{_NETWORK}/networkinterfaces", kind="list-nics", handle=network.of_group),
    Route(
        method="GET", path=f"{_NETWORK}/publicipaddresses", kind="list-public-ips", handle=network.public_ips_of_group
    ),
    Route(
        method="GET",
        path=f"{_SUB}/providers/microsoft.compute/locations/<location>/operations/<operation>",
        kind="get-operation",
        handle=operations.status,
    ),
    Route(
        method="GET",
        path=f"{_SUB}/providers/microsoft.compute/locations/<location>/usages",
        kind="directory",
        handle=directory.usages,
    ),
    *(
        Route(method="GET", path=f"{scope}/providers/microsoft.authorization/{what}", kind="directory", handle=handle)
        for scope in (_SUB, f"{_SUB}/resourcegroups/<group>", _SET)
        for what, handle in (("permissions", directory.permissions), ("locks", directory.locks))
    ),
    Route(method="GET", path="/subscriptions", kind="directory", handle=directory.subscriptions),
    Route(method="GET", path=_SUB, kind="directory", handle=directory.subscription),
    Route(method="GET", path=f"{_SUB}/resourcegroups", kind="directory", handle=directory.resource_groups),
    Route(method="GET", path=f"{_SUB}/resourcegroups/<group>", kind="directory", handle=directory.resource_group),
    Route(method="GET", path=f"{_SUB}/locations", kind="directory", handle=directory.locations),
    Route(method="GET", path="/tenants", kind="directory", handle=directory.tenants),
    Route(method="GET", path="/metadata/endpoints", kind="directory", handle=directory.endpoints, open=True),
    Route(
        method="GET",
        path="/<tenant>/v2.0/.well-known/openid-configuration",
        kind="directory",
        handle=token_endpoints.discovery,
        open=True,
    ),
    Route(method="POST", path="/<tenant>/oauth2/v2.0/token", kind="token", handle=token_endpoints.token, open=True),
    Route(method="GET", path="/msi/token", kind="token", handle=token_endpoints.app_service, open=True),
    Route(
        method="GET",
        path="/metadata/identity/oauth2/token",
        kind="token",
        handle=token_endpoints.metadata_service,
        open=True,
    ),
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
