"""Settings that are readable, but exclude each other."""

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from scaler.clouds import AUDIENCES, LOOPBACK, PUBLIC
from scaler.model.policy import Policy
from scaler.settings import schedule
from scaler.settings.reader import Reader
from scaler.settings.table import spelled

COLD_START = timedelta(minutes=2)
"""What Azure may take to start a deallocated machine: about 100 s, and a little more on a bad day."""
_ARM = "AZURE_RESOURCE_MANAGER_URL"
_RESERVATION, _START = "SCALER_RESERVATION_TIMEOUT", "SCALER_START_TIMEOUT"


def check_timeouts(reader: Reader, policy: Policy) -> None:
    """Check that a visitor can wait for a start, and that a hanging start is noticed during the wait."""
    cold = any(capacity.desired > capacity.warm for capacity in policy.capacity.values())
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


def check_schedules(reader: Reader, watches: Mapping[str, timedelta]) -> None:
    """Check that schedules are readable, and that an invocation ends before the next. The host reports missing ones."""
    for controller, watch in watches.items():
        name = f"{controller.upper()}_SCHEDULE"
        text = reader.text(name)
        if not text:
            continue
        try:
            shortest = schedule.parse(text).shortest
        except ValueError as mistake:
            reader.reject(name, text, f"{schedule.EXPECTED} ({mistake})")
            continue
        its_watch = f"SCALER_{controller.upper()}_WATCH"
        if reader.accepts(its_watch) and watch > shortest:
            reader.mistakes.append(
                f"{its_watch}: {spelled(watch)} is more than the {spelled(shortest)} between two firings of {name}:"
                " firings would be missed; expected a little less"
            )


def check_speed(reader: Reader, speed: float, arm_url: str) -> None:
    """Every horizon that keeps a visitor safe is a wait by Azure's real clock."""
    names = ("SCALER_SPEED", _ARM)
    if speed != 1 and reader.accepts(*names) and urlsplit(arm_url).hostname not in LOOPBACK:
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
