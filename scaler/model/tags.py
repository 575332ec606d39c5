"""The operator's tags, of a scale set or of a source outside: numbers that override settings and calendar."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from scaler.model.policy import Capacity, Mode
from scaler.model.sighting import Source, Tag

type Numbers = Mapping[str, int | float]  # by fields of Capacity, and `spare`

_NUMBER = r"1000|[0-9]{1,3}"
_WHOLE = re.compile(_NUMBER)
_BUFFER_FORM = re.compile(rf"(?P<machines>{_NUMBER})(/(?P<percent>{_NUMBER})%)?|(?P<alone>{_NUMBER})%")
_SHARE = re.compile(r"([0-9]{2}(?:\.[0-9]{1,3})?)%")
_FIELDS = {
    "scaler:max": "most",
    "scaler:min": "least",
    "scaler:warm": "warm",
    "scaler:hot": "hot",
    "total_nodes": "desired",
}
BUFFER, FOUND = "scaler:buffer", "scaler:found-at-once"
NAMES = frozenset({*_FIELDS, BUFFER, FOUND})
"""The names of the tags, in lower case: Azure compares them without regard to case."""

PREFIX, CONSENT_TAG, PAUSE_TAG = "scaler:", "scaler:managed", "scaler:paused"
_UNKNOWN = f"a known name: {', '.join(sorted({*NAMES, CONSENT_TAG, PAUSE_TAG} - {'total_nodes'}))} or TOTAL_NODES"


def concerns_numbers(name: str) -> bool:
    """Whether the name of a tag, in lower case, is one of `NAMES`, or begins like these and is mistyped, perhaps."""
    return name in NAMES or (name.startswith(PREFIX) and name not in {CONSENT_TAG, PAUSE_TAG})


def buffer_in(text: str) -> Numbers:
    """The fields of Capacity in `5`, `20%` or `5/20%`: machines, and a share of those in use. Empty for other texts."""
    match = _BUFFER_FORM.fullmatch(text)
    if match is None:
        return {}
    share = float(match["percent"] or match["alone"] or 0) / 100
    return {"buffer": int(match["machines"] or 0), "buffer_share": share}


def as_documented(name: str) -> str:
    """The name of a tag for people."""
    return name.upper() if name == "total_nodes" else name


@dataclass(frozen=True, slots=True, kw_only=True)
class BadTag:
    """An unusable tag."""

    name: str
    value: str
    source: Source
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """The numbers of the tags; for an unusable tag, of its last good value."""

    numbers: Numbers = field(default_factory=dict)
    good: Mapping[str, Tag] = field(default_factory=dict)  # by name, those that hold
    bad: tuple[BadTag, ...] = ()
    most_here: int | None = None  # `scaler:max` of a scale set that shares its number with others


def overrides(tags: Mapping[str, Tag], before: Mapping[str, Tag], capacity: Capacity) -> Overrides:
    """Read the tags. `before`: the tags in force at the last listing; `capacity`: by settings and calendar.

    An absent tag overrides nothing. An unreadable or unfitting tag is reported, and its last good value stays in force
    if that value still fits.
    """
    bad = [_bad(name, tag, _expected(name)) for name, tag in tags.items() if not _read(name, tag)]
    held = {name: tag for name, tag in tags.items() if _read(name, tag)}
    held |= {each.name: before[each.name] for each in bad if each.name in before}
    while (misfit := next(_misfits(held, capacity), None)) is not None:
        tag = held.pop(misfit.name)
        if tags.get(misfit.name) == tag:
            bad.append(misfit)
        last = before.get(misfit.name)
        if last is not None and last != tag:
            held[misfit.name] = last
    return Overrides(numbers=_numbers(held), good=held, bad=tuple(bad))


def of_a_part(tags: Mapping[str, Tag], before: Mapping[str, Tag], capacity: Capacity) -> Overrides:
    """The tags of a scale set with a shared number: those for all scale sets, and the scale set's own `scaler:max`.

    Any other own tag is unusable, since the number is one for all.
    """
    own = {name: tag for name, tag in tags.items() if not tag.source.for_all}
    found = overrides({name: tag for name, tag in tags.items() if tag.source.for_all}, before, capacity)
    most = _read("scaler:max", own["scaler:max"]).get("most") if "scaler:max" in own else None
    expected = "a tag of the resource group: the scale sets share their number"
    bad = (
        _bad(name, tag, _expected(name) if name == "scaler:max" or name not in NAMES else expected)
        for name, tag in own.items()
        if name != "scaler:max" or most is None
    )
    return replace(found, bad=(*found.bad, *bad), most_here=int(most) if most is not None else None)


def _read(name: str, tag: Tag) -> Numbers:
    """The fields of a tag; empty for an unreadable value, and for an unknown name."""
    if name not in NAMES:
        return {}
    value = tag.value.strip()
    if name in _FIELDS:
        return {_FIELDS[name]: int(value)} if _WHOLE.fullmatch(value) else {}
    if name == BUFFER:
        return buffer_in(value)
    match = _SHARE.fullmatch(value)
    return {"found_at_once": float(match[1]) / 100} if match and 50 <= float(match[1]) <= 99.99 else {}


def _bad(name: str, tag: Tag, expected: str) -> BadTag:
    return BadTag(name=name, value=tag.value, source=tag.source, expected=expected)


def _expected(name: str) -> str:
    if name not in NAMES:
        return _UNKNOWN
    if name == BUFFER:
        return "`5`, `20%` or `5/20%`"
    return "a share from 50% to 99.99%" if name == FOUND else "a whole number from 0 to 1000"


def _numbers(held: Mapping[str, Tag]) -> Numbers:
    found: dict[str, int | float] = {}
    for name, tag in held.items():
        found |= _read(name, tag)
    return found


def _fewest_spare(numbers: Numbers, capacity: Capacity) -> float:
    """`Capacity.fewest_spare` with these numbers."""
    if "desired" in numbers:
        return numbers["desired"]
    if capacity.mode is not Mode.FIXED:
        return numbers.get("buffer", capacity.buffer)
    desired = numbers.get("least", capacity.desired)
    return min(desired, numbers.get("most", desired))


def _misfits(held: Mapping[str, Tag], capacity: Capacity) -> Iterator[BadTag]:
    """The tags above the maximum, and a maximum below the minimum or the warm share of settings and calendar.

    Also the tags by which no spare machine would be left at rest beside the hot machines.
    """
    numbers = _numbers(held)
    most = numbers.get("most", capacity.limit)
    for name, number in _FIELDS.items():
        if name in held and name != "scaler:max" and numbers[number] > most:
            yield _bad(name, held[name], f"at most {most}, the maximum of the scale set")
    hot, spare = numbers.get("hot", capacity.hot), _fewest_spare(numbers, capacity)
    if hot and hot >= spare:
        bounds = ("scaler:min", "scaler:max") if capacity.mode is Mode.FIXED else ()
        named = next((name for name in ("scaler:hot", BUFFER, "total_nodes", *bounds) if name in held), None)
        if named is not None:
            yield _bad(named, held[named], f"fewer hot machines ({hot:g}) than spare ones ({spare:g})")
    least = max(capacity.least, capacity.warm)
    if capacity.mode is not Mode.FIXED and "scaler:max" in held and most < least:
        yield _bad(
            "scaler:max", held["scaler:max"], f"at least {least}, the minimum or the warm share of the scale set"
        )
