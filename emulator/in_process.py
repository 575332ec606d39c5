"""The emulated scale set behind the scaler's own port: the same faults, without a wire."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Self

from emulator.budgets import Call
from emulator.health.record import Shown
from emulator.orders import OrderKind, Protection, Scale
from emulator.refusals import ArmError, NoAnswer, quoted, translated
from emulator.scale_set import SET, EmulatedScaleSet
from emulator.vm import VmState
from scaler.errors import Conflict, Missing, Partly, ScalerError, Throttled, Unreachable, Unsent
from scaler.model.instance import Addresses, Health, Instance, InstanceId, InstanceRef, ScaleSetName, VmId
from scaler.model.sighting import Answer, OuterTags, Pages, ScaleSetView, Source
from scaler.model.tags import CONSENT_TAG
from scaler.ports import Clock, Together, one_by_one
from scaler.vmss.gates import BATCH_FROM, HEADER, Gates, Kind
from scaler.vmss.refusals import About
from scaler.vmss.translate import health_of, our_tags, paused_by, tag

_KINDS = {  # of a batch, and of a single order
    OrderKind.START: (Kind.START, Kind.START_ONE),
    OrderKind.POWER_OFF: (Kind.POWER_OFF, Kind.POWER_OFF_ONE),
    OrderKind.DEALLOCATE: (Kind.DEALLOCATE, Kind.DEALLOCATE_ONE),
    OrderKind.DELETE: (Kind.DELETE, Kind.DELETE),
}


class _Remembered:
    """The memory that the controllers of a process share: the latest view of the scale set."""

    view: ScaleSetView | None = None


class InProcessScaleSet:
    """Implements scaler.ports.ScaleSet for one caller. `clock` is the caller's; Azure has a different clock.

    Several faces may share one scale set. `calls` counts Azure's requests by kind. `gates`: the scaler's own, which
    hold requests back and learn ARM's budgets from answers; None: no request is held back.
    """

    def __init__(
        self,
        emulated: EmulatedScaleSet,
        clock: Clock,
        *,
        caller: str = "scaler",
        page_size: int = 100,
        gates: Gates | None = None,
    ) -> None:
        self.emulated = emulated
        self.gates = gates
        self.calls: Counter[str] = Counter()
        self._clock = clock
        self._caller = caller
        self._page_size = page_size
        self._kept = _Remembered()

    def for_controller(self, caller: str) -> Self:
        """The same scale set, gates and memory, for another caller."""
        named = copy(self)
        named.calls, named._caller = Counter(), caller
        return named

    @property
    def name(self) -> ScaleSetName:
        """The configured name, lower case."""
        return ScaleSetName(self.emulated.name.lower())

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        """The scale set itself, perhaps remembered."""
        kept = self._kept.view
        if kept is not None and no_older_than and self._age(kept) <= no_older_than:
            return kept
        sent = self._ask("view", Kind.VIEW)
        with self._answered(Kind.VIEW, Call.GET_SET):
            state = self.emulated.read_set()
        tags = dict(state.tags)
        self._kept.view = view = ScaleSetView(
            name=self.name,
            unique_id=state.unique_id,
            capacity=state.capacity,
            etag=quoted(state.etag),
            managed_by=tag(tags, CONSENT_TAG),
            pause=paused_by(tags),
            tags=our_tags(tags),
            at=self._date(),
            sent=sent,
        )
        return view

    def group_tags(self) -> OuterTags:
        """The tags of the resource group."""
        self._ask("group", Kind.GROUP)
        tags = self.emulated.region.group_tags
        return OuterTags(tags=our_tags(tags, Source.GROUP), pause=paused_by(tags))

    def list_instances(self) -> Pages:
        """Every instance with its power state."""
        sent = self._ask("list", Kind.LIST)
        with self._answered(Kind.LIST, Call.LIST):
            rows = self.emulated.read_first_page(self._page_size)
        further = range(self._page_size, len(rows), self._page_size)
        for start in further:
            self._admit("list", Kind.LIST, underway=True)
            with self._answered(Kind.LIST, Call.LIST):
                self.emulated.read_further_page(min(self._page_size, len(rows) - start))
        requests = 1 + len(further)
        if self.gates is not None:
            self.gates.listed(Kind.LIST, requests)
        instances = tuple(self._instance(row) for row in rows if row.identified)
        return Pages(
            scale_set=self.name,
            instances=instances,
            unidentified=len(rows) - len(instances),
            nameless=frozenset(row.instance_id for row in rows if not row.identified),
            requests=requests,
            at=self._date(),
            sent=sent,
        )

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind the id now."""
        sent = self._ask("get", Kind.GET)
        found: Instance | None = None
        try:
            with self._answered(Kind.GET, Call.GET_VM, ref.instance_id, About(ids=(ref.instance_id,), alone=True)):
                state = self.emulated.read_vm(ref.instance_id)
            found = self._instance(state)
        except Missing as missing:
            if not missing.instance_ids:
                raise
        return Answer(asked=ref, found=found, at=self._date(), sent=sent)

    def addresses(
        self, refs: Sequence[InstanceRef], together: Together = one_by_one
    ) -> tuple[Mapping[VmId, Addresses | None], Sequence[ScalerError]]:
        """Addresses of instances: of each its NIC, and its public IP if the scale set has any; or the pages of lists.

        All requests see Microsoft.Network as it is at the first.
        """
        self._ask("addresses", Kind.NETWORK)
        with self._answered(Kind.NETWORK, Call.NETWORK):
            rows = {row.instance_id: row for row in self.emulated.read_addresses()}
        pages = max(1, -(-len(rows) // self._page_size))
        for _ in range((2 if self.emulated.profile.public_ips else 1) * min(pages, len(refs)) - 1):
            self._admit("addresses", Kind.NETWORK, underway=True)  # further requests take no time here
        return {ref.vm_id: self._addresses(rows[ref.instance_id]) for ref in refs if ref.instance_id in rows}, ()

    def _addresses(self, row: VmState) -> Addresses:
        untold = self.emulated.profile.public_ips and row.public_ip is None
        return Addresses(public=row.public_ip, private=row.private_ip, untold=untold)

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Start them."""
        self._order(OrderKind.START, refs, within)

    def power_off(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop instances and keep their allocation."""
        self._order(OrderKind.POWER_OFF, refs, within)

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop instances and give their allocation back."""
        self._order(OrderKind.DEALLOCATE, refs, within)

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Delete instances; missing instances count as deleted."""
        try:
            self._order(OrderKind.DELETE, refs, within)
        except Missing as missing:
            left = [ref for ref in refs if ref.instance_id not in missing.instance_ids]
            if len(left) == len(refs):
                raise
            if left:
                self.delete(left, within=within)

    def mark(self, ref: InstanceRef, etag: str | None, *, within: timedelta) -> None:
        """Set protectFromScaleIn."""
        left = self._give("mark", Kind.MARK, within)
        charged, about = self.emulated.marked_in(ref.instance_id), About(ids=(ref.instance_id,), alone=True)
        with self._answered(Kind.MARK, Call.UPDATE_VM, charged, about):
            protection = Protection(from_scale_in=True)
            self.emulated.protect(ref.instance_id, protection, if_match=etag, by=self._caller, within=left)

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        """PATCH sku.capacity."""
        left = self._give("set_capacity", Kind.CAPACITY, within)
        self._kept.view = None
        if etag is None and self.emulated.capacity > capacity:
            raise Conflict("not sent: it would lower the capacity")
        with self._answered(Kind.CAPACITY, Call.UPDATE_SET):
            self.emulated.scale(Scale(capacity=capacity), if_match=etag, by=self._caller, within=left)

    def _order(self, kind: OrderKind, refs: Sequence[InstanceRef], within: timedelta) -> None:
        if not refs:
            raise ValueError(f"{kind} of no instances would be a {kind} of all")
        ids = [ref.instance_id for ref in refs]
        stops_few = kind in {OrderKind.POWER_OFF, OrderKind.DEALLOCATE} and len(ids) < BATCH_FROM
        if stops_few or (self.emulated.flexible and kind is not OrderKind.DELETE):
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
        asked = _KINDS[kind][single]
        left = self._give(kind.name.lower(), asked, within)
        call, about = self.emulated.call_of(kind, single=single), About(ids=tuple(ids), alone=single)
        with self._answered(asked, call, ids[0] if single else SET, about):
            self.emulated.order(kind, ids, by=self._caller, within=left, single=single)

    def _ask(self, name: str, kind: Kind) -> float:
        """Count the call and let the call's time pass; returns the time of sending."""
        self._admit(name, kind)
        sent = self._clock.monotonic()
        self._clock.sleep(self.emulated.answer_time())
        return sent

    def _give(self, name: str, kind: Kind, within: timedelta) -> timedelta:
        """The same for an order; returns how much of `within` is left when it arrives."""
        if within <= timedelta(0):
            raise Unsent("not sent: its time was over")
        self._admit(name, kind)
        takes = self.emulated.answer_time()
        self._clock.sleep(min(takes, max(within, timedelta(0))))
        if takes > within:
            raise Unreachable("given up before it was accepted")
        return within - takes

    def _admit(self, name: str, kind: Kind, *, underway: bool = False) -> None:
        if self.gates is not None:
            self.gates.admit(kind, underway=underway)
            self.gates.sent(kind)
        self.calls[name] += 1

    @contextmanager
    def _answered(self, kind: Kind, call: Call, resource: str = SET, about: About | None = None) -> Iterator[None]:
        """A context around one request: the gates learn of a 429, and of the remaining budgets."""
        try:
            yield
        except (ArmError, NoAnswer) as told:
            error = translated(told, about)
            if not isinstance(error, Unreachable):  # else nothing was heard
                self._heard(call, resource)
            if self.gates is not None and isinstance(error, Throttled):
                self.gates.throttled(kind, error.retry_after)
            raise error from None
        self._heard(call, resource)

    def _heard(self, call: Call, resource: str) -> None:
        if self.gates is not None:
            self.gates.heard({HEADER: self.emulated.budget_left(call, resource)})

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
            latest_model=state.latest_model,
            failure=state.failure,
            health=_health(state.health) if state.health is not None else None,
        )


@lru_cache(maxsize=4096)
def _health(shown: Shown) -> Health:
    """The health as the wire's reader would have it."""
    told = {shown.state.lower()} if shown.extension.rich else set[str]()
    return health_of(shown.status, told, at=shown.at, said=shown.metrics)
