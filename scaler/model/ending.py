"""Endings: the reason of a session's end in one word for the web site, derived from step and reason in the notes."""

from collections.abc import Mapping
from enum import StrEnum

from scaler.model.edges import Edge
from scaler.model.plan import Why


class Ending(StrEnum):
    """The reason of a session's end."""

    RELEASED = "released"  # the visitor left
    ABANDONED = "abandoned"  # the visitor gave up before the machine was open
    REFUSED = "refused"  # no machine could be had
    LIMIT = "limit"  # the session's time was over
    EVICTED = "evicted"  # Azure took the machine away, or somebody deallocated it
    STOPPED = "stopped"  # the machine was shut down, from inside or by somebody
    UNHEALTHY = "unhealthy"  # the machine said that nobody is in, or that no stream is there (SCALER_END_WHEN)
    OPERATOR = "operator"  # an operator ended it: `scaler release`, `scaler cancel`


BY_STEP: Mapping[Edge, Ending] = {
    Edge.RELEASE: Ending.RELEASED,
    Edge.ABANDON: Ending.ABANDONED,
    Edge.REFUSE: Ending.REFUSED,
}
"""The ending by the step in `Notes.ended`, where the reason does not say more. MOVE ends no session."""

BY_REASON: Mapping[Why, Ending] = {
    Why.LIMIT: Ending.LIMIT,
    Why.PRESUMED_LIMIT: Ending.LIMIT,
    Why.EVICTED: Ending.EVICTED,
    Why.CAME_TO_REST: Ending.STOPPED,
    Why.UNHEALTHY: Ending.UNHEALTHY,
    Why.ENDED_BY_HAND: Ending.OPERATOR,
}
"""The ending by `SpentNote.reason`, where that note is of the same step."""
