"""Azure's clouds: where each has its Resource Manager, and for whom a token must be that is sent there."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from scaler.settings.reader import LOOPBACK, Reader

PUBLIC = "https://management.azure.com"
AUDIENCES: Mapping[str, str] = {
    PUBLIC: PUBLIC,
    "https://management.chinacloudapi.cn": "https://management.chinacloudapi.cn",
    "https://management.usgovcloudapi.net": "https://management.core.usgovcloudapi.net",
}
"""By address, as `azure.mgmt.core.tools.get_arm_endpoints` has them."""
_NAME = "AZURE_RESOURCE_MANAGER_URL"


def audience_of(reader: Reader, arm_url: str) -> str:
    """Whom the token is for. Any other host would be sent a token that opens somebody's cloud: a mistake."""
    audience = AUDIENCES.get(arm_url.lower())
    if audience is None and reader.accepts(_NAME) and urlsplit(arm_url).hostname not in LOOPBACK:
        clouds = ", ".join(AUDIENCES)
        reader.reject(_NAME, arm_url, f"one of Azure's clouds ({clouds}), or this machine (the emulator)")
    return audience or PUBLIC
