"""Every switch of the emulator does something, whichever way it stands."""

from dataclasses import fields
from typing import Any

import pytest
from wire.trials import health, looks, machines, orders

from emulator.switches import Switches, values_of

TRIALS = {**orders.TRIALS, **machines.TRIALS, **looks.TRIALS, **health.TRIALS}
SWITCHES = [each.name for each in fields(Switches)]
WAYS = [(name, value) for name in SWITCHES for value in dict.fromkeys(values_of(name).values())]


def test_no_switch_is_without_a_trial_of_each_of_its_ways() -> None:
    tried = {(name, value) for name, trial in TRIALS.items() for value in trial.shows}
    assert tried == set(WAYS)


@pytest.mark.parametrize("name", SWITCHES)
def test_no_two_ways_of_a_switch_look_alike(name: str) -> None:
    shown = list(TRIALS[name].shows.values())
    assert all(each not in shown[:index] for index, each in enumerate(shown))


@pytest.mark.parametrize(("name", "value"), WAYS)
def test_a_switch_shows_which_way_it_stands(name: str, value: Any) -> None:
    trial = TRIALS[name]
    assert trial.look(Switches(**{name: value})) == trial.shows[value]
