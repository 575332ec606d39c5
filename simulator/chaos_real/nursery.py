"""The thread on which processes are started: on Linux a tethered process ends with the thread that started it."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Nursery:
    """Use it as a context manager: its processes have ended by the end of the block, or end then."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nursery")

    def start(self, launch: Callable[[], subprocess.Popen[str]]) -> subprocess.Popen[str]:
        """What `launch` started, over there."""
        return self._thread.submit(launch).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown()
