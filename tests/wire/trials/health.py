"""Switches of health, each with an experiment."""

from collections.abc import Mapping

from wire.desk import SET, Desk, desk
from wire.trials.trial import Trial, as_it_is

from emulator.behaviour import Fault
from emulator.switches import HealthTime, StoppedHealth, Switches


def _words(azure: Desk) -> tuple[str | None, str | None]:
    """The words of Azure's status and of the extension."""
    view = azure.get(f"{SET}/virtualMachines/0/instanceView")
    rows = [row for extension in view.get("extensions", ()) for row in extension["substatuses"]]
    said = [row["message"] for row in rows if "/ApplicationHealthState/" in row["code"]]
    code = view.get("vmHealth", {}).get("status", {}).get("code")
    return code and code.rpartition("/")[2], said[0] if said else None


def _restarted(switches: Switches, wait: float) -> Desk:
    azure = desk(switches)
    for order, lasts in (("powerOff", 600.0), ("start", 7.5 + wait)):
        azure.order(order, "0")
        azure.wait(lasts)
    return azure


def _health_outlives_start(switches: Switches) -> object:
    return _words(_restarted(switches, 1))


def _stopped_health(switches: Switches) -> object:
    azure = desk(switches)
    azure.order("deallocate", "0")
    azure.wait()
    return _words(azure)[0]


def _health_time(switches: Switches) -> object:
    """Healthy in both runs, and at a time of which of them?"""
    azure = _restarted(switches, 60)
    view = azure.get(f"{SET}/virtualMachines/0/instanceView")
    assert _words(azure)[0] == "healthy"
    return "change" if view["vmHealth"]["status"]["time"] < "2026-01-01T01:00" else "report"


def _initializing_reads_healthy(switches: Switches) -> object:
    """26 s after a restart: the extension speaks, and the guest is not ready."""
    azure = desk(switches)
    azure.order("restart", "0")
    azure.wait(56 + 26)
    return _words(azure)


def _unknown_reads_unhealthy(switches: Switches) -> object:
    azure = desk(switches)
    azure.emulated.happen(Fault.GUEST_MUTE, azure.emulated.vms[0].vm_id)
    azure.wait(60)
    return _words(azure)


TRIALS: Mapping[str, Trial] = {
    "health_outlives_start": Trial(
        look=_health_outlives_start, shows={True: ("healthy", "Healthy"), False: (None, None)}
    ),
    "stopped_health": Trial(
        look=_stopped_health,
        shows={StoppedHealth.LAST: "healthy", StoppedHealth.UNHEALTHY: "unhealthy", StoppedHealth.ABSENT: None},
    ),
    "health_time": Trial(look=_health_time, shows=as_it_is(HealthTime)),
    "initializing_reads_healthy": Trial(
        look=_initializing_reads_healthy,
        shows={True: ("healthy", "Initializing"), False: ("initializing", "Initializing")},
    ),
    "unknown_reads_unhealthy": Trial(
        look=_unknown_reads_unhealthy, shows={True: ("unhealthy", "Unknown"), False: ("unknown", "Unknown")}
    ),
}
