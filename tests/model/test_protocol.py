"""No interleaving breaks a promise; each rule is there because without it some interleaving does; the page says so."""

import pytest
from model.removals import HOT_TOO, MISSED_IN, TOGETHER, kept, missed, missed_hot
from model.rules import Rule
from model.scenarios import SCENARIOS
from model.search import Search

from docs.protocol_page import PROTOCOL_PAGE, protocol_page
from scaler.model.lifecycle import LIFECYCLE


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_interleaving_breaks_a_promise(name: str) -> None:
    found = kept(name)
    print(f"{name}: {found.states} states, {found.moves} moves")
    assert found.violation is None, "\n".join((found.violation or "", *found.trace))


@pytest.mark.parametrize("rule", Rule)
def test_a_rule_that_is_taken_away_is_missed(rule: Rule) -> None:
    found = missed(rule)
    print("\n".join((f"without {rule.name}: {found.violation}", *found.trace)))
    assert found.violation is not None, f"nobody misses {rule.name}: {rule}"


@pytest.mark.parametrize("rule", HOT_TOO)
def test_a_rule_is_missed_by_hot_machines_too(rule: Rule) -> None:
    found = missed_hot(rule)
    assert found.violation is not None, f"no hot machine misses {rule.name}: {rule}"
    assert any("hot" in happened for happened in found.trace)


@pytest.mark.parametrize("rule", TOGETHER)
def test_either_of_two_locks_on_one_door_holds_it(rule: Rule) -> None:
    assert Search(MISSED_IN[rule], frozenset({rule})).run().violation is None


def test_every_step_of_the_table_is_taken_somewhere() -> None:
    taken = {word for name in SCENARIOS for happened in kept(name).steps for word in happened.replace(",", " ").split()}
    assert {edge.name for edge in LIFECYCLE} <= taken


def test_the_protocol_page_is_fresh() -> None:
    assert PROTOCOL_PAGE.read_text(encoding="utf-8") == protocol_page(), "stale: run `python docs/generate.py`"


def test_every_rule_is_argued_for_on_the_page() -> None:
    argued = protocol_page().partition("## The model")[0]
    assert [rule.name for rule in Rule if f"**{rule.name}**" not in argued] == []
