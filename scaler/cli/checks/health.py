"""The Application Health extension of a scale set: is it there, and can the scaler rely on what it says?"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from scaler.cli.checks.catalogue import Known
from scaler.cli.checks.findings import Facts, Finding, Level
from scaler.cli.checks.shape import inside, is_word, rows
from scaler.model.policy import Policy
from scaler.model.sighting import Pages

_MODEL = "properties.virtualMachineProfile"
_PUBLISHER = "Microsoft.ManagedServices"
_KIND = "applicationhealth"
_LONGEST = 240  # seconds of interval × number of probes, by the extension's own schema
_IN_TIME = Policy().health_evidence - Policy().observation_lag
"""How late the extension may tell a change, so that the later of two looks is younger than the change."""
_SPEAKS_WITHIN = Policy().absent_grace  # of a machine's creation
_FIRST_RUN = 900
"""Seconds that NVIDIA documents for a first run with an empty shader cache (up to 15 minutes), of its own renderer."""


def of_health(document: object, facts: Facts, *, decides: bool, ends: bool = False) -> Iterator[Finding]:
    """The findings about the extension in a scale set's body.

    `decides`: the settings wait for what the extension says; `ends`: sessions end by it.
    """
    properties = extension_in(document)
    found = [(Known.HEALTH, "")] if properties is None else _of_extension(document, properties, ends=ends)
    for known, value in found:
        yield _weighed(known.found(**{**facts, "value": value}), decides=decides)


def extension_in(document: object) -> object:
    """The properties of the extension; None without one."""
    every = rows(inside(document, f"{_MODEL}.extensionProfile.extensions"))
    found = (inside(each, "properties") for each in every)
    return next((each for each in found if _KIND in str(inside(each, "type")).lower()), None)


def of_machines(pages: Pages, facts: Facts, *, decides: bool) -> Iterator[Finding]:
    """The running machines of a Uniform scale set that show no health though the model has the extension."""
    old = [
        each for each in pages.instances if each.created_at is not None and pages.at - each.created_at > _SPEAKS_WITHIN
    ]
    mute = sum(each.runs and each.settled and each.health is None for each in old)
    if mute:
        yield _weighed(Known.HEALTH_BEHIND.found(**{**facts, "value": mute}), decides=decides)


def _weighed(finding: Finding, *, decides: bool) -> Finding:
    """A fault, where a machine that says nothing is never ready or never ends."""
    return replace(finding, level=Level.FAULT) if decides else finding


def _of_extension(document: object, properties: object, *, ends: bool) -> Iterator[tuple[Known, object]]:
    """The faults of the extension, each with the value at fault."""
    publisher, kind = inside(properties, "publisher"), inside(properties, "type")
    system = inside(document, f"{_MODEL}.storageProfile.osDisk.osType")
    kinds = [f"{_KIND}{each}" for each in ((system,) if isinstance(system, str) else ("Windows", "Linux"))]
    if not is_word(publisher, _PUBLISHER) or not any(is_word(kind, each) for each in kinds):
        yield Known.HEALTH_TYPE, f"{publisher}/{kind}"
    version = inside(properties, "typeHandlerVersion")
    if not str(version).startswith("2"):
        yield Known.HEALTH_VERSION, version
    yield from _of_settings(inside(properties, "settings"), ends=ends)


def _of_settings(settings: object, *, ends: bool) -> Iterator[tuple[Known, object]]:
    protocol, path = inside(settings, "protocol"), inside(settings, "requestPath")
    if not (is_word(protocol, "http") or is_word(protocol, "https")) or not path:
        yield Known.HEALTH_PROTOCOL, f"{protocol} {path or 'without a path'}"
    interval, probes = _number(settings, "intervalInSeconds", 5), _number(settings, "numberOfProbes", 1)
    if interval * probes > _LONGEST:
        yield Known.HEALTH_INTERVAL, interval * probes
    elif ends and interval * probes > _IN_TIME.total_seconds():
        yield Known.HEALTH_LATE, interval * probes
    grace = _number(settings, "gracePeriod", interval * probes)
    if grace < _FIRST_RUN:
        yield Known.HEALTH_GRACE, grace


def _number(settings: object, name: str, default: int) -> int:
    value: Any = inside(settings, name)
    return value if isinstance(value, int) else default
