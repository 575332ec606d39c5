"""The scale sets of a world, by name; their history is passed on to listeners."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from emulator.behaviour import Behaviour, Faults
from emulator.history import Event, What
from emulator.in_process import InProcessScaleSet
from emulator.orders import Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.world import MANAGED
from scaler.model.instance import InstanceRef, ScaleSetName
from scaler.model.sighting import Answer, Pages, ScaleSetView
from scaler.ports import ScaleSet
from scaler.vmss.gates import Gates
from simulator.chaos.breaks.doors import ScaleSetDoor
from simulator.chaos.switches import Skews
from simulator.clock import SkewedClock, VirtualClock
from simulator.happenings import Did, Entry, Happening

_STRANGE = 10**9  # seeds from here on are other scale sets'; with ours they would have our machines' vmIds


class _FrontEnds(ScaleSetDoor):
    """Two front ends of ARM: each answer comes from either, and is dated by the clock of that front end."""

    def __init__(self, inner: ScaleSet, behind: timedelta, dice: Random) -> None:
        super().__init__(inner)
        self._behind, self._dice = behind, dice

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        view = self.inner.view(no_older_than=no_older_than)
        return replace(view, at=self._dated(view.at))

    def list_instances(self) -> Pages:
        pages = self.inner.list_instances()
        return replace(pages, at=self._dated(pages.at))

    def get(self, ref: InstanceRef) -> Answer:
        answer = self.inner.get(ref)
        return replace(answer, at=self._dated(answer.at))

    def _dated(self, at: datetime) -> datetime:
        return at - self._behind if self._dice.random() < 0.5 else at


class Azure:
    """Several scale sets on the clock of Azure, with the same instance ids in each."""

    def __init__(
        self, clock: VirtualClock, names: Iterable[ScaleSetName], *, seed: int, behaviour: Behaviour, skews: Skews
    ) -> None:
        self.clock = SkewedClock(clock, skews.azure)
        self._behind = skews.front_end
        self._dice = Random(f"front ends {seed}")
        self.scale_sets = {
            name: EmulatedScaleSet(self.clock.now, name=name, seed=seed + number, behaviour=behaviour)
            for number, name in enumerate(names)
        }

        self._strangers: dict[ScaleSetName, EmulatedScaleSet] = {}
        self._met: list[EmulatedScaleSet] = []  # every one that there ever was
        self._hearers: list[Callable[[Happening], None]] = []

    def face(self, name: ScaleSetName, clock: SkewedClock, gates: Gates) -> InProcessScaleSet:
        """The door of one process to a scale set; `clock` and `gates` belong to the process."""
        behind = self._strangers.get(name, self.scale_sets[name])
        return InProcessScaleSet(behind, clock, page_size=behind.behaviour.page_size, gates=gates)

    def fronted(self, door: ScaleSet) -> ScaleSet:
        """The same door, behind two front ends of ARM whose clocks differ."""
        return _FrontEnds(door, self._behind, self._dice) if self._behind else door

    def confuse(self, name: ScaleSetName, tags: Mapping[str, str], machines: int) -> None:
        """Lead that name to a scale set of the wrong resource group, for each process that starts from now on."""
        stranger = EmulatedScaleSet(self.clock.now, name=name, seed=_STRANGE + len(self._met), tags=tags)
        self._met.append(stranger)
        stranger.history.listeners.append(self._somebody_is_on)
        if machines:
            stranger.scale(Scale(capacity=machines))
        self._strangers[name] = stranger

    def correct(self) -> None:
        """Lead all names to the right scale sets."""
        self._strangers.clear()

    def listen(self, hear: Callable[[Happening], None]) -> None:
        """Tell the listener of every event, at its true time."""
        self._hearers.append(hear)
        for each in self.scale_sets.values():
            each.history.listeners.append(self._tell)

    def _tell(self, event: Event) -> None:
        for hear in self._hearers:
            hear(replace(event, at=self.clock.truly(event.at)))

    def _somebody_is_on(self, event: Event) -> None:
        """A running machine of another scale set has a visitor: to stop the machine cuts a session short."""
        if event.what is What.RUNNING and event.vm_id is not None:
            name, at = f"a stranger on {event.vm_id}", self.clock.truly(event.at)
            for hear in self._hearers:
                hear(Entry(at=at, session=name, did=Did.OPENED, vm_id=event.vm_id))
        self._tell(event)

    @property
    def vms(self) -> list[VmState]:
        """All machines."""
        return [vm for each in self.scale_sets.values() for vm in each.vms]

    def find(self, vm_id: str) -> VmState | None:
        """The machine; None once the machine is gone."""
        return next((vm for vm in self.vms if vm.vm_id == vm_id), None)

    def where(self, vm_id: str) -> EmulatedScaleSet | None:
        """The scale set of a machine."""
        return next((each for each in self.scale_sets.values() if each.find(vm_id) is not None), None)

    def choose(self, dice: Random) -> EmulatedScaleSet:
        """A scale set at random."""
        return dice.choice(list(self.scale_sets.values()))

    def clear_up(self) -> None:
        """End all faults and shortages, and restore the operator's consent."""
        self.correct()
        for each in self.scale_sets.values():
            each.faults = Faults()
            each.clear_script()
            each.limit()
            if each.set_state.tags != tuple(sorted(MANAGED.items())):
                each.tag(**MANAGED)
