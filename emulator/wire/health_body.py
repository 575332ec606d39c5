"""The health of a VM in the JSON of its instance view."""

from typing import Any

from emulator.health.extension import State
from emulator.health.record import Shown

_STATUSES = {  # level and text; Initializing was never seen in a status
    "healthy": ("Info", "The VM is reporting itself as healthy"),
    "unhealthy": ("Error", "The VM is reporting itself as unhealthy or is unreachable"),
    "unknown": ("Warning", "The VM health is unknown"),
    "initializing": ("Info", "The VM health is initializing"),
}
_CODES = {
    State.INITIALIZING: "transitioning",
    State.HEALTHY: "succeeded",
    State.UNHEALTHY: "error",
    State.UNKNOWN: "error",
}


def health_body(shown: Shown, at: str) -> dict[str, Any]:
    """`vmHealth`, and the extension's own row. The status is made of the first substatus; the second has its word."""
    level, text = _STATUSES[shown.status]
    status = {"code": f"HealthState/{shown.status}", "level": level, "displayStatus": text, "time": at}
    first = "error" if shown.status == "unhealthy" else "succeeded"
    rows = [_substatus("AppHealthStatus", first, f"Application found to be {shown.status}")]
    if shown.extension.rich:
        rows.append(_substatus("ApplicationHealthState", _CODES[shown.state], shown.state))
    if shown.metrics:
        rows.append(_substatus("CustomMetrics", "succeeded", shown.metrics))
    extension = {
        "name": shown.extension.name,
        "type": f"{shown.extension.publisher}.{shown.extension.kind}",
        "typeHandlerVersion": shown.extension.version,
        "statuses": [{"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready"}],
        "substatuses": rows,
    }
    return {"vmHealth": {"status": status}, "extensions": [extension]}


def _substatus(name: str, word: str, message: str) -> dict[str, str]:
    level = "Error" if word == "error" else "Info"
    return {"code": f"ComponentStatus/{name}/{word}", "level": level, "displayStatus": "", "message": message}
