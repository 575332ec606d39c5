"""Tokens, as App Service's identity endpoint and a VM's metadata service (IMDS) hand them out."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from uuid import UUID

from emulator.refusals import ArmError
from emulator.wire.exchange import Answer, Asked
from emulator.wire.site import Site

_LIFE = 86_400  # seconds
_PRINCIPAL = str(UUID(int=0x1DE471))


def app_service(site: Site, asked: Asked) -> Answer:
    """GET /msi/token, guarded by the X-IDENTITY-HEADER."""
    if asked.headers.get("x-identity-header") != site.identity_secret:
        raise ArmError(401, "Unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
    return _token(site, asked)


def metadata_service(site: Site, asked: Asked) -> Answer:
    """GET /metadata/identity/oauth2/token, guarded by the header Metadata: true."""
    if asked.headers.get("metadata", "").lower() != "true":
        return Answer(status=400, body={"error": "invalid_request", "error_description": "no Metadata header"})
    return _token(site, asked)


def _token(site: Site, asked: Asked) -> Answer:
    resource = asked.query.get("resource", "https://management.azure.com")
    expires = int(site.now.timestamp()) + _LIFE
    body = {
        "access_token": _unsigned(site, resource, expires),
        "expires_on": str(expires),
        "expires_in": str(_LIFE),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": asked.query.get("client_id", _PRINCIPAL),
    }
    return Answer(body=body)


def _unsigned(site: Site, resource: str, expires: int) -> str:
    """A JSON web token nobody can verify, with the claims that clients look at."""
    claims = {"aud": resource, "exp": expires, "tid": site.place.tenant, "oid": _PRINCIPAL, "appid": _PRINCIPAL}
    return ".".join((_encoded({"alg": "none", "typ": "JWT"}), _encoded(claims), _encoded({})))


def _encoded(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
