"""docs/timeouts.md: drawn from the table of the waitings, with the default durations."""

from datetime import timedelta

from docs.timeouts_table import WAITINGS, Waiting
from scaler.model.policy import Policy

_PAGE = """# How long anything waits

Drawn from `docs/timeouts_table.py` by `docs/generate.py`; do not edit by hand.

Nothing waits for ever. A row has a state, what the state waits for, how long at most, who ends the wait, and the `why`
of the ending step, as it stands in the log. "At once" is the next tick of that controller.
`tests/unit/test_timeouts.py` tries each row with the real controllers one second before its time, at it, and one second
after it.

| state | waits for | at most | then | by | in the log |
|---|---|---|---|---|---|
{rows}

{settings}

The other durations are fields of `scaler/model/policy.py`, where each stands beside its argument; a local run divides
all of them by `SCALER_SPEED`.

Times of what was seen in Azure are counted by Azure's clock, all others by Redis'. Neither is compared with the other,
nor with a host's: a wait is never shorter because two clocks disagree.

In Redis, notes without a record live for 24 hours after they were last written, and a session's pointer to its machine
as long. Record and notes of a machine that was missed in Azure, or whose delete was ordered, live for 7 days after the
scaler last wrote them, and for ever again once the machine is seen: rows without a way to them do not stay.
"""

_SETTINGS = {
    "session_limit": "SCALER_VM_RUNTIME",
    "presumed_limit": "SCALER_PRESUMED_LIMIT",
    "max_ready_age": "SCALER_MAX_READY_AGE",
    "surplus_kept": "SCALER_SURPLUS_KEPT",
    "warm_surplus_kept": "SCALER_WARM_SURPLUS_KEPT",
    "reservation_timeout": "SCALER_RESERVATION_TIMEOUT",
    "start_timeout": "SCALER_START_TIMEOUT",
    "connect_timeout": "SCALER_CONNECT_TIMEOUT",
    "ready_timeout": "SCALER_READY_TIMEOUT",
}


def timeouts_page() -> str:
    """docs/timeouts.md."""
    settings = [f"* `{name}`: the setting `{setting}`" for name, setting in _SETTINGS.items()]
    settings.append("* `limit_of_presumed`: `session_limit`, or `presumed_limit` where that is 0")
    return _PAGE.format(rows="\n".join(map(_row, WAITINGS)), settings="\n".join(settings))


def _row(waiting: Waiting) -> str:
    why = f'"{waiting.why}"' if waiting.why is not None else "–"
    return f"| {waiting.state} | {waiting.waits_for} | {_after(waiting)} | {waiting.then} | {waiting.ender} | {why} |"


def _after(waiting: Waiting) -> str:
    if not waiting.after:
        return "at once" if waiting.why is not None else "–"
    return f"{_spelled(waiting.lasts(Policy())) or 'never'} (`{' + '.join(waiting.after)}`)"


def _spelled(duration: timedelta) -> str:
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    if minutes > 120 and not minutes % 60 and not seconds:
        return f"{minutes // 60} h"
    return " ".join(each for each in (f"{minutes} min" if minutes else "", f"{seconds} s" if seconds else "") if each)
