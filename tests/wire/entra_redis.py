"""A redis-server that takes Entra ID tokens: what Azure puts before Redis to check AUTH, and to end what expires."""

import json
import re
import select
import socket
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import time
from typing import Any

import redis
from contract.registries import Server, redis_server
from loopback import Loopback

AUDIENCE = "https://redis.azure.com"
_ADMIN = "the-test"
_AUTH = re.compile(rb"\*3\r\n\$4\r\nAUTH\r\n\$\d+\r\n([^\r]+)\r\n\$\d+\r\n([^\r]+)\r\n")
_LOOK_EVERY = 0.02  # seconds until an expired token is noticed at the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One AUTH that was let through."""

    at: float
    object_id: str
    expires: float
    token: str = field(repr=False)


class EntraRedis(Loopback):
    """Users are ACL users named by object ids; a user's passwords are the valid tokens that were shown for it.

    Redis itself refuses what is none of them. A connection whose token ends is closed, as in Azure.
    """

    def __init__(self, server: Server, users: Sequence[str], rules: Sequence[str], tls: ssl.SSLContext | None) -> None:
        self._admin = redis.Redis(port=server.port, username=_ADMIN, password=_ADMIN, decode_responses=True)
        self._users = tuple(users)
        self._valid: dict[str, SignIn] = {}
        self._lock = Lock()
        self._upstream = ("127.0.0.1", server.port)
        self._tls = tls
        self.sign_ins: list[SignIn] = []
        self.expired: list[SignIn] = []  # connections that had to be closed
        for each in users:
            self._acl("SETUSER", each, "reset", "on", *rules)
        super().__init__(self._serve_client)

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
        super().close()
        self._admin.close()

    def _serve_client(self, client: socket.socket) -> None:
        client = client if self._tls is None else self._tls.wrap_socket(client, server_side=True)
        with client, socket.create_connection(self._upstream) as upstream:
            self._relay(client, upstream)

    def _relay(self, client: socket.socket, upstream: socket.socket) -> None:
        """Pass on what both say, until one hangs up or the token with which the client has signed in ends."""
        signed_in = None
        while not self.closing.is_set():
            if signed_in is not None and signed_in.expires <= time():
                self.expired.append(signed_in)
                return
            ready, _, _ = select.select([client, upstream], [], [], _LOOK_EVERY)
            if upstream in ready and not _pass_on(upstream, client):
                return
            if client in ready:
                got = _receive(client)
                if not got:
                    return
                for user, token in _AUTH.findall(got):  # sent alone, and in one piece
                    signed_in = self.sign_in(user.decode(), token.decode()) or signed_in
                upstream.sendall(got)


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
    with (
        redis_server(folder, "--aclfile", str(acl)) as server,
        closing(EntraRedis(server, users, rules, tls)) as running,
    ):
        yield running
