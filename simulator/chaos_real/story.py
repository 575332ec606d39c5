"""What happened to each machine, kept until somebody asks: told where something was wrong with it."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from emulator.history import Event
from simulator.happenings import Entry, Happening, Told

_LINES = 60  # of one machine: it has less than that in a life


class Stories:
    """`since_start` says how many seconds into the run a moment was."""

    def __init__(self, since_start: Callable[[datetime], float]) -> None:
        self._since_start = since_start
        self._lines: defaultdict[str, deque[tuple[float, str]]] = defaultdict(lambda: deque(maxlen=_LINES))

    def keep(self, happening: Happening) -> None:
        """One more line, if it is about a machine or a visitor."""
        match happening:
            case Entry():
                text = f"visitor {happening.session} ({happening.manner}): {happening.did} {happening.why}"
                self._write(happening.at, text, happening.vm_id, happening.session)
            case Event():
                text = f"Azure: {happening.what} by {happening.by} {happening.detail}"
                self._write(happening.at, text, happening.vm_id)
            case Told():
                step = " ".join(filter(None, (happening.edge, happening.order, happening.result, happening.error)))
                text = f"{happening.controller}: {happening.event} {step} – {happening.why} {happening.session}"
                self._write(happening.at, text, happening.vm_id)
            case _:
                pass

    def of(self, *names: str | None) -> Iterator[str]:
        """All that is known of these machines and sessions, in order."""
        found = {line for name in names if name for line in self._lines.get(name, ())}
        yield from (f"      {seconds:7.2f}s {text}" for seconds, text in sorted(found))

    def of_those(self, shorts: Iterable[str]) -> Iterator[str]:
        """The stories of the machines whose vm ids begin so, one after the other."""
        for name in [each for each in self._lines if each.startswith(tuple(shorts))]:
            yield f"      machine {name}"
            yield from self.of(name)

    def _write(self, at: datetime, text: str, *names: str | None) -> None:
        for name in filter(None, names):
            self._lines[name].append((self._since_start(at), text.strip()))
