"""The shape of a scale set: properties of the ARM body with which Azure works against the scaler."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from scaler.cli.checks.catalogue import Known
from scaler.cli.checks.findings import Facts, Finding

type Json = Mapping[str, Any]

_MOST, _MOST_OF_MANAGED_IMAGE, _MOST_IN_ONE_GROUP = 1000, 600, 100
_MODEL = "properties.virtualMachineProfile"


class Trait(NamedTuple):
    """A property and the harmful values."""

    known: Known
    path: str
    hurts: Callable[[Any], bool]


def _is_on(value: Any) -> bool:
    return value is True


TRAITS = (
    Trait(Known.FLEXIBLE, "properties.orchestrationMode", lambda mode: is_word(mode, "Flexible")),
    Trait(
        Known.UPGRADES, "properties.upgradePolicy.mode", lambda mode: mode is not None and not is_word(mode, "Manual")
    ),
    Trait(Known.OS_UPGRADES, "properties.upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade", _is_on),
    Trait(Known.OVERPROVISION, "properties.overprovision", _is_on),
    Trait(Known.ONE_GROUP, "properties.singlePlacementGroup", _is_on),
    Trait(Known.REPAIRS, "properties.automaticRepairsPolicy.enabled", _is_on),
    Trait(Known.NOTICE, f"{_MODEL}.scheduledEventsProfile.terminateNotificationProfile.enable", _is_on),
    Trait(Known.REBALANCING, "properties.resiliencyPolicy.automaticZoneRebalancingPolicy.enabled", _is_on),
    Trait(Known.STRICT_ZONES, "properties.zoneBalance", _is_on),
    Trait(
        Known.EPHEMERAL,
        f"{_MODEL}.storageProfile.osDisk.diffDiskSettings.option",
        lambda option: is_word(option, "Local"),
    ),
    Trait(Known.FAILED, "properties.provisioningState", lambda state: is_word(state, "Failed")),
)


def is_word(value: Any, word: str) -> bool:
    """Whether a value is this word in any case."""
    return isinstance(value, str) and value.lower() == word.lower()


def inside(document: Any, path: str) -> Any:
    """The value at a path of names; None where there is no such value."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def of_shape(document: object, most: int, facts: Facts) -> Iterator[Finding]:
    """The findings about a scale set of at most `most` machines."""
    for trait in TRAITS:
        value = inside(document, trait.path)
        if trait.hurts(value):
            yield trait.known.found(**{**facts, "value": value})
    if is_word(inside(document, f"{_MODEL}.priority"), "Spot") and is_word(
        inside(document, f"{_MODEL}.evictionPolicy"), "Delete"
    ):
        yield Known.SPOT.found(**facts)
    if not any(inside(each, "properties.publicIPAddressConfiguration") for each in _addresses(document)):
        yield Known.ADDRESS.found(**facts)
    holds = _holds(document)
    if most > holds:
        yield Known.LIMIT.found(**{**facts, "most": most, "value": holds})


def _holds(document: object) -> int:
    """How many machines Azure allows in the scale set."""
    if inside(document, "properties.singlePlacementGroup") is True:
        return _MOST_IN_ONE_GROUP
    image = inside(document, f"{_MODEL}.storageProfile.imageReference.id")
    managed = isinstance(image, str) and "/providers/microsoft.compute/images/" in image.lower()
    return _MOST_OF_MANAGED_IMAGE if managed else _MOST


def _addresses(document: object) -> Iterator[object]:
    for card in rows(inside(document, f"{_MODEL}.networkProfile.networkInterfaceConfigurations")):
        yield from rows(inside(card, "properties.ipConfigurations"))


def rows(value: object) -> list[object]:
    """The rows of a list; none of anything else."""
    return value if isinstance(value, list) else []
