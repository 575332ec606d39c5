"""Where ARM is, and how the SDK's pipeline is set up: no retries, no redirects, no polling, no plain http but to us."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure.core.pipeline import Pipeline, policies
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from requests import Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from scaler.clouds import LOOPBACK, PUBLIC
from scaler.vmss.credential import Guarded

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

type _Policy = policies.HTTPPolicy[Any, Any] | policies.SansIOHTTPPolicy[Any, Any]

_KEPT = 64  # connections kept open for the next request: as many as this process ever has requests at the same time
# Closing a connection resets it: linger for no time at all. Otherwise the kernel goes on sending what nobody has
# acknowledged, for minutes, and an order that was given up, or whose process was killed, arrives when the network is
# back, long after its horizon. Set before the connection is made, so that it holds during the handshakes too.
_SOCKET_OPTIONS = (*HTTPConnection.default_socket_options, (SOL_SOCKET, SO_LINGER, pack("ii", 1, 0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long, and how large, an answer may be."""

    read: timedelta = timedelta(seconds=20)  # one answer; ARM answers within seconds or with a 5xx
    listing: timedelta = timedelta(seconds=40)  # all pages: orders that rest on an older look would be dead (45 s)
    connect: timedelta = timedelta(seconds=5)
    pages: int = 200  # a scale set has at most 1,000 machines
    page_bytes: int = 32 * 1024 * 1024  # 1,000 machines are 9 MB
    listing_bytes: int = 128 * 1024 * 1024  # all pages


@dataclass(frozen=True, kw_only=True)
class ArmClient:
    """A subscription at an ARM endpoint. Thread-safe; make one client for each process."""

    credential: Guarded
    subscription: str
    endpoint: str
    tls: bool  # False: plain http to this very machine
    bounds: Bounds
    pipeline: Pipeline[HttpRequest, HttpResponse]

    def send(self, request: HttpRequest, **options: Any) -> HttpResponse:
        """A request to a path below the endpoint. The body of the answer is still to be read."""
        request.url = self.endpoint.rstrip("/") + request.url
        return self.pipeline.run(request, stream=True, **options).http_response

    def close(self) -> None:
        """Hang up."""
        self.pipeline.__exit__()

    @cached_property
    def sdk(self) -> "ComputeManagementClient":
        """The SDK's typed operations, over the same pipeline.

        Imported by the first order or by `prepare`: the models take half as long as all other imports of a worker, and
        a look needs no models.
        """
        from azure.mgmt.compute import ComputeManagementClient  # noqa: PLC0415

        return ComputeManagementClient(
            self.credential, self.subscription, base_url=self.endpoint, pipeline=self.pipeline, policies=[]
        )


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, socket_options=_SOCKET_OPTIONS)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, socket_options=_SOCKET_OPTIONS)


def session(*, use_environment: bool) -> Session:
    """A session whose closed connections are reset. `use_environment`: whether HTTPS_PROXY and the like count."""
    made = Session()
    made.trust_env = use_environment
    adapter = _Adapter(max_retries=0, pool_maxsize=_KEPT)
    for scheme in ("http://", "https://"):
        made.mount(scheme, adapter)
    return made


def connect(
    subscription: str,
    credential: TokenCredential,
    *,
    endpoint: str = PUBLIC,
    audience: str = PUBLIC,
    bounds: Bounds | None = None,
) -> ArmClient:
    """A client for the subscription. `audience` of the token: equal to the endpoint in every public cloud.

    Raises ValueError for an endpoint without TLS, where the token could be read.
    """
    tls = _has_tls(endpoint)
    guarded = Guarded(credential)
    # HTTP_PROXY must not take the token off this machine
    transport = RequestsTransport(session=session(use_environment=tls))
    return ArmClient(
        credential=guarded,
        subscription=subscription,
        endpoint=endpoint,
        tls=tls,
        bounds=bounds or Bounds(),
        pipeline=Pipeline(transport, _policies(guarded, f"{audience.rstrip('/')}/.default")),
    )


def _policies(credential: Guarded, scope: str) -> Iterator[_Policy]:
    """The policies of the SDK's own client, in the same order, without registration of resource providers.

    Registration would sleep in a tick until Azure is done, and needs rights over the whole subscription. The policy
    that logs two entries a call, with unchecked headers of the answer, is left out too.
    """
    yield policies.RequestIdPolicy()
    yield policies.HeadersPolicy()
    yield policies.UserAgentPolicy(sdk_moniker="mgmt-compute")
    yield policies.ProxyPolicy()
    yield policies.ContentDecodePolicy()
    yield policies.RedirectPolicy.no_redirects()
    yield policies.RetryPolicy.no_retries()
    yield ARMChallengeAuthenticationPolicy(credential, scope)
    yield policies.CustomHookPolicy()
    yield policies.NetworkTraceLoggingPolicy()
    yield policies.DistributedTracingPolicy()
    yield policies.SensitiveHeaderCleanupPolicy()


def _has_tls(endpoint: str) -> bool:
    """Whether the endpoint speaks https; plain http is for this very machine."""
    parts = urlsplit(endpoint)
    if not parts.hostname or parts.scheme not in {"https", "http"} or parts.path.strip("/") or parts.query:
        raise ValueError(f"the ARM endpoint must be https://host, not {endpoint!r}")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError(
            f"{endpoint!r} would send the token in the clear: http is for an emulator on this machine only"
        )
    return parts.scheme == "https"
