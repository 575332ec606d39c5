"""The end of docs/protocol.md: what the explicit-state model in tests/model/ finds when a rule is taken away."""

from pathlib import Path

from model.removals import HOT_TOO, MISSED_IN, TOGETHER, missed, missed_hot
from model.rules import Rule
from model.scenarios import SCENARIOS

PROTOCOL_PAGE = Path(__file__).parent / "protocol.md"
_BEGIN, _END = "<!-- traces: written by docs/generate.py -->", "<!-- end of traces -->"


def protocol_page() -> str:
    """The page with fresh traces."""
    before, _, rest = PROTOCOL_PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{_scenarios()}\n\n{_table()}\n\n{_traces()}\n{_END}{after}"


def _scenarios() -> str:
    rows = (f"| {name} | {each.about} |" for name, each in SCENARIOS.items())
    return "\n".join(("| scenario | what may happen in it |", "|---|---|", *rows))


def _table() -> str:
    rows = (*(_row(rule) for rule in Rule), *(_hot_row(rule) for rule in HOT_TOO))
    return "\n".join(("| taken away | what then happens | scenario | steps |", "|---|---|---|---|", *rows))


def _row(rule: Rule) -> str:
    found = missed(rule)
    other = f", with {TOGETHER[rule].name}" if rule in TOGETHER else ""
    return f"| {rule.name}{other} | {found.violation} | {MISSED_IN[rule].name} | {len(found.trace)} |"


def _hot_row(rule: Rule) -> str:
    found = missed_hot(rule)
    return f"| {rule.name}, of hot machines | {found.violation} | {HOT_TOO[rule].name} | {len(found.trace)} |"


def _traces() -> str:
    alone = (f"* **{rule.name}**: {rule}.\n  Without it: {' → '.join(missed(rule).trace)}." for rule in Rule)
    hot = (f"* {rule.name}, of hot machines.\n  Without it: {' → '.join(missed_hot(rule).trace)}." for rule in HOT_TOO)
    return "\n".join((*alone, *hot))
