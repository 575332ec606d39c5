"""Used machine handed out, another way: a visitor sent to an address that is not their machine's."""

from collections.abc import Iterator

from scaler.model.instance import PowerState
from simulator.happenings import Did, Entry, Happening, Look
from simulator.observer.wrong import Kind, Wrong


class SentElsewhere:
    """Instance ids are reused and lists of addresses are old; one who was told no address can do no harm with it.

    A machine that does not run any more, evicted between its opening and its visitor's next question, has no address.
    """

    def __init__(self) -> None:
        self._true: dict[str, frozenset[str]] = {}  # vm id -> where it is, while it runs

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """One happening after the other."""
        if isinstance(happening, Look):
            self._true = {
                each.state.vm_id: frozenset(ip for ip in (each.state.private_ip, each.state.public_ip) if ip)
                for each in happening.machines
                if each.state.power is PowerState.RUNNING
            }
        elif isinstance(happening, Entry) and happening.did is Did.OPENED and happening.vm_id is not None:
            yield from self._compare(happening, happening.vm_id)

    def _compare(self, entry: Entry, vm_id: str) -> Iterator[Wrong]:
        strange = [each for each in entry.addresses if each not in self._true.get(vm_id, frozenset())]
        if strange and vm_id in self._true:
            why = f"its visitor was sent to {', '.join(strange)}, and it is at {', '.join(sorted(self._true[vm_id]))}"
            yield Wrong(kind=Kind.HANDED_OUT, at=entry.at, why=why, vm_id=vm_id, session=entry.session)
