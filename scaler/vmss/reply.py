"""What ARM answered, before anybody reads a meaning into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from scaler.errors import Garbled
from scaler.model.clocks import YEARS


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer, its body read to the end."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    sent: float  # monotonic seconds at which the question was sent

    @property
    def at(self) -> datetime:
        """The answer's Date header: Azure's clock. Nothing may be concluded from an answer without one."""
        at = http_date(self.headers.get("date", ""))
        if at is None or at.year not in YEARS:
            raise Garbled("the answer has no Date header that could be one")
        return at

    @property
    def json(self) -> bytes:
        """The body, if it says that it is JSON; an error page of something between us and ARM does not."""
        if "json" not in self.headers.get("content-type", "").lower():
            raise Garbled("the answer is not JSON")
        return self.body


def http_date(text: str) -> datetime | None:
    """An HTTP date as aware UTC; None where it is not one."""
    try:
        date = parsedate_to_datetime(text)
        return None if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
