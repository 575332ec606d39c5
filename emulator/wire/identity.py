"""The endpoints where managed identities get their tokens: App Service's, and a VM's metadata service (IMDS)."""

from uuid import uuid4

from emulator.refusals import ArmError
from emulator.wire.exchange import Answer, Asked
from emulator.wire.identities import Identity
from emulator.wire.site import Site

_NOT_ASSIGNED = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
_SEVERAL = (
    "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the"
    " token request"
)


def app_service(site: Site, asked: Asked) -> Answer:
    """GET /msi/token, guarded by the X-IDENTITY-HEADER."""
    if asked.headers.get("x-identity-header") != site.identity_secret:
        raise ArmError(401, "Unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
    named, found = site.identities.named(asked.query)
    if not named:
        found = site.identities.system_assigned
    if found is None:
        return _app_service_refusal(_NOT_ASSIGNED if named else "Unable to load the proper Managed Identity.")
    if not asked.query.get("resource"):
        return _app_service_refusal("The resource parameter is missing.")
    return Answer(body=_token(site, asked, found))


def metadata_service(site: Site, asked: Asked) -> Answer:
    """GET /metadata/identity/oauth2/token, guarded by the header Metadata: true."""
    if asked.headers.get("metadata", "").lower() != "true":
        return _metadata_refusal("Required metadata header not specified")
    if not asked.query.get("resource"):
        return _metadata_refusal("Required query variable 'resource' is missing")
    named, found = site.identities.named(asked.query)
    if not named:
        users = [each for each in site.identities.assigned if each.resource_id is not None]
        found = site.identities.system_assigned or (users[0] if len(users) == 1 else None)
        if found is None and users:
            return _metadata_refusal(_SEVERAL)
    if found is None:
        return _metadata_refusal("Identity not found")
    body = _token(site, asked, found)
    left = int(body["expires_on"]) - int(site.now.timestamp())
    return Answer(body={**body, "refresh_token": "", "expires_in": str(left), "ext_expires_in": str(left)})


def _token(site: Site, asked: Asked, identity: Identity) -> dict[str, str]:
    """What both answer. Numbers are texts."""
    resource = asked.query["resource"]
    token = site.identities.token(identity, resource, site.place.tenant, site.now)
    return {
        "access_token": token.text,
        "client_id": identity.client_id,
        "expires_on": str(int(token.expires.timestamp())),
        "not_before": str(int(token.issued.timestamp())),
        "resource": resource,
        "token_type": "Bearer",
    }


def _app_service_refusal(message: str) -> Answer:
    return Answer(status=400, body={"statusCode": 400, "message": message, "correlationId": str(uuid4())})


def _metadata_refusal(description: str) -> Answer:
    return Answer(status=400, body={"error": "invalid_request", "error_description": description})
