"""An experiment with one switch of the emulator, and what it shows for each of the switch's values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wire.desk import Desk, Got

from emulator.orders import Protection
from emulator.switches import Switches

MARK = Protection(from_scale_in=True)
CORES = 36  # of one VM


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What somebody sees, by the value of the switch."""

    look: Callable[[Switches], object]
    shows: Mapping[object, object]


def operation(azure: Desk, answer: Got) -> Any:
    """The status of what was begun."""
    return azure.get(answer.headers["azure-asyncoperation"])


def as_it_is(values: type[StrEnum]) -> Mapping[object, object]:
    """The value itself is what is seen."""
    return {each: each.value for each in values}
