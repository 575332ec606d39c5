"""The capacity in force: the settings, overridden by the calendar, and both overridden by the operator's tags."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil

from scaler.model.calendar import WORDS, Window
from scaler.model.capacity import Demand, before_listings, lead_time
from scaler.model.instance import ScaleSetName
from scaler.model.plan import counted
from scaler.model.policy import Capacity, Mode, Policy
from scaler.model.sighting import Source, Tag
from scaler.model.tags import Overrides, as_documented, of_a_part, overrides


def in_force(
    scale_set: ScaleSetName, tags: Mapping[str, Tag], before: Demand | None, at: datetime, policy: Policy
) -> tuple[Capacity, Overrides]:
    """The capacity of a scale set: the settings, over these the calendar, and over both the operator's tags."""
    planned = by_calendar(scale_set, before, at, policy)
    read = of_a_part if scale_set in policy.weights else overrides
    settings = policy.capacity.get(scale_set, planned)
    # an operator's maximum holds in a window with a larger minimum, too: tags come last
    bounds = replace(planned, least=min(planned.least, settings.least), warm=min(planned.warm, settings.warm))
    bounds = replace(bounds, hot=min(planned.hot, settings.hot))
    said = read(tags, before.tags.good if before is not None else {}, bounds)
    if not said.numbers:
        return planned, said
    found = with_numbers(planned, said.numbers)
    if "desired" in said.numbers:
        found = replace(found, expected=0)  # a number that an operator gives is that number
    by = {source: [name for name, tag in said.good.items() if tag.source is source] for source in Source}
    because = [
        f"{' and '.join(f'{as_documented(name)}={said.good[name].value}' for name in names)} by {source.of(scale_set)}"
        for source, names in by.items()
        if names
    ]
    return replace(found, because=", ".join(filter(None, (planned.because, *because)))), said


def by_calendar(scale_set: ScaleSetName, before: Demand | None, at: datetime, policy: Policy) -> Capacity:
    """The capacity of a scale set by the settings, overridden by the open windows of the calendar.

    A window opens before its beginning by the lead time of a new machine, and by `crowd_early` more for a crowd. For
    each number the window of the highest rank wins, then the later beginning. Visitors of all windows add up: the whole
    number before the beginning, and afterwards in proportion to the rest of the time.
    """
    capacity = policy.capacity.get(scale_set, Capacity())
    if not policy.calendar:
        return capacity
    lead = lead_time(before if before is not None else before_listings(capacity), policy)
    found: list[tuple[int, datetime, Window]] = []
    expected, crowds = 0.0, list[str]()
    for window in policy.calendar:
        if not window.concerns(scale_set):
            continue
        for each in window.open_at(at, opens_early(window, lead, policy)):
            found.append((window.rank, each.start, window))
            if window.visitors:
                left = window.visitors * each.left(at)
                expected += left
                crowds.append(f"{counted(ceil(left), 'visitor')} expected ({window.name})")
    numbers: dict[str, int | float] = {}
    said: dict[str, str] = {}  # the name of the window that says each number
    for _, _, window in sorted(found, key=lambda each: each[:2]):
        numbers |= window.numbers
        said |= dict.fromkeys(window.numbers, window.name)
    by_window: dict[str, list[str]] = {}
    for number, name in said.items():
        by_window.setdefault(name, []).append(number)
    because = [*(f"{' and '.join(says(fields))} of {name}" for name, fields in by_window.items()), *crowds]
    if not because:
        return capacity
    return replace(with_numbers(capacity, numbers), expected=ceil(expected), because=", ".join(because))


def says(numbers: Collection[str]) -> Sequence[str]:
    """The calendar's words for fields of the capacity."""
    return [word for word, name in WORDS.items() if name in numbers]


def with_numbers(capacity: Capacity, numbers: Mapping[str, int | float]) -> Capacity:
    """The capacity with other numbers.

    `desired` makes the capacity fixed. `spare` is an exact number of ready machines beyond those in use, in every mode.
    `least` replaces the number of a fixed capacity, and `most` bounds it.
    """
    known = dict(numbers)
    spare = known.pop("spare", None)
    if "warm" in known:
        known["warm_follows"] = False
    if "desired" in known:
        return replace(capacity, **known | {"mode": Mode.FIXED})  # type: ignore[arg-type]
    if spare is not None:
        known = {"most": capacity.limit, **known, "mode": Mode.BUFFER, "buffer": spare, "buffer_share": 0.0}  # type: ignore[dict-item]
    elif capacity.mode is Mode.FIXED:
        desired = known.get("least", capacity.desired)
        known["desired"] = min(desired, known.get("most", desired))
    return replace(capacity, **known)  # type: ignore[arg-type]


def opens_early(window: Window, lead: float, policy: Policy) -> timedelta:
    """How long before its beginning a window opens. `lead`: seconds that a new machine takes."""
    return timedelta(seconds=lead) + (policy.crowd_early if window.visitors else timedelta(0))
