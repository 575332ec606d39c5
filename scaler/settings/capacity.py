"""The settings of how many machines a scale set should hold: SCALER_CAPACITY, SCALER_POOL_…, prices and budget."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from scaler.model.calendar import Window
from scaler.model.instance import ScaleSetName
from scaler.model.policy import FAILURE_CAPS, Capacity, Mode, Price, ReadyWhen
from scaler.model.tags import buffer_in
from scaler.settings.calendar import NAME as _CALENDAR
from scaler.settings.reader import PerScaleSet, Reader

_MODE = "SCALER_CAPACITY"
_DESIRED, _LEAST, _MOST = "SCALER_POOL_CAPACITY", "SCALER_POOL_MIN", "SCALER_POOL_MAX"
_WEIGHTS = "SCALER_POOL_WEIGHTS"
_BUFFER, _WARM, _HOT = "SCALER_POOL_BUFFER", "SCALER_WARMPOOL_SIZE", "SCALER_HOTPOOL_SIZE"
_WARM_FORM = re.compile("1000|[0-9]{1,3}")
_PRICE = "SCALER_PRICE"
_AMOUNT = r"[0-9]{1,6}(?:\.[0-9]{1,6})?"
_PRICE_FORM = re.compile(rf"({_AMOUNT})/({_AMOUNT})/({_AMOUNT})")
PRICE_EXPECTED = "prices per hour, none below zero: running/stopped/deallocated, `1.20/1.20/0.05`"
_CAP = "SCALER_FAILURE_CAP"
_BUDGET = "SCALER_BUDGET"
_BUDGET_FORM = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,2})?")


def capacities(reader: Reader, per_scale_set: PerScaleSet) -> Mapping[ScaleSetName, Capacity]:
    """The capacity of each scale set; none after a mistake."""
    before = len(reader.mistakes)
    modes = per_scale_set.choices(_MODE, {str(mode): mode for mode in Mode}, "fixed, buffer or auto")
    numbers = {name: per_scale_set.numbers(name, low=0, high=1000) for name in (_DESIRED, _LEAST, _MOST, _CAP, _HOT)}
    if not reader.is_set(_CAP):
        numbers[_CAP] = {name: FAILURE_CAPS[when] for name, when in ready_when(per_scale_set).items()}
    most = {name: numbers[_DESIRED if mode is Mode.FIXED else _MOST][name] for name, mode in modes.items()}
    warm = {name: _warm(reader, text, most[name]) for name, text in per_scale_set.texts(_WARM).items()}
    buffers = {name: _buffer(reader, text) for name, text in per_scale_set.texts(_BUFFER).items()}
    found_at_once = reader.percent("SCALER_FOUND_AT_ONCE", low=50, high=99.99)
    prices = {name: _price(reader, text) for name, text in per_scale_set.texts(_PRICE).items()}
    budgets = {name: _budget_of(reader, text) for name, text in per_scale_set.texts(_BUDGET).items()}
    is_read = len(reader.mistakes) == before
    found = {
        name: Capacity(
            mode=modes[name],
            desired=numbers[_DESIRED][name],
            buffer=buffers[name][0],
            buffer_share=buffers[name][1],
            found_at_once=found_at_once,
            least=numbers[_LEAST][name],
            most=numbers[_MOST][name],
            warm=warm[name] or 0,
            warm_follows=warm[name] is None,
            hot=numbers[_HOT][name],
            price=prices[name],
            budget=budgets[name],
            failure_cap=numbers[_CAP][name],
        )
        for name in modes
    }
    reader.mistakes += [each for name in found for each in _contradictions(reader, name, found[name], most[name])]
    return found if is_read else {}


def _contradictions(reader: Reader, name: ScaleSetName, capacity: Capacity, most: int) -> Iterator[str]:
    """Of settings that could be read, each by itself."""
    if not reader.accepts(_MODE):
        return
    fixed = capacity.mode is Mode.FIXED
    of_all, of_spare = (_DESIRED, _DESIRED) if fixed else (_MOST, _BUFFER)
    if capacity.budget is not None and capacity.price is None and reader.accepts(_PRICE):
        yield f"{_BUDGET}: {name} has no {_PRICE}; without, nobody knows what its machines cost"
    if capacity.warm > most and reader.accepts(of_all):
        yield f"{_WARM}: {capacity.warm} is more than {of_all} ({most}) of {name}; the warm are part of it"
    if capacity.hot and capacity.hot >= capacity.fewest_spare and reader.accepts(of_spare):
        yield f"{_HOT}: {capacity.hot} leaves none of {of_spare} ({capacity.fewest_spare}) of {name} at rest"
    if not fixed and capacity.least > capacity.most and reader.accepts(_MOST):
        yield f"{_LEAST}: {capacity.least} is more than {_MOST} ({capacity.most}) of {name}"


def ready_when(per_scale_set: PerScaleSet) -> Mapping[ScaleSetName, ReadyWhen]:
    """When a machine of each scale set is ready."""
    return per_scale_set.choices("SCALER_READY_WHEN", {str(when): when for when in ReadyWhen}, "running or healthy")


def weights(
    reader: Reader,
    per_scale_set: PerScaleSet,
    capacity: Mapping[ScaleSetName, Capacity],
    windows: Sequence[Window],
) -> Mapping[ScaleSetName, int]:
    """The weights of scale sets that share one number; none without the setting."""
    if not reader.is_set(_WEIGHTS):
        return {}
    found = per_scale_set.numbers(_WEIGHTS, low=1, high=1000)
    if len({replace(each, price=None, budget=None, failure_cap=0) for each in capacity.values()}) > 1:
        reader.mistakes.append(
            f"{_WEIGHTS}: the scale sets share one number; expected one value for all of them in {_MODE}, {_DESIRED},"
            f" {_BUFFER}, {_LEAST}, {_MOST}, {_WARM} and {_HOT}"
        )
    if any(each.warm_follows for each in capacity.values()):
        reader.mistakes.append(f"{_WARM}: auto is for one scale set by itself; expected a number beside {_WEIGHTS}")
    reader.mistakes += (
        f"{_WEIGHTS}: the scale sets share one number; expected no `scaleSets` in {window.name!r} of {_CALENDAR}"
        for window in windows
        if window.scale_sets
    )
    return found


def _warm(reader: Reader, text: str, most: int) -> int | None:
    """Read a number of machines; None for `auto`, and the maximum for `all`."""
    if text.lower() in {"auto", "all"}:
        return None if text.lower() == "auto" else most
    if not _WARM_FORM.fullmatch(text):
        reader.reject(_WARM, text, "a whole number from 0 to 1000, auto or all")
        return 0
    return int(text)


def _buffer(reader: Reader, text: str) -> tuple[int, float]:
    found = buffer_in(text)
    if not found:
        reader.reject(_BUFFER, text, "machines, a share of those in use, or both: `5`, `20%`, `5/20%`, at most 1000")
    return int(found.get("buffer", 0)), found.get("buffer_share", 0.0)


def _price(reader: Reader, text: str) -> Price | None:
    price = price_of(text)
    if text and price is None:
        reader.reject(_PRICE, text, PRICE_EXPECTED)
    return price


def _budget_of(reader: Reader, text: str) -> float | None:
    amount = float(text) if _BUDGET_FORM.fullmatch(text) else 0.0
    if text and amount <= 0:
        reader.reject(_BUDGET, text, "an amount above 0 for a month, such as `2500`")
    return amount or None


def price_of(text: str) -> Price | None:
    """Read `1.20/1.20/0.05`: per hour running, stopped, deallocated; None for other texts."""
    match = _PRICE_FORM.fullmatch(text)
    if match is None:
        return None
    running, stopped, deallocated = map(float, match.groups())
    return Price(running=running, stopped=stopped, deallocated=deallocated)
