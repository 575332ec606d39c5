"""A simulated guest: its answers to the probes of one run of a VM, from who was inside when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from json import dumps
from math import inf
from typing import NamedTuple

from emulator.health.extension import Heard, Verdict

PATIENCE = 120.0
"""Seconds without a visitor after which a guest says Unhealthy: nobody came, or the last one left."""


class Mood(Enum):
    """What is wrong with a guest for a while."""

    MUTE = auto()  # no verdict
    LYING = auto()  # the contrary of the truth, and healthy before it is ready
    FLAPPING = auto()  # another verdict at every probe


class Spell(NamedTuple):
    """A while of such answers, in seconds since the run began."""

    since: float
    until: float
    mood: Mood


class Visit(NamedTuple):
    """Somebody came or went, in seconds since the run began."""

    at: float
    more: int  # 1 or -1


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of a VM: from the moment it runs until it does not. Durations are in seconds."""

    since: datetime
    until: datetime | None = None
    first: bool  # since the disk is new: tests and the first run of the application take their time
    boots: float  # until the guest can be used, on any but the first run
    prepares: float  # the tests and the first run
    patience: float  # how long nobody may be there
    starts: float  # until the extension starts
    reported: float  # how much later Azure shows what the extension says
    visits: list[Visit] = field(default_factory=list)
    spells: list[Spell] = field(default_factory=list)
    told: list[Heard] | None = None  # by a real responder; None: the guest is simulated

    @property
    def inside(self) -> int:
        """How many are inside at last."""
        return max(0, sum(visit.more for visit in self.visits))


def answers(run: Run, interval: float) -> Sequence[Heard]:
    """The answers of a run, in seconds since it began. As far as nobody comes or goes they are those to come."""
    if run.told is not None:
        return [Heard(0.0, Verdict.NONE), *run.told]
    heard = list(_truthful(run))
    for spell in run.spells:
        heard = list(_under(heard, spell, interval))
    return heard


def _truthful(run: Run) -> Iterator[Heard]:
    """No verdict until the application is ready; healthy; unhealthy once nobody was there for too long.

    On the first run nobody is expected. The reasons are those of guest/responder.mjs.
    """
    yield Heard(0.0, Verdict.NONE, _metrics("starting", 0))
    if run.first:
        yield Heard(run.boots, Verdict.NONE, _metrics("first-run", 0))
    ready = run.boots + (run.prepares if run.first else 0.0)
    yield Heard(ready, Verdict.HEALTHY, _metrics("ready" if run.first else "waiting", 0))
    inside, given_up, why = 0, inf if run.first else ready + run.patience, "nobody-yet"
    for visit in run.visits:
        at = max(visit.at, ready)
        if given_up <= at:
            yield Heard(given_up, Verdict.UNHEALTHY, _metrics(why, 0))
        inside = max(0, inside + visit.more)
        given_up, why = (inf, "") if inside else (at + run.patience, "nobody-any-more")
        yield Heard(at, Verdict.HEALTHY, _metrics("occupied" if inside else "left", inside))
    if given_up < inf:
        yield Heard(given_up, Verdict.UNHEALTHY, _metrics(why, 0))


def _metrics(reason: str, players: int) -> str:
    return dumps({"reason": reason, "players": players})


def _under(heard: Sequence[Heard], spell: Spell, interval: float) -> Iterator[Heard]:
    """The same answers, but for those during a spell."""
    yield from (each for each in heard if each.since < spell.since)
    during = [each for each in heard if spell.since < each.since < spell.until]
    before = [each for each in heard if each.since <= spell.since]
    if spell.mood is Mood.FLAPPING:
        flaps = range(int((spell.until - spell.since) / interval) + 1)
        verdicts = (Verdict.UNHEALTHY, Verdict.HEALTHY)
        yield from (Heard(spell.since + flap * interval, verdicts[flap % 2]) for flap in flaps)
    else:
        starts = [before[-1]._replace(since=spell.since)] if before else []
        yield from (_changed(each, spell.mood) for each in (*starts, *during))
    until = [each for each in heard if each.since <= spell.until]
    if until:
        yield until[-1]._replace(since=spell.until)
    yield from (each for each in heard if each.since > spell.until)


def _changed(heard: Heard, mood: Mood) -> Heard:
    if mood is Mood.MUTE:
        return heard._replace(verdict=Verdict.NONE, metrics="")
    lie = Verdict.UNHEALTHY if heard.verdict is Verdict.HEALTHY else Verdict.HEALTHY
    return heard._replace(verdict=lie)
