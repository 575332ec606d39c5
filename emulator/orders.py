"""Orders to VMs: kinds, callers, and the latest time of arrival."""

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
    DELETE = "delete"
    PROTECT = "protect"  # a PUT of the instance


POWER_CHANGES = frozenset({OrderKind.START, OrderKind.POWER_OFF, OrderKind.DEALLOCATE, OrderKind.RESTART})
"""Orders that change a power state, or repeat a power state."""

ORDERED = {
    OrderKind.START: What.START_ORDERED,
    OrderKind.POWER_OFF: What.STOP_ORDERED,
    OrderKind.DEALLOCATE: What.DEALLOCATE_ORDERED,
    OrderKind.RESTART: What.RESTART_ORDERED,
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
