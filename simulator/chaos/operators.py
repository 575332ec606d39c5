"""What operators and Azure do to a campaign from outside: at the portal, by tags, settings and quotas."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random

from emulator.behaviour import Fault, Faults
from emulator.orders import OrderKind, Protection, Scale
from emulator.refusals import ArmError, NoAnswer
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.world import MANAGED
from scaler.actuate import Ports
from scaler.controllers import by_name
from scaler.errors import ScalerError
from scaler.model.instance import PowerState, ProvisioningState, VmId
from scaler.model.policy import Mode, Policy
from scaler.model.sighting import Pause
from scaler.tick import Decide, Tick
from scaler.vmss.gates import Gates
from simulator.chaos.azure import faults_of
from simulator.chaos.weather import Weather
from simulator.chaos.world import SCALE_SET, SECOND, World
from simulator.clock import SkewedClock
from simulator.looking import looked
from simulator.observer.leaked import is_hot

type Action = Callable[[EmulatedScaleSet, VmState], object]
_WHO = "somebody"
_AT_REST = frozenset({PowerState.STOPPED, PowerState.DEALLOCATED})


def _event(fault: Fault) -> Action:
    return lambda azure, vm: azure.happen(fault, vm.vm_id)


def _order(kind: OrderKind) -> Action:
    return lambda azure, vm: azure.order(kind, [vm.instance_id], by=_WHO, single=True)


def _protect(azure: EmulatedScaleSet, vm: VmState) -> object:
    return azure.protect(vm.instance_id, Protection(from_scale_in=True), by=_WHO)


def _unprotect(azure: EmulatedScaleSet, vm: VmState) -> object:
    """Unprotect a machine at rest only: to stop an unprotected machine under a visitor is the provisioner's duty."""
    return azure.happen(Fault.UNPROTECTED, vm.vm_id) if vm.power in _AT_REST else None


ACTIONS: dict[str, Action] = {
    "evicted": _event(Fault.EVICTED),
    "stopped from inside": _event(Fault.GUEST_SHUT_DOWN),
    "started by hand": _order(OrderKind.START),
    "stopped by hand": _order(OrderKind.POWER_OFF),
    "deallocated by hand": _order(OrderKind.DEALLOCATE),
    "restarted by hand": _order(OrderKind.RESTART),
    "protected by hand": _protect,
    "unprotected by hand": _unprotect,
    "deleted by hand": _event(Fault.DELETED_BY_SOMEBODY),
}


_TAGS: tuple[Mapping[str, str], ...] = (
    MANAGED,
    MANAGED,
    {},
    {**MANAGED, "scaler:paused": "true"},
    {"scaler:managed": "no"},
)
_KNOBS: Mapping[str, tuple[str, ...]] = {
    "TOTAL_NODES": ("0", "2", "5", "-1", "many"),
    "scaler:min": ("0", "1", "3", "99"),
    "scaler:Max": ("0", "2", "6", "1001"),
    "scaler:buffer": ("0", "2", "50%", "2/50%", "lots"),
    "scaler:found-at-once": ("90%", "99.9%", "1"),
    "scaler:warm": ("0", "1", "4", ""),
}
_AWAY: Mapping[Fault, float] = {Fault.READ_FAILED: 1.0}
_NOTHING_THERE: Mapping[Fault, float] = {Fault.LISTING_EMPTY: 1.0}
_NO_SIZE: Mapping[Fault, float] = {Fault.SOLD_OUT: 1.0, Fault.START_SKU: 1.0}
_STRANGERS: tuple[tuple[Mapping[str, str], int], ...] = (
    ({}, 3),
    ({"scaler:managed": "somebody else"}, 5),
    ({"scaler:managed": "somebody else"}, 0),
)
_OFTEN = 0.05  # per step
_SELDOM = 0.005

_AGES = (timedelta(0), timedelta(minutes=4), timedelta(minutes=10))

_ELSEWHERE = timedelta(minutes=10)
"""How long settings may name another scale set: records are kept only until every session's time is over."""


