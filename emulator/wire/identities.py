"""Managed identities: assigned identities with their names, and unsigned tokens."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5


def unsigned(claims: Mapping[str, object]) -> str:
    """One with these claims."""
    return ".".join((_encoded({"alg": "none", "typ": "JWT"}), _encoded(claims), _encoded({})))


def _encoded(part: Mapping[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(dict(part)).encode()).decode().rstrip("=")


_NAMES = ("client_id", "object_id", "principal_id", "mi_res_id", "msi_res_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An identity. Requests for tokens use any of the three ids; role assignments and Redis use `object_id`."""

    client_id: str
    object_id: str
    resource_id: str | None = None  # None: system-assigned, it has no resource of its own

    def answers_to(self, name: str, value: str) -> bool:
        """Whether it is meant by this query parameter."""
        mine = {"client_id": self.client_id, "object_id": self.object_id, "principal_id": self.object_id}
        return mine.get(name, self.resource_id or "").lower() == value.lower()


SYSTEM_ASSIGNED = Identity(client_id=str(UUID(int=0x1DE471)), object_id=str(UUID(int=0x0B_1DE471)))


def user_assigned(resource_id: str) -> Identity:
    """The one with this resource id: the same two GUIDs at every start."""
    client_id, object_id = (str(uuid5(NAMESPACE_URL, f"{resource_id.lower()}#{kind}")) for kind in ("client", "object"))
    return Identity(client_id=client_id, object_id=object_id, resource_id=resource_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that was handed out."""

    text: str
    issued: datetime
    expires: datetime


class Identities:
    """All assigned identities. `kept`: how long a token is handed out again; Azure's endpoints do so for hours."""

    def __init__(
        self,
        assigned: Sequence[Identity] = (SYSTEM_ASSIGNED,),
        *,
        token_life: timedelta = timedelta(days=1),
        kept: timedelta = timedelta(0),
    ) -> None:
        self.assigned = tuple(assigned)
        self.token_life = token_life
        self._kept = kept
        self._tokens: dict[tuple[Identity, str], Token] = {}
        self._lock = Lock()

    @property
    def system_assigned(self) -> Identity | None:
        """The system-assigned identity, which requests need not name."""
        return next((identity for identity in self.assigned if identity.resource_id is None), None)

    def named(self, query: Mapping[str, str]) -> tuple[bool, Identity | None]:
        """Whether the query names an identity, and which."""
        asked = [(name, query[name]) for name in _NAMES if query.get(name)]
        found = (identity for identity in self.assigned if all(identity.answers_to(*one) for one in asked))
        return bool(asked), next(found, None) if asked else None

    def token(self, identity: Identity, audience: str, tenant: str, now: datetime) -> Token:
        """An unsigned token for an audience, with the claims that clients and Redis read."""
        with self._lock:
            held = self._tokens.get((identity, audience))
            if held is None or now >= held.issued + self._kept:
                held = self._tokens[identity, audience] = self._issued(identity, audience, tenant, now)
            return held

    def _issued(self, identity: Identity, audience: str, tenant: str, now: datetime) -> Token:
        expires = now + self.token_life
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant}/",
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int(expires.timestamp()),
            "appid": identity.client_id,
            "idtyp": "app",
            "oid": identity.object_id,
            "sub": identity.object_id,
            "tid": tenant,
            "uti": str(uuid4()),  # no two tokens are equal
            "ver": "1.0",
        }
        return Token(text=unsigned(claims), issued=now, expires=expires)
