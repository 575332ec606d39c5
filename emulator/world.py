"""The state of an emulated scale set, and its creation; the rules of change live elsewhere."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any, Self

from emulator.behaviour import Behaviour, Chance, Latencies
from emulator.health.extension import Extension
from emulator.health.guest import PATIENCE, Run
from emulator.health.record import HealthRecord
from emulator.history import Event, EventQueue, History, What
from emulator.orders import POWER_CHANGES, Given, Operation, Operations, OrderKind
from emulator.refusals import ArmError, busy, changing_power, conflict, not_a_number, not_active, over_quota, preempted
from emulator.region import Orchestration, Profile, Region
from emulator.switches import ConflictCode, Switches
from emulator.vm import Vm, VmState
from scaler.model.instance import PowerState, ProvisioningState

IMAGE = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/images/providers/Microsoft.Compute/images/1"
"""The image of a scale set whose creator named none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState:
    """The scale set itself at one moment."""

    unique_id: str
    created_at: datetime
    capacity: int = 0
    etag: int = 1
    tags: tuple[tuple[str, str], ...] = ()
    image: str = IMAGE  # the id of the model's image; of the model nothing else can be changed over the wire
    shape: Mapping[str, Any] = field(default_factory=dict)  # properties of the ARM body that differ from the usual
    provisioning: ProvisioningState = ProvisioningState.SUCCEEDED
    health: Extension | None = None  # the health extension of the model


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    """The state, and the one clock, dice and history that all rules share."""

    name: str
    queue: EventQueue
    chance: Chance
    latencies: Latencies
    switches: Switches
    profile: Profile
    region: Region
    operations: Operations
    set_versions: list[tuple[datetime, SetState]]
    history: History = field(default_factory=History)
    vms: dict[str, Vm] = field(default_factory=dict)  # by their key
    deleted: list[Vm] = field(default_factory=list)  # gone, but an old listing may still show them
    allocatable: int | None = None  # machines the region has for us; None: enough
    busy: list[Operation] = field(default_factory=list)  # operations of the scale set itself that go on
    members: int = 0  # changes with every VM that comes or goes
    polled: bool = False  # guests are real: their answers are told, and none is simulated
    speed: float = 1.0  # of guests and their health extensions

    def __enter__(self) -> Self:
        """A moment: what is due has happened, and no other thread comes in between."""
        self.region.lock.acquire()
        try:
            self.queue.catch_up()
        except BaseException:
            self.region.lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.region.lock.release()

    @property
    def at(self) -> datetime:
        """The moment that is being dealt with."""
        return self.queue.at

    @property
    def set_state(self) -> SetState:
        """The scale set as it is."""
        return self.set_versions[-1][1]

    def change_set(self, **fields: Any) -> None:
        """The scale set is different from now on."""
        self.set_versions.append((self.at, replace(self.set_state, **fields)))

    @property
    def flexible(self) -> bool:
        """Whether the orchestration is Flexible: instance ids are names."""
        return self.profile.orchestration is Orchestration.FLEXIBLE

    def key(self, instance_id: str) -> str:
        """The key in `vms`: names in lower case, numbers without leading zeros. Raises ArmError for an invalid id."""
        if self.flexible:
            return instance_id.lower()
        if not instance_id.isdecimal():
            raise not_a_number()
        return str(int(instance_id))

    def named(self, keys: Iterable[str]) -> list[Vm]:
        """The VMs of these keys. Raises ArmError if any VM is missing."""
        found = []
        for key in dict.fromkeys(keys):
            if key not in self.vms:
                raise not_active(key)
            found.append(self.vms[key])
        return found

    def add(self, vm: Vm) -> None:
        """Add a VM to the scale set."""
        self.vms[self.key(vm.state.instance_id)] = vm
        self.members += 1

    def health_record(self, extension: Extension, vm_id: str) -> HealthRecord:
        """The health of a VM that has the extension. The VM's dice are its own: no other chance depends on them."""
        dice = Random(f"health {vm_id}")

        def drawn(at: datetime, first: bool) -> Run:
            spans = self.latencies
            boots, prepares, starts, reported = (
                dice.uniform(*span) for span in (spans.boot, spans.first_run, spans.extension, spans.health)
            )
            patience = PATIENCE / self.speed
            return Run(
                since=at,
                first=first,
                boots=boots,
                prepares=prepares,
                patience=patience,
                starts=starts,
                reported=reported,
                told=[] if self.polled else None,
            )

        return HealthRecord(extension, self.switches, drawn, self.speed)

    def begin(self, parts: int, *, of_set: bool = False) -> Operation:
        """A new operation. An operation of the scale set shows in the scale set's provisioning state."""
        operation = self.operations.begin(self.at, parts)
        if of_set and operation.ended is None:
            self.busy.append(operation)
            self.change_set(provisioning=ProvisioningState.UPDATING)
            operation.when_done.append(self._set_rests)
        return operation

    def _set_rests(self, operation: Operation) -> None:
        self.release(operation)
        if self.switches.completion_bumps_etag:
            self.change_set(etag=self.set_state.etag + 1)
        if not self.busy:
            bad = operation.failure is not None and operation.failure.status == "Failed"
            self.change_set(provisioning=ProvisioningState.FAILED if bad else ProvisioningState.SUCCEEDED)

    def release(self, operation: Operation) -> None:
        """Let an operation occupy the scale set no more: ended, or hanging and a lock for all callers."""
        if operation in self.busy:
            self.busy.remove(operation)

    def preempt_set(self) -> None:
        """Preempt the operations of the scale set, though not the VMs' work."""
        for operation in list(self.busy):
            operation.end(self.at, preempted())

    def conflict(self) -> ArmError:
        """409: another request is under way."""
        code = self.switches.conflict_code
        return conflict() if code is ConflictCode.OPERATION_NOT_ALLOWED else conflict(code)

    def overlap(self, vm: Vm, kind: OrderKind) -> ArmError:
        """409: this VM is being worked on, and takes no such order meanwhile. To a PUT it is a conflict always."""
        if kind is OrderKind.PROTECT or self.switches.conflict_code is not ConflictCode.OPERATION_NOT_ALLOWED:
            return self.conflict()
        name = vm.state.instance_id if self.flexible else f"{self.name}_{vm.state.instance_id}"
        if vm.work is not None and vm.work.kind in POWER_CHANGES:
            return changing_power(kind, name, vm.work.target)
        return busy(kind, name)

    def over_quota(self, vms: int = 0) -> ArmError:
        """409: so many VMs more would need too many cores."""
        used, required = self.region.cores_used, vms * self.profile.cores
        details = (
            "Additional details - Deployment Model: Resource Manager, Location: westeurope, Current Limit:"
            f" {self.region.cores}, Current Usage: {used}, Additional Required: {required}, (Minimum) New Limit"
            f" Required: {used + required}."
        )
        return over_quota(self.switches.quota_code, details if vms else "")

    def cores(self) -> int:
        """What this scale set uses of the region's quota."""
        states = [vm.state for vm in list(self.vms.values())]
        return self.profile.cores * sum(map(self.holds_quota, states))

    def holds_quota(self, state: VmState) -> bool:
        """Whether the quota counts it."""
        return state.was_made if self.switches.deallocated_hold_quota else state.allocated

    def public_ip(self, state: VmState, power: PowerState) -> str | None:
        """The VM's public IP under a power state; an address that is lost by that goes back to the region."""
        if not self.profile.public_ips:
            return None
        if power is not PowerState.DEALLOCATED:
            return state.public_ip or self.region.addresses.public()
        if self.switches.public_ip_survives_deallocation:
            return state.public_ip
        self.region.addresses.give_back(state.public_ip)
        return None

    def write(self, what: What, vm: Vm | None, by: str, *, given: Given | None = None, detail: str = "") -> None:
        """One line of history."""
        event = Event(
            at=self.at,
            what=what,
            by=by,
            vm_id=vm.state.vm_id if vm else None,
            instance_id=vm.state.instance_id if vm else None,
            given_at=given.at if given else None,
            detail=detail,
        )
        self.history.write(event)

    def stop_counting(self, vm: Vm, *, evicted: bool = False) -> None:
        """sku.capacity does not count it any more."""
        if vm.counted:
            vm.counted = False
            bumps = self.switches.eviction_bumps_etag if evicted else self.switches.delete_bumps_etag
            etag = self.set_state.etag + (1 if bumps else 0)
            self.change_set(capacity=max(0, self.set_state.capacity - 1), etag=etag)

    def remove(self, vm: Vm, by: str, *, evicted: bool = False) -> None:
        """Remove a VM; the instance id and the addresses are free again."""
        self.stop_counting(vm, evicted=evicted)
        vm.gone_at = self.at
        vm.work = None
        del self.vms[self.key(vm.state.instance_id)]
        self.members += 1
        self.region.addresses.give_back(vm.state.private_ip)
        self.region.addresses.give_back(vm.state.public_ip)
        self.deleted.append(vm)
        self.write(What.DELETED, vm, by)


MANAGED = {"scaler:managed": "true"}  # the operator's consent, as the scaler wants it by default


def new_world(
    now: Callable[[], datetime], name: str, seed: int, behaviour: Behaviour, tags: Mapping[str, str], profile: Profile
) -> World:
    """A new one. `now` is Azure's clock."""
    chance = Chance(behaviour.faults, seed)
    queue = EventQueue(now)
    sorted_tags = tuple(sorted(tags.items()))
    first = SetState(unique_id=chance.guid(), created_at=queue.at, tags=sorted_tags, health=profile.health)
    world = World(
        name=name,
        queue=queue,
        chance=chance,
        latencies=behaviour.latencies,
        switches=behaviour.switches,
        profile=profile,
        region=profile.region or Region(),
        operations=Operations(chance.guid),
        set_versions=[(queue.at, first)],
        speed=behaviour.speed,
    )
    world.region.join(world.cores)
    return world
