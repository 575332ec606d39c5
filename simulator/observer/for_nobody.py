"""Leaked, another way: a machine that the registry forgot, or keeps for one who will never hear of it."""

from collections.abc import Iterator
from datetime import datetime

from scaler.model.instance import PowerState, ProvisioningState
from scaler.model.policy import Moves
from scaler.model.record import Status
from simulator.happenings import RECKLESS, Did, Entry, Forgotten, Happening, Look, Seen
from simulator.observer.wrong import Kind, Wrong


class ForNobody:
    """A record is deleted after its machine; and whoever was refused a machine gets none behind their back.

    Under Moves.ALWAYS the operator has given their word that every queue manager follows a moved session; where one
    does not, that is no fault of the scaler's.
    """

    def __init__(self, moves: Moves) -> None:
        self._moves = moves
        self._recorded: set[str] = set()  # vm ids of those that are somebody's, or were
        self._refused: dict[str, str] = {}  # session -> the vm id it had waited for
        self._told: set[str] = set()  # vm ids

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """One happening after the other."""
        if isinstance(happening, Forgotten):
            self._recorded -= {happening.vm_id} if happening.vm_id is not None else set(self._recorded)
        elif isinstance(happening, Entry) and happening.vm_id is not None:
            yield from self._listen(happening, happening.vm_id)
        elif isinstance(happening, Look):
            if not happening.forgot:
                for seen in happening.machines:
                    yield from self._forgotten(seen, happening.at)
                    yield from self._opened_for_nobody(seen, happening.at)
            self._recorded = {each.state.vm_id for each in happening.machines if _is_somebodys(each)}

    def _listen(self, entry: Entry, vm_id: str) -> Iterator[Wrong]:
        if entry.did is Did.REFUSED and entry.manner not in RECKLESS:  # who may have undone their first machine
            self._refused[entry.session] = vm_id
        elif entry.did is Did.LEFT_BEHIND and self._moves is not Moves.ALWAYS:
            why = "a session was moved to it whose queue manager will never hear of that"
            yield from self._leaked(vm_id, entry.at, why, entry.session)

    def _forgotten(self, seen: Seen, at: datetime) -> Iterator[Wrong]:
        runs = seen.state.power is PowerState.RUNNING and seen.state.provisioning is not ProvisioningState.DELETING
        if runs and seen.state.vm_id in self._recorded and seen.published is None:
            yield from self._leaked(seen.state.vm_id, at, "its record was deleted, and it is still there and runs")

    def _opened_for_nobody(self, seen: Seen, at: datetime) -> Iterator[Wrong]:
        published = seen.published
        if published is None or published.status is not Status.UNAVAILABLE or published.used:
            return
        refused = self._refused.get(published.session or "")
        if refused is not None and refused != seen.state.vm_id:
            why = "it was opened for a session that had been refused another one and asks no more"
            yield from self._leaked(seen.state.vm_id, at, why, published.session)

    def _leaked(self, vm_id: str, at: datetime, why: str, session: str | None = None) -> Iterator[Wrong]:
        if vm_id not in self._told:
            self._told.add(vm_id)
            yield Wrong(kind=Kind.LEAKED, at=at, why=why, vm_id=vm_id, session=session)


def _is_somebodys(seen: Seen) -> bool:
    """Fresh ones may be forgotten on the word of two old listings: they are condemned for it, and nobody is hurt."""
    return seen.published is not None and seen.published.status not in {None, Status.AVAILABLE}
