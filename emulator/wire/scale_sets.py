"""The scale set as an ARM resource: GET, PATCH, PUT, its instance view, and the batch actions on its VMs."""

from typing import Any

from emulator.arrivals import quoted
from emulator.budgets import Call
from emulator.orders import OrderKind, Scale
from emulator.refusals import ArmError
from emulator.scale_set import SET, EmulatedScaleSet, call_of
from emulator.wire import bodies
from emulator.wire.exchange import Answer, Asked
from emulator.wire.operations import accepted, asynchronous
from emulator.wire.site import Site

_MOST = 1000  # VMs in one scale set


def get(site: Site, asked: Asked) -> Answer:
    """GET of the scale set."""
    emulated = site.scale_set(asked)
    state = emulated.read_set()
    answer = Answer(body=bodies.scale_set(site, emulated, state)).having(etag=quoted(state.etag))
    return charged(answer, emulated, Call.GET_SET)


def every(site: Site, asked: Asked) -> Answer:
    """GET of all scale sets of the group."""
    site.check_subscription(asked)
    found = [bodies.scale_set(site, each, each.read_set()) for each in site.scale_sets]
    return Answer(body={"value": found})


def view(site: Site, asked: Asked) -> Answer:
    """GET of the scale set's instance view."""
    emulated = site.scale_set(asked)
    rows = emulated.read_listing()
    return charged(Answer(body=bodies.set_view(rows)), emulated, Call.SET_VIEW)


def update(site: Site, asked: Asked) -> Answer:
    """PATCH, or a PUT of what exists already: 200 at once, and the work goes on as an operation."""
    emulated = site.scale_set(asked)
    operation = emulated.scale(_scale(asked), if_match=asked.headers.get("if-match"), by=asked.caller)
    state = emulated.set_state
    answer = Answer(body=bodies.scale_set(site, emulated, state)).having(etag=quoted(state.etag))
    return charged(asynchronous(answer, site, asked, operation), emulated, Call.UPDATE_SET)


def _scale(asked: Asked) -> Scale:
    body = asked.json()
    sku, tags = body.get("sku") or {}, body.get("tags")
    capacity: Any = sku.get("capacity")
    if capacity is None:
        return Scale(tags=tags)
    if type(capacity) is not int or not 0 <= capacity <= _MOST:
        raise ArmError(400, "InvalidParameter", f"The value {capacity} of sku.capacity is invalid.", target="sku")
    return Scale(capacity=capacity, tags=tags)


def act(site: Site, asked: Asked) -> Answer:
    """A batch action. No ids, an empty list and "*" are all VMs: that is how Azure reads them."""
    emulated = site.scale_set(asked)
    kind = {each.lower(): each for each in OrderKind}[asked.params["action"]]
    ids = asked.json().get("instanceIds") or ["*"]
    operation = emulated.order(kind, [str(each) for each in ids], by=asked.caller)
    answer = accepted(site, asked, operation).having(x_ms_request_charge=str(len(ids)))
    return charged(answer, emulated, call_of(kind, single=False))


def charged(answer: Answer, emulated: EmulatedScaleSet, call: Call, resource: str = SET) -> Answer:
    """The answer with what is left of the budgets it was charged to."""
    return answer.having(x_ms_ratelimit_remaining_resource=emulated.budget_left(call, resource))
