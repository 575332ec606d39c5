"""The counts, now and then: how many machines of which status and power state, the waits so far, the ARM calls."""

from collections import Counter
from collections.abc import Iterator

from emulator.vm import VmState
from scaler.model.instance import PowerState, ProvisioningState
from scaler.model.record import Status
from simulator.figures import Figures, percentile
from simulator.happenings import Look, Published


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


def counts(look: Look, figures: Figures, calls_a_minute: float) -> str:
    """One line."""
    statuses = Counter(status_word(each.published) for each in look.machines)
    powers = Counter(power_word(each.state) for each in look.machines)
    return " | ".join(
        (_listed(statuses, _STATUSES), _listed(powers, sorted(powers)), *_figures(figures, calls_a_minute))
    )


_STATUSES = ("–", *Status, "used")


def _listed(counted: Counter[str], words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"{counted[word]} {'new' if word == '–' else word}" for word in words if counted[word]) or "empty"


def _figures(figures: Figures, calls_a_minute: float) -> Iterator[str]:
    median, most = percentile(figures.waits, 0.50), percentile(figures.waits, 0.95)
    if median is not None and most is not None:
        yield f"waits p50 {median:.1f} s p95 {most:.1f} s"
    yield f"{figures.waiting} waiting"
    yield f"ARM {calls_a_minute:.0f}/min"
