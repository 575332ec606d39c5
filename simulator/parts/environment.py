"""The variables of the functions host: of local.settings.json.example, of the user, and of this run."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from emulator.functions_host import local_settings, ncrontab
from emulator.functions_host.local_settings import CannotStart
from scaler.model.edges import CONTROLLERS, Actor
from scaler.settings import InvalidSettings, Settings, load
from simulator.observer.patience import Pace

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "local.settings.json.example"

_SCALE_SETS = "AZURE_VMSS_NAME"
_SLOW = 5.0  # times real speed; from here on the example's timers, made for 20 times, suit
_EVERY = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)  # seconds: what divides a minute

# a process needs these; all else that may lie in a user's environment (their Azure, their Redis) is not for this run
_OF_THE_PROCESS = re.compile(r"PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|TERM|VIRTUAL_ENV|PYTHON.*|LD_LIBRARY_PATH")
_OF_THE_USER = re.compile(r"SCALER_.*|\w+_SCHEDULE|AzureWebJobs\w*Disabled")


class SetupFailed(Exception):
    """A part is missing or does not work; the message names the part and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The variables, and the settings that the scaler reads from the variables."""

    variables: Mapping[str, str]
    settings: Settings
    pace: Pace
    off: frozenset[Actor]  # whose timers are disabled

    def at(self, *, redis_url: str, azure_url: str) -> Mapping[str, str]:
        """The variables, with the addresses of this run's own Redis and Azure."""
        ours = {
            "REDIS_URL": redis_url,
            "AZURE_RESOURCE_MANAGER_URL": azure_url,
            "IDENTITY_ENDPOINT": f"{azure_url}/msi/token",
        }
        return {**self.variables, **ours}


def assemble(environ: Mapping[str, str], *, speed: float, scale_sets: int = 1) -> Environment:
    """Assemble the variables; raises SetupFailed when the scaler or the host could not use the result."""
    example = _paced(_example(), speed)
    variables = {
        **{name: value for name, value in environ.items() if _OF_THE_PROCESS.fullmatch(name)},
        **example,
        _SCALE_SETS: ",".join(_names(example.get(_SCALE_SETS, ""), scale_sets)),
        **{name: value for name, value in environ.items() if _OF_THE_USER.fullmatch(name)},
        "SCALER_SPEED": f"{speed:g}",
    }
    try:
        return Environment(
            variables=variables, settings=load(variables), pace=_pace(variables), off=_disabled(variables)
        )
    except (InvalidSettings, CannotStart) as mistake:
        raise SetupFailed(str(mistake)) from None


def _names(first: str, number: int) -> tuple[str, ...]:
    """The example's scale set, and others named after it."""
    return (first, *(f"{first}-{each}" for each in range(2, number + 1)))


def _example() -> dict[str, str]:
    try:
        values = json.loads(EXAMPLE.read_text())["Values"]
    except (OSError, ValueError, KeyError) as mistake:
        raise SetupFailed(
            f"{EXAMPLE.name} cannot be read ({mistake}); restore it: git checkout {EXAMPLE.name}"
        ) from None
    return {str(name): str(value) for name, value in values.items()}


def _paced(example: Mapping[str, str], speed: float) -> dict[str, str]:
    """Slower timers and watches for a slow run: else the listings of a minute are soon used up."""
    paced = dict(example)
    for name in CONTROLLERS if speed < _SLOW else ():
        schedule, watch = f"{name.upper()}_SCHEDULE", f"SCALER_{name.upper()}_WATCH"
        every = int(example[schedule].removeprefix("*/").partition(" ")[0])
        slower = max(each for each in _EVERY if each <= every * float(example["SCALER_SPEED"]) / speed)
        paced[schedule] = f"*/{slower} * * * * *"
        paced[watch] = f"{float(example[watch].removesuffix('s')) * slower / every:g}s"
    return paced


def _pace(variables: Mapping[str, str]) -> Pace:
    return Pace(every={name: _interval(f"{name.upper()}_SCHEDULE", variables) for name in CONTROLLERS})


def _disabled(variables: Mapping[str, str]) -> frozenset[Actor]:
    return frozenset(name for name in CONTROLLERS if local_settings.disabled(name, variables))


def _interval(setting: str, variables: Mapping[str, str]) -> timedelta:
    """From one firing to the next."""
    if setting not in variables:
        raise SetupFailed(f"{setting}: not set; restore {EXAMPLE.name}: git checkout {EXAMPLE.name}")
    schedule = ncrontab.parse(variables[setting], setting=setting)
    first = schedule.next_after(datetime.now(UTC))
    return schedule.next_after(first) - first
