"""A proxy between the scaler and Azure: spoils answers, byte for byte, and counts requests."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from typing import BinaryIO
from urllib.parse import urlsplit

from loopback import Loopback
from wire.scripted_arm import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer of Azure's, before it is spoilt."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def having(self, **headers: str | None) -> "Said":
        """With other headers; underscores for dashes, None to leave one out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in {**self.headers, **named}.items() if value is not None}
        return replace(self, headers=kept)

    def saying(self, body: bytes) -> "Said":
        """With another body, and its length."""
        return replace(self, body=body).having(content_length=str(len(body)))

    @property
    def head(self) -> bytes:
        """Status line and headers."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"HTTP/1.1 {self.status} -\r\n{lines}\r\n".encode("latin-1", "replace")

    @property
    def pieces(self) -> Iterator[bytes]:
        """All of it."""
        yield self.head + self.body


type Spoil = Callable[[Asked, Said], Said | Iterable[bytes]]


class Between(Loopback):
    """Listens on a loopback port. Without a `spoil` it hands everything through."""

    def __init__(self, azure: str) -> None:
        self.spoil: Spoil | None = None
        self.asked: list[Asked] = []
        self._azure = urlsplit(azure).netloc
        super().__init__(self._converse)

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as incoming:
            while (asked := _request(incoming)) is not None:
                self.asked.append(asked)
                said = self._forward(asked)
                spoilt = self.spoil(asked, said) if self.spoil is not None else said
                for piece in spoilt.pieces if isinstance(spoilt, Said) else spoilt:
                    connection.sendall(piece)
                if not isinstance(spoilt, Said):
                    return

    def _forward(self, asked: Asked) -> Said:
        with closing(HTTPConnection(self._azure)) as azure:
            azure.request(asked.method, asked.path, body=asked.body or None, headers=dict(asked.headers))
            answer = azure.getresponse()
            body = answer.read()
            headers = {name.lower(): value for name, value in answer.getheaders()}
        return Said(status=answer.status, headers={**headers, "content-length": str(len(body))}, body=body)


def _request(incoming: BinaryIO) -> Asked | None:
    words = incoming.readline().decode("latin-1").split()
    if len(words) != 3:
        return None
    headers = {}
    while line := incoming.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = incoming.read(int(headers.get("content-length", "0")))
    return Asked(method=words[0], path=words[1], headers=headers, body=body)


@contextmanager
def between(azure: str) -> Iterator[Between]:
    """It, for the length of a test."""
    with closing(Between(azure)) as it:
        yield it
