"""A line of the functions host's log -> a word of the scaler, a sign of life, or a trouble."""

import json
from datetime import UTC, datetime
from typing import Any

from scaler.telemetry import read
from simulator.happenings import Ticked, Told, Trouble

_TELLING = frozenset({"step", "held", "would", "tick_failed", "complaint"})
_BY_SENTENCE = frozenset({"tick_failed", "complaint"})  # the reason alone does not say what it is the reason of
_SERIOUS = frozenset({"ERROR", "CRITICAL"})
_ENDED = "function succeeded"  # the host's word when a timer's function has returned

type Heard = Told | Ticked | Trouble


def heard(text: str) -> Heard | None:
    """The happening in a line of the log, if there is one."""
    line = _parsed(text)
    if line is None:
        return Trouble(at=datetime.now(UTC), what=f"the functions host: {text.strip()}") if text.strip() else None
    at = _moment(line)
    if line.get("logger") == "scaler" and line.get("event") in _TELLING:
        return _told(line, at)
    if line.get("level") in _SERIOUS:
        return Trouble(at=at, what=_plain(line), controller=_who(line))
    return Ticked(at=at, controller=_who(line)) if _is_sign_of_life(line) else None


def is_ready(text: str) -> bool:
    """Whether the host says that its timers fire from now on."""
    line = _parsed(text)
    return line is not None and line.get("message") == "host started"


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    if not isinstance(line, dict):
        return None
    if line.get("logger") != "scaler":
        return line
    sentence, facts = read(str(line.get("message")))
    return {**facts, **line, "message": sentence}


def _moment(line: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(line.get("time")))
    except ValueError:
        return datetime.now(UTC)


def _is_sign_of_life(line: dict[str, Any]) -> bool:
    ticked = line.get("logger") == "scaler" and line.get("event") == "evaluation"
    return bool(_who(line)) and (ticked or line.get("message") == _ENDED)


def _who(line: dict[str, Any]) -> str:
    return str(line.get("controller") or line.get("function") or "")


def _told(line: dict[str, Any], at: datetime) -> Told:
    def text(name: str) -> str:
        return str(line.get(name) or "")

    return Told(
        at=at,
        event=text("event"),
        controller=_who(line),
        why=text("message") if text("event") in _BY_SENTENCE else text("why") or text("message"),
        vm_id=text("vm_id"),
        scale_set="" if text("vm_id") else text("scale_set") or str(_facts(line).get("scale_set") or ""),
        session=str(_facts(line).get("session") or ""),
        edge=text("edge"),
        order=text("order"),
        result=text("result"),
        error=text("error"),
        alarm=line.get("level") in _SERIOUS,
    )


def _facts(line: dict[str, Any]) -> dict[str, Any]:
    facts = line.get("facts")
    return facts if isinstance(facts, dict) else {}


def _plain(line: dict[str, Any]) -> str:
    """The source, the message, and the last line of an exception."""
    who = line.get("function") or line.get("logger") or "the functions host"
    error = str(line.get("error") or "").strip() or _last_line(str(line.get("exception") or ""))
    return f"{who}: {line.get('message', '')}" + (f": {error}" if error else "")


def _last_line(exception: str) -> str:
    lines = exception.strip().splitlines()
    return lines[-1] if lines else ""
