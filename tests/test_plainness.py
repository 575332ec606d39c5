"""`python -m docs.plainness`: which words count as pronouns, and what `make check` lets pass."""

from pathlib import Path

import pytest

from docs import plainness
from docs.plainness import Count, count, limit, main, pronouns, report, sentences


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("Note when this session began to wait, if the notes do not say so yet.", []),
        ("Its clock is started, where nobody has done that yet.", ["its", "nobody", "that"]),
        ("One of each kind after the other, so that none starves the others.", ["one", "other", "none", "others"]),
        ("With the mood of the fleet.", []),
        ("Whom its order names; nobody, where it is the set.", ["whom", "its", "nobody", "it"]),
        ("This machine, each order and one call.", []),
        ("This is one that each asks for.", ["this", "one", "that", "each"]),
        ("Each address of this class.", []),
        ("All machines, such as these.", ["such", "these"]),
        ("The record says that the machine runs.", []),
        ("The machine that runs.", ["that"]),
        ("`one` of ``it`` is `None`, True or https://that.which/this.", []),
        ("None is returned, where none is left.", ["none"]),
        ("Nobody's machine.", ["nobody's"]),
    ],
)
def test_words_that_stand_for_a_noun_count_and_words_before_a_noun_do_not(text: str, counted: list[str]) -> None:
    assert pronouns(text) == counted


def test_code_is_no_word() -> None:
    assert count("Read `a b c` of the index.") == Count(words=4)
    assert count("It waits.").share == 0.5
    assert count("").share == 0.0


MODULE = '''"""The first sentence. Its second.

name    what a row says
other   the next row
"""

LIMIT = 3
"""So many of them."""


class Thing:
    """One thing."""

    field: int = 0
    """Explains the field."""

    def method(self) -> None:
        """Do nothing."""
        if LIMIT:
            print("it is no docstring")


CALL = lambda: "that"
'''


def test_docstrings_of_modules_classes_functions_and_fields_are_read(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(MODULE, encoding="utf-8")
    found = {sentence.text: sentence.line for sentence in sentences(path) if sentence.text}
    assert found == {
        "The first sentence.": 1,
        "Its second.": 1,
        "name what a row says": 1,
        "other the next row": 1,
        "So many of them.": 8,
        "One thing.": 12,
        "Explains the field.": 15,
        "Do nothing.": 18,
    }


def test_the_report_sums_by_package_and_names_the_worst_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = tmp_path / "house" / "room" / "corner"
    inner.mkdir(parents=True)
    (tmp_path / "house" / "door.py").write_text('"""The door of the house."""\n', encoding="utf-8")
    (inner / "chair.py").write_text('"""It is theirs.\n\nA chair for a guest."""\n', encoding="utf-8")
    assert report(tmp_path / "house", worst=1) == Count(words=13, pronouns=2)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["house", "5", "words", "0", "pronouns", "0.0%"],
        ["house/room", "8", "words", "2", "pronouns", "25.0%"],
        ["all", "13", "words", "2", "pronouns", "15.4%"],
        ["2", f"{inner / 'chair.py'}:1", "It", "is", "theirs."],
    ]


@pytest.mark.long
@pytest.mark.parametrize(("below", "status"), [(0.001, 1), (-0.001, 0)])
def test_the_check_fails_above_the_limit(
    below: float, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    share = report(plainness.ROOT / "scaler", worst=0).share
    (tmp_path / "pyproject.toml").write_text(f"[tool.plainness]\nlimit = {share - below}\n", encoding="utf-8")
    (tmp_path / "scaler").symlink_to(plainness.ROOT / "scaler")
    monkeypatch.setattr(plainness, "ROOT", tmp_path)
    assert main([]) == status
    assert ("pyproject.toml allows" in capsys.readouterr().out) is bool(status)


def test_the_products_docstrings_are_within_the_limit() -> None:
    assert report(plainness.ROOT / "scaler", worst=0).share <= limit()
