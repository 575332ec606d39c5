"""The site: subscription, resource group and names of the emulated scale sets, and settings of the server."""

from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from uuid import UUID

from emulator.refusals import ArmError, not_found, set_marked_for_deletion
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.exchange import Asked
from emulator.wire.identities import Identities

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All resources behind one address."""

    scale_sets: list[EmulatedScaleSet] = field(default_factory=list)  # a PUT may add one; with those that are gone
    doomed: list[EmulatedScaleSet] = field(default_factory=list)  # of them, those that a DELETE was for
    place: Place = field(default_factory=Place)
    page_size: int = 100  # rows per page of a listing; Azure's is not known
    identity_secret: str = "local-secret"  # noqa: S105 (guards nothing but this emulator)
    identities: Identities = field(default_factory=Identities)
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
