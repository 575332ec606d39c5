"""What the docs draw from code is what the code says."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from docs.cli_page import cli_page
from docs.contract_lua import CONTRACT_LUA, contract_lua
from docs.doctor_page import DOCTOR_PAGE, doctor_page
from docs.generate import CLI_PAGE, CONFIGURATION, LIFECYCLE_PAGE, TIMEOUTS_PAGE, configuration, lifecycle_page
from docs.timeouts_page import timeouts_page
from docs.waiting_page import WAITING_PAGE, waiting_page
from scaler import model
from scaler.model.lifecycle import LIFECYCLE
from scaler.settings.table import SETTINGS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"

BESIDE_THE_DOCS = [README, ROOT / "guest" / "README.md", *sorted(ROOT.glob("CONTRIBUTING.md"))]
PAGES = [*BESIDE_THE_DOCS, *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_lifecycle_page_is_fresh() -> None:
    assert LIFECYCLE_PAGE.read_text(encoding="utf-8") == lifecycle_page(), "stale: run `python docs/generate.py`"


def test_the_timeouts_page_is_fresh() -> None:
    assert TIMEOUTS_PAGE.read_text(encoding="utf-8") == timeouts_page(), "stale: run `python docs/generate.py`"


def test_the_page_of_waiting_visitors_is_fresh() -> None:
    assert WAITING_PAGE.read_text(encoding="utf-8") == waiting_page(), "stale: run `python docs/generate.py`"


def test_the_command_lines_page_is_fresh() -> None:
    assert CLI_PAGE.read_text(encoding="utf-8") == cli_page(), "stale: run `python docs/generate.py`"


def test_the_page_of_findings_is_fresh() -> None:
    assert DOCTOR_PAGE.read_text(encoding="utf-8") == doctor_page(), "stale: run `python docs/generate.py`"


def test_what_the_scripts_share_with_the_scaler_is_fresh() -> None:
    assert CONTRACT_LUA.read_text(encoding="utf-8") == contract_lua(), "stale: run `python docs/generate.py`"


def test_the_tables_of_the_configuration_are_fresh() -> None:
    assert CONFIGURATION.read_text(encoding="utf-8") == configuration(), "stale: run `python docs/generate.py`"


def test_every_step_is_on_the_page() -> None:
    assert all(f"| {edge.name} |" in lifecycle_page() for edge in LIFECYCLE)


def test_the_docs_name_no_file_that_does_not_exist() -> None:
    root = ROOT
    for page in PAGES:
        for word in page.read_text(encoding="utf-8").split("`"):
            if word.startswith(("docs/", "scaler/", "tests/", "emulator/", "simulator/")) and word.endswith(
                (".py", ".md")
            ):
                assert (root / word).exists(), f"{page.name} names {word}"


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and Azure DevOps make them."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL), re.M
    )
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), f"{page.name} links to {link}"
            assert not anchor or anchor in slugs(target), f"{page.name} links to {link}"


def test_the_glossary_has_every_noun_of_the_model_and_no_other() -> None:
    modules = [import_module(f"scaler.model.{found.name}") for found in iter_modules(model.__path__)]
    nouns = {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    table = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").partition("## Nouns of `scaler/model/`")[2]
    rows = [row.split("|")[1] for row in table.partition("\n## ")[0].splitlines() if row.startswith("| `")]
    assert {noun for row in rows for noun in re.findall(r"`(\w+)`", row)} == nouns


def test_the_docs_name_no_setting_that_does_not_exist() -> None:
    known = {setting.name for setting in SETTINGS}
    for page in PAGES:
        named = set(re.findall(r"\bSCALER_[A-Z]+(?:_[A-Z]+)*\b", page.read_text(encoding="utf-8")))
        assert named <= known, f"{page.name} names {sorted(named - known)}"
