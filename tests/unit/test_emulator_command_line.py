"""`python -m emulator`, as somebody types it."""

import pytest

from emulator.command_line import emulated, parse, site
from emulator.faults import Fault
from emulator.switches import Overlap


def test_the_defaults_are_one_empty_scale_set_at_real_speed() -> None:
    asked = parse([])
    (only,) = emulated(asked)
    assert (only.name, only.capacity, dict(only.set_state.tags)) == ("vmss-pixels", 0, {"scaler:managed": "true"})
    assert only.behaviour.latencies.create == (100.0, 120.0)
    assert site(asked).place.resource_group == "rg-pixels"


def test_every_setting_arrives() -> None:
    words = (
        "--speed 10 --capacity 2 --managed= --scale-set a --scale-set b --fault evicted=0.5 --fault order-late=0.1"
        " --switch overlap=conflict --switch reuse-ids=no --page-size 7 --no-budgets"
    )
    asked = parse(words.split())
    first, second = emulated(asked)
    assert (first.name, second.name, first.capacity) == ("a", "b", 2)
    assert first.faults.rates == {Fault.EVICTED: 5.0, Fault.ORDER_LATE: 0.1}
    assert first.behaviour.switches.overlap is Overlap.CONFLICT
    assert not first.behaviour.switches.reuse_ids
    assert first.behaviour.latencies.create == (10.0, 12.0)
    assert dict(first.set_state.tags) == {}
    assert site(asked).page_size == 7


@pytest.mark.parametrize(
    "mistake", ["--fault meteor=1", "--fault evicted=often", "--switch overlap=maybe", "--page-size 0"]
)
def test_a_mistake_is_named(mistake: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(mistake.split())
    assert mistake.split()[1] in capsys.readouterr().err


def test_the_help_names_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    shown = capsys.readouterr().out
    assert [each for each in Fault if each not in shown] == []
