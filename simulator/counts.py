"""The counts, now and then: how many machines of which status and power state, the waits so far, the ARM calls."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from emulator.vm import VmState
from scaler.model.instance import PowerState, ProvisioningState
from scaler.model.record import Status
from simulator.clock import WallClock
from simulator.figures import Figures, percentile
from simulator.happenings import Did, Look, Published

_NOT_YET = "–"
_STATUSES = {_NOT_YET: "not offered yet"} | {each: each for each in (*Status, "used")}


def status_word(published: Published | None) -> str:
    """The contract's word; `used` for Unavailable and used, – for a machine that Redis does not offer anybody yet."""
    if published is None or published.status is None:
        return _NOT_YET
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


def statuses(words: Iterable[str]) -> dict[str, int]:
    """How many of these status words there are, in the order of a machine's life."""
    counted = Counter(words)
    return {spelled: counted[word] for word, spelled in _STATUSES.items() if counted[word]}


def powers(look: Look) -> dict[str, int]:
    """How many machines are in which power state, as it is truly."""
    return dict(sorted(Counter(power_word(each.state) for each in look.machines).items()))


@dataclass(slots=True, kw_only=True)
class Counts:
    """What is counted now and then. `look` is the latest."""

    clock: WallClock
    figures: Figures
    arm_calls: Callable[[], int]
    speed: float
    look: Look | None = None

    def lines(self, seconds: float) -> Iterator[str]:
        """Two lines at that second of the run: the machines on both sides, and how the visitors fare."""
        if self.look is None:
            return
        figures, minutes = self.figures, seconds * self.speed / 60
        in_redis = statuses(status_word(each.published) for each in self.look.machines)
        yield f"Redis: {_listed(in_redis)} · Azure: {_listed(powers(self.look))}"
        waits = f"waits p50 {_seconds(figures.waits, 0.50)}, p95 {_seconds(figures.waits, 0.95)}"
        visitors = f"visitors: {figures.did[Did.OPENED]} let in, {figures.waiting} waiting, {waits}"
        yield f"{visitors} · {self.arm_calls() / minutes:.0f} ARM calls per minute of the emulated world"


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in counted.items()) or "nothing yet"


def _seconds(waits: Sequence[float], share: float) -> str:
    found = percentile(waits, share)
    return "–" if found is None else f"{found:.1f} s"
