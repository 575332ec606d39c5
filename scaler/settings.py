"""The environment -> frozen Settings; reports every mistake at once, each with its remedy."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from scaler.model.instance import ScaleSetName
from scaler.model.policy import Capacity, Policy

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_GROUP = re.compile(r"[\w().-]{0,89}[\w()-]")
_PREFIX = re.compile(r"[\w{}.-]{1,64}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)?")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_UNITS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_TRUTH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class InvalidSettings(ValueError):
    """One or more settings cannot be used; `mistakes` has a line for each."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("settings cannot be used:\n" + "\n".join(f"  {each}" for each in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One environment variable: how the README's table and the error messages speak of it."""

    name: str
    default: str | None  # None: required
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """Where Redis is: a URL, or host and port."""

    url: str | None = None
    host: str | None = None
    port: int = 6379
    tls: bool = False
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the process is told from outside."""

    subscription: str
    resource_group: str
    scale_sets: tuple[ScaleSetName, ...]
    arm_url: str
    client_id: str | None
    redis: RedisAddress
    prefix: str
    policy: Policy  # at the chosen speed
    watches: Mapping[str, timedelta]  # per controller: how long one timer invocation goes on ticking
    speed: float


SETTINGS: tuple[Setting, ...] = (
    Setting(name="AZURE_SUBSCRIPTION_ID", default=None, meaning="subscription of the scale set (GUID)"),
    Setting(name="AZURE_RESOURCE_GROUP", default=None, meaning="resource group of the scale set"),
    Setting(name="AZURE_VMSS_NAME", default=None, meaning="name of the scale set"),
    Setting(
        name="AZURE_CLIENT_ID", default="", meaning="client id of a user-assigned identity; empty: system-assigned"
    ),
    Setting(
        name="AZURE_RESOURCE_MANAGER_URL",
        default="https://management.azure.com",
        meaning="ARM's address; plain http only on loopback (the emulator)",
    ),
    Setting(name="REDIS_URL", default="", meaning="redis://… or rediss://…; or the four below"),
    Setting(name="REDIS_HOST", default="", meaning="Redis' host name"),
    Setting(name="REDIS_PORT", default="6379", meaning="its port (Azure: 6380 or 10000, with TLS)"),
    Setting(name="REDIS_SSL", default="false", meaning="TLS to Redis"),
    Setting(name="REDIS_PASSWORD", default="", meaning="its access key"),
    Setting(name="SCALER_REDIS_PREFIX", default="vmss", meaning="prefix of all keys; `{vmss}` for a clustered Redis"),
    Setting(name="SCALER_POOL_CAPACITY", default="4", meaning="instances the scale set should hold, in use or not"),
    Setting(
        name="SCALER_WARMPOOL_SIZE",
        default="0",
        meaning="of the ready ones, how many stay allocated: full price, ~5 s instead of ~100 s to start",
    ),
    Setting(name="SCALER_VM_RUNTIME", default="60m", meaning="session limit; 0: none"),
    Setting(name="SCALER_PRESUMED_LIMIT", default="60m", meaning="limit of a presumed session where the above is 0"),
    Setting(name="SCALER_RESERVATION_TIMEOUT", default="15m", meaning="a visitor who waited so long is refused"),
    Setting(name="SCALER_START_TIMEOUT", default="5m", meaning="a start that takes longer has failed"),
    Setting(name="SCALER_MAX_SURGE", default="10", meaning="instances created per provisioner tick at most"),
    Setting(name="SCALER_NAME", default="true", meaning="value of the tag `scaler:managed` that lets us act"),
    Setting(name="SCALER_GEO_NAME", default="", meaning="region, as published in new records"),
    Setting(name="SCALER_PROVISIONER_WATCH", default="0s", meaning="how long one invocation goes on ticking; 0: once"),
    Setting(
        name="SCALER_RECONCILER_WATCH", default="25s", meaning="the same; a little less than its schedule's interval"
    ),
    Setting(name="SCALER_STARTER_WATCH", default="9.5s", meaning="the same; it probes for reservations every 250 ms"),
    Setting(name="SCALER_CLEANER_WATCH", default="0s", meaning="the same"),
    Setting(name="SCALER_SPEED", default="1", meaning="divides all durations of the policy; for the local run only"),
)


def load(environment: Mapping[str, str]) -> Settings:
    """Read them all. Raises InvalidSettings with every mistake there is."""
    reader = _Reader(environment)
    settings = _read(reader)
    if reader.mistakes:
        raise InvalidSettings(tuple(reader.mistakes))
    return settings


def _read(reader: "_Reader") -> Settings:
    speed = reader.number("SCALER_SPEED", low=0.1, high=1000)
    scale_set = ScaleSetName(reader.matching("AZURE_VMSS_NAME", _NAME, "the scale set's resource name").lower())
    return Settings(
        subscription=reader.matching("AZURE_SUBSCRIPTION_ID", _GUID, "a GUID; `az account show --query id`").lower(),
        resource_group=reader.matching("AZURE_RESOURCE_GROUP", _GROUP, "the resource group's name"),
        scale_sets=(scale_set,),
        arm_url=reader.url("AZURE_RESOURCE_MANAGER_URL"),
        client_id=reader.text("AZURE_CLIENT_ID") or None,
        redis=_redis(reader),
        prefix=reader.matching("SCALER_REDIS_PREFIX", _PREFIX, "letters, digits, `_`, `-`, `.`, braces for a hash tag"),
        policy=_policy(reader, scale_set).at_speed(speed),
        watches={
            each: reader.duration(f"SCALER_{each.upper()}_WATCH", longest=timedelta(minutes=5))
            for each in ("provisioner", "reconciler", "starter", "cleaner")
        },
        speed=speed,
    )


def _redis(reader: "_Reader") -> RedisAddress:
    url, host = reader.text("REDIS_URL"), reader.text("REDIS_HOST")
    if not url and not host:
        reader.mistakes.append("REDIS_URL: not set, and REDIS_HOST neither; set one, e.g. redis://127.0.0.1:6379/0")
    if url and urlsplit(url).scheme not in {"redis", "rediss"}:
        reader.mistakes.append(f"REDIS_URL: {_shown(url)} does not begin with redis:// or rediss://")
    return RedisAddress(
        url=url or None,
        host=host or None,
        port=int(reader.number("REDIS_PORT", low=1, high=65535, whole=True)),
        tls=reader.truth("REDIS_SSL"),
        password=reader.text("REDIS_PASSWORD") or None,
    )


def _policy(reader: "_Reader", scale_set: ScaleSetName) -> Policy:
    desired = int(reader.number("SCALER_POOL_CAPACITY", low=0, high=1000, whole=True))
    warm = int(reader.number("SCALER_WARMPOOL_SIZE", low=0, high=1000, whole=True))
    sound = not any(each.startswith(("SCALER_POOL_CAPACITY:", "SCALER_WARMPOOL_SIZE:")) for each in reader.mistakes)
    if sound and warm > desired:
        reader.mistakes.append(
            f"SCALER_WARMPOOL_SIZE: {warm} is more than SCALER_POOL_CAPACITY ({desired}); the warm are part of it"
        )
    day = timedelta(days=1)
    return Policy(
        capacity={scale_set: Capacity(desired=desired, warm=warm)},
        managed_by=reader.text("SCALER_NAME"),
        region=reader.text("SCALER_GEO_NAME") or None,
        session_limit=reader.duration("SCALER_VM_RUNTIME", longest=30 * day),
        presumed_limit=reader.duration("SCALER_PRESUMED_LIMIT", longest=30 * day, shortest=timedelta(minutes=1)),
        reservation_timeout=reader.duration("SCALER_RESERVATION_TIMEOUT", longest=day, shortest=timedelta(seconds=10)),
        start_timeout=reader.duration("SCALER_START_TIMEOUT", longest=day, shortest=timedelta(seconds=10)),
        max_surge=int(reader.number("SCALER_MAX_SURGE", low=1, high=1000, whole=True)),
    )


class _Reader:
    """Reads one variable after the other and collects what is wrong; returns something harmless meanwhile."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._defaults = {each.name: each.default for each in SETTINGS}
        self.mistakes: list[str] = []

    def text(self, name: str) -> str:
        value = self._environment.get(name, "").strip()
        default = self._defaults[name]
        return value or default or ""

    def matching(self, name: str, pattern: re.Pattern[str], expected: str) -> str:
        value = self.text(name)
        if not value:
            self.mistakes.append(f"{name}: not set; expected {expected}")
        elif not pattern.fullmatch(value):
            self.mistakes.append(f"{name}: {_shown(value)} cannot be used; expected {expected}")
        return value

    def url(self, name: str) -> str:
        value = self.text(name).rstrip("/")
        parts = urlsplit(value)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.path or parts.query:
            self.mistakes.append(f"{name}: {_shown(value)} cannot be used; expected https://host[:port]")
        elif parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            self.mistakes.append(f"{name}: {_shown(value)} would send the token in the clear; expected https://…")
        return value

    def number(self, name: str, *, low: float, high: float, whole: bool = False) -> float:
        kind = "a whole number" if whole else "a number"
        return self._converted(name, int if whole else float, low, high, f"{kind} from {low:g} to {high:g}")

    def _converted(self, name: str, convert: Callable[[str], float], low: float, high: float, expected: str) -> float:
        value = self.text(name)
        try:
            number = convert(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            self.mistakes.append(f"{name}: {_shown(value)} cannot be used; expected {expected}")
            return low
        return number

    def duration(self, name: str, *, longest: timedelta, shortest: timedelta = timedelta(0)) -> timedelta:
        value = self.text(name)
        match = _DURATION.fullmatch(value.lower())
        duration = timedelta(seconds=float(match[1][:12]) * _UNITS[match[2]]) if match else None
        if duration is None or not shortest <= duration <= longest:
            expected = f"a duration from {_spelled(shortest)} to {_spelled(longest)}, such as 90s, 15m, 1h"
            self.mistakes.append(f"{name}: {_shown(value)} cannot be used; expected {expected}")
            return shortest
        return duration

    def truth(self, name: str) -> bool:
        value = self.text(name)
        if value.lower() not in _TRUTH:
            self.mistakes.append(f"{name}: {_shown(value)} cannot be used; expected true or false")
        return _TRUTH.get(value.lower(), False)


def _spelled(duration: timedelta) -> str:
    """A round duration in its largest whole unit."""
    seconds = round(duration.total_seconds())
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _shown(value: str) -> str:
    """A value as it may appear in a log: short, printable, without what may be a password in a URL."""
    cut = re.sub(r"//[^@/]*@", "//…@", value)
    return repr(cut[:60] + ("…" if len(cut) > 60 else ""))
