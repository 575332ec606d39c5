"""The tags of the resource group: one request, in a lane of its own."""

from collections.abc import Callable

import pytest
from wire.scripted_arm import PATH, Asked, Said, json_said, refusal_said, set_body, wired

from scaler.errors import Garbled, Refused, ScalerError, Throttled, Unreachable
from scaler.model.sighting import OuterTags, Pause, Source, Tag

GROUP = PATH.partition("/providers/")[0]
TAGS = {"TOTAL_NODES": "6", "scaler:paused": "true"}


def telling(*answers: Said) -> Callable[[Asked], Said]:
    """A group that answers this, one after the other, and the scale set."""
    left = list(answers)
    return lambda asked: json_said(set_body(capacity=0)) if asked.path.startswith(PATH) else left.pop(0)


def test_the_group_is_asked_by_itself() -> None:
    with wired(telling(json_said({"tags": TAGS}))) as wire:
        found = wire.scale_set.group_tags()
        assert found == OuterTags(tags={"total_nodes": Tag("6", Source.GROUP)}, pause=Pause.ORDERS)
        assert [each.path for each in wire.asked] == [f"{GROUP}?api-version=2021-04-01"]


@pytest.mark.parametrize(
    ("failure", "error", "says"),
    [
        (refusal_said(429, "TooManyRequests"), Throttled, ""),
        (refusal_said(403, "AuthorizationFailed"), Refused, "Microsoft.Resources/subscriptions/resourceGroups/read"),
        (refusal_said(500, "InternalServerError"), Unreachable, "InternalServerError"),
        (json_said([]), Garbled, "array"),
    ],
    ids=["too busy", "no permission", "broken", "garbled"],
)
def test_a_failure_is_told_in_our_words(failure: Said, error: type[ScalerError], says: str) -> None:
    with wired(telling(failure)) as wire, pytest.raises(error) as raised:
        wire.scale_set.group_tags()
    assert says in str(raised.value)


def test_a_429_of_the_group_holds_back_nothing_else() -> None:
    with wired(telling(refusal_said(429, "TooManyRequests"))) as wire:
        with pytest.raises(Throttled):
            wire.scale_set.group_tags()
        assert wire.scale_set.view().capacity == 0
