"""ADMIT waits as long as the policy's numbers need, and no step of it is for nothing."""

import pytest
from model.horizon import Horizon, Numbers, numbers_of

from scaler.model.policy import Policy

_NUMBERS = numbers_of(Policy())


def test_no_order_reaches_a_visitor() -> None:
    assert Horizon(_NUMBERS).shortest_cut() is None


@pytest.mark.parametrize(
    "numbers",
    [
        _NUMBERS._replace(admit_after=_NUMBERS.admit_after - 1),
        _NUMBERS._replace(stop_lives=_NUMBERS.stop_lives + 1),
        _NUMBERS._replace(paused=_NUMBERS.paused + 1),
        _NUMBERS._replace(lag=_NUMBERS.lag + 1),
        _NUMBERS._replace(id_kept_for=_NUMBERS.id_kept_for - 1),
        _NUMBERS._replace(id_kept_for=0),
    ],
    ids=[
        "ADMIT earlier",
        "a stop lives longer",
        "a longer pause",
        "older GETs",
        "REUSED_ID earlier",
        "without REUSED_ID",
    ],
)
def test_one_step_less_and_a_session_is_cut_short(numbers: Numbers) -> None:
    found = Horizon(numbers).shortest_cut()
    assert found is not None
    print(" → ".join(each for each in found if each != "five seconds pass"))


def test_without_any_pause_less_would_do() -> None:
    unpaused = _NUMBERS._replace(paused=0, admit_after=_NUMBERS.admit_after - _NUMBERS.paused)
    assert Horizon(unpaused).shortest_cut() is None
    assert Horizon(unpaused._replace(admit_after=unpaused.admit_after - 1)).shortest_cut() is not None
