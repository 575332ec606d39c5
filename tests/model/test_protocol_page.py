"""What docs/protocol.md says of the model is what the model says."""

from model.rules import Rule

from docs.protocol_page import PROTOCOL_PAGE, protocol_page


def test_the_protocol_page_is_fresh() -> None:
    assert PROTOCOL_PAGE.read_text(encoding="utf-8") == protocol_page(), "stale: run `python docs/generate.py`"


def test_every_rule_is_argued_for_on_the_page() -> None:
    argued = protocol_page().partition("## The model")[0]
    assert [rule.name for rule in Rule if f"**{rule.name}**" not in argued] == []
