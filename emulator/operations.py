"""Long-running operations: accepted requests, and their ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from emulator.refusals import Failure

_KEPT = 5_000  # operations that can still be asked for; Azure forgets them too


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
