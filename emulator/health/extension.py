"""The Application Health extension of a VM as a state machine: its state, from the answers to its probes.

The rules are those of Azure/applicationhealth-extension-linux 2.0.29 (main/cmds.go). The source of the extension for
Windows is not public. No probe is carried out: how many fall into a time of equal answers is calculated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, inf
from typing import Any, NamedTuple, Self

_ENDLESS = 10**12  # probes
_KIND = "applicationhealth"


class Verdict(StrEnum):
    """What the answer to one probe says."""

    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    NONE = "Unknown"  # an error, a time-out, an answer without a verdict


class State(StrEnum):
    """The word of the extension in its substatus."""

    INITIALIZING = "Initializing"  # no verdict yet since the extension started
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    UNKNOWN = "Unknown"  # no verdict any more, or none by the end of the grace period


class Heard(NamedTuple):
    """An answer to all probes from a moment on, in seconds."""

    since: float
    verdict: Verdict
    metrics: str = ""  # customMetrics: a JSON object as a text


class Turn(NamedTuple):
    """A change of the state, in seconds since the extension started."""

    at: float
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """The extension in the model of a scale set. Durations are in seconds."""

    name: str = "health"
    kind: str = "ApplicationHealthWindows"
    publisher: str = "Microsoft.ManagedServices"
    version: str = "2.0"  # 1.0 knows no states but healthy and unhealthy
    protocol: str = "http"
    port: int = 8081
    path: str = "/health"
    interval: float = 5.0
    probes: int = 1  # equal verdicts that make a state
    grace: float = 5.0  # Azure's default: interval × probes

    @property
    def rich(self) -> bool:
        """Whether the extension tells its state."""
        return not self.version.startswith("1")

    def at_speed(self, speed: float) -> Self:
        """The same extension in a world that runs `speed` times faster."""
        return replace(self, interval=self.interval / speed, grace=self.grace / speed)

    @property
    def body(self) -> dict[str, Any]:
        """The extension in the model's JSON."""
        settings = {
            "protocol": self.protocol,
            "port": self.port,
            "requestPath": self.path,
            "intervalInSeconds": round(self.interval),
            "numberOfProbes": self.probes,
            "gracePeriod": round(self.grace),
        }
        properties = {
            "publisher": self.publisher,
            "type": self.kind,
            "typeHandlerVersion": self.version,
            "autoUpgradeMinorVersion": True,
            "settings": settings,
        }
        return {"name": self.name, "properties": properties}

    @classmethod
    def found_in(cls, extensions: Sequence[Mapping[str, Any]]) -> Self | None:
        """The first health extension of a model's JSON; None without any. Raises ValueError for unusable settings."""
        for body in extensions:
            properties = body.get("properties") or {}
            if str(properties.get("type", "")).lower().startswith(_KIND):
                return cls._of(str(body.get("name", "health")), properties)
        return None

    @classmethod
    def _of(cls, name: str, properties: Mapping[str, Any]) -> Self:
        settings = properties.get("settings") or {}
        interval, probes = int(settings.get("intervalInSeconds", 5)), int(settings.get("numberOfProbes", 1))
        if not (5 <= interval <= 60 and 1 <= probes <= 24 and interval * probes <= 240):
            raise ValueError("intervalInSeconds is 5 to 60, numberOfProbes 1 to 24, and both together 240 s at most")
        return cls(
            name=name,
            kind=str(properties["type"]),
            publisher=str(properties.get("publisher", "")),
            version=str(properties.get("typeHandlerVersion", "")),
            protocol=str(settings.get("protocol", "")),
            port=int(settings.get("port", 80)),
            path=str(settings.get("requestPath", "")),
            interval=interval,
            probes=probes,
            grace=int(settings.get("gracePeriod", interval * probes)),
        )


def turns(heard: Sequence[Heard], extension: Extension) -> list[Turn]:
    """All states of the extension in one run. `heard`: in seconds since the extension started, perhaps before."""
    counted = _Counted(extension)
    ends = [each.since for each in heard[1:]] + [inf]
    for answer, end in zip(heard, ends, strict=True):
        first, behind = (_probe_from(moment, extension.interval) for moment in (answer.since, end))
        if behind > first:
            counted.hear(answer.verdict, first, behind - first)
    return counted.turns


def _probe_from(moment: float, interval: float) -> int:
    """The number of the first probe at or after a moment."""
    return _ENDLESS if moment == inf else max(0, ceil(moment / interval))


class _Counted:
    """The verdicts counted so far."""

    def __init__(self, extension: Extension) -> None:
        self.turns: list[Turn] = []
        self._needed, self._interval = extension.probes, extension.interval
        self._gracious = extension.grace > 0  # the grace period goes on
        self._last = _probe_from(extension.grace, extension.interval)  # the probe that ends the grace period
        self._verdict: Verdict | None = None
        self._equal = 0  # of that verdict, since the last one that made a state

    def hear(self, verdict: Verdict, first: int, probes: int) -> None:
        """Count so many equal verdicts, the first of them at that probe."""
        early = min(probes, max(0, self._last - first))
        self._count(verdict, first, early)
        first, probes = first + early, probes - early
        if self._gracious and probes and first == self._last:
            self._end_grace()
            first, probes = first + 1, probes - 1
        self._count(verdict, first, probes)

    def _count(self, verdict: Verdict, first: int, probes: int) -> None:
        if probes <= 0:
            return
        before = self._equal if verdict is self._verdict else 0
        made = first + self._needed - before - 1  # the probe at which a state is made
        if not self.turns:
            self._turn(State.INITIALIZING if self._gracious else State(verdict.value), first)
        if made < first + probes and not (self._gracious and verdict is Verdict.NONE):
            self._gracious = False
            self._turn(State(verdict.value), made)
        self._verdict, self._equal = verdict, (before + probes) % self._needed

    def _end_grace(self) -> None:
        self._gracious = False
        self._turn(State.UNKNOWN, self._last)
        self._verdict, self._equal = Verdict.NONE, 1 % self._needed

    def _turn(self, state: State, probe: int) -> None:
        if not self.turns or self.turns[-1].state is not state:
            self.turns.append(Turn(probe * self._interval, state))
