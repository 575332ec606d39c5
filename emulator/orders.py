"""Orders to VMs: kinds, callers, and the latest time of arrival; and the long-running operations that they begin."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from emulator.health.extension import Extension
from emulator.history import What
from emulator.refusals import Failure

_KEPT = 5_000  # operations that can still be asked for; Azure forgets them too


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
    health: Extension | None = None  # of the model: VMs that are there already do not have it
    image: str | None = None  # of the model: VMs that are there already are not of the latest model from then on


class Status(StrEnum):
    """The `status` of an operation."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


@dataclass(slots=True, kw_only=True)
class Operation:
    """An operation with a part per VM. The operation ends with the last part, and fails if any part failed."""

    id: str
    started: datetime
    parts: int  # still to come
    ended: datetime | None = None
    failure: Failure | None = None
    when_done: list[Callable[["Operation"], None]] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """Where it stands."""
        if self.ended is None:
            return Status.IN_PROGRESS
        return Status(self.failure.status) if self.failure else Status.SUCCEEDED

    def part_done(self, at: datetime, failure: Failure | None = None) -> None:
        """End a part; the last part ends the operation."""
        self.parts -= 1
        if self.ended is None:
            self.failure = self.failure or failure
            if self.parts <= 0:
                self.end(at, self.failure)

    def end(self, at: datetime, failure: Failure | None) -> None:
        """End the operation, whatever parts are still under way."""
        self.ended, self.failure = at, failure
        for callback in self.when_done:
            callback(self)


class Operations:
    """All operations of a scale set, by id."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._by_id: dict[str, Operation] = {}

    def begin(self, at: datetime, parts: int) -> Operation:
        """A new operation; one without parts is done at once."""
        operation = Operation(id=self._new_id(), started=at, parts=parts, ended=None if parts else at)
        self._by_id[operation.id] = operation
        if len(self._by_id) > _KEPT:
            del self._by_id[next(iter(self._by_id))]
        return operation

    def find(self, operation_id: str) -> Operation | None:
        """The operation of this id, if still remembered."""
        return self._by_id.get(operation_id.lower())
