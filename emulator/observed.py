"""The emulated scale set from above: its truth, and whatever happens to it without being asked for."""

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
    """What an observer may know and do. Nothing happens by itself: what is due happens when anything is asked."""

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
        """The faults that strike by their rates; may be exchanged at any time."""
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
        """Let `fault` strike for sure at its next `times` occasions (None: at every one)."""
        with self._moment() as world:
            world.chance.script(fault, times=times, instance_id=instance_id)

    def clear_script(self) -> None:
        """Nothing scripted strikes any more."""
        with self._moment() as world:
            world.chance.clear_script()

    def happen(self, event: Fault, vm_id: str) -> bool:
        """A platform event (EVICTED … DELETED_BY_SOMEBODY) to this VM; False where it cannot happen now."""
        with self._moment():
            vm = self._living(vm_id)
            return vm is not None and self._platform.happen(event, vm)

    def limit(self, *, allocatable: int | None = None, cores: int | None = None) -> None:
        """How many machines the region has for us, and how many cores it grants the subscription; None: enough."""
        with self._moment() as world:
            world.allocatable, world.region.cores = allocatable, cores

    def tag(self, **tags: str) -> None:
        """Give the scale set these tags and no others (write `scaler:managed` as **{"scaler:managed": "true"})."""
        with self._moment() as world:
            world.change_set(tags=tuple(sorted(tags.items())), etag=world.set_state.etag + 1)

    def make_anew(self) -> None:
        """Somebody deleted the scale set and made another one of the same name: empty, with another uniqueId."""
        with self._moment() as world:
            for vm in list(world.vms.values()):
                self._machines.interrupt(vm)
                world.remove(vm, "somebody")
            world.change_set(unique_id=world.chance.guid(), capacity=0, etag=1, created_at=world.at)

    @property
    def now(self) -> datetime:
        """Azure's clock; a Date header is this without its fraction of a second."""
        with self._moment() as world:
            return world.at

    @property
    def next_due(self) -> datetime | None:
        """When something will happen next; None: nothing is under way."""
        with self._moment() as world:
            return world.queue.next_due

    @property
    def vms(self) -> tuple[VmState, ...]:
        """Every VM as it is, by instance id."""
        with self._moment() as world:
            return tuple(sorted((vm.state for vm in world.vms.values()), key=lambda row: row.rank))

    def find(self, vm_id: str) -> VmState | None:
        """That VM as it is; None: it is gone, or never was."""
        with self._moment():
            vm = self._living(vm_id)
            return vm.state if vm else None

    def behind(self, instance_id: str) -> VmState | None:
        """The VM that has this instance id now; raises ArmError for what is none."""
        with self._moment() as world:
            vm = world.vms.get(world.key(instance_id))
            return vm.state if vm else None

    def billed(self, vm_id: str) -> bool:
        """Whether it costs its full price now."""
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
        """What it was made as."""
        return self._world.profile

    @property
    def region(self) -> Region:
        """What it shares with other scale sets of its subscription."""
        return self._world.region

    @property
    def flexible(self) -> bool:
        """Whether its VMs go by their names."""
        return self._world.flexible

    @property
    def generation(self) -> int:
        """A number that changes with every VM that comes or goes."""
        with self._moment() as world:
            return world.members

    @property
    def history(self) -> History:
        """All that happened, append-only."""
        with self._moment() as world:
            return world.history

    def _living(self, vm_id: str) -> Vm | None:
        return next((vm for vm in self._world.vms.values() if vm.state.vm_id == vm_id), None)
