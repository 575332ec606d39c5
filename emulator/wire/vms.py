"""VMs as ARM resources: as parts of a scale set; and by themselves, as the VMs of Flexible scale sets are, too."""

import re
from collections.abc import Sequence

from emulator.behaviour import Fault
from emulator.budgets import Call
from emulator.orders import ACTIONS, OrderKind, Protection
from emulator.refusals import ArmError, check_etag, not_a_number, not_active, not_found, quoted
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire import bodies, listing
from emulator.wire.exchange import Answer, Asked
from emulator.wire.operations import accepted, asynchronous
from emulator.wire.scale_sets import charged
from emulator.wire.site import Site

_CHANGEABLE = frozenset({"properties.protectionpolicy", "tags"})  # a VM's tags are taken, and dropped without a word
_FLEXIBLE_SINCE = "2023-09-01"  # the first version that protects VMs of Flexible scale sets
_OF_SET = re.compile(r"'?virtualMachineScaleSet/id'?\s+eq\s+'?(?P<id>[^']+)'?", re.IGNORECASE)


def parts(site: Site, asked: Asked) -> Answer:
    """One page of a scale set's listing, as the scale set is when that page is asked for."""
    emulated = site.scale_set(asked)
    rows, keep = emulated.read_rows(listing.skipped(asked, emulated), site.page_size), listing.wanted(asked)
    if keep is not None:
        rows = tuple(row for row in rows if keep(bodies.vm(site, emulated, row, view=True)))

    def show(state: VmState) -> bodies.Json:
        return listing.selected(asked, bodies.shouted(site, bodies.vm(site, emulated, state, view=asked.expands_view)))

    body, shown = listing.page(asked, emulated, rows, site.page_size, show)
    return charged(Answer(body=body), emulated, Call.LIST, vms=max(1, shown))


def machines(site: Site, asked: Asked) -> Answer:
    """One page of the VMs of one Flexible scale set, or of all."""
    site.check_group(asked)
    sets = _wanted(site, asked)
    if not sets:
        return Answer(body={"value": []})
    skip, size = listing.skipped(asked, sets[0]), site.page_size
    rows = [(emulated, row) for emulated in sets for row in emulated.read_rows(skip, size, call=Call.LIST_MACHINES)]

    def show(row: tuple[EmulatedScaleSet, VmState]) -> bodies.Json:
        return bodies.machine(site, *row, view=asked.expands_view)

    page, _ = listing.page(asked, sets[0], rows, size, show)
    return charged(Answer(body=page), sets[0], Call.LIST_MACHINES)


def _wanted(site: Site, asked: Asked) -> Sequence[EmulatedScaleSet]:
    condition = asked.query.get("$filter")
    if condition is None:
        return site.flexible
    found = _OF_SET.fullmatch(condition.strip())
    if found is None:
        raise ArmError(400, "InvalidParameter", f"'{condition}' is not a filter of VMs.", target="$filter")
    return [each for each in site.flexible if site.set_id(each).lower() == found["id"].strip().lower()]


def get_part(site: Site, asked: Asked) -> Answer:
    """GET of one VM of a scale set."""
    emulated = site.scale_set(asked)
    state = emulated.read_vm(asked.params["instance"])
    answer = _shown(site, emulated, state, view=asked.expands_view)
    return charged(answer, emulated, Call.GET_VM, state.instance_id, vms=1)


def _shown(site: Site, emulated: EmulatedScaleSet, state: VmState, *, view: bool) -> Answer:
    answer = Answer(body=bodies.vm(site, emulated, state, view=view))
    return answer.having(etag=quoted(state.etag)) if emulated.behaviour.switches.vm_etags else answer


def get_machine(site: Site, asked: Asked) -> Answer:
    """GET of one VM by itself."""
    emulated, name, state = _looked_up(site, asked, Call.GET_MACHINE)
    body = bodies.machine(site, emulated, state, view=asked.expands_view)
    return charged(Answer(body=body), emulated, Call.GET_MACHINE, name)


def view(site: Site, asked: Asked) -> Answer:
    """GET of one VM's instance view."""
    emulated, name, state = _looked_up(site, asked, call := _call(asked, Call.GET_VM, Call.GET_MACHINE))
    answer = Answer(body=bodies.instance_view(emulated, state))
    return charged(answer, emulated, call, name, vms=None if emulated.flexible else 1)


def put(site: Site, asked: Asked) -> Answer:
    """PUT of a VM of a scale set: only the protectionPolicy may change."""
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
        return now.protection
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
        if error.target != "instanceIds" and (_is_part(asked) or error.status != 404):
            raise
        return Answer(status=204)


def act(site: Site, asked: Asked) -> Answer:
    """An action on one VM."""
    return _order(site, asked, ACTIONS[asked.params["action"]])


def evict(site: Site, asked: Asked) -> Answer:
    """POST …/simulateEviction: 204, and the eviction comes when it comes."""
    emulated, name, state = _looked_up(site, asked, call := _call(asked, Call.VM_ACTION, Call.UPDATE_MACHINE))
    emulated.happen(Fault.EVICTED, state.vm_id)
    return charged(Answer(status=204), emulated, call, name)


def _order(site: Site, asked: Asked, kind: OrderKind) -> Answer:
    emulated, name = _located(site, asked)
    try:
        operation = emulated.order(kind, [name], by=asked.caller, single=True)
    except ArmError as error:
        raise _not_there(asked) if emulated.flexible and error.target == "instanceIds" else error from None
    return charged(accepted(site, asked, operation), emulated, emulated.call_of(kind, single=True), name)


def _looked_up(site: Site, asked: Asked, call: Call) -> tuple[EmulatedScaleSet, str, VmState]:
    emulated, name = _located(site, asked)
    try:
        return emulated, name, emulated.read_vm(name, call=call)
    except ArmError as error:
        raise _not_there(asked) if emulated.flexible and error.status == 404 else error from None


def _is_part(asked: Asked) -> bool:
    return "instance" in asked.params


def _call(asked: Asked, of_part: Call, of_machine: Call) -> Call:
    return of_part if _is_part(asked) else of_machine


def _located(site: Site, asked: Asked) -> tuple[EmulatedScaleSet, str]:
    """The scale set of a VM, and the VM's instance id. A Flexible set offers only rows and protection of its parts."""
    if _is_part(asked):
        emulated = site.scale_set(asked)
        if emulated.flexible:
            raise not_a_number()
        return emulated, asked.params["instance"]
    site.check_group(asked)
    name = asked.params["name"]
    for scale_set in site.flexible:
        if scale_set.name.lower() == name.rpartition("_")[0]:
            return scale_set, name
    raise _not_there(asked)


def _not_there(asked: Asked) -> ArmError:
    return not_found(f"virtualMachines/{asked.params['name']}", asked.params["group"])
