"""The parts of ARM's bodies that the scaler reads; everything else in them is skipped while decoding."""

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from scaler.errors import Garbled


class _Body(Struct, rename="camel", gc=False):
    """ARM writes its property names in camelCase, and may leave out any of them or set it to null."""


class StatusBody(_Body):
    """One status of an instance view: `PowerState/running`, `ProvisioningState/failed/AllocationFailed`."""

    code: str | None = None
    message: str | None = None


class InstanceViewBody(_Body):
    """How the VM is, as far as it was asked for ($expand=instanceView)."""

    statuses: list[StatusBody] | None = None


class ProtectionBody(_Body):
    """The instance protection that serves as the mark."""

    protect_from_scale_in: bool | None = None


class VmPropertiesBody(_Body):
    """`properties` of a VM."""

    vm_id: str | None = None
    provisioning_state: str | None = None
    time_created: str | None = None
    instance_view: InstanceViewBody | None = None
    protection_policy: ProtectionBody | None = None


class VmBody(_Body):
    """One VM: a row of a listing, or the answer of a targeted GET."""

    id: str | None = None
    instance_id: str | None = None
    etag: str | None = None
    properties: VmPropertiesBody | None = None


class PageBody(_Body):
    """One page of a listing. `value` must be there: an answer without it is not an empty listing."""

    value: list[VmBody]
    next_link: str | None = None


class SkuBody(_Body, omit_defaults=True):
    """The size and the number of machines; a PATCH of the capacity repeats the other two."""

    capacity: int
    name: str | None = None
    tier: str | None = None


class ScaleSetPropertiesBody(_Body):
    """`properties` of a scale set."""

    unique_id: str
    orchestration_mode: str | None = None


class ScaleSetBody(_Body):
    """The scale set itself."""

    sku: SkuBody
    properties: ScaleSetPropertiesBody
    etag: str | None = None
    tags: dict[str, str | None] | None = None


class Fault(_Body):
    """An ARM error. Some services send it bare, most in an envelope."""

    code: str | None = None
    message: str | None = None
    target: str | None = None
    details: list["Fault"] | None = None

    @property
    def codes(self) -> frozenset[str]:
        """Its own code and those of its details."""
        return frozenset(each.code for each in (self, *(self.details or ())) if each.code)


class _FaultBody(Fault):
    error: Fault | None = None


_FAULT = Decoder(_FaultBody)


def decoded[T](decoder: Decoder[T], body: bytes) -> T:
    """What the decoder makes of it. Raises Garbled, and nothing else."""
    try:
        return decoder.decode(body)
    except (MsgspecError, ValueError, RecursionError) as error:
        raise Garbled(f"the answer is not what was asked for: {error}") from error


def fault_in(body: bytes) -> Fault:
    """The error that a body tells of; an empty one where it tells of none."""
    try:
        found = decoded(_FAULT, body)
    except Garbled:
        return Fault()
    return found.error or found
