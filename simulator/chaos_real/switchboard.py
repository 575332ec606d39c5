"""The thread on which all fronts of a run work, and how other threads speak to them."""

import asyncio
from collections.abc import Coroutine
from threading import Thread
from types import TracebackType
from typing import Any, Self

from simulator.chaos_real.front import LOOPBACK, Condition, Front


class Switchboard:
    """Use it as a context manager: whatever passes its fronts ends with it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="switchboard", daemon=True)
        self._fronts: list[Front] = []

    def gate(self, to: int) -> "Gate":
        """A new address, which leads to this port."""

        async def make() -> Front:
            front = Front(to)
            await front.open()
            return front

        front = self.call(make())
        self._fronts.append(front)
        return Gate(self, front)

    def call[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Done over there, waited for here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in self._fronts:
            self.call(each.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Gate:
    """A front, for every thread but the switchboard's."""

    def __init__(self, board: Switchboard, front: Front) -> None:
        self._board = board
        self._front = front

    @property
    def port(self) -> int:
        """It never changes."""
        return self._front.port

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"

    def lead_to(self, port: int) -> None:
        """To another server, from now on."""
        self._board.call(self._front.lead_to(port))

    def cut(self) -> int:
        """Reset every connection; how many there were."""
        return self._board.call(self._front.cut())

    def be(self, condition: Condition, delay: float = 0.0) -> None:
        """Behave so from now on."""
        self._board.call(self._front.be(condition, delay))
