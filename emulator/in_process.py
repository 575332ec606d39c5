"""The emulated scale set behind the scaler's own port: the same faults, without a wire."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from emulator.arrivals import quoted
from emulator.orders import OrderKind, Protection, Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.translation import translated
from emulator.vm import VmState
from scaler.errors import Conflict, Missing, Partly, ScalerError, Throttled, Unreachable, Unsent
from scaler.model.instance import Addresses, Instance, InstanceId, InstanceRef, ScaleSetName, VmId
from scaler.model.sighting import Answer, Pages, ScaleSetView
from scaler.ports import Clock
from scaler.vmss.refusals import About
from scaler.vmss.tags import CONSENT_TAG, paused_by, tag


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
        with translated():
            state = self.emulated.read_set()
        tags = dict(state.tags)
        self._kept = ScaleSetView(
            name=self.name,
            unique_id=state.unique_id,
            capacity=state.capacity,
            etag=quoted(state.etag),
            managed_by=tag(tags, CONSENT_TAG),
            pause=paused_by(tags),
            at=self._date(),
            sent=sent,
        )
        return self._kept

    def list_instances(self) -> Pages:
        """Every instance with its power state."""
        sent = self._ask("list")
        with translated():
            rows = self.emulated.read_listing(page_size=self._page_size)
        requests = max(1, -(-len(rows) // self._page_size))
        self.calls["list"] += requests - 1
        instances = tuple(self._instance(each) for each in rows if each.identified)
        return Pages(
            scale_set=self.name,
            instances=instances,
            unidentified=len(rows) - len(instances),
            nameless=frozenset(each.instance_id for each in rows if not each.identified),
            requests=requests,
            at=self._date(),
            sent=sent,
        )

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind the id now."""
        sent = self._ask("get")
        found: Instance | None = None
        try:
            with translated(About(ids=(ref.instance_id,), alone=True)):
                state = self.emulated.read_vm(ref.instance_id)
            found = self._instance(state)
        except Missing as missing:
            if not missing.instance_ids:
                raise
        return Answer(asked=ref, found=found, at=self._date(), sent=sent)

    def addresses(self) -> Mapping[InstanceId, Addresses]:
        """Where the instances can be reached: a listing of NICs, and one of public IPs where there are any."""
        self._ask("addresses")
        with translated():
            rows = self.emulated.read_addresses()
        pages = max(1, -(-len(rows) // self._page_size))
        self.calls["addresses"] += (2 if self.emulated.profile.public_ips else 1) * pages - 1
        return {InstanceId(each.instance_id): self._addresses(each) for each in rows}

    def _addresses(self, row: VmState) -> Addresses:
        untold = self.emulated.profile.public_ips and row.public_ip is None
        return Addresses(public=row.public_ip, private=row.private_ip, untold=untold)

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
        with translated(About(ids=(ref.instance_id,), alone=True)):
            protection = Protection(from_scale_in=True)
            self.emulated.protect(ref.instance_id, protection, if_match=etag, by=self._caller, within=left)

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        """PATCH sku.capacity."""
        left = self._give("set_capacity", within)
        self._kept = None
        if etag is None and self.emulated.capacity > capacity:
            raise Conflict("not sent: it would lower the capacity")
        with translated():
            self.emulated.scale(Scale(capacity=capacity), if_match=etag, by=self._caller, within=left)

    def _order(self, kind: OrderKind, refs: Sequence[InstanceRef], within: timedelta) -> None:
        if not refs:
            raise ValueError(f"{kind} of no instances would be a {kind} of all")
        ids = [each.instance_id for each in refs]
        if self.emulated.flexible and kind is not OrderKind.DELETE:
            self._singly(kind, ids, within)
        else:
            self._send(kind, ids, within)

    def _singly(self, kind: OrderKind, ids: Sequence[InstanceId], within: timedelta) -> None:
        failures: dict[InstanceId, ScalerError] = {}
        ends = self._clock.monotonic() + within.total_seconds()
        for number, each in enumerate(ids):
            try:
                self._send(kind, [each], timedelta(seconds=ends - self._clock.monotonic()), single=True)
            except Throttled as held:
                failures |= dict.fromkeys(ids[number:], held)
                break
            except ScalerError as error:
                failures[each] = error
        if failures:
            raise Partly(failures) if len(ids) > 1 else failures[ids[0]]

    def _send(self, kind: OrderKind, ids: Sequence[InstanceId], within: timedelta, *, single: bool = False) -> None:
        left = self._give(kind.name.lower(), within)
        with translated(About(ids=tuple(ids), alone=single)):
            self.emulated.order(kind, ids, by=self._caller, within=left, single=single)

    def _ask(self, kind: str) -> float:
        """Counts the call and lets its time pass; returns when it was sent."""
        self.calls[kind] += 1
        sent = self._clock.monotonic()
        self._clock.sleep(self.emulated.answer_time())
        return sent

    def _give(self, kind: str, within: timedelta) -> timedelta:
        """The same for an order; returns how much of `within` is left when it arrives."""
        if within <= timedelta(0):
            raise Unsent("not sent: its time was over")
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
