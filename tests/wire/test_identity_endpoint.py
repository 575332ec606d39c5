"""Where managed identities get their tokens: App Service's endpoint and a VM's, by bytes and by Microsoft's client."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from azure.identity import ManagedIdentityCredential
from wire.connection import Wire, wired

from emulator.wire.answer_faults import AnswerFault
from emulator.wire.site import SYSTEM_ASSIGNED, TENANT, Identities, Identity, Place, Site, user_assigned
from scaler.errors import Refused, Unreachable
from scaler.vmss.credential import Guarded, managed_identity

FIRST, SECOND = (user_assigned(Place().identity_id(name)) for name in ("id-first", "id-second"))
REDIS = "https://redis.azure.com"
DAY = timedelta(days=1)
GUARDS = {"/msi/token": {"X-IDENTITY-HEADER": "local-secret"}, "/metadata/identity/oauth2/token": {"Metadata": "true"}}
APP_SERVICE, METADATA = GUARDS

type Served = Callable[..., Wire]


@pytest.fixture
def served() -> Iterator[Served]:
    """An endpoint with these identities, a day's worth of life in each token."""
    with ExitStack() as stack:

        def serve(*assigned: Identity, **how: timedelta) -> Wire:
            context: AbstractContextManager[Wire] = wired(Site(identities=Identities(assigned, **how), stall=0.0))
            return stack.enter_context(context)

        yield serve


def ask(wire: Wire, path: str, resource: str = REDIS, **query: str) -> tuple[int, Any]:
    """Status and answer."""
    answer, body = wire.ask("GET", f"{path}?{urlencode({'resource': resource, **query})}", headers=GUARDS[path])
    return answer.status, json.loads(body)


def token(wire: Wire, path: str = APP_SERVICE, **query: str) -> str:
    """The token that this gets."""
    status, answer = ask(wire, path, **query)
    assert status == 200
    return str(answer["access_token"])


def claims(text: str) -> dict[str, Any]:
    payload = text.split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


# ── who gets a token ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", GUARDS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", FIRST.client_id.upper()),
        ("object_id", FIRST.object_id),
        ("principal_id", FIRST.object_id),
        ("mi_res_id", FIRST.resource_id),
        ("msi_res_id", FIRST.resource_id),
    ],
)
def test_a_user_assigned_identity_is_asked_for_by_any_of_its_names(
    served: Served, path: str, name: str, value: str
) -> None:
    wire = served(SYSTEM_ASSIGNED, SECOND, FIRST)
    status, answer = ask(wire, path, **{name: value})
    assert (status, answer["client_id"]) == (200, FIRST.client_id)
    assert claims(answer["access_token"])["oid"] == FIRST.object_id


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        (
            APP_SERVICE,
            {
                "statusCode": 400,
                "message": "No User Assigned or Delegated Managed Identity found for specified "
                "ClientId/ResourceId/PrincipalId.",
            },
        ),
        (METADATA, {"error": "invalid_request", "error_description": "Identity not found"}),
    ],
)
def test_an_identity_that_is_not_assigned_gets_azures_refusal(
    served: Served, path: str, refusal: dict[str, object]
) -> None:
    wire = served(SYSTEM_ASSIGNED, FIRST)
    for query in ({"client_id": SECOND.client_id}, {"client_id": FIRST.client_id, "object_id": SECOND.object_id}):
        status, answer = ask(wire, path, **query)
        answer.pop("correlationId", None)
        assert (status, answer) == (400, refusal)


def test_without_a_system_assigned_identity_the_two_endpoints_differ(served: Served) -> None:
    one, two, none = served(FIRST), served(FIRST, SECOND), served()
    assert ask(one, APP_SERVICE)[1]["message"] == "Unable to load the proper Managed Identity."
    assert claims(token(one, METADATA))["oid"] == FIRST.object_id  # the only one there is
    assert ask(two, METADATA)[1]["error_description"].startswith("Multiple user assigned identities exist")
    assert ask(none, METADATA)[1]["error_description"] == "Identity not found"


# ── what a token says ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_says_who_it_is_for_whose_it_is_and_when_it_ends(served: Served) -> None:
    wire = served(FIRST, token_life=timedelta(hours=1))
    now = int(wire.clock.now().timestamp())
    said = claims(token(wire, client_id=FIRST.client_id))
    assert (said["aud"], said["oid"], said["appid"], said["tid"]) == (REDIS, FIRST.object_id, FIRST.client_id, TENANT)
    assert (said["iat"], said["nbf"], said["exp"]) == (now, now, now + 3600)


def test_two_tokens_are_never_equal_unless_the_endpoint_keeps_them(served: Served) -> None:
    fresh, keeping = served(SYSTEM_ASSIGNED), served(SYSTEM_ASSIGNED, token_life=DAY, kept=timedelta(hours=23))
    assert token(fresh) != token(fresh)
    kept = token(keeping)
    keeping.clock.advance(timedelta(hours=22, minutes=59))
    assert token(keeping, METADATA) == kept
    assert ask(keeping, METADATA)[1]["expires_in"] == "3660"
    keeping.clock.advance(timedelta(minutes=1))
    assert token(keeping) != kept


# ── Microsoft's client, and ours around it ──────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=GUARDS)
def at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Wire], None]:
    """Makes this process one that runs on App Service, or on a VM, whose endpoint this is."""

    def move(wire: Wire) -> None:
        if request.param == METADATA:
            monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", wire.server.url)
        else:
            monkeypatch.setenv("IDENTITY_ENDPOINT", f"{wire.server.url}{APP_SERVICE}")
            monkeypatch.setenv("IDENTITY_HEADER", "local-secret")

    return move


@pytest.fixture
def asking() -> Iterator[Callable[..., Guarded]]:
    """Credentials as the scaler makes them."""
    with ExitStack() as stack:

        def make(client_id: str | None = None) -> Guarded:
            credential = managed_identity(client_id)
            assert isinstance(credential, ManagedIdentityCredential)
            stack.enter_context(closing(credential))
            return Guarded(credential)

        yield make


type At = Callable[[Wire], None]
type Asking = Callable[..., Guarded]


def test_system_and_user_assigned_identities_get_tokens_of_their_own(served: Served, at: At, asking: Asking) -> None:
    at(served(SYSTEM_ASSIGNED, FIRST, SECOND))
    asked = {None: SYSTEM_ASSIGNED, FIRST.client_id: FIRST, SECOND.client_id: SECOND}
    for client_id, identity in asked.items():
        said = claims(asking(client_id).get_token(f"{REDIS}/.default").token)
        assert (said["oid"], said["aud"]) == (identity.object_id, REDIS)


def test_a_client_id_that_is_not_assigned_is_refused_with_the_setting_to_look_at(
    served: Served, at: At, asking: Asking
) -> None:
    at(served(SYSTEM_ASSIGNED))
    with pytest.raises(Refused, match=r"AZURE_CLIENT_ID.*(not found|No User Assigned)"):
        asking(FIRST.client_id).get_token(f"{REDIS}/.default")


def test_an_endpoint_that_hangs_up_is_unreachable_whichever_it_is(served: Served, at: At, asking: Asking) -> None:
    wire = served(SYSTEM_ASSIGNED)
    at(wire)
    wire.server.inject(AnswerFault.DROPPED, kind="token")
    with pytest.raises(Unreachable, match="identity endpoint"):
        asking().get_token(f"{REDIS}/.default")
