"""An answer of ARM, and the parts of the body that the scaler reads; all other parts are skipped."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated

from msgspec import Meta, MsgspecError, Struct
from msgspec.json import Decoder

from scaler.errors import Garbled
from scaler.model.clocks import YEARS


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer, its body read to the end."""

    status: int
    headers: Mapping[str, str]  # found by their names in lower case
    body: bytes | bytearray
    sent: float  # monotonic seconds at which the question was sent

    @property
    def at(self) -> datetime:
        """The answer's Date header: Azure's clock. An answer without a Date proves nothing."""
        at = http_date(self.headers.get("date", ""))
        if at is None or at.year not in YEARS:
            raise Garbled("the answer has no Date header that could be one")
        return at

    def read[T](self, decoder: Decoder[T]) -> T:
        """Read the body. Raises Garbled, also where the content type is not JSON: an error page of a proxy."""
        if "json" not in self.headers.get("content-type", "").lower():
            raise Garbled("the answer is not JSON")
        return decoded(decoder, self.body)


def http_date(text: str) -> datetime | None:
    """An HTTP date as aware UTC; None for a text that is no date."""
    try:
        date = parsedate_to_datetime(text)
        return None if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


# Members and elements of a whole answer. A thousand VMs have 200,000, at up to 100 bytes of memory for an element.
_MOST_PARTS = 1_000_000
_UNCOUNTED = 10 * 1024 * 1024  # bytes; a thousand VMs have 9 MB. So small an answer takes 220 MB at worst


class Body(Struct, rename="camel", gc=False):
    """A JSON object of ARM: names in camelCase, every property optional and perhaps null."""


class PropertiesOf[Properties](Body):
    """A resource, of which the scaler reads the properties."""

    properties: Properties | None = None


class Page[Row](Body):
    """One page of a list. `value` must be there: an answer without it is not an empty list."""

    value: list[Row]
    next_link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed[Row]:
    """The rows of all pages of one list. `at` and `sent` are those of the first page."""

    rows: tuple[Row, ...]
    requests: int
    at: datetime
    sent: float


class StatusBody(Body):
    """One status of an instance view: `PowerState/running`, `ProvisioningState/failed/AllocationFailed`."""

    code: str | None = None
    message: str | None = None


class _HealthStatusBody(Body):
    code: str | None = None  # `HealthState/healthy`
    time: str | None = None


class _HealthBody(Body):
    status: _HealthStatusBody | None = None


class ExtensionBody(Body):
    """An extension in an instance view."""

    substatuses: list[StatusBody] | None = None


class InstanceViewBody(Body):
    """The instance view of a VM."""

    statuses: list[StatusBody] | None = None
    vm_health: _HealthBody | None = None
    extensions: list[ExtensionBody] | None = None


class _ProtectionBody(Body):
    protect_from_scale_in: bool | None = None


class VmPropertiesBody(Body):
    """`properties` of a VM."""

    vm_id: str | None = None
    provisioning_state: str | None = None
    time_created: str | None = None
    latest_model_applied: bool | None = None  # of a Flexible VM only the scale set's own list says so
    instance_view: InstanceViewBody | None = None  # as far as it was asked for ($expand=instanceView)
    protection_policy: _ProtectionBody | None = None


class VmBody(PropertiesOf[VmPropertiesBody]):
    """One VM: a row of a listing, or the answer of a targeted GET."""

    id: str | None = None
    name: str | None = None
    instance_id: str | None = None
    etag: str | None = None


class SkuBody(Body, omit_defaults=True):
    """The size and the number of machines; a PATCH of the capacity repeats the other two."""

    capacity: Annotated[int, Meta(ge=0, le=100_000)]  # a scale set has 1,000 machines at most
    name: str | None = None
    tier: str | None = None


class _ScaleSetPropertiesBody(Body):
    unique_id: Annotated[str, Meta(min_length=1, max_length=200)]  # it is kept in every machine's notes
    orchestration_mode: str | None = None


class ScaleSetBody(Body):
    """The scale set itself."""

    sku: SkuBody
    properties: _ScaleSetPropertiesBody
    etag: str | None = None
    tags: dict[str, str | None] | None = None


class GroupBody(Body):
    """A resource group."""

    tags: dict[str, str | None] | None = None


class Fault(Body):
    """An ARM error. Some services send it bare, most in an envelope."""

    code: str | None = None
    message: str | None = None
    target: str | None = None
    details: list["Fault"] | None = None

    @property
    def codes(self) -> frozenset[str]:
        """The error's code and the codes of the details, in lower case: ARM varies the letter case."""
        return frozenset(fault.code.lower() for fault in (self, *(self.details or ())) if fault.code)


class _FaultBody(Fault):
    error: Fault | None = None


_FAULT = Decoder(_FaultBody)


def decoded[T](decoder: Decoder[T], body: bytes | bytearray) -> T:
    """Decode a value. Raises Garbled only."""
    # siblings have commas between them, and depth has a limit
    if len(body) > _UNCOUNTED and body.count(b",") >= _MOST_PARTS:
        raise Garbled("an answer of too many parts")
    try:
        return decoder.decode(body)
    except (MsgspecError, ValueError, RecursionError) as error:
        raise Garbled(f"the answer is not what was asked for: {error}") from error


def fault_in(body: bytes | bytearray) -> Fault:
    """The error in a body; an empty error for a body without an error."""
    try:
        found = decoded(_FAULT, body)
    except Garbled:
        return Fault()
    return found.error or found
