"""A redis-server that takes Entra ID tokens: what Azure puts before Redis to check AUTH, and to end what expires."""

import json
import select
import socket
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Lock, Thread
from time import time
from typing import Any

import redis
from contract.registries import Server, redis_server

AUDIENCE = "https://redis.azure.com"
_ADMIN = "the-test"
_LOOK_EVERY = 0.02  # seconds until an expired token is noticed at the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One AUTH that was let through."""

    at: float
    object_id: str
    expires: float
    token: str = field(repr=False)


class EntraRedis:
    """Users are ACL users named by object ids; a user's passwords are the valid tokens that were shown for it.

    Redis itself refuses what is none of them. A connection whose token ends is closed, as in Azure.
    """

    def __init__(self, server: Server, users: Sequence[str], rules: Sequence[str], tls: ssl.SSLContext | None) -> None:
        self._admin = redis.Redis(port=server.port, username=_ADMIN, password=_ADMIN, decode_responses=True)
        self._users = tuple(users)
        self._valid: dict[str, SignIn] = {}
        self._lock = Lock()
        self.upstream = ("127.0.0.1", server.port)
        self.tls = tls
        self.closing = Event()
        self.sign_ins: list[SignIn] = []
        self.expired: list[SignIn] = []  # connections that had to be closed
        for each in users:
            self._acl("SETUSER", each, "reset", "on", *rules)
        self._front = _Front(self)
        self._thread = Thread(target=self._front.serve_forever, args=(0.02,), name="entra-redis")
        self._thread.start()

    @property
    def port(self) -> int:
        """Where clients go."""
        port: int = self._front.server_address[1]
        return port

    @property
    def tokens(self) -> list[str]:
        """All that were let in with, in the order of their first appearance."""
        return list(dict.fromkeys(each.token for each in self.sign_ins))

    def sign_in(self, object_id: str, token: str) -> SignIn | None:
        """Make Redis accept this AUTH if Azure would; None: it wouldn't."""
        claims = _claims(token)
        with self._lock:
            self._forget_expired()
            known = object_id in self._users and claims.get("oid") == object_id
            if not known or claims.get("aud") != AUDIENCE or claims["exp"] <= time():
                return None
            made = SignIn(at=time(), object_id=object_id, expires=claims["exp"], token=token)
            self._acl("SETUSER", object_id, f">{token}")
            self._valid[token] = made
            self.sign_ins.append(made)
            return made

    def whoever_is_connected(self) -> set[str]:
        """The users of all connections that have signed in; the others are nobody yet, which Redis calls default."""
        clients: Any = self._admin.client_list()
        return {each["user"] for each in clients} - {_ADMIN, "default"}

    def drop_all(self) -> None:
        """A failover: every connection is closed, whatever it was doing."""
        for each in self._users:
            self._admin.execute_command("CLIENT", "KILL", "USER", each)  # type: ignore[no-untyped-call]

    def _forget_expired(self) -> None:
        for each in [each for each in self._valid.values() if each.expires <= time()]:
            self._acl("SETUSER", each.object_id, f"<{each.token}")
            del self._valid[each.token]

    def _acl(self, *words: str) -> None:
        self._admin.execute_command("ACL", *words)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """End every connection and every thread."""
        self.closing.set()
        self._front.shutdown()
        self._front.server_close()
        self._thread.join()
        self._admin.close()


class _Front(ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, redis_of_azure: EntraRedis) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.azure = redis_of_azure

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away."""


class _Connection(BaseRequestHandler):
    """Relays one connection, and reads what the client says."""

    server: _Front

    def handle(self) -> None:
        azure, client = self.server.azure, self.request
        if azure.tls is not None:
            client = azure.tls.wrap_socket(client, server_side=True)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, socket.create_connection(azure.upstream) as upstream, suppress(OSError):
            self._relay(azure, client, upstream)

    def _relay(self, azure: EntraRedis, client: socket.socket, upstream: socket.socket) -> None:
        said, signed_in = bytearray(), None
        while not azure.closing.is_set():
            if signed_in is not None and signed_in.expires <= time():
                azure.expired.append(signed_in)
                return
            ready, _, _ = select.select([client, upstream], [], [], _LOOK_EVERY)
            if upstream in ready and not _pass_on(upstream, client):
                return
            if client in ready:
                got = _receive(client)
                if not got:
                    return
                said += got
                for words, raw in _commands(said):
                    if words[0].upper() == b"AUTH" and len(words) == 3:
                        signed_in = azure.sign_in(words[1].decode(), words[2].decode()) or signed_in
                    upstream.sendall(raw)


def _pass_on(source: socket.socket, target: socket.socket) -> bool:
    got = source.recv(65536)
    target.sendall(got)
    return bool(got)


def _receive(client: socket.socket) -> bytes:
    """All that is there: what TLS has decrypted already is not seen by select."""
    got = client.recv(65536)
    while isinstance(client, ssl.SSLSocket) and client.pending():
        got += client.recv(65536)
    return got


def _commands(said: bytearray) -> Iterator[tuple[list[bytes], bytes]]:
    """The whole commands (arrays of bulk strings) at the beginning of what was said, which are taken from it."""
    while (end := _end_of_command(said)) is not None:
        words, stop = end
        raw = bytes(said[:stop])
        del said[:stop]
        yield words, raw


def _end_of_command(said: bytearray) -> tuple[list[bytes], int] | None:
    head = said.find(b"\r\n")
    if head < 0:
        return None
    words, at = [], head + 2
    for _ in range(int(said[1:head])):
        line = said.find(b"\r\n", at)
        if line < 0:
            return None
        start, stop = line + 2, line + 2 + int(said[at + 1 : line])
        if len(said) < stop + 2:
            return None
        words.append(bytes(said[start:stop]))
        at = stop + 2
    return words, at


def _claims(token: str) -> dict[str, Any]:
    """What a token says of itself. Nobody signs the emulator's."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError):
        return {}
    return claims if isinstance(claims, dict) else {}


@contextmanager
def entra_redis(
    folder: Path, users: Sequence[str], rules: Sequence[str] = ("~vmss:*", "+@all"), tls: ssl.SSLContext | None = None
) -> Iterator[EntraRedis]:
    """One that runs, with an ACL file that knows only these users (and the test)."""
    acl = folder / "users.acl"
    acl.write_text(f"user default off\nuser {_ADMIN} on >{_ADMIN} ~* &* +@all\n", encoding="utf-8")
    with redis_server(folder, "--aclfile", str(acl)) as server:
        running = EntraRedis(server, users, rules, tls)
        try:
            yield running
        finally:
            running.close()
