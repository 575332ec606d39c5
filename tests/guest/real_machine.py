"""A streaming machine, as real processes: a signalling server with a streamer and a player, and the responder."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from shutil import which
from threading import Thread

from missing import missing

from emulator.health.extension import Heard, Verdict
from emulator.health.responder import probe

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESPONDER = ROOT / "guest" / "responder.mjs"
PATIENCE_SECONDS = 240.0  # a busy machine is slow, and no failure
PAUSE_SECONDS = 0.05


def find_node() -> str:
    """Where node is; without it, or without Epic's library, the test is skipped, and red in CI."""
    program = which("node")
    if program is None or not (ROOT / ".guest" / "node_modules" / "ws").exists():
        missing("node or Epic's library (make guest) is not installed", "the health responder is not tested")
    return program


def wait_for(done: Callable[[], bool], what: str, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Wait until `done`, calling `meanwhile` again and again. `what`: for the message, after four minutes in vain."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < ends, f"not within {PATIENCE_SECONDS:g} s: {what}"
        meanwhile()
        time.sleep(PAUSE_SECONDS)


class Program:
    """A process of node's, and the lines that it has written."""

    def __init__(self, *words: str | Path) -> None:
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen([find_node(), *words], text=True, bufsize=1, **streams)  # type: ignore[call-overload]
        self.lines: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        self.lines.extend(line.rstrip("\n") for line in self._process.stdout)

    def says(self, text: str) -> str:
        """The first line with that text, once it is there."""

        def found() -> str | None:
            return next((line for line in self.lines if text in line), None)

        wait_for(lambda: found() is not None or self._process.poll() is not None, f"{text!r} in {self.lines}")
        line = found()
        assert line is not None, f"it ended before it said {text!r}: {self.lines}"
        return line

    def tell(self, word: str) -> None:
        """One line of input, and wait until it is done."""
        self._process.stdin.write(f"{word}\n")
        self.says(f"{word}: done")

    def end(self) -> None:
        """Kill the process, as a stopping machine does; the lines written so far are kept."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()


@dataclass(kw_only=True)
class RealMachine:
    """A machine of real processes; `folder` is the disk."""

    folder: Path
    settings: dict[str, float]  # the responder's
    loads: int  # so often it is told that it runs, until it streams
    vm_id: str | None = None  # of the VM that it plays, as soon as there is one
    responders: list[Program] = field(default_factory=list)  # of all boots
    _running: list[Program] = field(default_factory=list)  # the stream, and the responder
    _url: str | None = None  # of the responder, while it runs
    _looks: int = 0  # in this boot

    def follow(self, running: Sequence[str]) -> None:
        """Boot when its VM runs, stream when it has loaded, and end when its VM does not run. It plays the first VM."""
        if self.vm_id is None and running:
            self.vm_id = running[0]
        if self.vm_id not in running:
            self.end()
            return
        if not self._running:
            self._boot()
        self._looks += 1
        if self._looks == self.loads:
            self.tell("stream")

    def _boot(self) -> None:
        stream = self._run(HERE / "machine.mjs")
        state, file = self.folder / "state.json", self.folder / "settings.json"
        if state.exists():  # this host did not boot meanwhile: what the responder remembers is of another boot
            state.write_text(json.dumps({**json.loads(state.read_text()), "boot": "an earlier one"}))
        told = {"port": 0, "state": str(state), "signalling": stream.says("http://"), **self.settings}
        file.write_text(json.dumps(told), encoding="utf-8")
        responder = self._run(RESPONDER, file)
        self.responders.append(responder)
        line = responder.says("The responder answers")
        assert f"in boot {len(self.responders)} of" in line
        self._url = next(word for word in line.split() if word.startswith("http://")).rstrip(",")
        responder.says("starting:")
        self._looks = 0

    def _run(self, *words: str | Path) -> Program:
        self._running.append(Program(*words))
        return self._running[-1]

    def probe(self, vm_id: str) -> Heard:
        """What the extension of a VM hears: nothing where no responder runs yet."""
        url = self._url
        return probe(url) if url is not None and vm_id == self.vm_id else Heard(0.0, Verdict.NONE)

    def tell(self, word: str) -> None:
        """What is to happen: `stream`, `join` or `crash`."""
        self._running[0].tell(word)

    @property
    def reasons(self) -> list[tuple[datetime, str]]:
        """What the responders have said, and when."""
        lines = [line.split() for each in self.responders for line in each.lines]
        return [(datetime.fromisoformat(at), word.rstrip(":")) for at, word, *_ in lines if word.endswith(":")]

    def end(self) -> None:
        """Nothing runs on it any more."""
        self._url = None
        while self._running:
            self._running.pop().end()
