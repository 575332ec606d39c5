"""The environment -> frozen Settings, checked variable by variable and together; reports all mistakes at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from scaler.clouds import AUDIENCES, LOOPBACK, PUBLIC
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import Orchestration, ScaleSetName
from scaler.model.policy import EndWhen, Mode, Moves, Policy, ReadyWhen
from scaler.model.sighting import Pause
from scaler.settings.calendar import NAME as _CALENDAR
from scaler.settings.calendar import calendar
from scaler.settings.capacity import capacities, ready_when, weights
from scaler.settings.reader import InvalidSettings, PerScaleSet, Reader
from scaler.settings.redis_address import RedisAddress, redis_address
from scaler.settings.schedule import EXPECTED, longest_gap, shortest_gap
from scaler.settings.table import spelled

YOUNGEST = timedelta(minutes=30)
"""The shortest age at which machines may be replaced: the next one takes 5 minutes, on a bad day three times that."""
COLD_START = timedelta(minutes=2)
"""What Azure may take to start a deallocated machine: about 100 s, and a little more on a bad day."""
_ARM = "AZURE_RESOURCE_MANAGER_URL"
_STORE, _STORE_SDK = "SCALER_APP_CONFIGURATION", "azure-appconfiguration"
_STORE_FORM = re.compile(r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.azconfig\.(io|azure\.cn|azure\.us)")
_RESERVATION, _START = "SCALER_RESERVATION_TIMEOUT", "SCALER_START_TIMEOUT"
_READY = "SCALER_READY_TIMEOUT"

SCALE_SET_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")  # no dot at the end
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GROUP = re.compile(r"[\w().-]{0,89}[\w()-]")
_CURRENCY_FORM = re.compile(r"[A-Za-z]{3}")
_READY_AGE = "SCALER_MAX_READY_AGE"
_PREFIX = re.compile(r"[\w{}.-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the process is told from outside."""

    subscription: str
    resource_group: str
    scale_sets: tuple[ScaleSetName, ...]
    orchestration: Mapping[ScaleSetName, Orchestration]
    arm_url: str
    arm_audience: str  # whom the tokens are for that are sent there
    client_id: str | None
    redis: RedisAddress
    store: str | None  # the App Configuration store with the operator's numbers
    prefix: str
    policy: Policy  # at the chosen speed
    watches: Mapping[str, timedelta]  # per controller: how long one timer invocation goes on ticking
    every: Mapping[str, timedelta | None]  # per controller: the longest time between two invocations; None: unknown
    speed: float

    @property
    def wants_hot(self) -> bool:
        """Whether settings or calendar want hot machines; tags may, too."""
        says = (window.numbers.get("hot", 0) for window in self.policy.calendar)
        return any(capacity.hot for capacity in self.policy.capacity.values()) or any(says)

    @property
    def place(self) -> str:
        """The scale sets by subscription and group, for people and for telling two scalers apart."""
        return f"{self.subscription}/{self.resource_group.lower()}: {', '.join(sorted(self.scale_sets))}"


def load(environment: Mapping[str, str]) -> Settings:
    """Read all settings. Raises InvalidSettings with every mistake."""
    reader = Reader(environment)
    settings = _read(reader)
    if reader.mistakes:
        raise InvalidSettings(tuple(dict.fromkeys(reader.mistakes)))
    return settings


def _read(reader: Reader) -> Settings:
    speed = reader.number("SCALER_SPEED", low=0.1, high=1000)
    named = reader.matching_each("AZURE_VMSS_NAME", SCALE_SET_NAME, "the scale set's resource name")
    scale_sets = tuple(dict.fromkeys(ScaleSetName(name.lower()) for name in named))
    per_scale_set = PerScaleSet(reader, scale_sets)
    arm_url = reader.url(_ARM)
    found = Settings(
        subscription=reader.matching("AZURE_SUBSCRIPTION_ID", _GUID, "a GUID; `az account show --query id`").lower(),
        resource_group=reader.matching("AZURE_RESOURCE_GROUP", _GROUP, "the resource group's name"),
        scale_sets=scale_sets,
        orchestration=per_scale_set.choices(
            "AZURE_VMSS_ORCHESTRATION", {kind.lower(): kind for kind in Orchestration}, "Uniform or Flexible"
        ),
        arm_url=arm_url,
        arm_audience=audience_of(reader, arm_url),
        client_id=reader.matching(
            "AZURE_CLIENT_ID", _GUID, "a GUID; `az identity show … --query clientId`", optional=True
        )
        or None,
        redis=redis_address(reader),
        store=store_of(reader),
        prefix=reader.matching("SCALER_REDIS_PREFIX", _PREFIX, "letters, digits, `_`, `-`, `.`, braces for a hash tag"),
        policy=_policy(reader, per_scale_set),
        watches={
            name: reader.duration(f"SCALER_{name.upper()}_WATCH", longest=timedelta(minutes=5)) for name in CONTROLLERS
        },
        every={},
        speed=speed,
    )
    check_name(reader, found.policy.managed_by)
    check_timeouts(reader, found.policy)
    check_ready_age(reader, found.policy.max_ready_age)
    every = schedules(reader, found.watches)
    check_speed(reader, speed, found.arm_url)
    return replace(found, policy=found.policy.at_speed(speed), every=every)


