"""One call held to its time: two hooks in the SDK's pipeline, both between its authentication and the wire."""

from collections.abc import Mapping
from contextlib import suppress
from threading import Timer
from types import TracebackType
from typing import Any, Self

from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest, PipelineResponse

from scaler.errors import Garbled, ScalerError, Unreachable, Unsent
from scaler.ports import Clock
from scaler.vmss.client import Bounds
from scaler.vmss.gates import Gates, Kind
from scaler.vmss.refusals import retry_after
from scaler.vmss.reply import Reply

_ERROR_BYTES = 256 * 1024  # ARM's longest errors have a few thousand
_MOMENT = 1.0  # seconds for the body of an order that is accepted already: it is read for the connection's sake alone


class Answered(Exception):
    """An order was answered, and the SDK's part in it is over: `BoundedCall.reply` has the answer."""


class BoundedCall:
    """A context around one call. Its `options` go to the SDK."""

    def __init__(self, kind: Kind, gates: Gates, clock: Clock, until: float, bounds: Bounds) -> None:
        self._kind, self._gates, self._clock, self._until, self._bounds = kind, gates, clock, until, bounds
        self._watchdog: _Watchdog | None = None
        self._answer: Any = None
        self.reply: Reply | None = None

    @property
    def left(self) -> float:
        """Seconds until it is given up."""
        return self._until - self._clock.monotonic()

    @property
    def options(self) -> dict[str, Any]:
        """For send_request, which leaves the body to us."""
        return {"raw_request_hook": self._about_to_send, "raw_response_hook": self._heard}

    @property
    def order_options(self) -> dict[str, Any]:
        """For the typed operations. They would read a body whole, however large, and take it apart."""
        return {"raw_request_hook": self._about_to_send, "raw_response_hook": self._order_heard}

    def body(self, answer: Any, most: int) -> bytes:
        """The body, decompressed, if it is not too large and comes in time."""
        chunks, size = [], 0
        for chunk in answer.iter_bytes():
            size += len(chunk)
            if size > most:
                raise Garbled(f"an answer of more than {most} bytes")
            if self.left < 0:
                raise Unreachable("the answer took too long to arrive")
            chunks.append(chunk)
        return b"".join(chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._answer is not None:
            self._answer.close()  # the SDK leaves it open when it trips over a header
        if self._watchdog is not None and self._watchdog.dismissed():
            raise Unreachable("the answer took too long to arrive") from error

    def _about_to_send(self, request: PipelineRequest[Any]) -> None:
        """Getting a token may have taken a while: the rest of the time is the time-out, and nothing is sent late."""
        self.reply = None  # an earlier answer, a 401, says nothing about what becomes of this sending
        left = self.left
        if left <= 0:
            raise Unsent("not sent: its time was over")
        connect = min(self._bounds.connect.total_seconds(), left / 2)
        request.context.options["connection_timeout"] = connect
        request.context.options["read_timeout"] = min(self._bounds.read.total_seconds(), left - connect)
        self._gates.sent(self._kind)

    def _heard(self, response: PipelineResponse[Any, Any]) -> None:
        """The head of the answer is here, its body is still to be read."""
        self._hear(response)
        self._watch(self.left)

    def _hear(self, response: PipelineResponse[Any, Any]) -> None:
        if self._answer is not None:  # a 401 that the SDK answers with a fresh token, and leaves open
            self._answer.close()
        self._answer = answer = response.http_response
        if answer.status_code == 401:  # the SDK forgets the hook of a request that it sends again
            response.context.options["raw_request_hook"] = self._about_to_send
        headers = lower(answer.headers)
        self._gates.heard(headers)
        if answer.status_code == 429:
            reply = Reply(status=429, headers=headers, body=b"", sent=0)
            self._gates.throttled(self._kind, retry_after(reply))

    def _watch(self, seconds: float) -> None:
        if self._watchdog is not None:
            self._watchdog.dismissed()
        self._watchdog = _Watchdog(self._answer.internal_response.raw, seconds)

    def _order_heard(self, response: PipelineResponse[Any, Any]) -> None:
        """A 401 goes on to the SDK's authentication, which may ask once more; everything else ends here."""
        self._hear(response)
        answer = self._answer
        self._watch(min(self.left, _MOMENT) if 200 <= answer.status_code < 300 else self.left)
        try:
            body = self.body(answer, _ERROR_BYTES)
        except (ScalerError, AzureError, OSError, ValueError):  # too large, too slow, broken: the status says enough
            body = b""
        self.reply = Reply(status=answer.status_code, headers=lower(answer.headers), body=body, sent=0)
        if answer.status_code != 401:
            raise Answered


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
