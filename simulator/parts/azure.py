"""The emulated Azure of one run, in this process: empty scale sets that may be managed, and the wire to them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from emulator.behaviour import Behaviour
from emulator.region import Profile, Region
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire.server import RunningServer, serve
from emulator.wire.site import Place, Site
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import PowerState, VmId
from scaler.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Azure:
    """The emulated scale sets, and the wire to them."""

    scale_sets: tuple[EmulatedScaleSet, ...]
    server: RunningServer

    def find(self, vm_id: str) -> VmState | None:
        """The true state of a VM; None once the VM is gone."""
        return next((state for each in self.scale_sets if (state := each.find(vm_id)) is not None), None)

    def reachable(self, vm_id: VmId) -> bool:
        """Whether the machine answers: while the machine truly runs."""
        state = self.find(vm_id)
        return state is not None and state.power is PowerState.RUNNING

    def calls(self) -> Mapping[str, int]:
        """How many ARM calls each controller made."""
        counted = self.server.calls.by_caller()
        return {name: counted[name] for name in CONTROLLERS} | counted


@contextmanager
def azure(settings: Settings, identity_secret: str, now: Callable[[], datetime], seed: int) -> Iterator[Azure]:
    """Served on a free port until the end of the block."""
    region = Region()
    scale_sets = tuple(
        EmulatedScaleSet(
            now,
            name=name,
            seed=seed + offset,
            behaviour=Behaviour(metered=True).at_speed(settings.speed),
            tags={"scaler:managed": settings.policy.managed_by},
            profile=Profile(region=region),
        )
        for offset, name in enumerate(settings.scale_sets)
    )
    place = Place(subscription=settings.subscription, resource_group=settings.resource_group)
    with serve(scale_sets, site=Site(place=place, identity_secret=identity_secret)) as server:
        yield Azure(scale_sets=scale_sets, server=server)
