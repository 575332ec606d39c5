"""The schedule, carried out: a thread for each lane, which does one thing after the other, each at its time."""

from collections.abc import Mapping, Sequence
from threading import Thread

from redis import RedisError

from simulator.chaos_real.mischief import Lane, Mischief, Prank
from simulator.chaos_real.stage import Deed, Stage
from simulator.parts.setup_failed import SetupFailed


class Lanes:
    """`deeds` mend what they broke before they return. A lane that cannot go on says why in the stage's `failure`."""

    def __init__(self, pranks: Mapping[Lane, Sequence[Prank]], deeds: Mapping[Mischief, Deed], stage: Stage) -> None:
        self._deeds = deeds
        self._stage = stage
        self._threads = [
            Thread(target=self._carry_out, args=(each,), name=f"mischief-{lane}", daemon=True)
            for lane, each in pranks.items()
        ]

    def begin(self) -> None:
        """From now on things break."""
        self._stage.begin()
        for each in self._threads:
            each.start()

    @property
    def done(self) -> bool:
        """Nothing breaks any more, and everything was mended."""
        return not any(each.is_alive() for each in self._threads)

    def join(self) -> None:
        """Wait until everything was mended."""
        for each in self._threads:
            if each.ident is not None:
                each.join()

    def _carry_out(self, pranks: Sequence[Prank]) -> None:
        for prank in pranks:
            if not self._stage.pause(prank.at - self._stage.seconds):
                return
            try:
                done = self._deeds[prank.what](prank.lasts, prank.detail)
            except (SetupFailed, RedisError, OSError) as error:
                self._stage.failure = f"{prank.what}, and then it could not be mended: {error}"
                return
            if done is not False:
                self._stage.count(prank.what)
