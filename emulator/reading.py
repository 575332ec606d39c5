"""Azure's answers to reads: the truth, or the truth of a while ago."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from emulator.behaviour import Fault
from emulator.health.extension import State
from emulator.refusals import throttled, unavailable
from emulator.vm import Vm, VmState
from emulator.world import SetState, World
from scaler.model.instance import PowerState, ProvisioningState


class Reading:
    """Answers to GETs."""

    def __init__(self, world: World) -> None:
        self._world = world

    def refuse(self, policy: str) -> None:
        """Raises when a read gets no answer this time; `policy` is the bucket that a 429 would name."""
        chance = self._world.chance
        if chance.strikes(Fault.READ_THROTTLED):
            raise throttled(policy, chance.within(chance.faults.retry_after))
        if chance.strikes(Fault.READ_FAILED):
            raise unavailable()

    def scale_set(self) -> SetState:
        """The scale set; lags like a targeted GET."""
        when = self._targeted()
        versions = self._world.set_versions
        return next((state for since, state in reversed(versions) if since <= when), versions[0][1])

    def vm(self, key: str, *, viewed: bool = True) -> VmState | None:
        """The VM behind a key, or None. `viewed`: with the power state."""
        when = self._targeted()
        living = self._world.vms.get(key)
        dead = (vm for vm in self._world.deleted if self._world.key(vm.state.instance_id) == key)
        seen = (self._seen(each, when) for each in (*dead, living) if each is not None)
        found = next((each for each in seen if each is not None), None)
        return self.as_seen(found) if found is not None and viewed else found

    def listing(self, *, viewed: bool = True) -> tuple[VmState, ...]:
        """All VMs by instance id, as shown in a listing. `viewed`: with power states."""
        self._clear_graves()
        if self._world.chance.strikes(Fault.LISTING_EMPTY):
            return ()
        rows = self._rows(self._shown_as_of(), healthy=not self._world.flexible)
        if rows and self._world.chance.strikes(Fault.LISTING_SHORT):
            rows.remove(self._world.chance.one_of(rows))
        return tuple(self._in_listing(self.as_seen(row) if viewed else row) for row in rows)

    def addresses(self) -> tuple[VmState, ...]:
        """All VMs as known to Microsoft.Network: with addresses, perhaps incomplete."""
        chance = self._world.chance
        old = chance.strikes(Fault.ADDRESSES_OLD)
        when = self._world.at - (chance.within(chance.faults.listing_lag) if old else timedelta(0))
        return tuple(map(self._with_addresses, self._rows(lambda: when)))

    def _with_addresses(self, state: VmState) -> VmState:
        if self._world.chance.strikes(Fault.ADDRESS_MISSING, state.instance_id):
            return replace(state, private_ip=None, public_ip=None)
        return state

    def _rows(self, shown_as_of: Callable[[], datetime], *, healthy: bool = False) -> list[VmState]:
        """All VMs. `healthy`: with their health, which listings of Flexible scale sets do not show."""
        everybody = (*self._world.deleted, *self._world.vms.values())
        if healthy:
            seen = (self._seen(vm, shown_as_of()) for vm in everybody)
        else:
            seen = (vm.seen_from(shown_as_of()) for vm in everybody)
        return sorted((each for each in seen if each is not None), key=lambda row: row.rank)

    def _seen(self, vm: Vm, when: datetime) -> VmState | None:
        """A VM as of a moment, with its health."""
        state = vm.seen_from(when)
        shown = vm.health.shown(when) if vm.health is not None and state is not None else None
        if shown is None or state is None or self._world.chance.strikes(Fault.HEALTH_MISSING, state.instance_id):
            return state
        if self._world.chance.strikes(Fault.HEALTH_UNKNOWN, state.instance_id):
            shown = replace(shown, state=State.UNKNOWN, status="unknown")
        return vm.with_health(state, shown)

    def _shown_as_of(self) -> Callable[[], datetime]:
        """Called for each VM: the moment as of which a listing shows the VM."""
        at, chance = self._world.at, self._world.chance
        if not chance.strikes(Fault.LISTING_OLD):
            return lambda: at
        span = chance.faults.listing_lag
        if self._world.switches.ragged_listings:
            return lambda: at - chance.within(span)
        old = at - chance.within(span)
        return lambda: old

    def _targeted(self) -> datetime:
        chance = self._world.chance
        lags = chance.strikes(Fault.GET_OLD)
        return self._world.at - (chance.within((0.0, chance.faults.observation_lag)) if lags else timedelta(0))

    def as_seen(self, state: VmState) -> VmState:
        """A VM's row of a listing or a GET; faults may leave the power state out."""
        strikes = self._world.chance.strikes
        if state.power is PowerState.UNKNOWN:
            return state
        if strikes(Fault.POWER_STATE_MISSING, state.instance_id):
            return replace(state, power=PowerState.UNKNOWN)
        if state.provisioning is ProvisioningState.UPDATING and strikes(Fault.POWER_VIEW_OLD, state.instance_id):
            return replace(state, power=state.former_power)
        return state

    def _in_listing(self, state: VmState) -> VmState:
        anonymous = self._world.switches.deleting_rows_lose_id and state.provisioning is ProvisioningState.DELETING
        return replace(state, identified=False) if anonymous else state

    def _clear_graves(self) -> None:
        faults = self._world.chance.faults
        oldest = self._world.at - timedelta(seconds=max(faults.listing_lag[1], faults.observation_lag))
        self._world.deleted = [vm for vm in self._world.deleted if vm.gone_at is not None and vm.gone_at >= oldest]
