"""The emulator's spoilt answers, at every call of the door: it says what went wrong in its own words, and lives on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import pytest
from contract.scale_sets import FLEXIBLE, UNIFORM, Orchestrated

from emulator.wire.answer_faults import AnswerFault
from emulator.wire.server import RunningServer
from scaler.errors import Garbled, Refused, ScalerError, Unreachable
from scaler.model.instance import InstanceRef
from scaler.ports import ScaleSet, one_by_one
from scaler.vmss.client import Bounds

QUICK, MINUTE = timedelta(seconds=2), timedelta(minutes=1)  # a second is not enough where others use the machine, too
SIPS = 8.0  # seconds for a trickle: each of its pauses is shorter than the time-out, all together are not


@dataclass(frozen=True, slots=True)
class Scene:
    door: ScaleSet
    server: RunningServer
    ref: InstanceRef


@contextmanager
def staged(kind: Orchestrated) -> Iterator[Scene]:
    """One running machine, behind a door that waits two seconds for an answer."""
    with kind.over_the_wire(bounds=Bounds(read=QUICK)) as house:
        (ref,) = house.with_machines(1)
        assert house.server is not None
        yield Scene(house.scale_set, house.server, ref)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with staged(UNIFORM) as found:
        yield found


@pytest.fixture(params=[UNIFORM, FLEXIBLE])
def either(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with staged(request.param) as found:
        yield found


LOOKS: dict[str, Callable[[Scene], object]] = {
    "view": lambda it: it.door.view(),
    "listing": lambda it: it.door.list_instances(),
    "get": lambda it: it.door.get(it.ref),
    "addresses": lambda it: it.door.addresses([it.ref], one_by_one),
}
ORDERS: dict[str, Callable[[Scene], object]] = {
    "start": lambda it: it.door.start([it.ref], within=MINUTE),
    "deallocate": lambda it: it.door.deallocate([it.ref], within=MINUTE),
    "mark": lambda it: it.door.mark(it.ref, None, within=MINUTE),
    "set_capacity": lambda it: it.door.set_capacity(2, it.door.view().etag, within=MINUTE),
}
NO_ANSWER: dict[AnswerFault, type[ScalerError]] = {
    AnswerFault.SLOW: Unreachable,
    AnswerFault.BAD_GATEWAY: Unreachable,
    AnswerFault.DROPPED: Unreachable,
    AnswerFault.UNAUTHORIZED: Refused,
}


@pytest.mark.parametrize("how", AnswerFault)
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_nothing_is_learnt_from_a_spoilt_look_and_the_next_one_works(
    look: Callable[[Scene], object], how: AnswerFault, either: Scene
) -> None:
    either.server.inject(how, seconds=SIPS)
    with pytest.raises(NO_ANSWER.get(how, Garbled)):
        look(either)
    look(either)


@pytest.mark.parametrize("how", [AnswerFault.BAD_GATEWAY, AnswerFault.DROPPED, AnswerFault.UNAUTHORIZED])
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_an_order_that_was_not_accepted_says_so(
    order: Callable[[Scene], object], how: AnswerFault, scene: Scene
) -> None:
    scene.door.view()
    for kind in ("batch-start", "vm-deallocate", "update-vm", "update-set"):
        scene.server.inject(how, kind=kind)
    with pytest.raises(NO_ANSWER[how]):
        order(scene)


SPOILT_BODIES = [each for each in AnswerFault if each not in NO_ANSWER and each is not AnswerFault.HUGE]


@pytest.mark.parametrize("how", SPOILT_BODIES)
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_an_order_that_was_accepted_is_accepted_however_its_answer_ends(
    order: Callable[[Scene], object], how: AnswerFault, scene: Scene
) -> None:
    for kind in ("batch-start", "vm-deallocate", "update-vm", "update-set"):
        scene.server.inject(how, kind=kind)
    order(scene)


@pytest.mark.parametrize("how", [AnswerFault.SLOW, AnswerFault.HUGE])
def test_an_order_does_not_wait_for_the_rest_of_an_answer_beyond_its_time(how: AnswerFault, scene: Scene) -> None:
    scene.server.inject(how, kind="update-vm", seconds=SIPS)
    began = monotonic()
    scene.door.mark(scene.ref, None, within=QUICK)
    assert monotonic() - began < SIPS
