"""The page for the operator at night quotes the log as it is: every reason on it is one that the log can have."""

import re
from pathlib import Path

from scaler.model.plan import Why

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
REASONS = [each.value for each in Why]
_BLOCK = re.compile(r"```.*?```", re.DOTALL)
_QUOTED = re.compile(r'"([^"]+)"')
_ALARM = re.compile(r"^## Alarms.*?^## ", re.DOTALL | re.MULTILINE)


def prose() -> str:
    """The page without its blocks, and as one line: sentences are wrapped anywhere."""
    return _BLOCK.sub("", PAGE.read_text(encoding="utf-8"))


def is_a_reason(quoted: str) -> bool:
    """To the letter; or its beginning, if the page says so."""
    said = " ".join(quoted.split())
    begins = said.removesuffix("…").rstrip()
    return said in REASONS or (begins != said and any(each.startswith(begins) for each in REASONS))


def test_every_reason_that_it_quotes_is_one() -> None:
    quoted = _QUOTED.findall(prose())
    assert len(quoted) >= 15
    assert [each for each in quoted if not is_a_reason(each)] == []


def test_so_is_the_last_column_of_every_table_of_a_command() -> None:
    rows = re.findall(r"^(?:do|held|done) .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 8
    assert [each for each in rows if not any(reason in each for reason in REASONS)] == []


def test_every_alarm_of_the_table_is_one() -> None:
    section = _ALARM.search(prose())
    assert section is not None
    alarms = re.findall(r"^\| (?!alarm|---)([^|]+?) \|", section.group(), re.MULTILINE)
    assert len(alarms) >= 4
    assert [each for each in alarms if each not in REASONS] == []


def test_each_disaster_says_what_is_seen_what_happens_by_itself_and_what_to_do() -> None:
    titles = ("Redis was flushed", "Region sold out", "Quota reached", "Role missing", "Redis away", "ARM throttled")
    sections = prose().split("\n## ")
    for title in titles:
        section = next(each for each in sections if each.startswith(title))
        assert [each for each in ("*You see*", "*By itself*", "*Do*") if each not in section] == [], title
    assert any(each.startswith("First installation on an existing scale set") for each in sections)
