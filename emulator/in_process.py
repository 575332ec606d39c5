"""The emulated scale set behind the scaler's own port: the same faults, without a wire."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from emulator.arrivals import quoted
from emulator.orders import OrderKind, Protection, Scale
from emulator.refusals import ArmError, NoAnswer
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from scaler.errors import (
    Conflict,
    Missing,
    QuotaReached,
    Refused,
    ScalerError,
    Throttled,
    Unreachable,
)
from scaler.model.instance import Instance, InstanceId, InstanceRef, ScaleSetName, VmId
from scaler.model.sighting import Answer, Pages, ScaleSetView
from scaler.ports import Clock


class InProcessScaleSet:
    """Implements scaler.ports.ScaleSet for one caller. `clock` is that caller's: Azure has its own.

    Several faces may share one scale set. `calls` counts the requests that Azure got, by kind.
    """

    def __init__(
        self, emulated: EmulatedScaleSet, clock: Clock, *, caller: str = "scaler", page_size: int = 100
    ) -> None:
        self.emulated = emulated
        self.calls: Counter[str] = Counter()
        self._clock = clock
        self._caller = caller
        self._page_size = page_size
        self._kept: ScaleSetView | None = None

    @property
    def name(self) -> ScaleSetName:
        """The configured name, lower case."""
        return ScaleSetName(self.emulated.name.lower())

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        """The scale set itself, perhaps remembered."""
        kept = self._kept
        if kept is not None and no_older_than and self._age(kept) <= no_older_than:
            return kept
        sent = self._ask("view")
        with _translated():
            state = self.emulated.read_set()
        self._kept = ScaleSetView(
            name=self.name,
            unique_id=state.unique_id,
            capacity=state.capacity,
            etag=quoted(state.etag),
            managed_by=dict(state.tags).get("scaler:managed"),
            at=self._date(),
            sent=sent,
        )
        return self._kept

    def list_instances(self) -> Pages:
        """Every instance with its power state."""
        sent = self._ask("list")
        with _translated():
            rows = self.emulated.read_listing(page_size=self._page_size)
        requests = max(1, -(-len(rows) // self._page_size))
        self.calls["list"] += requests - 1
        instances = tuple(self._instance(each) for each in rows if each.identified)
        return Pages(
            scale_set=self.name,
            instances=instances,
            unidentified=len(rows) - len(instances),
            requests=requests,
            at=self._date(),
            sent=sent,
        )

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind the id now."""
        sent = self._ask("get")
        found: Instance | None = None
        try:
            with _translated():
                state = self.emulated.read_vm(ref.instance_id)
            found = self._instance(state)
        except Missing:
            pass
        return Answer(asked=ref, found=found, at=self._date(), sent=sent)

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Start them."""
        self._order(OrderKind.START, refs, within)

    def power_off(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop them and keep their allocation."""
        self._order(OrderKind.POWER_OFF, refs, within)

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop them and give their allocation back."""
        self._order(OrderKind.DEALLOCATE, refs, within)

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Delete them; those that are gone already are deleted."""
        try:
            self._order(OrderKind.DELETE, refs, within)
        except Missing as missing:
            left = [each for each in refs if each.instance_id not in missing.instance_ids]
            if len(left) == len(refs):
                raise
            if left:
                self.delete(left, within=within)

    def mark(self, ref: InstanceRef, etag: str | None, *, within: timedelta) -> None:
        """Set protectFromScaleIn."""
        left = self._give("mark", within)
        with _translated():
            protection = Protection(from_scale_in=True)
            self.emulated.protect(ref.instance_id, protection, if_match=etag, by=self._caller, within=left)

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        """PATCH sku.capacity."""
        left = self._give("set_capacity", within)
        self._kept = None
        with _translated():
            self.emulated.scale(Scale(capacity=capacity), if_match=etag, by=self._caller, within=left)

    def _order(self, kind: OrderKind, refs: Sequence[InstanceRef], within: timedelta) -> None:
        if not refs:
            raise ValueError(f"{kind} of no instances would be a {kind} of all")
        left = self._give(kind.name.lower(), within)
        with _translated():
            self.emulated.order(kind, [each.instance_id for each in refs], by=self._caller, within=left)

    def _ask(self, kind: str) -> float:
        """Counts the call and lets its time pass; returns when it was sent."""
        self.calls[kind] += 1
        sent = self._clock.monotonic()
        self._clock.sleep(self.emulated.answer_time())
        return sent

    def _give(self, kind: str, within: timedelta) -> timedelta:
        """The same for an order; returns how much of `within` is left when it arrives."""
        self.calls[kind] += 1
        takes = self.emulated.answer_time()
        self._clock.sleep(min(takes, max(within, timedelta(0))))
        if takes > within:
            raise Unreachable("given up before it was accepted")
        return within - takes

    def _age(self, view: ScaleSetView) -> timedelta:
        return timedelta(seconds=self._clock.monotonic() - view.sent)

    def _date(self) -> datetime:
        return self.emulated.now.replace(microsecond=0)

    def _instance(self, state: VmState) -> Instance:
        ref = InstanceRef(
            scale_set=self.name, instance_id=InstanceId(state.instance_id), vm_id=VmId(state.vm_id.lower())
        )
        return Instance(
            ref=ref,
            power=state.power,
            provisioning=state.provisioning,
            marked=state.protected,
            etag=quoted(state.etag) if self.emulated.behaviour.switches.vm_etags else None,
            created_at=state.created_at,
            failure=state.failure,
        )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except NoAnswer:
        raise Unreachable("no answer") from None
    except ArmError as error:
        raise translate(error) from None


def translate(error: ArmError) -> ScalerError:
    """What a tick should do about it."""
    if error.status == 429:
        return Throttled(error.message, error.retry_after or timedelta(0))
    if error.status == 404 or "not an active" in error.message or "marked for deletion" in error.message:
        return Missing(error.message, tuple(InstanceId(each) for each in error.instance_ids))
    if error.status == 409 and "quota" in error.message:
        return QuotaReached(error.message)
    if error.status == 412 or error.code == "Conflict":
        return Conflict(error.message)
    if error.status >= 500:
        return Unreachable(error.message)
    return Refused(error.message, error.code, error.status)
