"""The four wrongs that must never happen, whatever else does."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Their names, as the summary counts them."""

    LOST = "reservations_lost"
    HANDED_OUT = "used_machines_handed_out"
    CUT_SHORT = "sessions_cut_short"
    LEAKED = "machines_leaked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One of them, with whom it befell."""

    kind: Kind
    at: datetime
    why: str
    vm_id: str | None = None
    session: str | None = None
