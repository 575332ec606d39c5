"""One request to ARM through the SDK's pipeline: admitted by the gates, bounded in time and size, and never retried."""

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from time import monotonic
from typing import Any

from azure.core.exceptions import AzureError, DecodeError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.rest import HttpRequest
from urllib3.exceptions import HTTPError, ReadTimeoutError

from scaler.errors import Garbled, ScalerError, Unreachable, Unsent
from scaler.ports import Clock
from scaler.vmss.client import ArmClient
from scaler.vmss.gates import Gates, Kind
from scaler.vmss.refusals import About, refusal, retry_after
from scaler.vmss.reply import Reply

API_VERSION = "2025-04-01"  # of Compute; has etags of sets and instances; the sovereign clouds get newer ones later
_JSON = {"Accept": "application/json"}
_BLOCK = 256 * 1024  # bytes read at a time; with the SDK's 4 KiB a listing of 1,000 machines costs 20 ms more CPU
_ERROR_BYTES = 256 * 1024  # ARM's longest errors have a few thousand
_MOMENT = 1.0  # seconds for the body of an order that is accepted already: it is read for the connection's sake alone
_BROKEN = (AzureError, HTTPError, OSError, ValueError)  # ValueError: the SDK trips over malformed headers

_CHECK = "check AZURE_RESOURCE_MANAGER_URL, and the way there; the next tick tries again"
_DEEP = 10  # errors around errors
_OBJECT = re.compile(r"HTTPS?Connection(Pool)?\([^)]*\): ")


@dataclass(frozen=True, slots=True)
class Calls:
    """The way to ARM in one caller's name. `agent` is put in front of the SDK's own User-Agent."""

    client: ArmClient
    gates: Gates
    clock: Clock
    agent: str = "scaler"

    def until(self, within: timedelta | None = None) -> float:
        """The monotonic second at which a call beginning now is given up; None: by the bound for one answer."""
        within = self.client.bounds.read if within is None else within
        return self.clock.monotonic() + within.total_seconds()

    def read(self, kind: Kind, url: str, *, until: float, underway: bool = False) -> Reply:
        """GET a path below the endpoint. Any status is a reply. `underway`: a further page of a listing."""
        self.gates.admit(kind, underway=underway)
        return self._exchange(kind, HttpRequest("GET", url, headers=_JSON), until)

    def patch(self, kind: Kind, url: str, body: object, *, until: float) -> Reply:
        """PATCH a path below the endpoint, where the SDK has no operation for it. Any status is a reply."""
        self.gates.admit(kind)
        return self._exchange(kind, HttpRequest("PATCH", url, headers=_JSON, json=body), until)

    def order(
        self, kind: Kind, begin: Callable[..., object], *args: object, until: float, about: About | None = None
    ) -> None:
        """Send an order by an SDK operation (begin_…), and return when ARM has accepted the order.

        A 2xx is the acceptance, and the SDK is not asked for an opinion: the SDK refuses a 202 to a PATCH, fails on
        a Retry-After with a date, and reads a body of any size.
        """
        self.gates.admit(kind)
        call = _BoundedCall(self, kind, until)
        try:
            with closing(call):
                begin(*args, polling=False, api_version=API_VERSION, **call.options(call.order_heard))
        except _Answered:
            pass
        except (ScalerError, *_BROKEN) as error:
            if call.reply is None:
                raise _in_our_words(error) from error
        if call.reply is not None and not 200 <= call.reply.status < 300:
            raise refusal(call.reply, about)

    def _exchange(self, kind: Kind, request: HttpRequest, until: float) -> Reply:
        sent, call = self.clock.monotonic(), _BoundedCall(self, kind, until)
        try:
            with closing(call):
                response = self.client.send(request, **call.options(call.heard))
                body = call.body(response, self.client.bounds.page_bytes)
        except _BROKEN as error:
            raise _in_our_words(error) from error
        return Reply(status=response.status_code, headers=response.headers, body=body, sent=sent)


class _Answered(Exception):
    """An order was answered, and the SDK's part in it is over: `_BoundedCall.reply` has the answer."""


