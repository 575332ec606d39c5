"""Behaviour of the emulated Azure: latencies, faults with their rates, switches for undocumented answers; the dice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum
from random import Random

from emulator.switches import Switches

type Span = tuple[float, float]
"""Seconds, (lowest, highest); every use draws a random value in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Seconds per transition, after measured ARM traffic (D-series; a GPU image's boot comes on top)."""

    create: Span = (100.0, 120.0)  # capacity raised until running; two VMs with their network took 108
    start_stopped: Span = (5.0, 10.0)  # the allocation is kept
    start_deallocated: Span = (90.0, 110.0)  # an allocation has to be found
    power_off: Span = (8.0, 12.0)
    deallocate: Span = (45.0, 57.0)
    restart: Span = (44.0, 68.0)
    reimage: Span = (90.0, 180.0)  # not measured: a restart, and a new disk
    redeploy: Span = (90.0, 180.0)  # not measured: a shutdown, and a start on another node
    delete: Span = (11.0, 30.0)
    protect: Span = (0.28, 0.3)  # a PUT of the instance: Updating meanwhile; measured twice
    no_change: Span = (1.0, 2.0)  # an order that finds its target state reached: Updating for a moment
    evict: Span = (60.0, 94.0)  # from the platform's decision until deallocated or gone
    restart_itself: Span = (10.0, 25.0)  # a guest that shows stopped and then runs again, ordered by nobody
    boot: Span = (20.0, 40.0)  # not measured: from `running` until the guest streams, on any run but the first
    first_run: Span = (60.0, 180.0)  # not measured: tests, and the application's first run, after the first boot
    extension: Span = (5.0, 15.0)  # not measured: from `running` until the health extension's first probe
    health: Span = (0.0, 30.0)  # not measured: how much later Azure shows the extension's state; the same for a run
    guest_spell: Span = (30.0, 180.0)  # how long a guest is mute, lies or flaps
    accept: Span = (0.1, 0.4)  # any request until its answer

    def at_speed(self, speed: float) -> "Latencies":
        """The same Azure in a world that runs `speed` times faster."""
        scaled = {name: (low / speed, high / speed) for name, (low, high) in self._spans().items()}
        return replace(self, **scaled)

    def exact(self) -> "Latencies":
        """Fixed latencies, the middle of every span, and immediate answers: for tests that calculate times."""
        middles = {name: ((low + high) / 2,) * 2 for name, (low, high) in self._spans().items()}
        return replace(self, **{**middles, "accept": (0.0, 0.0)})

    def _spans(self) -> dict[str, Span]:
        return {span.name: getattr(self, span.name) for span in fields(self)}


class Fault(StrEnum):
    """A kind of fault. A rate is a probability per occasion; for platform events, per VM and hour."""

    # making and starting machines
    CREATE_ALLOCATION = "create-allocation"  # no capacity: the VM stays, Failed, without PowerState
    CREATE_QUOTA = "create-quota"  # the same, for want of cores
    CREATE_SKU = "create-sku"  # the same, since the size is not to be had here
    CREATE_OTHER = "create-other"  # the same, for an internal error
    SOLD_OUT = "sold-out"  # 409 at once to a raised capacity: SkuNotAvailable
    CREATE_LOST = "create-lost"  # sku.capacity rises and the VM never comes
    START_REFUSED = "start-refused"  # 409 at once: quota
    START_ALLOCATION = "start-allocation"  # accepted, then Failed: no capacity
    START_QUOTA = "start-quota"  # accepted, then Failed: quota
    START_SKU = "start-sku"  # accepted, then Failed: the size is not to be had here
    START_OTHER = "start-other"  # accepted, then Failed: an internal error
    # the way there and back
    READ_THROTTLED = "read-throttled"  # 429 with Retry-After
    WRITE_THROTTLED = "write-throttled"  # the same, for an order
    MARK_THROTTLED = "mark-throttled"  # the same, for a mark only
    DEALLOCATE_THROTTLED = "deallocate-throttled"  # the same, for a deallocate only
    READ_FAILED = "read-failed"  # 503; of a listing with several pages, any of them
    WRITE_FAILED = "write-failed"  # 503, and the order did not arrive
    WRITE_CONFLICT = "write-conflict"  # 409: somebody else's request, just now
    VM_BUSY = "vm-busy"  # 409, per VM: Azure is busy with it, though nothing shows
    ORDER_LATE = "order-late"  # no answer; the order arrives later, but within its bound
    ORDER_DOUBLED = "order-doubled"  # it arrives now, and again later within its bound
    DELETE_DOUBLED = "delete-doubled"  # as order-doubled, for a delete only
    DEALLOCATE_LATE = "deallocate-late"  # as order-late, for a deallocate only
    POWER_OFF_LATE = "power-off-late"  # the same, for a power-off only
    ORDER_QUEUED = "order-queued"  # accepted, and begun only later, but within its bound
    ORDER_LOST = "order-lost"  # no answer, and it never arrives
    ORDER_SWALLOWED = "order-swallowed"  # accepted, and nothing happens
    ORDER_ENDLESS = "order-endless"  # accepted and begun, per VM; it ends only when a later one takes its place
    ETAG_CHANGED = "etag-changed"  # 412 to an If-Match: somebody touched it between the look and the order
    ANSWER_LOST = "answer-lost"  # it arrives now, and no answer comes
    # what is seen
    POWER_STATE_MISSING = "power-state-missing"  # per row
    POWER_VIEW_OLD = "power-view-old"  # a row that is Updating still shows its former power state
    LISTING_OLD = "listing-old"  # a listing as it was `listing_lag` ago
    LISTING_EMPTY = "listing-empty"  # 200, and nobody is in it
    LISTING_SHORT = "listing-short"  # one VM is missing from one listing
    ADDRESS_MISSING = "address-missing"  # per VM, in a listing of NICs or public IPs
    ADDRESSES_OLD = "addresses-old"  # such a listing as it was `listing_lag` ago
    GET_OLD = "get-old"  # a targeted GET, of a VM or the scale set, as it was up to `observation_lag` ago
    # health
    EXTENSION_MISSING = "extension-missing"  # per VM that is made: it comes without the health extension
    HEALTH_MISSING = "health-missing"  # per row
    HEALTH_UNKNOWN = "health-unknown"  # per row
    # the mark
    MARK_CONFLICT = "mark-conflict"  # 409, transient
    MARK_REFUSED = "mark-refused"  # 400
    MARK_ROLLED_BACK = "mark-rolled-back"  # accepted, shown, and taken back
    # platform events, per VM and hour
    EVICTED = "evicted"  # deallocated or gone: a switch
    GUEST_SHUT_DOWN = "guest-shut-down"  # stopped, still billed
    RESTARTED_ITSELF = "restarted-itself"  # shows stopped for a while, then runs, ordered by nobody
    TURNED_FAILED = "turned-failed"  # provisioning Failed, whatever the power state
    GUEST_MUTE = "guest-mute"  # no verdict for a while: Unknown
    GUEST_LIES = "guest-lies"  # the contrary of the truth for a while
    GUEST_FLAPS = "guest-flaps"  # another verdict at every probe for a while
    UNPROTECTED = "unprotected"  # somebody took the protection off
    DELETED_BY_SOMEBODY = "deleted-by-somebody"  # and not by the scaler


PLATFORM_EVENTS = (
    Fault.EVICTED,
    Fault.GUEST_SHUT_DOWN,
    Fault.RESTARTED_ITSELF,
    Fault.TURNED_FAILED,
    Fault.GUEST_MUTE,
    Fault.GUEST_LIES,
    Fault.GUEST_FLAPS,
    Fault.UNPROTECTED,
    Fault.DELETED_BY_SOMEBODY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often each fault strikes (absent: never), and how far it goes, in seconds."""

    rates: Mapping[Fault, float] = field(default_factory=dict)
    retry_after: Span = (5.0, 60.0)  # of a 429; real ones are within the bucket's minute
    late_within: float = 45.0  # a late order arrives by then, where its caller names no bound
    observation_lag: float = 10.0  # a targeted GET never lags more
    listing_lag: Span = (0.0, 120.0)  # a listing may; make it as long as you like
    platform_every: float = 30.0  # how often the platform rolls its dice

    def at_speed(self, speed: float) -> "Faults":
        """The same faults in a world that runs `speed` times faster; platform events come as much more often."""
        rates = {each: rate * speed if each in PLATFORM_EVENTS else rate for each, rate in self.rates.items()}
        return replace(
            self,
            rates=rates,
            retry_after=(self.retry_after[0] / speed, self.retry_after[1] / speed),
            late_within=self.late_within / speed,
            observation_lag=self.observation_lag / speed,
            listing_lag=(self.listing_lag[0] / speed, self.listing_lag[1] / speed),
            platform_every=self.platform_every / speed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The default is an Azure with real latencies and without faults."""

    latencies: Latencies = field(default_factory=Latencies)
    faults: Faults = field(default_factory=Faults)
    switches: Switches = field(default_factory=Switches)
    page_size: int = 100  # rows on one page of a listing: Azure's number is not known
    metered: bool = False  # whether ARM's request budgets are enforced
    speed: float = 1.0  # how much faster than real the budgets refill

    def at_speed(self, speed: float) -> "Behaviour":
        """The same Azure in a world that runs `speed` times faster."""
        return replace(
            self,
            latencies=self.latencies.at_speed(speed),
            faults=self.faults.at_speed(speed),
            speed=self.speed * speed,
        )


@dataclass(slots=True, kw_only=True)
class _Scripted:
    fault: Fault
    instance_id: str | None  # None: whichever comes next
    left: int | None  # None: for ever


class Chance:
    """Decides whether a fault strikes. `faults` may be exchanged at any time."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults = faults
        self.struck: Counter[Fault] = Counter()  # so far
        self._random = Random(seed)
        self._script: list[_Scripted] = []

    def script(self, fault: Fault, *, times: int | None = 1, instance_id: str | None = None) -> None:
        """Inject `fault` at its next `times` occasions; None: at all from now on."""
        self._script.append(_Scripted(fault=fault, instance_id=instance_id, left=times))

    def clear_script(self) -> None:
        """Forget what was scripted and has not struck yet."""
        self._script.clear()

    def strikes(self, fault: Fault, instance_id: str | None = None, *, share: float = 1.0) -> bool:
        """Whether a fault strikes on this occasion. `share`: the occasion's part of the unit of the rate."""
        rate = self.faults.rates.get(fault, 0.0) * share
        strikes = self._scripted(fault, instance_id) or (rate > 0 and self._random.random() < rate)
        if strikes:
            self.struck[fault] += 1
        return strikes

    def _scripted(self, fault: Fault, instance_id: str | None) -> bool:
        for each in self._script:
            if each.fault is fault and each.instance_id in {None, instance_id}:
                if each.left is not None:
                    each.left -= 1
                self._script = [entry for entry in self._script if entry.left != 0]
                return True
        return False

    def within(self, span: Span) -> timedelta:
        """A duration between its two ends."""
        low, high = span
        return timedelta(seconds=low if low == high else self._random.uniform(low, high))

    def one_of[T](self, things: Sequence[T]) -> T:
        """A random element."""
        return self._random.choice(things)

    def guid(self) -> str:
        """A GUID as Azure writes them."""
        bits = f"{self._random.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"
