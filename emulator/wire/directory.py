"""What a client asks about before it works: tenants, subscriptions, and where the endpoints of this cloud are."""

from emulator.wire.bodies import Json
from emulator.wire.exchange import Answer, Asked
from emulator.wire.site import Site


def subscriptions(site: Site, _asked: Asked) -> Answer:
    """GET /subscriptions."""
    return Answer(body={"value": [_subscription(site)]})


def subscription(site: Site, asked: Asked) -> Answer:
    """GET of the one subscription."""
    site.check_subscription(asked)
    return Answer(body=_subscription(site))


def tenants(site: Site, _asked: Asked) -> Answer:
    """GET /tenants."""
    tenant = {"id": f"/tenants/{site.place.tenant}", "tenantId": site.place.tenant, "displayName": "Emulated"}
    return Answer(body={"value": [tenant]})


def endpoints(_site: Site, asked: Asked) -> Answer:
    """GET /metadata/endpoints: one object in today's version, a list of them in the first."""
    cloud = {
        "name": "Emulated",
        "portal": asked.base,
        "authentication": {
            "loginEndpoint": asked.base,
            "audiences": [f"{asked.base}/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": asked.base,
        "graph": asked.base,
        "suffixes": {},
    }
    return Answer(body=[cloud] if asked.query.get("api-version", "") < "2020" else cloud)


def _subscription(site: Site) -> Json:
    return {
        "id": f"/subscriptions/{site.place.subscription}",
        "subscriptionId": site.place.subscription,
        "tenantId": site.place.tenant,
        "displayName": "Emulated",
        "state": "Enabled",
        "managedByTenants": [],
    }
