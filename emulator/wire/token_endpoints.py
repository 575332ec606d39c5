"""Endpoints for tokens: App Service's, a VM's metadata service (IMDS), and Entra ID's for service principals."""

from uuid import uuid4

from emulator.refusals import ArmError
from emulator.wire.exchange import Answer, Asked
from emulator.wire.site import Identity, Site

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
        users = [identity for identity in site.identities.assigned if identity.resource_id is not None]
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


_ANY_TENANT = frozenset({"common", "organizations"})


def discovery(site: Site, asked: Asked) -> Answer:
    """GET /{tenant}/v2.0/.well-known/openid-configuration."""
    if not _known(site, asked):
        return _no_such_tenant(asked)
    base = f"{asked.base}/{asked.params['tenant']}"
    return Answer(
        body={
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )


def token(site: Site, asked: Asked) -> Answer:
    """POST /{tenant}/oauth2/v2.0/token. Any client id will do; its secret is the identity's."""
    if not _known(site, asked):
        return _no_such_tenant(asked)
    form = asked.form
    grant, client_id, scope = form.get("grant_type"), form.get("client_id", ""), form.get("scope", "")
    if grant != "client_credentials":
        said = (
            f"AADSTS70003: the emulator grants client_credentials only, not {grant!r}: sign in as a service principal."
        )
        return _refusal(400, "unsupported_grant_type", said)
    if not client_id or form.get("client_secret") != site.identity_secret:
        said = "AADSTS7000215: Invalid client secret provided: the emulator expects its --identity-secret."
        return _refusal(401, "invalid_client", said)
    if not scope.endswith("/.default"):
        return _refusal(400, "invalid_scope", f"AADSTS70011: the scope {scope!r} is not a resource with /.default.")
    return _issued(site, scope.removesuffix("/.default"), client_id)


def _issued(site: Site, audience: str, client_id: str) -> Answer:
    principal = Identity(client_id=client_id, object_id=client_id)
    token = site.identities.token(principal, audience, site.place.tenant, site.now)
    left = int((token.expires - site.now).total_seconds())
    body = {"token_type": "Bearer", "expires_in": left, "ext_expires_in": left, "access_token": token.text}
    return Answer(body=body)


def _known(site: Site, asked: Asked) -> bool:
    return asked.params["tenant"] in _ANY_TENANT | {site.place.tenant.lower()}


def _no_such_tenant(asked: Asked) -> Answer:
    return _refusal(400, "invalid_tenant", f"AADSTS90002: Tenant '{asked.params['tenant']}' not found.")


def _refusal(status: int, error: str, said: str) -> Answer:
    """A refusal in the format of OAuth, not ARM. Clients look at the number in the text."""
    number = int(said.partition(":")[0].removeprefix("AADSTS"))
    return Answer(status=status, body={"error": error, "error_description": said, "error_codes": [number]})
