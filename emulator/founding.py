"""How a scale set comes to be: fresh and empty, in a region of its own unless it is given one."""

from collections.abc import Callable, Mapping
from datetime import datetime

from emulator.agenda import Agenda
from emulator.behaviour import Behaviour
from emulator.chance import Chance
from emulator.operations import Operations
from emulator.profile import Profile
from emulator.region import Region
from emulator.world import SetState, World

MANAGED = {"scaler:managed": "true"}  # the operator's consent, as the scaler wants it by default


def found(
    now: Callable[[], datetime], name: str, seed: int, behaviour: Behaviour, tags: Mapping[str, str], profile: Profile
) -> World:
    """A new one. `now` is Azure's clock."""
    chance = Chance(behaviour.faults, seed)
    agenda = Agenda(now)
    first = SetState(unique_id=chance.guid(), created_at=agenda.at, tags=tuple(sorted(tags.items())))
    world = World(
        name=name,
        agenda=agenda,
        chance=chance,
        latencies=behaviour.latencies,
        switches=behaviour.switches,
        profile=profile,
        region=profile.region or Region(),
        operations=Operations(chance.guid),
        set_versions=[(agenda.at, first)],
    )
    world.region.join(world.cores)
    return world
