"""The VMs of a scale set as ARM resources: the listing with pages, GET, PUT, DELETE, and actions."""

from emulator.behaviour import Fault
from emulator.budgets import Call
from emulator.delivery import check_etag, quoted
from emulator.orders import ACTIONS, OrderKind, Protection
from emulator.refusals import ArmError, not_a_number, not_active
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire import bodies, listing
from emulator.wire.exchange import Answer, Asked
from emulator.wire.operations import accepted, asynchronous
from emulator.wire.scale_sets import charged
from emulator.wire.site import Site

_CHANGEABLE = frozenset({"properties.protectionpolicy", "tags"})  # a VM's tags are taken, and dropped without a word
_FLEXIBLE_SINCE = "2023-09-01"  # the first version that protects VMs of Flexible scale sets


def every(site: Site, asked: Asked) -> Answer:
    """One page of the listing, as the scale set is when that page is asked for."""
    emulated = site.scale_set(asked)
    rows, keep = emulated.read_rows(listing.skipped(asked, emulated), site.page_size), listing.wanted(asked)
    if keep is not None:
        rows = tuple(row for row in rows if keep(bodies.vm(site, emulated, row, view=True)))

    def show(state: VmState) -> bodies.Json:
        return listing.selected(asked, bodies.shouted(site, bodies.vm(site, emulated, state, view=asked.expands_view)))

    body, shown = listing.page(asked, emulated, rows, site.page_size, show)
    return charged(Answer(body=body), emulated, Call.LIST, vms=max(1, shown))


def get(site: Site, asked: Asked) -> Answer:
    """GET of one VM."""
    emulated = site.scale_set(asked)
    state = emulated.read_vm(asked.params["instance"])
    answer = _shown(site, emulated, state, view=asked.expands_view)
    return charged(answer, emulated, Call.GET_VM, state.instance_id, vms=1)


def _shown(site: Site, emulated: EmulatedScaleSet, state: VmState, *, view: bool) -> Answer:
    answer = Answer(body=bodies.vm(site, emulated, state, view=view))
    return answer.having(etag=quoted(state.etag)) if emulated.behaviour.switches.vm_etags else answer


def view(site: Site, asked: Asked) -> Answer:
    """GET of one VM's instance view."""
    emulated = _uniform(site, asked)
    state = emulated.read_vm(asked.params["instance"])
    answer = Answer(body=bodies.instance_view(emulated, state))
    return charged(answer, emulated, Call.GET_VM, state.instance_id, vms=1)


def put(site: Site, asked: Asked) -> Answer:
    """PUT of a VM: only the protectionPolicy may change."""
    emulated, instance_id = site.scale_set(asked), asked.params["instance"]
    if emulated.flexible and asked.query.get("api-version", _FLEXIBLE_SINCE) < _FLEXIBLE_SINCE:
        raise ArmError(400, "InvalidParameter", f"It takes api-version {_FLEXIBLE_SINCE}.", target="protectionPolicy")
    before = _truth(emulated, instance_id)
    if_match = asked.headers.get("if-match")
    check_etag(if_match, before.etag)
    bodies.refuse_changes(asked.json(), bodies.vm(site, emulated, before, view=False), _CHANGEABLE)
    protection = _protection(asked, before)
    operation = emulated.protect(instance_id, protection, if_match=if_match, by=asked.caller)
    state = _truth(emulated, instance_id)
    answer = _shown(site, emulated, state, view=False)
    resource = emulated.marked_in(instance_id)
    return charged(asynchronous(answer, site, asked, operation), emulated, Call.UPDATE_VM, resource, vms=1)


def _truth(emulated: EmulatedScaleSet, instance_id: str) -> VmState:
    found = emulated.behind(instance_id)
    if found is None:
        raise not_active(instance_id)
    return found


def _protection(asked: Asked, now: VmState) -> Protection:
    policy = asked.part("properties").get("protectionPolicy")
    if policy is None:
        return Protection(from_scale_in=now.protected, from_actions=now.protected_from_actions)
    from_scale_in = _flag(policy, "protectFromScaleIn")
    from_actions = _flag(policy, "protectFromScaleSetActions") or False
    if from_actions and from_scale_in is False:
        message = "protectFromScaleIn cannot be false while protectFromScaleSetActions is true."
        raise ArmError(400, "InvalidParameter", message, target="protectionPolicy")
    return Protection(from_scale_in=from_scale_in or from_actions, from_actions=from_actions)


def _flag(policy: object, name: str) -> bool | None:
    value = policy.get(name) if isinstance(policy, dict) else "no object"
    if value is not None and not isinstance(value, bool):
        raise ArmError(400, "InvalidParameter", f"{name} is true or false, not {value!r}.", target="protectionPolicy")
    return value


def delete(site: Site, asked: Asked) -> Answer:
    """DELETE of one VM; 204 where there is none."""
    try:
        return _order(site, asked, OrderKind.DELETE)
    except ArmError as error:
        if error.target != "instanceIds":
            raise
        return Answer(status=204)


def act(site: Site, asked: Asked) -> Answer:
    """An action on one VM."""
    return _order(site, asked, ACTIONS[asked.params["action"]])


def evict(site: Site, asked: Asked) -> Answer:
    """POST …/simulateEviction: 204, and the eviction comes when it comes."""
    emulated, instance_id = _uniform(site, asked), asked.params["instance"]
    emulated.happen(Fault.EVICTED, emulated.read_vm(instance_id, call=Call.VM_ACTION).vm_id)
    return charged(Answer(status=204), emulated, Call.VM_ACTION, instance_id)


def _uniform(site: Site, asked: Asked) -> EmulatedScaleSet:
    """The scale set, if Uniform. A Flexible scale set offers only a VM's row and the VM's protection."""
    emulated = site.scale_set(asked)
    if emulated.flexible:
        raise not_a_number()
    return emulated


def _order(site: Site, asked: Asked, kind: OrderKind) -> Answer:
    emulated, instance_id = _uniform(site, asked), asked.params["instance"]
    operation = emulated.order(kind, [instance_id], by=asked.caller, single=True)
    return charged(accepted(site, asked, operation), emulated, emulated.call_of(kind, single=True), instance_id)
