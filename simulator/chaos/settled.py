"""What is not as it should be once nobody comes any more: machines, records, the index, and keys of the dead."""

from collections.abc import Container, Iterator, Mapping

from emulator.scale_set import EmulatedScaleSet
from scaler.model.instance import PowerState, ScaleSetName, VmId
from scaler.model.policy import Policy
from scaler.model.record import Status
from simulator.chaos.redis_server import RedisServer


def unsettled(
    redis: RedisServer, azures: Mapping[ScaleSetName, EmulatedScaleSet], policy: Policy, *, forgetful: bool
) -> list[str]:
    """Each thing in words; nothing: all machines are fresh, at rest and offered, as many as desired, or as fit."""
    alive = {vm.vm_id: vm for each in azures.values() for vm in each.vms}
    rows = redis.read().rows
    offered = {vm_id for vm_id, row in rows.items() if row.status is Status.AVAILABLE}
    amiss = [f"registered as {row.status}: {vm_id}" for vm_id, row in rows.items() if vm_id not in offered]
    amiss += [
        f"in the index of {sorted(row.index)}: {vm_id}" for vm_id, row in rows.items() if row.index != {row.status}
    ]
    amiss += [f"not offered: {vm_id}" for vm_id in alive if vm_id not in offered]
    amiss += [f"offered, but running: {vm_id}" for vm_id, vm in alive.items() if vm.power is PowerState.RUNNING]
    if not forgetful:
        amiss += [f"left over: {key}" for key in _left_over(redis, alive.keys())]
    for name, azure in azures.items():
        wanted = _wanted(azure, policy.capacity[name].desired)
        if len(azure.vms) != wanted:
            amiss.append(f"{len(azure.vms)} machines in {name} instead of {wanted}")
        if azure.capacity != len(azure.vms):
            amiss.append(f"the capacity of {name} is {azure.capacity}, and it has {len(azure.vms)} machines")
    return amiss


def _wanted(azure: EmulatedScaleSet, desired: int) -> int:
    """As many as the quota has room for."""
    cores = azure.region.cores
    return desired if cores is None else min(desired, cores // azure.profile.cores)


def _left_over(redis: RedisServer, alive: Container[str]) -> Iterator[str]:
    """Records and notes of machines that are gone, where no time to live ends them.

    What the cleaner has missed, or ordered deleted, lives for days and goes by itself. Residual: a queue manager dies
    with a key in its hands, the machine vanishes before the next listing, and our process, which remembers the last
    one, dies too. Then the record lies in Redis, and nothing costs money.
    """
    record, notes = redis.keys.instance(VmId("")), redis.keys.notes(VmId(""))
    for key in map(bytes.decode, redis.keyspace.snapshot_state().strings):
        dead = key.startswith((record, notes)) and key.rpartition(":")[2] not in alive
        if dead and redis.keyspace.ttl(key) == -1:
            yield key
