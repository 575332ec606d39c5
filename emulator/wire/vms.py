"""The VMs of a scale set as ARM resources: the listing with its pages, GET, PUT, DELETE, and the actions on one."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from re import sub
from urllib.parse import quote

from emulator.arrivals import quoted
from emulator.budgets import Call
from emulator.faults import Fault
from emulator.orders import OrderKind, Protection
from emulator.reading import number
from emulator.refusals import ArmError, not_active
from emulator.scale_set import SET, EmulatedScaleSet, call_of
from emulator.vm import VmState
from emulator.wire import bodies
from emulator.wire.exchange import Answer, Asked
from emulator.wire.operations import accepted, asynchronous
from emulator.wire.scale_sets import charged
from emulator.wire.site import Site


def every(site: Site, asked: Asked) -> Answer:
    """One page of the listing, as the scale set is when that page is asked for."""
    emulated = site.scale_set(asked)
    skip = _skipped(asked.query.get("$skiptoken"))
    rows = emulated.read_listing()
    page = rows[skip : skip + site.page_size]
    body = {"value": [bodies.vm(site, emulated, each, view=asked.expands_view) for each in page]}
    more = {"nextLink": _next(asked, skip + site.page_size)} if skip + site.page_size < len(rows) else {}
    answer = Answer(body=body | more).having(x_ms_request_charge=str(max(1, len(page))))
    return charged(answer, emulated, Call.LIST)


def _next(asked: Asked, skip: int) -> str:
    token = urlsafe_b64encode(f"after:{skip}".encode()).decode()
    bare = sub(r"&?(\$|%24)skiptoken=[^&]*", "", asked.target, count=1)
    return f"{asked.base}{bare}{'&' if '?' in bare else '?'}$skiptoken={quote(token, safe='')}"


def _skipped(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(urlsafe_b64decode(token).decode().removeprefix("after:"))
    except (ValueError, NotBase64):
        raise ArmError(400, "InvalidParameter", "The skip token is not valid.", target="$skiptoken") from None


def get(site: Site, asked: Asked) -> Answer:
    """GET of one VM."""
    emulated = site.scale_set(asked)
    state = emulated.read_vm(asked.params["instance"])
    answer = Answer(body=bodies.vm(site, emulated, state, view=asked.expands_view))
    return charged(answer.having(etag=quoted(state.etag)), emulated, Call.GET_VM, state.instance_id)


def view(site: Site, asked: Asked) -> Answer:
    """GET of one VM's instance view."""
    emulated = site.scale_set(asked)
    state = emulated.read_vm(asked.params["instance"])
    answer = Answer(body=bodies.instance_view(emulated, state))
    return charged(answer, emulated, Call.GET_VM, state.instance_id)


def put(site: Site, asked: Asked) -> Answer:
    """PUT of one VM: its protectionPolicy is all that can be changed here."""
    emulated, instance_id = site.scale_set(asked), number(asked.params["instance"])
    protection = _protection(asked, _truth(emulated, instance_id))
    if_match = asked.headers.get("if-match")
    operation = emulated.protect(instance_id, protection, if_match=if_match, by=asked.caller)
    state = _truth(emulated, instance_id)
    answer = Answer(body=bodies.vm(site, emulated, state, view=False)).having(etag=quoted(state.etag))
    resource = instance_id if emulated.behaviour.switches.mark_bucket_per_vm else SET
    return charged(asynchronous(answer, site, asked, operation), emulated, Call.UPDATE_VM, resource)


def _truth(emulated: EmulatedScaleSet, instance_id: str) -> VmState:
    for each in emulated.vms:
        if each.instance_id == instance_id:
            return each
    raise not_active(instance_id)


def _protection(asked: Asked, now: VmState) -> Protection:
    policy = (asked.json().get("properties") or {}).get("protectionPolicy")
    if policy is None:
        return Protection(from_scale_in=now.protected, from_actions=now.protected_from_actions)
    return Protection(
        from_scale_in=bool(policy.get("protectFromScaleIn")),
        from_actions=bool(policy.get("protectFromScaleSetActions")),
    )


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
    return _order(site, asked, {each.lower(): each for each in OrderKind}[asked.params["action"]])


def evict(site: Site, asked: Asked) -> Answer:
    """POST …/simulateEviction: 204, and the eviction comes when it comes."""
    emulated = site.scale_set(asked)
    emulated.happen(Fault.EVICTED, emulated.read_vm(asked.params["instance"]).vm_id)
    return Answer(status=204)


def _order(site: Site, asked: Asked, kind: OrderKind) -> Answer:
    emulated, instance_id = site.scale_set(asked), asked.params["instance"]
    operation = emulated.order(kind, [instance_id], by=asked.caller, single=True)
    return charged(accepted(site, asked, operation), emulated, call_of(kind, single=True), instance_id)