class Operators:
    """Operators and shortages, who act once per step."""

    def __init__(self, world: World, weather: Weather, dice: Random) -> None:
        self._world = world
        self._weather = weather
        self._dice = dice
        self._configured = world.policy
        self._short_until: datetime | None = None
        self._blind_until: datetime | None = None
        self._odd_until: datetime | None = None  # the settings
        self._room = dice.randrange(1, world.policy.capacity[SCALE_SET].desired) if weather.room_for_some else None
        self._keep_small()

    def turn(self) -> None:
        """Act, perhaps."""
        weather, dice = self._weather, self._dice
        if weather.second and dice.random() < _OFTEN:
            rates = {**weather.rates, **(_AWAY if dice.random() < 0.5 else {})}
            self._world.azures[SECOND].faults = replace(faults_of(weather), rates=rates)
        if dice.random() < weather.halts:
            self._world.counts["halts"] += 1
            self._world.registry.pause(dice.choice(list(Pause)))
        if dice.random() < weather.halts:
            self._world.counts["tags changed"] += 1
            self._world.azure_region.choose(dice).tag(**dice.choice(_TAGS))
        if dice.random() < weather.hands:
            self._act_by_hand()
        if weather.unmarks and dice.random() < weather.unmarks:
            self._unmark_a_hot_one()
        if weather.hung_deletes and dice.random() < weather.hung_deletes:
            self._delete_and_hang()
        if weather.shortage:
            self._ration()
        if weather.settings or weather.elsewhere:
            self._misconfigure()
        if weather.blind:
            self._blind()
        self._want_otherwise()

    def leave_off(self) -> None:
        """Restore the settings and names that the operator wants."""
        self._world.azure_region.correct()
        self._tag_group({})
        if self._odd_until is not None or self._configured != self._world.policy:  # else processes keep their memory
            self._configure(self._world.policy)
        if not self._weather.more_quota:
            self._keep_small()

    def _act_by_hand(self) -> None:
        """Take one action at random at the portal, to any machine. Azure may refuse the action."""
        azure = self._world.azure_region.choose(self._dice)
        if not azure.vms:
            return
        name = self._dice.choice(list(ACTIONS))
        self._world.counts[name] += 1
        with suppress(ArmError, NoAnswer):
            ACTIONS[name](azure, self._dice.choice(azure.vms))

    def _unmark_a_hot_one(self) -> None:
        """Take the protection from a machine that runs for nobody: the provisioner's duty is to stop it then."""
        look = looked(self._world.registry, tuple(self._world.azures.values()), self._world.clock.now())
        hot = sorted(seen.state.vm_id for seen in look.machines if is_hot(seen))
        if hot:
            self._world.counts["hot machines unprotected by hand"] += 1
            vm_id = self._dice.choice(hot)
            for azure in self._world.azures.values():
                if any(vm.vm_id == vm_id for vm in azure.vms):
                    azure.happen(Fault.UNPROTECTED, vm_id)

    def _delete_and_hang(self) -> None:
        """A deletion of any machine, which Azure accepts and never finishes."""
        azure = self._world.azure_region.choose(self._dice)
        sound = [vm for vm in azure.vms if vm.identified and vm.provisioning is ProvisioningState.SUCCEEDED]
        if sound:
            self._world.counts["deletions by hand that hang"] += 1
            vm = self._dice.choice(sound)
            azure.script(Fault.ORDER_ENDLESS, instance_id=vm.instance_id)
            with suppress(ArmError, NoAnswer):
                azure.order(OrderKind.DELETE, [vm.instance_id], by=_WHO, single=True)

    def _keep_small(self) -> None:
        """Keep the quota too small for all wanted machines."""
        azure = self._world.azure
        if self._room is not None:
            azure.limit(cores=self._room * azure.profile.cores)

    def _ration(self) -> None:
        """Let capacity run short for up to an hour, for one of three reasons."""
        now, dice = self._world.clock.now(), self._dice
        azure = self._world.azure
        if self._short_until is not None and now >= self._short_until:
            self._short_until = None
            azure.limit()
            azure.faults = faults_of(self._weather)
        elif self._short_until is None and dice.random() < _SELDOM:
            self._short_until = now + timedelta(minutes=dice.uniform(5, 60))
            self._run_short(azure)

    def _run_short(self, azure: EmulatedScaleSet) -> None:
        match self._dice.choice(("sold out", "quota reached", "size gone")):
            case "sold out":
                self._world.counts["region sold out"] += 1
                azure.limit(allocatable=sum(each.allocated for each in azure.vms))
            case "quota reached":
                self._world.counts["quota reached"] += 1
                azure.limit(cores=azure.region.cores_used)
            case _:
                self._world.counts["size not to be had"] += 1
                azure.faults = Faults(rates={**self._weather.rates, **_NO_SIZE})

    def _misconfigure(self) -> None:
        """The operator restarts the hosts with other settings, and after a while with the right ones."""
        now, dice, world = self._world.clock.now(), self._dice, self._world
        if self._odd_until is not None and now >= self._odd_until:
            self._odd_until = None
            world.azure_region.correct()
            self._configure(world.policy)
        elif self._odd_until is None and dice.random() < _SELDOM:
            self._odd_until = now + timedelta(minutes=dice.uniform(1, 15))
            if self._weather.elsewhere and (not self._weather.settings or dice.random() < 0.5):
                self._odd_until = min(self._odd_until, now + _ELSEWHERE)
                self._world.counts["settings of another scale set"] += 1
                tags, machines = dice.choice(_STRANGERS)
                world.azure_region.confuse(SCALE_SET, tags, machines)
                self._configure(world.policy)
            else:
                self._world.counts["scale sets taken out of the settings"] += 1
                kept = dice.choice(list(world.policy.capacity))
                self._configure(replace(world.policy, capacity={kept: world.policy.capacity[kept]}))

    def _blind(self) -> None:
        """Let Azure list no machine at all, long enough for a careless reader to believe the listing."""
        now, dice, azure = self._world.clock.now(), self._dice, self._world.azure
        if self._blind_until is not None and now >= self._blind_until:
            self._blind_until = None
            azure.faults = faults_of(self._weather)
        elif self._blind_until is None and dice.random() < self._weather.blind:
            self._world.counts["spells of empty listings"] += 1
            self._blind_until = now + timedelta(seconds=dice.uniform(20, 180))
            azure.faults = replace(azure.faults, rates={**self._weather.rates, **_NOTHING_THERE})

    def _want_otherwise(self) -> None:
        """Change what is wanted, perhaps."""
        if self._dice.random() < self._weather.tides:
            self._turn_the_tide()
        if self._weather.hot_tides and self._dice.random() < self._weather.hot_tides:
            self._want_others_hot()
        if self._weather.ebbs and self._dice.random() < self._weather.ebbs:
            self._want_another_number()
        if self._weather.knobs and self._dice.random() < self._weather.knobs:
            self._turn_a_knob()
        if self._weather.models and self._dice.random() < self._weather.models:
            self._want_other_machines()

    def _turn_the_tide(self) -> None:
        """Change the share of warm machines, so that some are cooled or more kept warm."""
        self._world.counts["turns of the warm share"] += 1
        policy = self._world.policy
        shares = {
            name: replace(each, warm=self._dice.randint(0, each.desired)) for name, each in policy.capacity.items()
        }
        self._configure(replace(policy, capacity=shares))

    def _want_others_hot(self) -> None:
        """Change the number of hot machines, so that some are cooled or more heated."""
        self._world.counts["other numbers of hot machines wanted"] += 1
        policy = self._world.policy
        heat = {name: replace(each, hot=self._dice.randint(0, each.hot)) for name, each in policy.capacity.items()}
        self._configure(replace(policy, capacity=heat))

    def _want_another_number(self) -> None:
        """Change the number of machines, and how the number is found."""
        self._world.counts["other numbers wanted"] += 1
        dice, policy = self._dice, self._world.policy
        numbers = {
            name: replace(
                each,
                mode=dice.choice(list(Mode)),
                desired=dice.randint(1, 2 * each.desired),
                buffer=dice.randint(0, each.desired),
                most=2 * each.desired,
                warm=dice.randint(0, 1) * each.warm,
            )
            for name, each in policy.capacity.items()
        }
        self._configure(replace(policy, capacity=numbers))

    def _turn_a_knob(self) -> None:
        """Replace the tags of a scale set, or of the resource group, by a few that name numbers; or take them away."""
        dice, world = self._dice, self._world
        names = dice.sample(sorted(_KNOBS), dice.randint(0, 3))
        tags = {name: dice.choice(_KNOBS[name]) for name in names}
        if dice.random() < 0.5:
            world.azure_region.choose(dice).tag(**{**MANAGED, **tags})
        else:
            self._tag_group(tags)
        world.counts["knobs turned"] += 1

    def _tag_group(self, tags: Mapping[str, str]) -> None:
        for azure in self._world.azures.values():
            azure.region.group_tags = dict(tags)

    def _want_other_machines(self) -> None:
        """Have machines replaced in one of three ways: by a new model, by a limit of their age, by name."""
        dice, world = self._dice, self._world
        what = dice.choice(("new models", "limits of the age", "machines to be replaced"))
        match what:
            case "new models":
                with suppress(ArmError, NoAnswer):
                    world.azure.scale(Scale(image=f"/images/{world.counts[what] + 2}"), by=_WHO)
            case "limits of the age":
                self._configure(replace(world.policy, max_ready_age=dice.choice(_AGES)))
            case _:
                decide = self._by_name()
                clock = SkewedClock(world.clock, timedelta(0))
                faces = {SCALE_SET: world.azure_region.face(SCALE_SET, clock, Gates(clock))}
                ports = Ports(registry=world.registry, scale_sets=faces, clock=world.clock)
                with suppress(ScalerError):
                    Tick(decide, ports, world.policy).run()
        world.counts[what] += 1

    def _by_name(self) -> Decide:
        """Machines to be replaced, or taken back, or kept for a while: one after the other."""
        turn = self._world.counts["machines to be replaced"] % 3
        named = frozenset(map(VmId, sorted(vm.vm_id for vm in self._world.vms)[:1]))
        return (
            partial(by_name.renew, which=by_name.Renewed(older_than=timedelta(0))),
            partial(by_name.spend, named=named),
            partial(by_name.hold, named=named, lasts=timedelta(minutes=10)),
        )[turn]

    def _configure(self, policy: Policy) -> None:
        self._configured = policy
        for host in self._world.hosts:
            host.configure(policy)
