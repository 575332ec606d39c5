"""Every page of one listing, or an error: a part of it would look like machines that are gone."""

from urllib.parse import urlsplit

from scaler.errors import Garbled
from scaler.model.instance import Instance, ScaleSetName, VmId
from scaler.model.sighting import Pages
from scaler.vmss.calls import Calls
from scaler.vmss.gates import Kind
from scaler.vmss.refusals import refusal, stale_token
from scaler.vmss.reply import Reply
from scaler.vmss.translate import to_page

_NOT_IN_A_URL = frozenset('{}\\<>"^`| ')  # braces: the SDK would format the URL with them


class _Stale(Exception):
    """ARM does not know its own nextLink any more."""


class Listing:
    """One listing under way."""

    def __init__(self, calls: Calls, url: str, scale_set: ScaleSetName) -> None:
        self._calls = calls
        self._url = url
        self._scale_set = scale_set
        self._bounds = calls.client.bounds
        self._until = calls.until(self._bounds.listing)
        self._requests = 0

    def all_pages(self) -> Pages:
        """Walk the pages; once again from the first when a $skiptoken went stale on the way."""
        try:
            return self._walk()
        except _Stale:
            pass
        try:
            return self._walk()
        except _Stale as error:
            raise Garbled("ARM refused its own nextLink twice") from error

    def _walk(self) -> Pages:
        found: dict[VmId, Instance] = {}  # a machine may be on two pages when the scale set changes: the later one
        unidentified, first, seen = 0, None, set[str]()
        url: str | None = self._url
        while url is not None:
            seen.add(url)
            reply = self._ask(url, further=first is not None)
            first = first or reply
            page = to_page(reply, self._scale_set)
            found.update((each.vm_id, each) for each in page.instances)
            unidentified += page.unidentified
            url = self._next(page.next_link, seen)
        assert first is not None
        return Pages(
            scale_set=self._scale_set,
            instances=tuple(found.values()),
            unidentified=unidentified,
            requests=self._requests,
            at=first.at,
            sent=first.sent,
        )

    def _ask(self, url: str, *, further: bool) -> Reply:
        if self._requests >= self._bounds.pages:
            raise Garbled(f"a listing of more than {self._bounds.pages} pages")
        until = min(self._until, self._calls.until(self._bounds.read))
        reply = self._calls.read(Kind.LIST, url, until=until, underway=self._requests > 0)
        self._requests += 1
        if further and stale_token(reply):
            raise _Stale
        if reply.status != 200:
            raise refusal(reply)
        return reply

    def _next(self, link: str | None, seen: set[str]) -> str | None:
        """The path of the next page. It never leads to another host: our token would go there with it."""
        if link is None:
            return None
        url = below(self.endpoint, link)
        if url is None or url in seen:
            raise Garbled("a nextLink that leads elsewhere, or in a circle")
        return url

    @property
    def endpoint(self) -> str:
        """Where ARM is."""
        return self._calls.client.endpoint


def below(endpoint: str, link: str) -> str | None:
    """A link's path and query, untouched, if it is on the endpoint's scheme, host and port; else None."""
    if not link.isascii() or not link.isprintable() or not _NOT_IN_A_URL.isdisjoint(link):
        return None
    try:
        ours, theirs = urlsplit(endpoint), urlsplit(link)
        if "@" in theirs.netloc or _origin(ours.scheme, ours.hostname, ours.port) != _origin(
            theirs.scheme, theirs.hostname, theirs.port
        ):
            return None
    except ValueError:  # a port that is not a number, a broken IPv6 address
        return None
    return theirs.path + (f"?{theirs.query}" if theirs.query else "")


def _origin(scheme: str, host: str | None, port: int | None) -> tuple[str, str | None, int | None]:
    """ARM writes its own port into its links (`https://management.azure.com:443/…`)."""
    return scheme, host, port or {"https": 443, "http": 80}.get(scheme)
