"""The queries that the docs give to operators are read by Microsoft's own parser of the language."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARSER = ROOT / ".kusto" / "node_modules"
PAGES = sorted((ROOT / "docs").rglob("*.md"))

pytestmark = pytest.mark.long


def mistakes(*queries: str) -> list[list[str]]:
    """The mistakes in each query, with their lines."""
    if not PARSER.exists() and os.environ.get("CI"):
        pytest.fail("the parser is not installed (make kql), and CI must test with it")
    if not PARSER.exists():
        pytest.skip("the parser is not installed (make kql): THE QUERIES IN docs/ ARE NOT READ BY KUSTO'S OWN PARSER")
    done = subprocess.run(
        ["node", ROOT / "tests" / "queries" / "check.cjs"],
        input=json.dumps(queries),
        env=os.environ | {"NODE_PATH": str(PARSER)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found


def blocks(page: Path) -> list[str]:
    """The queries on a page."""
    return re.findall(r"^```kusto\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_every_query_in_the_docs_is_one_for_kusto() -> None:
    queries = {f"{page.name}, query {number}": query for page in PAGES for number, query in enumerate(blocks(page), 1)}
    assert {name for name in queries if name.startswith("operations.md")} != set()
    assert dict(zip(queries, mistakes(*queries.values()), strict=True)) == {name: [] for name in queries}


def test_a_misspelt_operator_column_or_function_is_found() -> None:
    """A parser that knows neither the table nor the functions would find nothing in the docs either."""
    wrong = ("traces\n| were true", "traces\n| project timestmp", "traces\n| extend fact = parse_jsn(message)")
    assert [len(found) > 0 and found[0].startswith("line 2: KS") for found in mistakes(*wrong)] == [True] * 3
