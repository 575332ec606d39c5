"""The share of pronouns among the words of docstrings, package by package, and the sentences with the most.

`python -m docs.plainness [--worst 12] [folder ...]` prints them for `scaler/`, or for other folders. `make check`
fails when the share of `scaler/` is above `limit` of `[tool.plainness]` in pyproject.toml: a docstring is for readers
who do not know the answer yet, and a pronoun sends them looking for a noun. Lower the limit as docstrings get plainer.

How the words are counted:

* Docstrings of modules, classes and functions, and the strings below a field or a constant that explain the field.
* Code in backticks, addresses, and `None`, `True`, `False` are neither words nor pronouns.
* `PRONOUNS` always count. `POINTERS` ("this", "each", "one", "all") count unless a noun seems to follow: "this machine"
  and "all calls" name their noun. A word is taken for a noun unless `NO_NOUN` lists the word, or the word ends in "s"
  after a pointer to a single thing ("each asks").
* "that" after a word of `BEFORE_A_CLAUSE` is a conjunction ("so that", "says that") and does not count.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parent.parent


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PRONOUNS = _words(
    "it its itself they them their theirs themselves he him his she her hers we us our ours ourselves you your yours"
    " who whom whose whoever what whatever which whichever that none ones"
    " nobody somebody anybody everybody someone anyone everyone nothing something anything everything"
)
TO_ONE = _words("this each one another")
POINTERS = TO_ONE | _words("these those all any both some such other others")
NO_NOUN = _words(
    "is are was were be been has have had does do did can could may might must shall should will would goes stays"
    " a an the this that these those each it its they them their he she we us our you your who whom whose what which"
    " of in on at by for from to with without within into onto over under about after before between behind beside"
    " below above until since while as than like per and or but nor so if when where whether because though unless"
    " not never ever only also too then there here again once already still yet else either both alone one ones"
    " nobody nothing somebody something"
)
"""Words that do not name what a pointer points at: verbs that help, articles, prepositions, conjunctions, adverbs."""
BEFORE_A_CLAUSE = _words(
    "so such provided say says said tell tells told mean means know knows known see sees seen show shows shown believe"
    " believes prove proves proved assume assumes ensure ensures promise promises think thinks sure fact now"
)

_CODE = re.compile(r"``?[^`]+``?|https?://\S+|\b(?:None|True|False)\b")
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n\s*\n|\n\s*\*\s|\n(?=.*\S {2,}\S)")
"""The end of a sentence, of a paragraph, of a row of a list, or of a row of a table (columns two spaces apart)."""
_TOKEN = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*|[^\sA-Za-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Words of some docstrings, and how many of the words are pronouns."""

    words: int = 0
    pronouns: int = 0

    def __add__(self, other: Self) -> "Count":
        return Count(words=self.words + other.words, pronouns=self.pronouns + other.pronouns)

    @property
    def share(self) -> float:
        """Pronouns per word; 0 without words."""
        return self.pronouns / self.words if self.words else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of a docstring, with its place."""

    path: Path
    line: int
    text: str

    @property
    def count(self) -> Count:
        """Words and pronouns of the sentence."""
        return count(self.text)


def pronouns(text: str) -> list[str]:
    """The words of a text that count as pronouns, in order."""
    tokens = [token.lower() for token in _TOKEN.findall(_CODE.sub(" 0 ", text))]
    around = zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False)
    return [token for before, token, after in around if _is_pronoun(before, token.partition("'")[0], after)]


def _is_pronoun(before: str, word: str, after: str) -> bool:
    if word == "that":
        return before not in BEFORE_A_CLAUSE
    if word in POINTERS:
        return not _is_noun(after) or (word in TO_ONE and after.endswith("s") and not after.endswith(("ss", "us")))
    return word in PRONOUNS


def _is_noun(word: str) -> bool:
    return word[:1].isalpha() and word not in NO_NOUN


def count(text: str) -> Count:
    """Words and pronouns of a text."""
    words = [token for token in _TOKEN.findall(_CODE.sub(" 0 ", text)) if token[0].isalpha()]
    return Count(words=len(words), pronouns=len(pronouns(text)))


def sentences(path: Path) -> Iterator[Sentence]:
    """Every sentence of the docstrings of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for statement in getattr(node, "body", ()) if not isinstance(node, ast.Lambda | ast.IfExp) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                text = statement.value.value
                for sentence in _SENTENCE.split(text) if isinstance(text, str) else ():
                    yield Sentence(path=path, line=statement.lineno, text=" ".join(sentence.split()))


def total(found: Iterable[Sentence]) -> Count:
    """The sum over sentences."""
    return sum((sentence.count for sentence in found), Count())


def limit() -> float:
    """The highest share that `make check` lets pass."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return float(settings["tool"]["plainness"]["limit"])


def package(path: Path, folder: Path) -> str:
    """The package of a file, as far as one level below the folder that is looked at."""
    return "/".join([folder.name, *path.relative_to(folder).parts[:-1][:1]])


def report(folder: Path, worst: int) -> Count:
    """Print the shares of a folder, package by package, and the worst sentences; return the sum."""
    found = [sentence for path in sorted(folder.rglob("*.py")) for sentence in sentences(path)]
    by_package: dict[str, Count] = {}
    for sentence in found:
        name = package(sentence.path, folder)
        by_package[name] = by_package.get(name, Count()) + sentence.count
    for name, counted in [*sorted(by_package.items()), ("all", total(found))]:
        print(f"{name:<28} {counted.words:>6} words {counted.pronouns:>5} pronouns {counted.share:>6.1%}")
    for sentence in sorted(found, key=lambda sentence: sentence.count.pronouns, reverse=True)[:worst]:
        print(f"{sentence.count.pronouns:>3}  {sentence.path}:{sentence.line}  {sentence.text}")
    return total(found)


def main(words: list[str]) -> int:
    """Print the reports that were asked for; 1 where `scaler/` is above its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.plainness", description="How many docstring words are pronouns."
    )
    parser.add_argument("folders", nargs="*", type=Path, help="folders to look at; without any: scaler, with its limit")
    parser.add_argument("--worst", type=int, default=12, metavar="N", help="print so many sentences (12)")
    chosen = parser.parse_args(words)
    for folder in chosen.folders:
        report(folder, chosen.worst)
    if chosen.folders:
        return 0
    share, most = report((ROOT / "scaler").relative_to(Path.cwd(), walk_up=True), chosen.worst).share, limit()
    if share > most:
        print(f"{share:.2%} of the docstring words of scaler/ are pronouns; pyproject.toml allows {most:.2%}")
    return int(share > most)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
