"""What the user may choose for a run, by environment variables: `make run FOR=60s SPEED=20 …`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scaler.model.policy import EndWhen, ReadyWhen

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", re.IGNORECASE)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

HELP = """\
usage: make run [FOR=60s] [SPEED=20] [SEED=1] [VISITORS=24] [SCALE_SETS=1] [VIEW=live|lines] [LOG=FILE]
                [READY=healthy] [END=unhealthy] [HOT=2] [WEB=0] [JSON=1]
   or: FOR=60s … python -m simulator
   or: python -m simulator picture > run.svg     (one frame of the live view, of a run of FOR=45s)
   or: python -m simulator waiting              (what a waiting visitor is told, second by second, in virtual time)
   or: python -m simulator chaos --help          (everything breaks on purpose, in virtual time, seed after seed)
   or: python -m simulator day --help            (days in virtual time, one capacity policy beside another)
   or: python -m simulator chaos-real --help     (the same in real time, on real processes)

Runs the whole scaler on this machine: an emulated Azure, a redis-server (or fakeredis), function_app.py with its four
timers, and visitors who reserve machines, stay and leave. On a terminal it is shown live; elsewhere it prints one line
per change. It ends on Ctrl-C or after FOR, with a summary.

  FOR         how long, after set-up: 45, 60s, 2m (default: until Ctrl-C)
  SPEED       how much faster than real Azure's latencies and the policy's durations pass: 0.1 to 1000 (default: 20)
  SEED        a whole number; another one brings other visitors and other latencies (default: 1)
  VISITORS    how many come per minute of your clock, once the first machine is available; 0: none
              (default: 1.2 times SPEED, about what fourteen machines can serve); the first ten come faster
  SCALE_SETS  how many there are, each with the capacity that is set, and one registry for all: 1 to 9 (default: 1)
  READY       healthy: a new machine rests, and a session is let in, only when the machine is Healthy
              (SCALER_READY_WHEN); running: as shipped (default)
  END         unhealthy: a third of the visitors just close the tab, and their machines end these sessions
              (SCALER_END_WHEN; their limit is then 1 h); released: as shipped (default)
  HOT         how many of the ready machines of each scale set run and wait, so that their visitors are in at once:
              0 to 50 (SCALER_HOTPOOL_SIZE; default: 0). Redis gets a replica then, which hot machines need
  VIEW        live: a screen that is always up to date, all its times those of the emulated world; lines: one per change
              (default: live on a terminal, unless TERM=dumb or CI is set; NO_COLOR=1 does without colours)
  LOG         a file for the scaler's log, as Application Insights gets it: one JSON object a line (default: none)
  WEB         0: without the page of `scaler web`, whose address is shown (default: 1, where its libraries are)
  JSON        1: the last line of standard output is one JSON object (default: 0)

SCALER_… and …_SCHEDULE variables are passed on to the scaler; local.settings.json.example has the others.
AzureWebJobs__cleaner__Disabled=1 leaves a controller out: see what the observer makes of it.

exit status: 0 all was well · 1 a reservation was lost, a used machine handed out, a session cut short, or a machine
leaked (the lines say which) · 2 a part is missing or died (standard error says which, and what to do)
"""


class Viewing(StrEnum):
    """How the run is watched."""

    AUTO = "auto"  # live on a terminal, lines elsewhere
    LIVE = "live"
    LINES = "lines"


class InvalidOptions(ValueError):
    """Options that cannot be used; the message has a line for each mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run."""

    seconds: float | None  # None: until Ctrl-C
    speed: float
    seed: int
    visitors_per_minute: float
    scale_sets: int
    viewing: Viewing
    json: bool
    web: bool = False
    log: Path | None = None  # for the lines of the functions hosts
    end: EndWhen | None = None
    ready: ReadyWhen | None = None
    hot: int = 0

    @property
    def settings(self) -> Mapping[str, str]:
        """The scaler's settings that follow from the options; sessions are as long as with the scaler as shipped."""
        end = {"SCALER_END_WHEN": str(self.end)} if self.end is not None else {}
        if self.end is EndWhen.UNHEALTHY:
            end |= {"SCALER_VM_RUNTIME": "1h"}
        ready = {"SCALER_READY_WHEN": str(self.ready)} if self.ready is not None else {}
        return end | ready | ({"SCALER_HOTPOOL_SIZE": str(self.hot)} if self.hot else {})


def read(environ: Mapping[str, str]) -> Options:
    """Read all options; raises InvalidOptions with every mistake."""
    mistakes: list[str] = []

    def option[T](name: str, default: str, convert: Callable[[str], T | None], expected: str) -> T | None:
        text = environ.get(name, "").strip() or default
        value = convert(text) if text else None
        if text and value is None:
            mistakes.append(f"{name}: {text[:40]!r} cannot be used; expected {expected}")
        return value

    speed = option("SPEED", "20", lambda text: _number(text, 0.1, 1000), "a number from 0.1 to 1000") or 20.0
    visitors = f"{1.2 * speed:g}"
    options = Options(
        seconds=option("FOR", "", seconds_of, "a duration: 45, 60s, 2m, 1h"),
        speed=speed,
        seed=option("SEED", "1", _whole, "a whole number") or 0,
        visitors_per_minute=option("VISITORS", visitors, lambda text: _number(text, 0, 6000), "a number from 0 to 6000")
        or 0.0,
        scale_sets=option("SCALE_SETS", "1", _few, "a whole number from 1 to 9") or 1,
        viewing=option("VIEW", "auto", _viewing, "live or lines") or Viewing.AUTO,
        json=option("JSON", "0", lambda text: _TRUTH.get(text.lower()), "1 or 0") or False,
        log=option("LOG", "", Path, "a path"),
        end=option("END", "", _end, "released or unhealthy"),
        ready=option("READY", "", _ready, "running or healthy"),
        hot=option("HOT", "0", _some, "a whole number from 0 to 50") or 0,
        web=option("WEB", "1", lambda text: _TRUTH.get(text.lower()), "1 or 0") or False,
    )
    if mistakes:
        raise InvalidOptions("\n".join(mistakes))
    return options


def seconds_of(text: str) -> float | None:
    """The seconds of a duration as people type: 45, 60s, 2m, 1h; None for other texts."""
    match = _DURATION.fullmatch(text)
    seconds = float(match[1][:9]) * _UNITS[(match[2] or "s").lower()] if match else 0.0
    return seconds if seconds > 0 else None


def _number(text: str, low: float, high: float) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if low <= number <= high else None


def _viewing(text: str) -> Viewing | None:
    return next((each for each in Viewing if each == text.lower()), None)


def _end(text: str) -> EndWhen | None:
    return next((each for each in EndWhen if each == text.lower()), None)


def _ready(text: str) -> ReadyWhen | None:
    return next((each for each in ReadyWhen if each == text.lower()), None)


def _few(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9]", text) else None


def _some(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-4]?[0-9]|50", text) else None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None
