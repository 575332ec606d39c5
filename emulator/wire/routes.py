"""Which path means what. Paths are matched in lower case; any api-version will do."""

from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from emulator.refusals import ArmError
from emulator.wire import directory, identity, operations, scale_sets, vms
from emulator.wire.exchange import Answer, Asked
from emulator.wire.site import Site

_SUB = "/subscriptions/<subscription>"
_SETS = f"{_SUB}/resourcegroups/<group>/providers/microsoft.compute/virtualmachinescalesets"
_SET = f"{_SETS}/<name>"
_VM = f"{_SET}/virtualmachines/<instance>"
_ACTIONS = "<any(start, deallocate, poweroff, restart, delete):action>"
_VM_ACTIONS = "<any(start, deallocate, poweroff, restart):action>"


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
    Route(method="GET", path=_SET, kind="get-set", handle=scale_sets.get),
    Route(method="PATCH", path=_SET, kind="update-set", handle=scale_sets.update),
    Route(method="PUT", path=_SET, kind="update-set", handle=scale_sets.update),
    Route(method="GET", path=f"{_SET}/instanceview", kind="set-view", handle=scale_sets.view),
    Route(method="POST", path=f"{_SET}/{_ACTIONS}", kind="batch", handle=scale_sets.act),
    Route(method="GET", path=f"{_SET}/virtualmachines", kind="list", handle=vms.every),
    Route(method="GET", path=_VM, kind="get-vm", handle=vms.get),
    Route(method="PUT", path=_VM, kind="update-vm", handle=vms.put),
    Route(method="DELETE", path=_VM, kind="vm-delete", handle=vms.delete),
    Route(method="GET", path=f"{_VM}/instanceview", kind="get-vm", handle=vms.view),
    Route(method="POST", path=f"{_VM}/{_VM_ACTIONS}", kind="vm", handle=vms.act),
    Route(method="POST", path=f"{_VM}/simulateeviction", kind="vm-evict", handle=vms.evict),
    Route(
        method="GET",
        path=f"{_SUB}/providers/microsoft.compute/locations/<location>/operations/<operation>",
        kind="get-operation",
        handle=operations.status,
    ),
    Route(method="GET", path="/subscriptions", kind="directory", handle=directory.subscriptions),
    Route(method="GET", path=_SUB, kind="directory", handle=directory.subscription),
    Route(method="GET", path="/tenants", kind="directory", handle=directory.tenants),
    Route(method="GET", path="/metadata/endpoints", kind="directory", handle=directory.endpoints, open=True),
    Route(method="GET", path="/msi/token", kind="token", handle=identity.app_service, open=True),
    Route(
        method="GET",
        path="/metadata/identity/oauth2/token",
        kind="token",
        handle=identity.metadata_service,
        open=True,
    ),
)

_MAP = Map(
    [Rule(each.path, methods=[each.method], endpoint=index) for index, each in enumerate(ROUTES)],
    strict_slashes=False,
    merge_slashes=False,
)


def route(asked: Asked) -> tuple[Route, Asked]:
    """Who answers this, and the request with the parts of its path."""
    try:
        index, params = _MAP.bind("").match(asked.path, method=asked.method)
    except NotFound:
        raise ArmError(404, "ResourceNotFound", f"There is nothing at '{asked.path}'.") from None
    except MethodNotAllowed:
        raise ArmError(405, "MethodNotAllowed", f"{asked.method} is not possible here.") from None
    return ROUTES[index], asked.with_params(params)
