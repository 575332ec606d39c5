"""The page of prior art lists every known bug of other scalers, and names tests that exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import ascii_lowercase

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "prior-art-tests.md"
NEIGHBOURS, LATER = "a neighbour's", "**not yet**"
IDS = {
    "S0": [str(number) for number in range(1, 20)],
    "S1": list(ascii_lowercase[:8]),
    "S2": list(ascii_lowercase[:9]),
    "S4": list(ascii_lowercase[:13]),
    "What users complain about": [*(str(number) for number in range(1, 26)), "+1", "+2"],
}


def _tables() -> Iterator[tuple[str, list[str]]]:
    """Each row of each table, with the source it stands under."""
    source = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            source = line.removeprefix("## ").partition(":")[0]
        elif line.startswith("| ") and not line.startswith("| id |"):
            yield source, [cell.strip() for cell in line.strip("|").split("|")]


ROWS = [pytest.param(cells, id=f"{source} {cells[0]}") for source, cells in _tables()]


@cache
def _tests_in(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    return frozenset(_named(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def _named(body: list[ast.stmt], within: str) -> Iterator[str]:
    for each in body:
        if isinstance(each, ast.ClassDef) and each.name.startswith("Test"):
            yield from _named(each.body, f"{each.name}::")
        elif isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
            yield within + each.name


def test_every_entry_of_the_lists_has_its_row_and_no_other_row_is_there() -> None:
    found: dict[str, list[str]] = {}
    for source, cells in _tables():
        found.setdefault(source, []).append(cells[0])
    assert found == IDS


@pytest.mark.parametrize("cells", ROWS)
def test_a_row_names_tests_that_exist_or_says_why_there_is_none(cells: list[str]) -> None:
    _, bug, here, tests = cells
    assert bug
    assert here
    names = re.findall(r"`([^`]+)`", tests)
    assert names or (tests == "–" and (NEIGHBOURS in here or LATER in here))
    assert tests in {"–", ", ".join(f"`{each}`" for each in names)}
    for name in names:
        path, _, test = name.partition("::")
        assert test in _tests_in(path), f"{name} does not exist"


def test_every_test_that_plays_a_failure_again_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    files = sorted((ROOT / "tests" / "prior_art").glob("test_*.py"))
    names = {
        f"tests/prior_art/{file.name}::{test}" for file in files for test in _tests_in(f"tests/prior_art/{file.name}")
    }
    own = {each for each in names if each.startswith("tests/prior_art/test_table.py")}
    assert len(names - own) > 30
    assert not [each for each in sorted(names - own) if f"`{each}`" not in page]
