"""Azure App Configuration: the operator's numbers, by keys named as the tags, with a scale set's name as the label.

The SDK is an extra (requirements-appconfig.txt). This module is imported where SCALER_APP_CONFIGURATION is set alone.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Lock
from time import monotonic
from typing import Any

from azure.appconfiguration import AzureAppConfigurationClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, DecodeError, HttpResponseError
from azure.core.pipeline import policies
from azure.core.pipeline.transport import RequestsTransport

from scaler.errors import Garbled, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import ScaleSetName
from scaler.model.sighting import OuterTags, Source
from scaler.vmss.client import session
from scaler.vmss.credential import Guarded
from scaler.vmss.refusals import retry_after
from scaler.vmss.translate import our_tags, paused_by

_PATIENCE = timedelta(seconds=3)  # a tick that lists waits for it
_CONNECT, _READ = 2, 3  # seconds, of one request
_FILTERS = ("scaler:*", "TOTAL_NODES")  # one list cannot be asked for both: a wildcard stands alone
_MOST_KEYS = 1_000  # of one filter, those with labels of other scale sets too

type _Keys = Mapping[str, Mapping[str, str | None]]  # by label in lower case, empty for none


class AppConfiguration:
    """Implements scaler.ports.TagStore. The SDK works in a thread: no tick waits longer than `patience`."""

    def __init__(self, url: str, credential: TokenCredential, *, patience: timedelta = _PATIENCE) -> None:
        self._url, self._patience = url, patience.total_seconds()
        self._tls = url.startswith("https:")  # plain http is for this very machine
        self._client = AzureAppConfigurationClient(
            url,
            Guarded(credential),
            retry_policy=policies.RetryPolicy.no_retries(),
            redirect_policy=policies.RedirectPolicy.no_redirects(),
            http_logging_policy=policies.SansIOHTTPPolicy[Any, Any](),  # no two entries in the log for each request
            transport=RequestsTransport(
                session=session(use_environment=self._tls), connection_timeout=_CONNECT, read_timeout=_READ
            ),
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="app-configuration")
        self._lock = Lock()
        self._asking: tuple[float, Future[OuterTags]] | None = None  # when it was begun

    def read(self) -> OuterTags:
        """All keys that are named like a tag. Callers at the same time share the requests."""
        with self._lock:
            if self._asking is None or self._asking[1].done():
                self._asking = monotonic(), self._thread.submit(self._read)
            began, answer = self._asking
        try:
            return answer.result(timeout=max(began + self._patience - monotonic(), 0.0))
        except TimeoutError:
            raise Unreachable(f"{self._url}: no answer within {self._patience:g} s") from None

    def close(self) -> None:
        """Hang up."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _read(self) -> OuterTags:
        keys: dict[str, dict[str, str | None]] = {}
        try:
            for each in _FILTERS:
                for label, key, value in self._listed(each):
                    keys.setdefault(label, {})[key] = value
            return _to_tags(keys)
        except Exception as error:  # the SDK trips over a malformed body in many ways
            raise _in_our_words(self._url, error) from error

    def _listed(self, key_filter: str) -> Iterator[tuple[str, str, str | None]]:
        found = self._client.list_configuration_settings(
            key_filter=key_filter, fields=["key", "label", "value"], enforce_https=self._tls
        )
        for number, each in enumerate(found):
            if number >= _MOST_KEYS:
                raise Garbled(f"more than {_MOST_KEYS} keys begin like {key_filter}")
            yield (each.label or "").lower(), each.key, each.value


def _to_tags(keys: _Keys) -> OuterTags:
    """The keys as tags: those without a label for all scale sets, the others for the scale set of that name."""

    def tags(label: str, source: Source) -> OuterTags:
        found = keys.get(label, {})
        return OuterTags(tags=our_tags(found, source), pause=paused_by(found))

    labelled = {ScaleSetName(label): tags(label, Source.LABELLED) for label in keys if label}
    for_all = tags("", Source.STORE)
    return OuterTags(tags=for_all.tags, pause=for_all.pause, labelled=labelled)


def _in_our_words(url: str, error: Exception) -> ScalerError:
    """The meaning of an exception of the SDK, with the name of the store."""
    if isinstance(error, Refused | Unreachable | Garbled):  # of the credential, or of ours
        return type(error)(f"{url}: {error}")
    if isinstance(error, DecodeError) or not isinstance(error, AzureError):
        return Garbled(f"{url}: the answer cannot be read: {error!r}")
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        return Unreachable(f"{url}: {error}")
    said = f"{url}: {error.status_code} {error.reason}"
    if error.status_code == 429:
        return Throttled(said, _wait(getattr(error.response, "headers", {})))
    if error.status_code in {401, 403}:
        remedy = "give the scaler's identity the role App Configuration Data Reader on the store"
        return Refused(f"{said}; {remedy}", status=error.status_code)
    return Unreachable(said) if error.status_code >= 500 else Refused(said, status=error.status_code)


def _wait(headers: Mapping[str, str]) -> timedelta:
    """How long a 429 wants us to wait. App Configuration says it in milliseconds."""
    text = headers.get("retry-after-ms", "")
    if text.isascii() and text.isdigit() and len(text) < 10:
        return retry_after({"retry-after": str(-(-int(text) // 1000))})
    return retry_after(headers)
