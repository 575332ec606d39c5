"""Minutes: no test run collects this by itself. `python -m pytest tests/model/wider_worlds.py -rP` does."""

import pytest
from model.search import Search
from model.wide import WIDE


@pytest.mark.parametrize("name", WIDE)
def test_no_interleaving_breaks_a_promise_in_a_wider_world(name: str) -> None:
    found = Search(WIDE[name]).run(most=2_000_000)
    print(f"{name}: {found.states} states, {found.moves} moves")
    assert found.violation is None, "\n".join((found.violation or "", *found.trace))
