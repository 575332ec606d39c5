"""What a site shows at each second of a wait, by the answers of look alone."""

import pytest

from simulator.__main__ import main as simulator
from simulator.waiting import CASES, Case, seconds


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_waiting_visitor_is_never_told_a_time_that_is_over_and_gets_in(case: Case) -> None:
    shown = list(seconds(case))
    assert all(each.expected is None or each.expected > each.now for each in shown)
    assert shown[-1].text.startswith("Come in. Your session lasts until")
    assert [each.second for each in shown] == list(range(len(shown)))
    moved = "That machine did not start. You have another one, which is starting."
    assert (moved in {each.text for each in shown}) is (case.name == "moved")


def test_a_hot_machine_is_open_within_a_second() -> None:
    (hot,) = (case for case in CASES if case.name == "hot")
    assert [each.says for each in seconds(hot)][1] == "open"


def test_a_wait_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["simulator", "waiting", "lukewarm"])
    assert simulator() == 2
    assert (
        capsys.readouterr().err
        == "lukewarm: not understood; the waits are hot, warm, cold, late, moved, healthy, none-free\n"
    )
