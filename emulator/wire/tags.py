"""Microsoft.Resources' face of a scale set's tags: read them, or change some of them without knowing the others."""

from collections.abc import Callable, Mapping
from typing import Any

from emulator.refusals import ArmError
from emulator.wire.bodies import Json
from emulator.wire.exchange import Answer, Asked
from emulator.wire.site import Site

_MOST = 50  # tags on one resource

type Tags = Mapping[str, str]


def get(site: Site, asked: Asked) -> Answer:
    """GET {scope}/providers/Microsoft.Resources/tags/default."""
    return _answer(site, asked)


def patch(site: Site, asked: Asked) -> Answer:
    """PATCH of the same: Merge, Replace or Delete."""
    body = asked.json()
    change = _OPERATIONS.get(str(body.get("operation")).lower())
    if change is None:
        raise ArmError(400, "InvalidTagOperation", "The operation is none of Merge, Replace and Delete.")
    emulated = site.scale_set(asked)
    after = change(dict(emulated.set_state.tags), _given(body))
    if len(after) > _MOST:
        raise ArmError(400, "TooManyTags", f"A resource has at most {_MOST} tags.")
    emulated.tag(**after)
    return _answer(site, asked)


def _answer(site: Site, asked: Asked) -> Answer:
    emulated = site.scale_set(asked)
    body: Json = {
        "id": f"{site.set_id(emulated)}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": dict(emulated.set_state.tags)},
    }
    return Answer(body=body)


def _given(body: Json) -> dict[str, str]:
    properties: Any = body.get("properties")
    tags: Any = properties.get("tags") if isinstance(properties, dict) else None
    if not isinstance(tags, dict) or not all(isinstance(each, str) for each in tags.values()):
        raise ArmError(400, "InvalidRequestContent", "properties.tags is not an object of texts.", target="tags")
    return tags


def _merged(before: Tags, given: Tags) -> dict[str, str]:
    """Names know no case; a tag keeps the spelling it was first given."""
    spelled = {name.lower(): name for name in before}
    return {**before, **{spelled.get(name.lower(), name): value for name, value in given.items()}}


def _without(before: Tags, given: Tags) -> dict[str, str]:
    """By name and value; an empty value stands for any."""
    gone = {name.lower(): value for name, value in given.items()}
    return {name: value for name, value in before.items() if gone.get(name.lower()) not in {"", value}}


_OPERATIONS: Mapping[str, Callable[[Tags, Tags], dict[str, str]]] = {
    "merge": _merged,
    "replace": lambda _, given: dict(given),
    "delete": _without,
}
