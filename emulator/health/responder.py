"""A real responder, asked over HTTP as the extension asks: in real time only, by a thread of its own for each VM."""

import json
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Thread
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from emulator.health.extension import Heard, Verdict

_PATIENCE = 30.0  # seconds that the extension waits for an answer
_NOTHING = Heard(0.0, Verdict.NONE)


class Hears(Protocol):
    """A scale set whose guests are real."""

    def running(self) -> list[str]:
        """The vm ids of the VMs that run."""
        ...

    def hear(self, vm_id: str, heard: Heard) -> None:
        """Take an answer of a VM's responder."""
        ...


def probe(url: str, patience: float = _PATIENCE) -> Heard:
    """One probe: a redirect is an error, a certificate is not checked, and the body is read to its end."""
    try:
        status, body = _answer(url, patience)
        said = json.loads(body) if 200 <= status < 300 else None
    except (OSError, HTTPException, ValueError, RecursionError):
        return _NOTHING
    return _read(said) if isinstance(said, dict) else _NOTHING


def _answer(url: str, patience: float) -> tuple[int, bytes]:
    where = urlsplit(url)
    if where.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: HTTPConnection = HTTPSConnection(where.netloc, timeout=patience, context=context)
    else:
        connection = HTTPConnection(where.netloc, timeout=patience)
    try:
        connection.request("GET", where._replace(scheme="", netloc="").geturl() or "/")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _read(said: dict[str, Any]) -> Heard:
    """Only the two words are a verdict; metrics are a text that holds a JSON object with anything in it."""
    state, metrics = said.get("ApplicationHealthState"), said.get("customMetrics")
    verdict = Verdict(state) if state in (Verdict.HEALTHY, Verdict.UNHEALTHY) else Verdict.NONE
    try:
        held = json.loads(metrics) if isinstance(metrics, str) else None
    except (ValueError, RecursionError):
        held = None
    return Heard(0.0, verdict, metrics if isinstance(metrics, str) and isinstance(held, dict) and held else "")


class Polling:
    """Asks the responders of all running VMs again and again. `url`: of a VM; `{vm_id}` in it is the VM's."""

    def __init__(
        self, scale_set: Hears, url: str, *, every: float = 5.0, asked: Callable[[str], Heard] = probe
    ) -> None:
        self._scale_set, self._url, self._every, self._asked = scale_set, url, every, asked
        self._over = Event()
        self._threads: dict[str, Thread] = {}
        self._watch = Thread(target=self._watched, name="responders", daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._watch.join()

    def _watched(self) -> None:
        while not self._over.is_set():
            for vm_id in self._scale_set.running():
                if vm_id not in self._threads or not self._threads[vm_id].is_alive():
                    self._threads[vm_id] = Thread(target=self._polled, args=(vm_id,), daemon=True)
                    self._threads[vm_id].start()
            self._over.wait(self._every)

    def _polled(self, vm_id: str) -> None:
        """Ask the responder of one VM while the VM runs. Each VM has a thread: a hung responder delays no other VM."""
        while not self._over.is_set() and vm_id in self._scale_set.running():
            self._scale_set.hear(vm_id, self._asked(self._url.replace("{vm_id}", vm_id)))
            self._over.wait(self._every)
