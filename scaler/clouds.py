"""Azure's clouds: the address of each Resource Manager, and the audience of the tokens that are sent there."""

from collections.abc import Mapping

PUBLIC = "https://management.azure.com"
AUDIENCES: Mapping[str, str] = {
    PUBLIC: PUBLIC,
    "https://management.chinacloudapi.cn": "https://management.chinacloudapi.cn",
    "https://management.usgovcloudapi.net": "https://management.core.usgovcloudapi.net",
}
"""By address, as `azure.mgmt.core.tools.get_arm_endpoints` has them."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Host names of this machine. A token may go to an emulator there, over plain http too."""
