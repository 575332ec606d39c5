"""All visitors of a run: each on a thread of their own, coming when their time has come."""

from collections.abc import Callable, Iterator
from threading import Event, Thread

from simulator.queue_managers.queue_manager import QueueManager
from simulator.visitor import RunEnded, Surroundings, Visitor
from simulator.visits import Visit


class Crowd:
    """Nobody comes before `open_doors`; `send_home` ends every visit where it stands, without a farewell."""

    def __init__(
        self,
        visits: Iterator[Visit],
        manage: Callable[[Visit], QueueManager],
        around: Surroundings,
        crashed: Callable[[Visit, Exception], None],
        over: Event,
    ) -> None:
        self._visits = visits
        self._manage = manage
        self._around = around
        self._crashed = crashed
        self._over = over
        self._doors = Event()
        self._threads: list[Thread] = []
        self._usher = Thread(target=self._let_them_come, name="arrivals", daemon=True)
        self._usher.start()

    def open_doors(self) -> None:
        """The first may come."""
        self._doors.set()

    def send_home(self) -> None:
        """End all visits and wait until they have ended."""
        self._over.set()
        self._doors.set()
        self._usher.join()
        for each in self._threads:
            each.join()

    def _let_them_come(self) -> None:
        self._doors.wait()
        for visit in self._visits:
            if self._over.wait(visit.gap):
                return
            thread = Thread(target=self._visit, args=(visit,), name=visit.session, daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()]
            self._threads.append(thread)
            thread.start()

    def _visit(self, visit: Visit) -> None:
        try:
            Visitor(visit, self._manage(visit), self._around).run()
        except RunEnded:
            pass
        except Exception as bug:  # noqa: BLE001  (a visitor that vanishes silently would count as waiting for ever)
            self._crashed(visit, bug)
