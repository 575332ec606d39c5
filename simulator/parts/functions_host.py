"""function_app.py with its four timers on the stand-in for `func start`, in processes of their own; and their log."""

import json
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from signal import SIGCONT, SIGSTOP
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, TextIO

from scaler.telemetry import read
from simulator.happenings import Ticked, Told, Trouble
from simulator.parts import child
from simulator.parts.environment import EXAMPLE, ROOT, SetupFailed

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


_PATIENCE = 60.0  # seconds until its timers must fire: a cold import of azure and redis on a slow machine
_LAST_WORDS = 5.0  # from SIGTERM to SIGKILL; it promises to end within one
_COMMAND = ("-m", "emulator.functions_host", "--app", ".", "--settings", EXAMPLE.name, "--port", "0")


class FunctionsHost:
    """One host; passes on the lines of its log that are worth showing, and writes all of them into `log`."""

    def __init__(self, variables: Mapping[str, str], show: Callable[[Heard], None], log: TextIO | None = None) -> None:
        command = [sys.executable, *_COMMAND]
        process = child.start(command, environment=variables, folder=ROOT, outputs=subprocess.PIPE)
        self.process = process
        self._show = show
        self._log = log
        self._ready = Event()
        self._last_words: deque[str] = deque(maxlen=12)
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = (
            Thread(target=self._read, args=(process.stdout,), name="host-log", daemon=True),
            Thread(target=self._listen, args=(process.stderr,), name="host-errors", daemon=True),
        )
        for each in self._readers:
            each.start()

    def await_ready(self, over: Event) -> None:
        """Return when the timers fire, or when all is over; raises SetupFailed without hope."""
        until = monotonic() + _PATIENCE
        while not over.is_set() and not self._ready.wait(0.1):
            if monotonic() > until:
                raise SetupFailed(f"the functions host did not start within {_PATIENCE:g} s")
        if self.failure is not None:
            raise SetupFailed(self.failure)

    @property
    def failure(self) -> str | None:
        """Why the host is dead; None while the host lives."""
        code = self.process.poll()
        if code is None:
            return None
        for each in self._readers:
            each.join(timeout=1)
        said = "\n".join(self._last_words)
        return f"the functions host ended by itself (exit code {code})" + (f":\n{said}" if said else "")

    def _read(self, stream: TextIO) -> None:
        with stream:
            for text in stream:
                if self._log is not None:
                    self._log.write(text)
                if is_ready(text):
                    self._ready.set()
                shown = heard(text)
                if shown is not None:
                    self._show(shown)
        self._ready.set()  # it will never be: whoever waits shall look at `failure`

    def _listen(self, stream: TextIO) -> None:
        with stream:
            for text in stream:
                self._last_words.append(text.rstrip())


class Hosts:
    """Functions hosts with the same settings and doors, as instances of one Function App; usually one."""

    def __init__(self, variables: Mapping[str, str], show: Callable[[Heard], None], log: TextIO | None = None) -> None:
        self._variables = variables
        self._show = show
        self._log = log
        self._running: list[FunctionsHost] = []  # the oldest first
        self._lock = Lock()

    @property
    def failure(self) -> str | None:
        """Why a host is dead that was not killed."""
        with self._lock:
            return next((why for host in self._running if (why := host.failure) is not None), None)

    def start(self, over: Event) -> None:
        """Start one more host; returns when the timers fire. Raises SetupFailed without hope."""
        host = FunctionsHost(self._variables, self._show, self._log)
        with self._lock:
            self._running.append(host)
        host.await_ready(over)

    def kill_oldest(self) -> None:
        """SIGKILL to the oldest host, in the middle of its work."""
        with self._lock:
            if self._running:
                process = self._running.pop(0).process
                process.kill()
                process.wait()

    @contextmanager
    def oldest_stopped(self) -> Iterator[None]:
        """SIGSTOP to the oldest host, in the middle of its work, until the end of the block."""
        with self._lock:
            process = self._running[0].process if self._running else None
        if process is not None:
            process.send_signal(SIGSTOP)
        try:
            yield
        finally:
            if process is not None:
                process.send_signal(SIGCONT)

    def close(self) -> None:
        """All end."""
        with self._lock:
            for host in self._running:
                child.end(host.process, within=_LAST_WORDS)
            self._running.clear()
