"""One request to ARM through the SDK's pipeline: admitted by the gates, bounded in time and size, and never retried."""

from collections.abc import Callable
from datetime import timedelta

from azure.core.exceptions import AzureError, DecodeError
from azure.core.rest import HttpRequest, HttpResponse

from scaler.errors import Garbled, ScalerError, Unreachable
from scaler.ports import Clock
from scaler.vmss.bounded import Answered, BoundedCall, lower
from scaler.vmss.client import ArmClient
from scaler.vmss.gates import Gates, Kind
from scaler.vmss.refusals import About, refusal
from scaler.vmss.reply import Reply

API_VERSION = "2025-04-01"  # of Compute; has etags of sets and instances; the sovereign clouds get newer ones later
_JSON = {"Accept": "application/json"}


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
        return self._exchange(kind, HttpRequest("GET", url, headers=_JSON), until)

    def patch(self, kind: Kind, url: str, body: object, *, until: float) -> Reply:
        """PATCH a path below the endpoint, where the SDK has no operation for it. Any status is a reply."""
        self.gates.admit(kind)
        return self._exchange(kind, HttpRequest("PATCH", url, headers=_JSON, json=body), until)

    def order(
        self, kind: Kind, begin: Callable[..., object], *args: object, until: float, about: About | None = None
    ) -> None:
        """One of the SDK's begin_… operations, as far as its answer. Returns when ARM accepted the order.

        A 2xx is the acceptance, and the SDK is not asked what it makes of it: it refuses a 202 to a PATCH, fails on a
        Retry-After that is a date, and reads whatever it is sent.
        """
        self.gates.admit(kind)
        call = self._bounded(kind, until)
        try:
            with call:
                begin(*args, polling=False, api_version=API_VERSION, user_agent=self._agent, **call.order_options)
        except Answered:
            pass
        except (ScalerError, AzureError, OSError, ValueError) as error:
            if call.reply is None:
                raise _in_our_words(error) from error
        if call.reply is not None and not 200 <= call.reply.status < 300:
            raise refusal(call.reply, about)

    def _exchange(self, kind: Kind, request: HttpRequest, until: float) -> Reply:
        sent = self._clock.monotonic()
        try:
            with self._bounded(kind, until) as call:
                response = self._send(request, call)
                body = call.body(response, self.client.bounds.page_bytes)
        except (AzureError, OSError, ValueError) as error:  # ValueError: the SDK trips over malformed headers
            raise _in_our_words(error) from error
        return Reply(status=response.status_code, headers=lower(response.headers), body=body, sent=sent)

    def _bounded(self, kind: Kind, until: float) -> BoundedCall:
        return BoundedCall(kind, self.gates, self._clock, until, self.client.bounds)

    def _send(self, request: HttpRequest, call: BoundedCall) -> HttpResponse:
        return self.client.send(request, user_agent=self._agent, **call.options)


def _in_our_words(error: Exception) -> ScalerError:
    """What the SDK's exception means to a tick."""
    if isinstance(error, ScalerError):
        return error
    if isinstance(error, DecodeError) or not isinstance(error, AzureError | OSError):
        return Garbled(f"the answer is broken: {error}")
    return Unreachable(f"ARM does not answer: {error}")
