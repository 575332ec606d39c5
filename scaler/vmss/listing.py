"""Every page of a list, or an error: a part of a list would look like machines that are gone."""

from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from msgspec.json import Decoder

from scaler.errors import Garbled
from scaler.vmss.calls import Calls
from scaler.vmss.gates import Kind
from scaler.vmss.refusals import About, refusal, stale_token
from scaler.vmss.reply import Listed, Page, Reply

_NOT_IN_A_URL = frozenset('{}\\<>"^`| ')  # braces: the SDK would format the URL with them


class _Stale(Exception):
    """ARM does not know its own nextLink any more."""


class PageWalk[Row]:
    """A listing under way. `until`: the monotonic second at which the whole listing is given up."""

    def __init__(self, calls: Calls, kind: Kind, page: Decoder[Page[Row]], *, until: float, about: About) -> None:
        self._calls = calls
        self._kind = kind
        self._page = page
        self._until = until
        self._about = about
        self._bounds = calls.client.bounds
        self._requests = self._bytes = 0

    def all_pages(self, url: str) -> Listed[Row]:
        """Walk the pages; once again from the first when a $skiptoken went stale on the way."""
        for _ in range(2):
            with suppress(_Stale):
                return self._walk(url)
        raise Garbled("ARM refused its own nextLink twice")

    def _walk(self, start: str) -> Listed[Row]:
        first = reply = self._ask(start, further=False)
        at, rows, seen = first.at, list[Row](), {start}
        while True:
            page = reply.read(self._page)
            rows += page.value
            url = self._next(page.next_link, seen)
            if url is None:
                self._calls.gates.listed(self._kind, len(seen))
                return Listed(rows=tuple(rows), requests=self._requests, at=at, sent=first.sent)
            seen.add(url)
            reply = self._ask(url, further=True)

    def _ask(self, url: str, *, further: bool) -> Reply:
        if self._requests >= self._bounds.pages:
            raise Garbled(f"a listing of more than {self._bounds.pages} pages")
        until = min(self._until, self._calls.until())
        reply = self._calls.read(self._kind, url, until=until, underway=self._requests > 0)
        self._requests += 1
        if further and stale_token(reply):
            raise _Stale
        if reply.status != 200:
            raise refusal(reply, self._about)
        self._bytes += len(reply.body)
        if self._bytes > self._bounds.listing_bytes:
            raise Garbled(f"a listing of more than {self._bounds.listing_bytes} bytes")
        return reply

    def _next(self, link: str | None, seen: set[str]) -> str | None:
        """The path of the next page, never on another host: the scaler's token would go there, too."""
        if not link:
            return None
        url = below(self._calls.client.endpoint, link)
        if url is None or url in seen:
            raise Garbled("a nextLink that leads elsewhere, or in a circle")
        return url


def below(endpoint: str, link: str) -> str | None:
    """A link's path and query, untouched, if it is on the endpoint's scheme, host and port; else None."""
    if not link.isascii() or not link.isprintable() or not _NOT_IN_A_URL.isdisjoint(link):
        return None
    try:
        url = urlsplit(link)
        if "@" in url.netloc or _origin(url) != _origin(urlsplit(endpoint)):
            return None
    except ValueError:  # a port that is not a number, a broken IPv6 address
        return None
    return url.path + (f"?{url.query}" if url.query else "")


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; ARM writes a port into links (`https://management.azure.com:443/…`)."""
    return url.scheme, url.hostname, url.port or {"https": 443, "http": 80}.get(url.scheme)
