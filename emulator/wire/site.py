"""The site: names of the emulated scale sets, managed identities with their tokens, and settings of the server."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from emulator.refusals import ArmError, not_found, set_marked_for_deletion
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.exchange import Asked
from emulator.wire.roles import Grant

SUBSCRIPTION = str(UUID(int=0x5CA1E))
TENANT = str(UUID(int=0x7E4A47))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Names in Azure."""

    subscription: str = SUBSCRIPTION
    resource_group: str = "rg-pixels"
    location: str = "westeurope"
    tenant: str = TENANT
    sku: str = "Standard_NV36ads_A10_v5"

    def identity_id(self, name: str) -> str:
        """The resource id of a user-assigned identity."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All resources behind one address."""

    scale_sets: list[EmulatedScaleSet] = field(default_factory=list)  # a PUT may add one; with those that are gone
    doomed: list[EmulatedScaleSet] = field(default_factory=list)  # of them, those that a DELETE was for
    place: Place = field(default_factory=Place)
    page_size: int = 100  # rows per page of a listing; Azure's is not known
    identity_secret: str = "local-secret"  # noqa: S105 (guards nothing but this emulator)
    identities: Identities = field(default_factory=Identities)
    grants: dict[str, Grant] = field(default_factory=dict)  # by object id; a caller who is not in it may do all
    poll_after: int | None = None  # Retry-After on operations; Azure sends none, and clients then wait 30 s
    stall: float = 0.5  # seconds of silence before a connection is closed without an answer
    founding: Lock = field(default_factory=Lock, repr=False)

    def scale_set(self, asked: Asked) -> EmulatedScaleSet:
        """The one the path names, or ARM's 404."""
        self.check_group(asked)
        name = asked.params["name"]
        for emulated in self.present:
            if emulated.name.lower() == name:
                return emulated
        raise not_found(f"virtualMachineScaleSets/{name}", asked.params["group"])

    def writable(self, asked: Asked) -> EmulatedScaleSet:
        """The scale set, for a change. Raises the refusal while the scale set is being deleted."""
        found = self.scale_set(asked)
        if found in self.doomed:
            raise set_marked_for_deletion(f"{asked.method} Virtual Machine Scale Set", found.name)
        return found

    @property
    def present(self) -> list[EmulatedScaleSet]:
        """The scale sets, without those deleted together with their last VM."""
        return [scale_set for scale_set in self.scale_sets if scale_set not in self.doomed or scale_set.vms]

    @property
    def flexible(self) -> list[EmulatedScaleSet]:
        """The scale sets whose VMs are resources of the group as well."""
        return [scale_set for scale_set in self.scale_sets if scale_set.flexible]

    def check_group(self, asked: Asked) -> None:
        """Raise ARM's 404 for another resource group. A path without a group means all groups."""
        self.check_subscription(asked)
        group = asked.params.get("group", self.place.resource_group.lower())
        if group != self.place.resource_group.lower():
            raise ArmError(404, "ResourceGroupNotFound", f"There is no resource group '{group}'.")

    def check_subscription(self, asked: Asked) -> None:
        """ARM's 404 for somebody else's subscription."""
        subscription = asked.params["subscription"]
        if subscription != self.place.subscription.lower():
            raise ArmError(404, "SubscriptionNotFound", f"There is no subscription '{subscription}'.")

    @property
    def group_id(self) -> str:
        """The resource id of the resource group."""
        return f"/subscriptions/{self.place.subscription}/resourceGroups/{self.place.resource_group}"

    def set_id(self, scale_set: EmulatedScaleSet) -> str:
        """The resource id."""
        return f"{self.group_id}/providers/Microsoft.Compute/virtualMachineScaleSets/{scale_set.name}"

    def machine_id(self, name: str) -> str:
        """The resource id of a VM in the resource group."""
        return f"{self.group_id}/providers/Microsoft.Compute/virtualMachines/{name}"

    @property
    def now(self) -> datetime:
        """Azure's clock."""
        return self.scale_sets[0].now
