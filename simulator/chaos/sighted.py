"""What the controllers saw of each machine: told whenever it is another thing than they saw before."""

from collections.abc import Iterable
from typing import Protocol

from scaler.model.instance import Instance
from scaler.model.sighting import Answer, Pages


class Writes(Protocol):
    """Where it is told."""

    def __call__(self, who: str, what: str, *vm_ids: str) -> None:
        """One line about these machines."""
        ...


class Sighted:
    """The sightings of all controllers."""

    def __init__(self, write: Writes) -> None:
        self._write = write
        self._last: dict[tuple[str, str], str] = {}  # who, vm id -> what they saw last

    def see(self, who: str, answer: object) -> None:
        """An answer that somebody got."""
        if isinstance(answer, Pages):
            self._see_all(who, answer.scale_set, answer.instances)
        elif isinstance(answer, Answer):
            vm_id = answer.found.ref.vm_id if answer.found is not None else answer.asked.vm_id
            words = _in_words(answer.found)
            if self._last.get((f"{who} asks", vm_id)) != words:
                self._last[(f"{who} asks", vm_id)] = words
                self._see(who, vm_id, words, "asks for it")

    def _see_all(self, who: str, scale_set: str, instances: Iterable[Instance]) -> None:
        listed: dict[str, Instance] = {each.ref.vm_id: each for each in instances}
        missing = [vm_id for whose, vm_id in self._last if whose == f"{who} {scale_set}" and vm_id not in listed]
        for vm_id in [*listed, *missing]:
            words = _in_words(listed.get(vm_id))
            if self._last.get((f"{who} {scale_set}", vm_id)) != words:
                self._last[(f"{who} {scale_set}", vm_id)] = words
                self._see(who, vm_id, words, "lists")

    def _see(self, who: str, vm_id: str, words: str, how: str) -> None:
        self._write(who, f"{how}, and sees it {words}", vm_id)


def _in_words(instance: Instance | None) -> str:
    if instance is None:
        return "nowhere"
    return f"{instance.power}, {instance.provisioning}, {'marked' if instance.marked else 'unmarked'}"
