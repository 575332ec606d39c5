"""A finding of `scaler doctor`: level, sentence, and the remedy as a command."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from shlex import quote
from string import Template
from typing import NamedTuple

type Facts = Mapping[str, object]


class Level(StrEnum):
    """How bad a finding is."""

    FAULT = "fault"  # the scaler cannot work like this, or visitors lose their sessions
    WARNING = "warning"  # allowed, and it costs money, waits, or safety
    UNKNOWN = "unknown"  # could not be looked at
    FINE = "fine"  # looked at, and nothing was found


class Area(StrEnum):
    """The subjects of the checks, in order."""

    SETTINGS = "settings"  # of the function app, as the environment or a file has them
    AZURE = "azure"  # token, Resource Manager, and whether the scale sets are there
    SHAPE = "scale set"  # the model of each scale set
    ROLES = "role"  # the actions of the identity
    CORES = "cores"  # quota, size, and reserved capacity against the largest number of machines
    REDIS = "redis"  # the server, its safety, and the rights of the scaler's user
    CLOCKS = "clocks"  # of this host, Redis and Azure
    CONTROLLERS = "controllers"  # their signs of life


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the answer."""

    code: str  # names the row of docs/doctor.md
    area: Area
    level: Level
    said: str
    remedy: str  # a command


class Sort(NamedTuple):
    """A sort of finding. `said` and `remedy` have `$name` in place of the facts."""

    area: Area
    level: Level
    said: str
    because: str  # what happens if the matter is left alone
    remedy: str

    def found(self, code: str, facts: Facts) -> Finding:
        """The finding. Facts in the remedy are quoted for the shell, a fact of several words as a tuple of words."""
        return Finding(
            code=code,
            area=self.area,
            level=self.level,
            said=Template(self.said).substitute(facts),
            remedy=Template(self.remedy).substitute({name: _as_words(fact) for name, fact in facts.items()}),
        )


def _as_words(fact: object) -> str:
    return " ".join(map(quote, fact)) if isinstance(fact, tuple) else quote(str(fact))
