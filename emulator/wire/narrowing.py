"""$filter and $select of a listing of VMs: what Azure documents, and a refusal for everything else."""

from collections.abc import Callable
from re import IGNORECASE, fullmatch

from emulator.refusals import ArmError
from emulator.wire.bodies import Json
from emulator.wire.exchange import Asked

_CODES = r"startswith\(\s*instanceView/statuses/code\s*,\s*'([^']*)'\s*\)\s+eq\s+(true|false)"
_MODEL = r"properties/latestModelApplied\s+eq\s+(true|false)"
_KNOWN = frozenset({"$filter", "$select", "$expand", "$skiptoken"})


def wanted(asked: Asked) -> Callable[[Json], bool] | None:
    """Whether a VM, with its instance view, is in the listing; None: all are."""
    unknown = sorted(name for name in asked.query if name.startswith("$") and name not in _KNOWN)
    if unknown:
        raise _refused(unknown[0], f"This listing has no {unknown[0]}.")
    if asked.query.get("$expand", "").strip().lower() not in {"", "instanceview"}:
        raise _refused("$expand", "Only instanceView can be expanded here.")
    text = asked.query.get("$filter", "").strip()
    if not text:
        return None
    if found := fullmatch(_CODES, text, IGNORECASE):
        prefix, truth = found.group(1).lower(), found.group(2).lower() == "true"
        return lambda vm: any(code.startswith(prefix) for code in _codes(vm)) is truth
    if found := fullmatch(_MODEL, text, IGNORECASE):
        latest = found.group(1).lower() == "true"
        return lambda vm: vm["properties"]["latestModelApplied"] is latest
    raise _refused(
        "$filter",
        f"The filter {text!r} is none that is documented: startswith(instanceView/statuses/code, 'PowerState') eq"
        " true, or properties/latestModelApplied eq true.",
    )


def selected(asked: Asked, vm: Json) -> Json:
    """The VM as far as $select asks for it: its own names stay, its properties go."""
    asked_for = asked.query.get("$select", "").strip()
    view = vm["properties"].get("instanceView", {})
    match asked_for.lower():
        case "":
            return vm
        case "instanceview":
            left = view
        case "instanceview/statuses":
            left = {"statuses": view["statuses"]} if view else {}
        case _:
            said = f"{asked_for!r} cannot be selected: instanceView and instanceView/statuses can."
            raise _refused("$select", said)
    return {**vm, "properties": {"instanceView": left} if left else {}}


def _codes(vm: Json) -> list[str]:
    return [each["code"].lower() for each in vm["properties"]["instanceView"]["statuses"]]


def _refused(target: str, message: str) -> ArmError:
    return ArmError(400, "InvalidParameter", message, target=target)
