"""Microsoft.Network: the NICs and public IPs of a scale set's VMs; of the resource group, where those are its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from emulator.budgets import Call
from emulator.refusals import ArmError
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire import network_bodies as bodies
from emulator.wire import paging
from emulator.wire.bodies import Json
from emulator.wire.exchange import Answer, Asked
from emulator.wire.scale_sets import charged
from emulator.wire.site import Site

type Row = tuple[EmulatedScaleSet, VmState]


def of_set(site: Site, asked: Asked) -> Answer:
    """The NICs of a Uniform scale set; a Flexible one has none of its own."""
    return _listing(site, asked, [_uniform(site, asked)], _interface(site))


def public_ips_of_set(site: Site, asked: Asked) -> Answer:
    """The public IPs of a Uniform scale set; none where its VMs have none."""
    return _listing(site, asked, [_uniform(site, asked)], _public_ip(site), _has_public_ip)


def of_group(site: Site, asked: Asked) -> Answer:
    """The NICs that are resources of the group: those of VMs of Flexible scale sets."""
    site.check_group(asked)
    return _listing(site, asked, [each for each in site.scale_sets if each.flexible], _interface(site))


def public_ips_of_group(site: Site, asked: Asked) -> Answer:
    """The public IPs that are resources of the group."""
    site.check_group(asked)
    sets = [each for each in site.scale_sets if each.flexible]
    return _listing(site, asked, sets, _public_ip(site), _has_public_ip)


def of_vm(site: Site, asked: Asked) -> Answer:
    """The NICs of one VM: it has one."""
    emulated, state = _vm(site, asked)
    return charged(Answer(body={"value": [bodies.interface(site, emulated, state)]}), emulated, Call.NETWORK)


def get(site: Site, asked: Asked) -> Answer:
    """GET of one NIC, the only way to have its public IP shown in it."""
    emulated, state = _vm(site, asked)
    if asked.params["nic"] != bodies.NIC:
        raise _nothing(asked.path)
    expanded = "publicipaddress" in asked.query.get("$expand", "").lower()
    return charged(Answer(body=bodies.interface(site, emulated, state, expanded=expanded)), emulated, Call.NETWORK)


def public_ips_of_vm(site: Site, asked: Asked) -> Answer:
    """The public IPs of one NIC's IP configuration."""
    emulated, state = _vm(site, asked)
    if (asked.params["nic"], asked.params["configuration"]) != (bodies.NIC, bodies.CONFIGURATION):
        raise _nothing(asked.path)
    value = [bodies.public_ip(site, emulated, state)] if _has_public_ip((emulated, state)) else []
    return charged(Answer(body={"value": value}), emulated, Call.NETWORK)


def public_ip_of_vm(site: Site, asked: Asked) -> Answer:
    """GET of one of them."""
    answer = public_ips_of_vm(site, asked)
    for each in answer.body["value"]:
        if each["name"].lower() == asked.params["address"]:
            return replace(answer, body=each)
    raise _nothing(asked.path)


def _listing(
    site: Site,
    asked: Asked,
    sets: list[EmulatedScaleSet],
    show: Callable[[Row], Json],
    keep: Callable[[Row], bool] = lambda _row: True,
) -> Answer:
    if not sets:
        return Answer(body={"value": []})
    rows = [each for each in _rows(sets) if keep(each)]
    body, _ = paging.page(asked, sets[0], rows, site.page_size, show)
    return charged(Answer(body=body), sets[0], Call.NETWORK)


def _rows(sets: list[EmulatedScaleSet]) -> Iterator[Row]:
    for emulated in sets:
        for state in emulated.read_addresses():
            yield emulated, state


def _interface(site: Site) -> Callable[[Row], Json]:
    return lambda row: bodies.interface(site, *row)


def _public_ip(site: Site) -> Callable[[Row], Json]:
    return lambda row: bodies.public_ip(site, *row)


def _has_public_ip(row: Row) -> bool:
    emulated, state = row
    listed = emulated.behaviour.switches.unallocated_public_ips_listed
    return emulated.profile.public_ips and (listed or state.public_ip is not None)


def _uniform(site: Site, asked: Asked) -> EmulatedScaleSet:
    emulated = site.scale_set(asked)
    if emulated.flexible:
        raise _nothing(site.set_id(emulated))
    return emulated


def _vm(site: Site, asked: Asked) -> Row:
    emulated = _uniform(site, asked)
    for state in emulated.read_addresses():
        if state.instance_id == asked.params["instance"]:
            return emulated, state
    raise _nothing(asked.path)


def _nothing(resource: str) -> ArmError:
    return ArmError(404, "NotFound", f"Resource {resource} not found.")
