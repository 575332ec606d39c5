"""One call held to its time: two hooks in the SDK's pipeline, both between its authentication and the wire."""

from collections.abc import Mapping
from contextlib import suppress
from threading import Timer
from types import TracebackType
from typing import Any, Self

from azure.core.pipeline import PipelineRequest, PipelineResponse

from scaler.errors import Unreachable
from scaler.ports import Clock
from scaler.vmss.client import Bounds
from scaler.vmss.gates import Gates, Kind
from scaler.vmss.refusals import retry_after
from scaler.vmss.reply import Reply


class BoundedCall:
    """A context around one call. Its `options` go to the SDK; `accepted` says whether a 2xx has come."""

    def __init__(self, kind: Kind, gates: Gates, clock: Clock, until: float, bounds: Bounds) -> None:
        self._kind, self._gates, self._clock, self._until, self._bounds = kind, gates, clock, until, bounds
        self._watchdog: _Watchdog | None = None
        self._answer: Any = None
        self.accepted = False

    @property
    def left(self) -> float:
        """Seconds until it is given up."""
        return self._until - self._clock.monotonic()

    @property
    def options(self) -> dict[str, Any]:
        """For send_request and the typed operations alike."""
        return {"raw_request_hook": self._about_to_send, "raw_response_hook": self._heard}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._answer is not None:
            self._answer.close()  # the SDK leaves it open when it trips over a header
        if self._watchdog is not None and self._watchdog.dismissed():
            raise Unreachable("the answer took too long to arrive") from error

    def _about_to_send(self, request: PipelineRequest[Any]) -> None:
        """Getting a token may have taken a while: the rest of the time is the time-out, and nothing is sent late."""
        left = self.left
        if left <= 0:
            raise Unreachable("not sent: its time was over")
        connect = min(self._bounds.connect.total_seconds(), left / 2)
        request.context.options["connection_timeout"] = connect
        request.context.options["read_timeout"] = min(self._bounds.read.total_seconds(), left - connect)
        self._gates.sent(self._kind)

    def _heard(self, response: PipelineResponse[Any, Any]) -> None:
        """The head of the answer is here, its body is still to be read."""
        self._answer = answer = response.http_response
        headers = lower(answer.headers)
        self.accepted = 200 <= answer.status_code < 300
        self._gates.heard(headers)
        if answer.status_code == 429:
            reply = Reply(status=429, headers=headers, body=b"", sent=0)
            self._gates.throttled(self._kind, retry_after(reply))
        if self._watchdog is not None:  # a 401 that the SDK answered with a fresh token
            self._watchdog.dismissed()
        self._watchdog = _Watchdog(answer.internal_response.raw, self.left)


class _Watchdog:
    """Ends a body that trickles in: each byte comes within the read time-out, and all of them take for ever."""

    def __init__(self, raw: Any, seconds: float) -> None:
        self._raw = raw
        self._bit = False
        self._timer = Timer(max(seconds, 0), self._bite)
        self._timer.daemon = True
        self._timer.start()

    def dismissed(self) -> bool:
        """The call is over. Returns whether the watchdog ended it."""
        self._timer.cancel()
        return self._bit

    def _bite(self) -> None:
        self._bit = True
        with suppress(OSError, ValueError, RuntimeError):  # closed, or back in the pool: then it may be another call's
            self._raw.shutdown()


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}
