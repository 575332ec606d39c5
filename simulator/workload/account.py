"""The accounts of visitors, for the observer to judge by, and a ledger of promises made from the accounts."""

from collections.abc import Callable, Iterable
from datetime import datetime

from scaler.model.instance import SessionId, VmId
from simulator.happenings import PARTINGS, Did, Entry, Manner


class Ledger:
    """The holders of each machine, by what visitors were told."""

    def __init__(self) -> None:
        self._holders: dict[VmId, dict[SessionId, None]] = {}
        self._takes: dict[SessionId, VmId] = {}  # the latest machine whose key it took, until it is promised one

    def enter(self, entry: Entry) -> None:
        """Enter a line of an account."""
        if entry.vm_id is None:
            return
        holders = self._holders.setdefault(VmId(entry.vm_id), {})
        if entry.did is Did.TOOK:
            self._takes[SessionId(entry.session)] = VmId(entry.vm_id)
        elif entry.did is Did.PROMISED:
            self._takes.pop(SessionId(entry.session), None)
            holders[SessionId(entry.session)] = None
        elif entry.did in PARTINGS:
            holders.pop(SessionId(entry.session), None)

    def holders(self, vm_id: VmId) -> Iterable[SessionId]:
        """Holders in the order of promises; then sessions with the key in hand and the SET still to come."""
        takers = (session for session, taken in self._takes.items() if taken == vm_id)
        return (*self._holders.get(vm_id, ()), *takers)


class Account:
    """The account of one session. `vm_id`: the machine of the latest promise that still holds."""

    def __init__(
        self, session: SessionId, manner: Manner, now: Callable[[], datetime], hear: Callable[[Entry], None]
    ) -> None:
        self.session = session
        self.manner = manner
        self.vm_id: VmId | None = None
        self._now = now
        self._hear = hear

    def tell(self, did: Did, vm_id: VmId | None = None, why: str = "", *, whom: SessionId | None = None) -> None:
        """One line."""
        if did is Did.PROMISED:
            self.vm_id = vm_id
        elif did in PARTINGS and vm_id == self.vm_id:
            self.vm_id = None
        self._write(
            Entry(at=self._now(), session=self.session, did=did, vm_id=vm_id, manner=self.manner, why=why, whom=whom)
        )

    def let_in(self, vm_id: VmId, addresses: tuple[str, ...]) -> None:
        """Tell that the visitor was let in, and sent to these addresses."""
        self._write(
            Entry(
                at=self._now(),
                session=self.session,
                did=Did.OPENED,
                vm_id=vm_id,
                manner=self.manner,
                addresses=addresses,
            )
        )

    def _write(self, entry: Entry) -> None:
        self._hear(entry)
