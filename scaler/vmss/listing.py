"""Every page of a list, or an error: a part of a list would look like machines that are gone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from scaler.errors import Garbled
from scaler.model.instance import Addresses, InstanceId
from scaler.vmss.addresses import configurations, located, public_by_id, to_interfaces, to_public_ips
from scaler.vmss.calls import Calls
from scaler.vmss.gates import Kind
from scaler.vmss.refusals import About, refusal, stale_token
from scaler.vmss.reply import Reply

_NOT_IN_A_URL = frozenset('{}\\<>"^`| ')  # braces: the SDK would format the URL with them


class HasNext(Protocol):
    """A page of anything."""

    @property
    def next_link(self) -> str | None:
        """Where ARM says that the next page is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed[Page: HasNext]:
    """All pages of one listing. `at` and `sent` are those of the first."""

    pages: tuple[Page, ...]
    requests: int
    at: datetime
    sent: float


class _Stale(Exception):
    """ARM does not know its own nextLink any more."""


class PageWalk[Page: HasNext]:
    """A listing under way. `until`: the monotonic second at which the whole listing is given up."""

    def __init__(
        self, calls: Calls, kind: Kind, read: Callable[[Reply], Page], *, until: float, about: About | None = None
    ) -> None:
        self._calls = calls
        self._kind = kind
        self._read = read
        self._until = until
        self._about = about
        self._bounds = calls.client.bounds
        self._requests = self._bytes = 0

    def all_pages(self, url: str) -> Listed[Page]:
        """Walk the pages; once again from the first when a $skiptoken went stale on the way."""
        try:
            return self._walk(url)
        except _Stale:
            pass
        try:
            return self._walk(url)
        except _Stale as error:
            raise Garbled("ARM refused its own nextLink twice") from error

    def _walk(self, start: str) -> Listed[Page]:
        reply = self._ask(start, further=False)
        at, sent = reply.at, reply.sent
        pages, seen = [self._read(reply)], {start}
        while (url := self._next(pages[-1].next_link, seen)) is not None:
            seen.add(url)
            pages.append(self._read(self._ask(url, further=True)))
        self._calls.gates.listed(self._kind, len(pages))
        return Listed(pages=tuple(pages), requests=self._requests, at=at, sent=sent)

    def _ask(self, url: str, *, further: bool) -> Reply:
        if self._requests >= self._bounds.pages:
            raise Garbled(f"a listing of more than {self._bounds.pages} pages")
        until = min(self._until, self._calls.until(self._bounds.read))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Addresses of a scale set's instances: two lists of Microsoft.Network, the second only if needed.

    The list of interfaces names public addresses by id only, and no documented option adds the addresses.
    """

    parent: str  # the resource id below which the VMs are
    interfaces: str  # path and query of the list
    public_ips: str
    permission: str  # what the identity needs to read both

    def look(self, calls: Calls) -> Mapping[InstanceId, Addresses]:
        """One look: the pages of both lists."""
        until = calls.until(calls.client.bounds.listing)
        about = About(permission=self.permission)
        interfaces = PageWalk(calls, Kind.NETWORK, to_interfaces, until=until, about=about).all_pages(self.interfaces)
        found = tuple(configurations(interfaces.pages, self.parent))
        if not any(configuration.public_id for configuration in found):
            return located(found, {})
        public = PageWalk(calls, Kind.NETWORK, to_public_ips, until=until, about=about).all_pages(self.public_ips)
        return located(found, public_by_id(public.pages))


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
    """Origin of a link; ARM writes a port into links (`https://management.azure.com:443/…`)."""
    return scheme, host, port or {"https": 443, "http": 80}.get(scheme)
