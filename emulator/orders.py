"""Orders to VMs: kinds, callers, and the latest time of arrival."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from emulator.history import What


class OrderKind(StrEnum):
    """What a VM can be busy with."""

    CREATE = "create"  # asked for through sku.capacity
    START = "start"
    POWER_OFF = "powerOff"
    DEALLOCATE = "deallocate"
    RESTART = "restart"
    REIMAGE = "reimage"  # a new OS disk, made from the image; the VM keeps its ids and its protection
    REDEPLOY = "redeploy"  # another node: the temporary disk is lost; the VM keeps its ids and its OS disk
    DELETE = "delete"
    PROTECT = "protect"  # a PUT of the instance


RENEWALS = frozenset({OrderKind.REIMAGE, OrderKind.REDEPLOY})
"""Orders that shut a VM down, give the VM another disk or node, and power the VM on again."""

POWER_CHANGES = RENEWALS | {OrderKind.START, OrderKind.POWER_OFF, OrderKind.DEALLOCATE, OrderKind.RESTART}
"""Orders that change a power state, or repeat a power state."""

ACTIONS: Mapping[str, OrderKind] = {kind.lower(): kind for kind in OrderKind} | {"reimageall": OrderKind.REIMAGE}
"""Orders by the last part of their path, in lower case. `reimageall` would renew data disks, too; no VM has any."""

ORDERED = {
    OrderKind.START: What.START_ORDERED,
    OrderKind.POWER_OFF: What.STOP_ORDERED,
    OrderKind.DEALLOCATE: What.DEALLOCATE_ORDERED,
    OrderKind.RESTART: What.RESTART_ORDERED,
    OrderKind.REIMAGE: What.REIMAGE_ORDERED,
    OrderKind.REDEPLOY: What.REDEPLOY_ORDERED,
    OrderKind.DELETE: What.DELETE_ORDERED,
    OrderKind.PROTECT: What.PROTECT_ORDERED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An order as given by the caller: however late or doubled, the order arrives by `at + within` or never."""

    by: str
    at: datetime
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """A protectionPolicy to be set."""

    from_scale_in: bool
    from_actions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A PATCH or PUT of the scale set; None leaves as it is."""

    capacity: int | None = None
    tags: dict[str, str] | None = None
