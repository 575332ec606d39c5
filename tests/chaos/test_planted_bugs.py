"""The campaigns know how to fail: each planted bug is caught, and the same campaign without it goes well."""

from dataclasses import replace
from itertools import islice

import pytest

from simulator.chaos.breaks import PLANTED
from simulator.chaos.runs import Trial, run, trials
from simulator.chaos.weather import WEATHERS

BOUND = 100
"""Campaigns until a bug must be caught: several times what the most hidden one needs; most need one or two."""

RARE = {
    "azures-clock-alone": 100,
    "claim-unlocked": 8,
    "delete-running": 8,
    "hot-confirmed-while-it-runs": 7,
    "hot-given-up-after-its-start": 3,
    "warm-unclosed": 10,
    "warm-unlocked": 8,
    "write-to-any-server": 50,
}
"""Bugs that one campaign in ten or in a hundred shows, and a seed shortly before the first such campaign."""


def first_catch(name: str) -> Trial | None:
    """The first campaign of the weathers that the bug prefers in which something goes wrong."""
    sought = trials(PLANTED[name].weathers or tuple(WEATHERS), first=RARE.get(name, 0), planted=name)
    return next((trial for trial in islice(sought, BOUND) if run(trial).failed), None)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_caught_and_nothing_else_is(name: str) -> None:
    caught = first_catch(name)
    assert caught is not None, f"{PLANTED[name].what}: nobody noticed in {BOUND} campaigns"
    innocent = run(replace(caught, planted=None))
    assert not innocent.failed, (innocent.wrongs, innocent.amiss)