class _BoundedCall:
    """One call: two hooks in the SDK's pipeline, between authentication and the wire.

    The socket's time-out ends a read that waits for a byte; the deadline ends a body that comes in pieces.
    """

    def __init__(self, calls: Calls, kind: Kind, until: float) -> None:
        self._calls, self._kind, self._until = calls, kind, until
        self._answer: Any = None
        self.reply: Reply | None = None

    @property
    def left(self) -> float:
        """Seconds until the call is given up."""
        return self._until - self._calls.clock.monotonic()

    def options(self, heard: Callable[[PipelineResponse[Any, Any]], None]) -> dict[str, Any]:
        """Options for the SDK's pipeline."""
        hooks = {"raw_request_hook": self._about_to_send, "raw_response_hook": heard}
        return {"user_agent": self._calls.agent, "enforce_https": self._calls.client.tls, **hooks}

    def body(self, answer: Any, most: int, within: float = inf) -> bytes | bytearray:
        """The body, decompressed, if it is not too large and comes in time. `within`: seconds, if more are left."""
        ends = monotonic() + min(self.left, within)  # sockets know no clock but this process's own
        raw, body = answer.internal_response.raw, bytearray()  # joined blocks would stand in memory twice
        while chunk := raw.read1(_BLOCK, decode_content=True):
            body += chunk
            if len(body) > most:
                raise Garbled(f"an answer of more than {most} bytes")
            if monotonic() > ends or self.left < 0:
                raise Unreachable("the answer took too long to arrive")
        return body

    def close(self) -> None:
        """Close the answer, which the SDK leaves open when it trips over a header."""
        if self._answer is not None:
            self._answer.close()

    def _about_to_send(self, request: PipelineRequest[Any]) -> None:
        """Getting a token may have taken a while: the rest of the time is the time-out, and nothing is sent late."""
        self.reply = None  # an earlier answer, a 401, says nothing about what becomes of this sending
        left = self.left
        if left <= 0:
            raise Unsent("not sent: its time was over")
        bounds = self._calls.client.bounds
        connect = min(bounds.connect.total_seconds(), left / 2)
        request.context.options["connection_timeout"] = connect
        request.context.options["read_timeout"] = min(bounds.read.total_seconds(), left - connect)
        self._calls.gates.sent(self._kind)

    def heard(self, response: PipelineResponse[Any, Any]) -> None:
        """The head of the answer is here, its body is still to be read."""
        self.close()  # a 401 that the SDK answers with a fresh token, and leaves open
        self._answer = answer = response.http_response
        if answer.status_code == 401:  # the SDK forgets the hook of a request that it sends again
            response.context.options["raw_request_hook"] = self._about_to_send
        self._calls.gates.heard(answer.headers)
        if answer.status_code == 429:
            self._calls.gates.throttled(self._kind, retry_after(answer.headers))

    def order_heard(self, response: PipelineResponse[Any, Any]) -> None:
        """Pass a 401 on to the SDK's authentication, for one more try; every other answer ends here.

        The typed operations would read and parse a body of any size.
        """
        self.heard(response)
        answer = self._answer
        accepted = 200 <= answer.status_code < 300
        try:
            body = self.body(answer, _ERROR_BYTES, _MOMENT if accepted else inf)
        except (ScalerError, *_BROKEN):  # too large, too slow, broken: the status says enough
            body = b""
        self.reply = Reply(status=answer.status_code, headers=answer.headers, body=body, sent=0)
        if answer.status_code != 401:
            raise _Answered


def _in_our_words(error: Exception) -> ScalerError:
    """What the exception of the SDK, or of a broken body, means to a tick."""
    if isinstance(error, ScalerError):
        return error
    silent = isinstance(error, AzureError | OSError | ReadTimeoutError) and not isinstance(error, DecodeError)
    return (
        Unreachable(f"ARM does not answer: {_CHECK} ({_cause(error)})")
        if silent
        else Garbled(f"the answer is broken: {_cause(error)}")
    )


def _cause(error: BaseException) -> str:
    """The innermost cause in words: the libraries around it name their classes and objects."""
    for _ in range(_DEEP):
        first = error.args[0] if error.args else None
        inner = (getattr(error, "inner_exception", None), getattr(error, "reason", None), first, error.__cause__)
        found = next((each for each in inner if isinstance(each, BaseException)), None)
        if found is None:
            break
        error = found
    words = getattr(error, "strerror", None)
    return words if isinstance(words, str) else _OBJECT.sub("", str(error))
