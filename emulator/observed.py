"""The emulated scale set as an observer sees and manipulates it: the truth, and faults by order."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from emulator.behaviour import Behaviour, Fault, Faults
from emulator.history import History
from emulator.machines import Machines
from emulator.platform_events import PlatformEvents
from emulator.region import Profile, Region
from emulator.scaling import Scaling
from emulator.vm import Vm, VmState
from emulator.world import SetState, World


class Observed:
    """The observer's view. Due events happen at the next question, never by themselves."""

    def __init__(self, world: World, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._lock = world.region.lock
        self._world = world
        self._machines = Machines(world)
        self._scaling = Scaling(world, self._machines)
        self._platform = PlatformEvents(world, self._machines, self._scaling)
        self._platform.wake()

    @contextmanager
    def _moment(self) -> Iterator[World]:
        with self._lock:
            self._world.queue.catch_up()
            yield self._world

    @property
    def faults(self) -> Faults:
        """Faults with rates; may be replaced at any time."""
        return self._world.chance.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        with self._moment() as world:
            world.chance.faults = faults
            self._platform.wake()

    @property
    def struck(self) -> Mapping[Fault, int]:
        """How often each fault has struck so far, by its rate or by a script."""
        return self._world.chance.struck

    def script(self, fault: Fault, *, times: int | None = 1, instance_id: str | None = None) -> None:
        """Inject `fault` at its next `times` occasions (None: at all)."""
        with self._moment() as world:
            world.chance.script(fault, times=times, instance_id=instance_id)

    def clear_script(self) -> None:
        """Nothing scripted strikes any more."""
        with self._moment() as world:
            world.chance.clear_script()

    def happen(self, event: Fault, vm_id: str) -> bool:
        """Inject a platform event (EVICTED … DELETED_BY_SOMEBODY); False if impossible for the VM now."""
        with self._moment():
            vm = self._living(vm_id)
            return vm is not None and self._platform.happen(event, vm)

    def limit(self, *, allocatable: int | None = None, cores: int | None = None) -> None:
        """Limit the region's free machines, and the subscription's cores; None: enough."""
        with self._moment() as world:
            world.allocatable, world.region.cores = allocatable, cores

    def tag(self, **tags: str) -> None:
        """Give the scale set these tags and no others (write `scaler:managed` as **{"scaler:managed": "true"})."""
        with self._moment() as world:
            world.change_set(tags=tuple(sorted(tags.items())), etag=world.set_state.etag + 1)

    def make_anew(self) -> None:
        """Replace the scale set by an empty scale set of the same name, with another uniqueId."""
        with self._moment() as world:
            for vm in list(world.vms.values()):
                self._machines.interrupt(vm)
                world.remove(vm, "somebody")
            world.change_set(unique_id=world.chance.guid(), capacity=0, etag=1, created_at=world.at)

    @property
    def now(self) -> datetime:
        """Azure's clock; a Date header omits the fraction of a second."""
        with self._moment() as world:
            return world.at

    @property
    def next_due(self) -> datetime | None:
        """The time of the next event; None: no event is due."""
        with self._moment() as world:
            return world.queue.next_due

    @property
    def vms(self) -> tuple[VmState, ...]:
        """Every VM as it is, by instance id."""
        with self._moment() as world:
            return tuple(sorted((vm.state for vm in world.vms.values()), key=lambda row: row.rank))

    def find(self, vm_id: str) -> VmState | None:
        """The current state of a VM; None: gone, or never made."""
        with self._moment():
            vm = self._living(vm_id)
            return vm.state if vm else None

    def behind(self, instance_id: str) -> VmState | None:
        """The VM that has this instance id now; raises ArmError for an invalid id."""
        with self._moment() as world:
            vm = world.vms.get(world.key(instance_id))
            return vm.state if vm else None

    def billed(self, vm_id: str) -> bool:
        """Whether the VM costs the full price now."""
        state = self.find(vm_id)
        return state is not None and state.billed

    @property
    def capacity(self) -> int:
        """sku.capacity."""
        return self.set_state.capacity

    @property
    def set_state(self) -> SetState:
        """The scale set as it is."""
        with self._moment() as world:
            return world.set_state

    @property
    def profile(self) -> Profile:
        """The profile of the scale set."""
        return self._world.profile

    @property
    def region(self) -> Region:
        """The region, shared with other scale sets of the subscription."""
        return self._world.region

    @property
    def flexible(self) -> bool:
        """Whether the orchestration is Flexible: instance ids are names."""
        return self._world.flexible

    @property
    def generation(self) -> int:
        """A number that changes whenever VMs come or go."""
        with self._moment() as world:
            return world.members

    @property
    def history(self) -> History:
        """The history of all events."""
        with self._moment() as world:
            return world.history

    def _living(self, vm_id: str) -> Vm | None:
        return next((vm for vm in self._world.vms.values() if vm.state.vm_id == vm_id), None)