def _policy(reader: Reader, per_scale_set: PerScaleSet) -> Policy:
    day = timedelta(days=1)
    capacity, mistakes = capacities(reader, per_scale_set), list[str]()
    windows = calendar(reader.text(_CALENDAR), capacity, datetime.now(UTC), mistakes)
    reader.mistakes += (f"{_CALENDAR}: {mistake}" for mistake in mistakes)
    return Policy(
        capacity=capacity,
        calendar=windows,
        weights=weights(reader, per_scale_set, capacity, windows),
        managed_by=reader.text("SCALER_NAME"),
        pause=reader.choice("SCALER_PAUSED", {pause.word: pause for pause in Pause}, "false, true or all"),
        moves=reader.choice("SCALER_MOVE", {moves: moves for moves in Moves}, "atomic or always"),
        regions={name: region for name, region in per_scale_set.texts("SCALER_GEO_NAME").items() if region},
        currency=reader.matching(
            "SCALER_CURRENCY", _CURRENCY_FORM, "three letters, such as EUR", optional=True
        ).upper(),
        warm_surplus_kept=reader.duration("SCALER_WARM_SURPLUS_KEPT", longest=day),
        surplus_kept=reader.duration("SCALER_SURPLUS_KEPT", longest=7 * day, shortest=timedelta(minutes=1)),
        max_ready_age=reader.duration(_READY_AGE, longest=365 * day),
        session_limit=reader.duration("SCALER_VM_RUNTIME", longest=30 * day),
        presumed_limit=reader.duration("SCALER_PRESUMED_LIMIT", longest=30 * day, shortest=timedelta(minutes=1)),
        reservation_timeout=reader.duration(_RESERVATION, longest=day, shortest=timedelta(seconds=10)),
        end_when={name: end for name, end in _ends(per_scale_set).items() if end is not EndWhen.RELEASED},
        connect_timeout=reader.duration(
            "SCALER_CONNECT_TIMEOUT", longest=timedelta(hours=1), shortest=timedelta(seconds=10)
        ),
        ready_when={name: when for name, when in ready_when(per_scale_set).items() if when is not ReadyWhen.RUNNING},
        ready_timeout=reader.duration(_READY, longest=day, shortest=timedelta(seconds=10)),
        start_timeout=reader.duration(_START, longest=day, shortest=timedelta(seconds=10)),
        max_surge=reader.whole("SCALER_MAX_SURGE", low=1, high=1000),
    )


def _ends(per_scale_set: PerScaleSet) -> Mapping[ScaleSetName, EndWhen]:
    return per_scale_set.choices("SCALER_END_WHEN", {str(end): end for end in EndWhen}, "released or unhealthy")


def store_of(reader: Reader) -> str | None:
    """The App Configuration store, if any. Tokens go there: rejects a host that is neither Azure's nor this machine.

    The store's SDK is an extra, and a missing one is a mistake.
    """
    if not reader.is_set(_STORE):
        return None
    url = reader.url(_STORE)
    if reader.accepts(_STORE) and not _STORE_FORM.fullmatch(url) and urlsplit(url).hostname not in LOOPBACK:
        reader.reject(_STORE, url, "https://NAME.azconfig.io, as the store's overview in the portal shows it")
    if not _is_installed(_STORE_SDK):
        reader.mistakes.append(
            f"{_STORE}: the package {_STORE_SDK} is not installed; on this machine `pip install -r"
            ' requirements-appconfig.txt`, for Azure `make package ARGS="--extra appconfig"`'
        )
    return url


