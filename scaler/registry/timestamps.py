"""RFC 3339 times in UTC, as they stand in records."""

import re
from datetime import UTC, datetime

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def parse_time(text: str | None) -> datetime | None:
    """The moment, to the microsecond (Go writes nanoseconds), None where the text is not one."""
    if text is None or not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # February 30th; the first hour of year 1, east of Greenwich
        return None


def format_time(moment: datetime) -> str:
    """The text, with `Z` for UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
