"""PUT of a scale set: of one that is there, an update; of one that is not, a new one beside the first."""

from dataclasses import replace
from re import fullmatch
from urllib.parse import unquote, urlsplit
from zlib import crc32

from emulator.arrivals import quoted
from emulator.budgets import Call
from emulator.profile import Orchestration
from emulator.refusals import ArmError
from emulator.scale_set import EmulatedScaleSet
from emulator.wire import bodies
from emulator.wire.changes import refuse_changes
from emulator.wire.exchange import Answer, Asked
from emulator.wire.operations import asynchronous
from emulator.wire.scale_sets import charged, scale_asked, update
from emulator.wire.site import Site

_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?"
_FREE = frozenset({"properties", "sku.capacity", "tags"})  # of the model, only its name, size and place are looked at


def put(site: Site, asked: Asked) -> Answer:
    """201 for a new one, which shares the first one's region, clock and behaviour; 200 for a change."""
    site.check_group(asked)
    with site.founding:
        if any(each.name.lower() == asked.params["name"] for each in site.present):
            return update(site, asked)
        emulated = _made(site, asked)
        operation = emulated.scale(scale_asked(asked), by=asked.caller)
        site.scale_sets.append(emulated)
    state = emulated.set_state
    answer = Answer(status=201, body=bodies.scale_set(site, emulated, state)).having(etag=quoted(state.etag))
    return charged(asynchronous(answer, site, asked, operation), emulated, Call.UPDATE_SET)


def _made(site: Site, asked: Asked) -> EmulatedScaleSet:
    name = unquote(urlsplit(asked.target).path).rstrip("/").rpartition("/")[2]
    if not fullmatch(_NAME, name):
        raise ArmError(400, "InvalidResourceName", f"'{name}' cannot be the name of a scale set.", target="name")
    if not asked.json().get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    first = site.scale_sets[0]
    mode = asked.part("properties").get("orchestrationMode", first.profile.orchestration)
    if not isinstance(mode, str) or mode not in set(Orchestration):
        said = f"The orchestrationMode is {' or '.join(Orchestration)}, not {mode!r}."
        raise ArmError(400, "InvalidParameter", said, target="orchestrationMode")
    made = EmulatedScaleSet(
        lambda: first.now,
        name=name,
        seed=crc32(f"{len(site.scale_sets)} {name}".encode()),
        behaviour=first.behaviour,
        tags={},
        profile=replace(first.profile, orchestration=Orchestration(mode), region=first.region),
    )
    refuse_changes(asked.json(), bodies.scale_set(site, made, made.set_state), _FREE)
    return made
