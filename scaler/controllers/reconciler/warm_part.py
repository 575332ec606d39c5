"""The warm part of the ready machines: warm machines to be claimed for cooling, or cold machines for warming.

A few at a time, after listings have shown too many or too few for a while: a wavering number moves nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from scaler.model.fleet import Fleet
from scaler.model.instance import PowerState, ScaleSetName, VmId
from scaler.model.machine import SeenMachine
from scaler.model.plan import Refusal, Why
from scaler.model.policy import Policy
from scaler.model.row import STOPS_RUNNING, Row, Status
from scaler.model.standing import Standing

_NEVER = datetime.max.replace(tzinfo=UTC)
_COLD = {PowerState.DEALLOCATING, PowerState.DEALLOCATED}
_UNUSED = {Standing.NEW, Standing.ADMITTING, Standing.READY}


def surplus(fleet: Fleet, policy: Policy) -> frozenset[VmId]:
    """The warm machines to be cooled: the newest, since the oldest are handed out first.

    As many at most as all listings of `warm_surplus_kept` have shown beyond the wanted share.
    """
    found: set[VmId] = set()
    for name, machines in fleet.seen_machines.items():
        warm = [machine for machine in machines if machine.standing is Standing.READY and machine.instance.warm]
        tried = [machine for machine in warm if is_offered(machine) and not failed_lately(machine, policy)]
        tried.sort(key=age_of, reverse=True)
        beyond = len(warm) - fleet.cloud.warm(name, policy)
        if policy.warm_surplus_kept:
            demand = fleet.cloud.demand_of(name, policy)
            beyond = min(beyond, demand.lasting_warm_surplus(policy.warm_surplus_kept))
        found |= {machine.vm_id for machine in tried[: max(min(beyond, room_for_claims(machines, policy)), 0)]}
    return frozenset(found)


def lack(fleet: Fleet, policy: Policy) -> frozenset[VmId]:
    """The cold machines to be warmed: the oldest, where listings of `warm_lack_kept` have shown too few warm machines.

    New machines count, because the provisioner keeps these warm first. At least a single machine stays on offer.
    """
    found: set[VmId] = set()
    for name, machines in fleet.seen_machines.items():
        if not fleet.cloud.demand_of(name, policy).warm_is_short(policy.warm_lack_kept):
            continue
        offered = [machine for machine in machines if is_offered(machine)]
        cold = sorted((machine for machine in offered if not machine.instance.warm), key=age_of)
        short = fleet.cloud.warm(name, policy) - sum(map(_is_or_gets_warm, machines))
        most = max(min(short, room_for_claims(machines, policy), len(offered) - 1), 0)
        if most and not is_hindered(name, machines, fleet, policy):
            found |= {machine.vm_id for machine in cold[:most]}
    return frozenset(found)


def alarms(fleet: Fleet, policy: Policy) -> list[Refusal]:
    """Alarms for machines not cooled by Azure, billed beyond the number, and for machines not warmed by Azure."""
    seen = [machine for machine in fleet.machines if isinstance(machine, SeenMachine)]
    stuck = [machine for machine in seen if machine.standing is Standing.READY and failed_lately(machine, policy)]
    warm = [machine.vm_id for machine in stuck if machine.instance.warm]
    cold = [machine.vm_id for machine in stuck if not machine.instance.warm and _is_short(machine, fleet, policy)]
    return [
        Refusal(why=why, vm_id=vm_ids[0], alarm=True, facts={"machines": len(vm_ids)})
        for why, vm_ids in ((Why.STAYS_WARM, warm), (Why.STAYS_COLD, cold))
        if vm_ids
    ]


def _is_short(machine: SeenMachine, fleet: Fleet, policy: Policy) -> bool:
    return fleet.cloud.demand_of(machine.instance.ref.scale_set, policy).warm_is_short(timedelta(0))


def age_of(machine: SeenMachine) -> tuple[datetime, str]:
    """The sorting key: the oldest first."""
    return machine.instance.created_at or _NEVER, machine.vm_id


def room_for_claims(machines: Sequence[SeenMachine], policy: Policy) -> int:
    """How many further machines may be claimed."""
    claimed = sum(machine.standing is Standing.CLAIMED for machine in machines)
    return policy.share(policy.max_forgets, len(machines)) - claimed


def is_offered(machine: SeenMachine) -> bool:
    """Whether a claim can succeed: while somebody holds the key, claims would fail every time, and repair nothing."""
    return machine.standing is Standing.READY and machine.stored.index == {Status.AVAILABLE}


def _is_or_gets_warm(machine: SeenMachine) -> bool:
    claim = machine.notes_now.claim
    if machine.standing is Standing.CLAIMED and claim is not None:
        return claim.order in STOPS_RUNNING
    return machine.standing in _UNUSED and machine.instance.power not in _COLD and not machine.instance.failed


def failed_lately(machine: SeenMachine, policy: Policy) -> bool:
    """Whether a claim came to nothing lately: another claim at once would only keep the machine from visitors."""
    since = machine.notes_now.claim_failed_at
    return since is not None and machine.now - since < policy.claim_retry


def is_hindered(name: ScaleSetName, machines: Sequence[SeenMachine], fleet: Fleet, policy: Policy) -> bool:
    """Whether a start without a visitor would be in a visitor's way, or in vain.

    A reservation waits for a start, or Azure lately had no machine to give, or warmed no machine.
    """
    ceiling, demand = fleet.cloud.ceilings.get(name), fleet.cloud.demand_of(name, policy)
    sold_out = fleet.is_unattractive(name) or (ceiling is not None and demand.at < ceiling.until)
    failed = any(failed_lately(machine, policy) and not machine.instance.warm for machine in machines)
    return sold_out or failed or any(_waits(row, name) for row in fleet.rows.values())


def _waits(row: Row, scale_set: ScaleSetName) -> bool:
    """Whether a session is reserved there, and its start is not under way."""
    if row.status is not Status.RESERVED or row.notes is None or row.notes.scale_set != scale_set:
        return False
    return row.notes.start is None or row.notes.start.failure is not None
