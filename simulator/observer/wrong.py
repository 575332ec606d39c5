"""The four wrongs that must never happen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of wrongs, by their names in the summary."""

    LOST = "reservations_lost"
    HANDED_OUT = "used_machines_handed_out"
    CUT_SHORT = "sessions_cut_short"
    LEAKED = "machines_leaked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One wrong, with the machine and the session."""

    kind: Kind
    at: datetime
    why: str
    vm_id: str | None = None
    session: str | None = None
