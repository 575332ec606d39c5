"""The counts, now and then: how many machines of which status and power state, the waits so far, the ARM calls."""

from collections import Counter
from collections.abc import Sequence

from emulator.vm import VmState
from scaler.model.instance import PowerState, ProvisioningState
from scaler.model.record import Status
from simulator.figures import Figures, percentile
from simulator.happenings import Did, Look, Published

_STATUSES = ("–", *Status, "used")
_NOT_YET = {"–": "not offered yet"}


def status_word(published: Published | None) -> str:
    """The contract's word; `used` for Unavailable and used, – for a machine that Redis does not offer anybody yet."""
    if published is None or published.status is None:
        return "–"
    return "used" if published.used else published.status


def power_word(state: VmState | None) -> str:
    """Azure's word, or what it is about to become."""
    if state is None:
        return "gone"
    if state.provisioning is ProvisioningState.DELETING:
        return "deleting"
    if state.power is PowerState.UNKNOWN:
        return "creating" if state.provisioning is ProvisioningState.CREATING else "failed"
    return state.power


def counts(look: Look, figures: Figures, arm_calls: int, seconds: float) -> tuple[str, str]:
    """Two lines: the machines on both sides, and how the visitors fare."""
    statuses = Counter(status_word(each.published) for each in look.machines)
    powers = Counter(power_word(each.state) for each in look.machines)
    machines = f"Redis: {_listed(statuses, _STATUSES)} · Azure: {_listed(powers, sorted(powers))}"
    waits = f"waits p50 {_seconds(figures.waits, 0.50)}, p95 {_seconds(figures.waits, 0.95)}"
    visitors = f"visitors: {figures.did[Did.OPENED]} let in, {figures.waiting} waiting, {waits}"
    return machines, f"{visitors} · {60 * arm_calls / seconds:.0f} ARM calls a minute"


def _listed(counted: Counter[str], words: Sequence[str]) -> str:
    return ", ".join(f"{counted[word]} {_NOT_YET.get(word, word)}" for word in words if counted[word]) or "nothing yet"


def _seconds(waits: Sequence[float], share: float) -> str:
    found = percentile(waits, share)
    return "–" if found is None else f"{found:.1f} s"
