"""Targeted GETs at the same time: as many as there are threads, and no further one once nobody answers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, BrokenBarrierError

import pytest
from builders import ref
from clock import ManualClock
from unit.test_two_scale_sets import FIRST, POLICY, Face

from scaler.errors import Garbled, ScalerError, Unreachable
from scaler.model.fleet import Cloud
from scaler.model.instance import InstanceRef
from scaler.model.sighting import Answer, ScaleSetView
from scaler.observe import AzureObserver, Targets
from scaler.ports import Together, one_by_one

REFS = tuple(InstanceRef(scale_set=FIRST, instance_id=ref(n).instance_id, vm_id=ref(n).vm_id) for n in range(1, 6))
SILENCE = Unreachable("silence")


class Meeting(Face):
    """Answers nothing before `number` requests are under way, and then all but those about `silent`."""

    def __init__(self, number: int, *silent: InstanceRef) -> None:
        super().__init__(FIRST)
        self.meeting = Barrier(number, timeout=10)
        self.silent = silent

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        self._meet()
        return super().view(no_older_than=no_older_than)

    def get(self, asked: InstanceRef) -> Answer:
        self._meet()
        if asked in self.silent:
            raise Unreachable("silence")
        return super().get(asked)

    def _meet(self) -> None:
        try:
            self.meeting.wait()
        except BrokenBarrierError:
            raise Unreachable("the others were not asked meanwhile") from None


class Fails(Face):
    """A door that raises an error for the GET of one machine and answers all others."""

    def __init__(self, number: int, how: ScalerError) -> None:
        super().__init__(FIRST)
        self.number, self.how, self.gets = number, how, 0

    def get(self, asked: InstanceRef) -> Answer:
        self.gets += 1
        if asked == REFS[self.number]:
            raise self.how
        return super().get(asked)


@pytest.fixture
def threads() -> Iterator[Together]:
    with ThreadPoolExecutor(6) as pool:
        yield lambda requests: pool.map(lambda request: request(), requests)


def asked(face: Face, together: Together = one_by_one) -> tuple[Cloud, tuple[ScalerError, ...]]:
    return AzureObserver({FIRST: face}, ManualClock(), POLICY, together).look(Cloud(), Targets(refs=REFS))  # type: ignore[dict-item]


def test_the_view_and_all_targeted_gets_are_under_way_at_the_same_time(threads: Together) -> None:
    cloud, errors = asked(Meeting(1 + len(REFS)), threads)
    assert not errors
    assert set(cloud.asked) == {each.vm_id for each in REFS}


@pytest.mark.parametrize(("error", "gets", "answers"), [(SILENCE, 3, 2), (Garbled("nonsense"), 5, 4)])
def test_one_by_one_nobody_is_asked_after_a_silence(error: ScalerError, gets: int, answers: int) -> None:
    face = Fails(2, error)
    cloud, errors = asked(face)
    assert (face.gets, len(cloud.asked), errors) == (gets, answers, (error,))


def test_what_was_answered_beside_a_silence_counts(threads: Together) -> None:
    cloud, errors = asked(Meeting(1 + len(REFS), *REFS[:2]), threads)
    assert {each.vm_id for each in REFS[2:]} == set(cloud.asked)
    assert [str(each) for each in errors] == ["silence"]  # of several one is enough