def _is_installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415  (a cold start does without)

    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def check_timeouts(reader: Reader, policy: Policy) -> None:
    """Check that a visitor can wait for a start, and that a hanging start is noticed during the wait."""
    cold = any(each.mode is not Mode.FIXED or each.desired > each.warm for each in policy.capacity.values())
    times = {_RESERVATION: policy.reservation_timeout, _START: policy.start_timeout}
    for name, time in times.items():
        if reader.accepts(name) and cold and time < COLD_START:
            reader.mistakes.append(
                f"{name}: {spelled(time)} is less than a cold start takes: who reserves a cold machine would never get"
                f" it; expected at least {spelled(COLD_START)}, or all machines warm (SCALER_WARMPOOL_SIZE)"
            )
    if reader.accepts(_RESERVATION, _START) and policy.start_timeout > policy.reservation_timeout:
        reader.mistakes.append(
            f"{_START}: {spelled(policy.start_timeout)} is more than {_RESERVATION}"
            f" ({spelled(policy.reservation_timeout)}): who waits for a start that hangs would be refused before"
            " another machine is tried; expected a third of it or less"
        )
    gated = any(map(policy.awaits_health, policy.capacity))
    if gated and reader.accepts(_RESERVATION, _READY) and policy.ready_timeout > policy.reservation_timeout:
        reader.mistakes.append(
            f"{_READY}: {spelled(policy.ready_timeout)} is more than {_RESERVATION}"
            f" ({spelled(policy.reservation_timeout)}): who waits for a machine that never becomes Healthy would be"
            " refused before another one is tried; expected a third of it or less"
        )


def check_ready_age(reader: Reader, age: timedelta) -> None:
    """Check that machines are not replaced faster than they are made."""
    if reader.accepts(_READY_AGE) and timedelta(0) < age < YOUNGEST:
        reader.mistakes.append(
            f"{_READY_AGE}: {spelled(age)} is hardly longer than it takes to make a machine: ready ones would be"
            f" replaced all the time; expected at least {spelled(YOUNGEST)}, or 0 for never"
        )


def schedules(reader: Reader, watches: Mapping[str, timedelta]) -> Mapping[str, timedelta | None]:
    """Check that schedules are readable, and that an invocation ends before the next. The host reports missing ones.

    Returns the longest time between two invocations of each controller.
    """
    longest: dict[str, timedelta | None] = {}
    for controller, watch in watches.items():
        name = f"{controller.upper()}_SCHEDULE"
        text = reader.text(name)
        if not text:
            continue
        try:
            shortest, longest[controller] = shortest_gap(text), longest_gap(text)
        except ValueError as mistake:
            reader.reject(name, text, f"{EXPECTED} ({mistake})")
            continue
        its_watch = f"SCALER_{controller.upper()}_WATCH"
        if reader.accepts(its_watch) and watch > shortest:
            reader.mistakes.append(
                f"{its_watch}: {spelled(watch)} is more than the {spelled(shortest)} between two firings of {name}:"
                " firings would be missed; expected a little less"
            )
    return longest


def check_speed(reader: Reader, speed: float, arm_url: str) -> None:
    """Every horizon that keeps a visitor safe is a wait by Azure's real clock."""
    if speed != 1 and reader.accepts("SCALER_SPEED", _ARM) and urlsplit(arm_url).hostname not in LOOPBACK:
        reader.mistakes.append(
            f"SCALER_SPEED: {speed:g} would shorten every wait against the real Azure; expected 1, or the emulator's"
            " address on this machine in AZURE_RESOURCE_MANAGER_URL"
        )


def audience_of(reader: Reader, arm_url: str) -> str:
    """The audience of tokens for this Resource Manager. Rejects a host that is neither Azure's nor this machine."""
    audience = AUDIENCES.get(arm_url.lower())
    if audience is None and reader.accepts(_ARM) and urlsplit(arm_url).hostname not in LOOPBACK:
        clouds = ", ".join(AUDIENCES)
        reader.reject(_ARM, arm_url, f"one of Azure's clouds ({clouds}), or this machine (the emulator)")
    return audience or PUBLIC


def check_name(reader: Reader, managed_by: str) -> None:
    """The tag `scaler:managed` with a word that means no must not be consent."""
    if managed_by.lower() in {"false", "no", "off", "0", "none"}:
        reader.reject("SCALER_NAME", managed_by, "a word that does not mean no: the scaler acts where the tag says it")
