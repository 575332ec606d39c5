"""Whether all has settled after the last visitor: machines, records, the index, and keys of dead machines."""

from collections.abc import Iterator, Mapping, Sequence, Set

from emulator.scale_set import EmulatedScaleSet
from scaler.model.instance import PowerState, ScaleSetName, VmId
from scaler.model.policy import Policy
from scaler.model.row import Status
from simulator.looking import Store
from simulator.workload.fields import parsed


def unsettled(
    store: Store, scale_sets: Sequence[EmulatedScaleSet], policy: Policy, *, forgetful: bool = False
) -> list[str]:
    """Each thing in words; nothing: all machines are fresh, at rest and offered, as many as desired, or as fit.

    `forgetful`: keys of machines that are gone may be left over. A queue manager dies with a key in its hands, the
    machine vanishes before the next listing, and the process of ours that remembers the last listing dies too. Then
    the record lies in Redis, and nothing costs money.
    """
    strings = store.strings()
    alive = {vm.vm_id: vm for each in scale_sets for vm in each.vms}
    indexed = _indexed(store)
    states = {vm_id: _status(strings, store, vm_id) for vm_id in indexed}
    offered = {vm_id for vm_id, status in states.items() if status is Status.AVAILABLE}
    amiss = [f"registered as {status}: {vm_id}" for vm_id, status in states.items() if vm_id not in offered]
    amiss += [f"in the index of {sorted(sets)}: {vm_id}" for vm_id, sets in indexed.items() if sets != {states[vm_id]}]
    amiss += [f"not offered: {vm_id}" for vm_id in alive if vm_id not in offered]
    amiss += [f"offered, but running: {vm_id}" for vm_id, vm in alive.items() if vm.power is PowerState.RUNNING]
    if not forgetful:
        amiss += [f"left over: {key}" for key in _left_over(strings, store, alive.keys())]
    for each in scale_sets:
        amiss += _numbers(each, policy.capacity[ScaleSetName(each.name.lower())].desired)
    return amiss


def _indexed(store: Store) -> dict[str, set[Status]]:
    """The sets of the index in which each machine stands."""
    found: dict[str, set[Status]] = {}
    for status in Status:
        for key in sorted(store.members(status)):
            vm_id = store.keys.vm_id_of(key)
            if vm_id is not None:
                found.setdefault(vm_id, set()).add(status)
    return found


def _status(strings: Mapping[bytes, bytes], store: Store, vm_id: str) -> Status | None:
    record = parsed(strings.get(store.keys.instance(VmId(vm_id)).encode())) or {}
    return None if record.get("used") else next((each for each in Status if each == record.get("status")), None)


def _numbers(azure: EmulatedScaleSet, desired: int) -> Iterator[str]:
    """As many are wanted as the quota has room for."""
    cores, there = azure.region.cores, len(azure.vms)
    wanted = desired if cores is None else min(desired, cores // azure.profile.cores)
    if there != wanted:
        yield f"{there} machines in {azure.name} instead of {wanted}"
    if azure.capacity != there:
        yield f"the capacity of {azure.name} is {azure.capacity}, and it has {there} machines"


def _left_over(strings: Mapping[bytes, bytes], store: Store, alive: Set[str]) -> Iterator[str]:
    """Records and notes without a time to live, of machines that are gone.

    Records that the cleaner has missed, or ordered deleted, live for days and expire.
    """
    heads = (store.keys.instance(VmId("")), store.keys.notes(VmId("")))
    for key in map(bytes.decode, strings):
        dead = key.startswith(heads) and key.rpartition(":")[2] not in alive
        if dead and store.lasts(key.encode()):
            yield key
