"""The tags by which an operator speaks to the scaler, and how they are read and written."""

from collections.abc import Iterator, Mapping

from scaler.model.sighting import Pause

CONSENT_TAG = "scaler:managed"
PAUSE_TAG = "scaler:paused"
TAGS_API_VERSION = "2021-04-01"


def tag(tags: Mapping[str, str | None], name: str) -> str | None:
    """Azure compares the names of tags without regard to case, and keeps whichever was written first."""
    return next(_values(tags, name), None)


def paused_by(tags: Mapping[str, str | None]) -> Pause:
    """How far the tag `scaler:paused` halts us. When in doubt, it does: without a value, too."""
    pauses = (Pause.of(value or "") for value in _values(tags, PAUSE_TAG))
    return next((pause for pause in pauses if pause is not Pause.NONE), Pause.NONE)


def _values(tags: Mapping[str, str | None], name: str) -> Iterator[str | None]:
    return (value for key, value in tags.items() if key.lower() == name)


def pausing(how: Pause) -> dict[str, object]:
    """The body of the PATCH that sets the tag and touches no other.

    To go on is a word, too: whether a deletion by name alone finds a tag of any value is not documented.
    """
    return {"operation": "Merge", "properties": {"tags": {PAUSE_TAG: how.word}}}
