"""Where ARM is, and how the SDK's client is set up: no retries, no redirects, no polling, no plain http but to us."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import RedirectPolicy, RetryPolicy, SansIOHTTPPolicy
from azure.mgmt.compute import ComputeManagementClient

from scaler.vmss.credential import Guarded

PUBLIC_CLOUD = "https://management.azure.com"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_BLOCK = 256 * 1024  # bytes read at a time; with the SDK's 4 KiB a listing of 1,000 machines costs 20 ms more CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long, and how large, an answer may be."""

    read: timedelta = timedelta(seconds=20)  # one answer; ARM answers within seconds or with a 5xx
    listing: timedelta = timedelta(seconds=40)  # all pages: orders that rest on an older look would be dead (45 s)
    connect: timedelta = timedelta(seconds=5)
    pages: int = 200  # a scale set has at most 1,000 machines
    page_bytes: int = 32 * 1024 * 1024  # 1,000 machines are 9 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmClient:
    """One subscription at one ARM endpoint. Thread-safe; make one per process and keep it."""

    sdk: ComputeManagementClient
    subscription: str
    endpoint: str
    bounds: Bounds


class _LoopbackHttp(SansIOHTTPPolicy[Any, Any]):
    """Lets the SDK send its token over plain http: installed only where the endpoint is this very machine."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.context.options.setdefault("enforce_https", False)


def connect(
    subscription: str,
    credential: TokenCredential,
    *,
    endpoint: str = PUBLIC_CLOUD,
    audience: str = PUBLIC_CLOUD,
    bounds: Bounds | None = None,
) -> ArmClient:
    """A client for that subscription. `audience`: whom the token is for; differs from the endpoint in no public cloud.

    Raises ValueError for an endpoint that would send the token in the clear.
    """
    in_the_clear = _plain_http_to_ourselves(endpoint)
    sdk = ComputeManagementClient(
        Guarded(credential),
        subscription,
        base_url=endpoint,
        credential_scopes=[f"{audience.rstrip('/')}/.default"],
        retry_policy=RetryPolicy.no_retries(),
        redirect_policy=RedirectPolicy.no_redirects(),
        per_call_policies=[_LoopbackHttp()] if in_the_clear else [],
        use_env_settings=not in_the_clear,  # else HTTP_PROXY would take the token off this machine
        connection_data_block_size=_BLOCK,
    )
    return ArmClient(sdk=sdk, subscription=subscription, endpoint=endpoint, bounds=bounds or Bounds())


def _plain_http_to_ourselves(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    if not parts.hostname or parts.scheme not in {"https", "http"} or parts.path.strip("/") or parts.query:
        raise ValueError(f"the ARM endpoint must be https://host, not {endpoint!r}")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError(
            f"{endpoint!r} would send the token in the clear: http is for an emulator on this machine only"
        )
    return parts.scheme == "http"
