"""Microsoft.Resources' way to a scale set's tags, beside Microsoft.Compute's own."""

from collections.abc import Iterator, Mapping

import pytest
from wire.connection import SET, Wire, wired

TAGS = f"{SET}/providers/Microsoft.Resources/tags/default"


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired() as made:
        made.emulated.tag(Owner="us", env="prod")
        yield made


def patch(wire: Wire, operation: str, **tags: str) -> int:
    answer, _ = wire.ask("PATCH", TAGS, body={"operation": operation, "properties": {"tags": tags}})
    return answer.status


@pytest.mark.parametrize(
    ("operation", "given", "left"),
    [
        ("Merge", {"owner": "them", "new": "1"}, {"Owner": "them", "env": "prod", "new": "1"}),
        ("merge", {}, {"Owner": "us", "env": "prod"}),
        ("Replace", {"new": "1"}, {"new": "1"}),
        ("Delete", {"owner": "us"}, {"env": "prod"}),
        ("Delete", {"owner": "them", "env": ""}, {"Owner": "us"}),
    ],
)
def test_tags_are_merged_replaced_or_deleted(
    operation: str, given: dict[str, str], left: Mapping[str, str], wire: Wire
) -> None:
    assert patch(wire, operation, **given) == 200
    assert dict(wire.emulated.set_state.tags) == left
    assert wire.get(TAGS)["properties"]["tags"] == wire.get()["tags"] == left


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"operation": "Forget", "properties": {"tags": {}}},
        {"operation": "Merge"},
        {"operation": "Merge", "properties": []},
        {"operation": "Merge", "properties": {"tags": {"a": 1}}},
        {"operation": "Merge", "properties": {"tags": {str(n): "" for n in range(51)}}},
    ],
)
def test_what_is_no_change_of_tags_is_refused_and_changes_nothing(body: dict[str, object], wire: Wire) -> None:
    answer, _ = wire.ask("PATCH", TAGS, body=body)
    assert answer.status == 400
    assert dict(wire.emulated.set_state.tags) == {"Owner": "us", "env": "prod"}
