"""Where the instances of one scale set can be reached: two listings of Microsoft.Network, the second only if needed.

The list of interfaces names public addresses without telling them; nothing documented makes it tell them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scaler.model.instance import Addresses, InstanceId
from scaler.vmss.addresses import configurations, located, public_by_id, to_interfaces, to_public_ips
from scaler.vmss.calls import Calls
from scaler.vmss.gates import Kind
from scaler.vmss.listing import Listing
from scaler.vmss.refusals import About


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where the two lists are, and whose interfaces to pick from them."""

    parent: str  # the resource id below which the VMs are
    interfaces: str  # path and query of the list
    public_ips: str
    permission: str  # what the identity needs to read both

    def look(self, calls: Calls) -> Mapping[InstanceId, Addresses]:
        """One look: the pages of both lists."""
        until = calls.until(calls.client.bounds.listing)
        about = About(permission=self.permission)
        interfaces = Listing(calls, Kind.NETWORK, to_interfaces, until=until, about=about).all_pages(self.interfaces)
        found = tuple(configurations(interfaces.pages, self.parent))
        if not any(each.public_id for each in found):
            return located(found, {})
        public = Listing(calls, Kind.NETWORK, to_public_ips, until=until, about=about).all_pages(self.public_ips)
        return located(found, public_by_id(public.pages))
