"""One request to ARM through the SDK's pipeline: admitted by the gates, bounded in time and size, and never retried."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from azure.core.exceptions import AzureError, DecodeError, HttpResponseError
from azure.core.rest import HttpRequest, HttpResponse

from scaler.errors import Garbled, ScalerError, Unreachable
from scaler.model.instance import InstanceId
from scaler.ports import Clock
from scaler.vmss.bounded import BoundedCall, lower
from scaler.vmss.client import ArmClient
from scaler.vmss.gates import Gates, Kind
from scaler.vmss.refusals import refusal
from scaler.vmss.reply import Reply

API_VERSION = "2025-04-01"  # has etags of scale sets and instances; the sovereign clouds get newer ones later


class Calls:
    """The way to ARM in one caller's name. `agent` is put in front of the SDK's own User-Agent."""

    def __init__(self, client: ArmClient, gates: Gates, clock: Clock, agent: str = "scaler") -> None:
        self.client = client
        self.gates = gates
        self._clock = clock
        self._agent = agent

    def named(self, agent: str) -> "Calls":
        """The same way, in another caller's name."""
        return Calls(self.client, self.gates, self._clock, agent)

    def until(self, within: timedelta) -> float:
        """The monotonic second at which a call that begins now is given up."""
        return self._clock.monotonic() + within.total_seconds()

    def elapsed(self, since: float) -> timedelta:
        """How long ago that monotonic second was."""
        return timedelta(seconds=self._clock.monotonic() - since)

    def read(self, kind: Kind, url: str, *, until: float, underway: bool = False) -> Reply:
        """GET a path below the endpoint. Any status is a reply. `underway`: a further page of a listing."""
        self.gates.admit(kind, underway=underway)
        sent = self._clock.monotonic()
        request = HttpRequest("GET", url, headers={"Accept": "application/json"})
        try:
            with self._bounded(kind, until) as call:
                response = self._send(request, call)
                body = self._body(response, call)
        except (AzureError, OSError, ValueError) as error:  # ValueError: the SDK trips over malformed headers
            raise _in_our_words(error) from error
        return Reply(status=response.status_code, headers=lower(response.headers), body=body, sent=sent)

    def order(
        self, kind: Kind, begin: Callable[..., object], *args: object, until: float, asked: InstanceId | None = None
    ) -> None:
        """One of the SDK's begin_… operations, without its polling. Returns when ARM accepted the order.

        A 2xx is the acceptance, whatever the SDK makes of the rest: it refuses a 202 to a PATCH, and fails on a
        Retry-After that is a date. `asked`: the one instance that the URL names.
        """
        self.gates.admit(kind)
        call = self._bounded(kind, until)
        try:
            with call:
                begin(*args, polling=False, api_version=API_VERSION, user_agent=self._agent, **call.options)
        except (AzureError, OSError, ValueError) as error:
            if not call.accepted:
                raise _in_our_words(error, asked) from error
        except Unreachable:
            if not call.accepted:
                raise

    def _bounded(self, kind: Kind, until: float) -> BoundedCall:
        return BoundedCall(kind, self.gates, self._clock, until, self.client.bounds)

    def _send(self, request: HttpRequest, call: BoundedCall) -> HttpResponse:
        return self.client.sdk.send_request(request, stream=True, user_agent=self._agent, **call.options)

    def _body(self, response: HttpResponse, call: BoundedCall) -> bytes:
        chunks, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self.client.bounds.page_bytes:
                raise Garbled(f"an answer of more than {self.client.bounds.page_bytes} bytes")
            if call.left < 0:
                raise Unreachable("the answer took too long to arrive")
            chunks.append(chunk)
        return b"".join(chunks)


def _in_our_words(error: Exception, asked: InstanceId | None = None) -> ScalerError:
    """What the SDK's exception means to a tick."""
    if isinstance(error, HttpResponseError) and error.response is not None:
        return refusal(_reply_in(error.response), asked)
    if isinstance(error, DecodeError) or not isinstance(error, AzureError | OSError):
        return Garbled(f"the answer is broken: {error}")
    return Unreachable(f"ARM does not answer: {error}")


def _reply_in(response: Any) -> Reply:
    """The answer behind an exception of the SDK; its body may not have been readable."""
    try:
        body = bytes(response.content)
    except (AzureError, OSError):
        body = b""
    return Reply(status=response.status_code, headers=lower(response.headers), body=body, sent=0)
