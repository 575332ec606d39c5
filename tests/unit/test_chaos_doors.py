"""What comes between a process and its doors."""

import pytest

from simulator.chaos.doors import Crash, Delay, Door, Effects, Fate, Overheard


class Ledger:
    """A door that writes down what was done through it."""

    name = "ledger"

    def __init__(self) -> None:
        self.done: list[str] = []

    def read(self) -> str:
        self.done.append("read")
        return "what was read"

    def apply(self) -> None:
        self.done.append("apply")

    def start(self) -> None:
        self.done.append("start")


def _does_all(door: Door) -> None:
    door.read()
    door.apply()
    door.start()


@pytest.mark.parametrize(
    ("left", "after_the_last", "done"),
    [
        (0, False, ["read"]),
        (0, True, ["read", "apply"]),
        (1, False, ["read", "apply"]),
        (1, True, ["read", "apply", "start"]),
    ],
)
def test_a_process_dies_between_any_two_effects(left: int, after_the_last: bool, done: list[str]) -> None:
    ledger = Ledger()
    with pytest.raises(Crash):
        _does_all(Door(ledger, [Fate(left=left, after_the_last=after_the_last)]))
    assert ledger.done == done


def test_whoever_is_not_doomed_lives() -> None:
    ledger = Ledger()
    _does_all(Door(ledger, [Fate()]))
    assert ledger.done == ["read", "apply", "start"]


def test_a_delay_lets_something_else_happen_once_before_the_nth_call() -> None:
    ledger = Ledger()
    delay = Delay(meanwhile=lambda: ledger.done.append("meanwhile"), left=1)
    door = Door(ledger, [delay])
    _does_all(door)
    _does_all(door)
    assert ledger.done == ["read", "meanwhile", "apply", "start", "read", "apply", "start"]


def test_only_effects_are_counted_and_only_those_that_happened() -> None:
    effects = Effects()
    with pytest.raises(Crash):
        _does_all(Door(Ledger(), [Fate(left=1), effects]))
    assert effects.count == 1


def test_answers_can_be_overheard() -> None:
    heard: list[tuple[str, object]] = []
    Door(Ledger(), [Overheard("somebody", [lambda who, answer: heard.append((who, answer))])]).read()
    assert heard == [("somebody", "what was read")]


def test_what_is_no_call_goes_through_untouched() -> None:
    assert Door(Ledger(), [Fate(left=0)]).name == "ledger"
