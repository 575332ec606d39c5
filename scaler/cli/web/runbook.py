"""The operator's page of the repository, docs/operations.md: its sections, and the section for a sentence in red."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PLACES = (Path(__file__).parents[3] / "docs" / "operations.md", Path(__file__).with_name("operations.md"))
PATH = next((place for place in _PLACES if place.is_file()), _PLACES[0])
"""Where the page is: in a checkout, or in the wheel of a release. What pip makes of a checkout has none."""
ADDRESS = "/docs/operations"
SILENT = "a-controller-is-silent"
FIRST = "alarms-and-what-to-do"

_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_BLOCK = re.compile(r"```.*?```", re.DOTALL)
_ROW = re.compile(r"^\| ([^|]+) \|(.*)$", re.MULTILINE)
_QUOTED = re.compile(r'"([^"]+)"')
_ANCHOR = re.compile(r"\(#([\w-]+)\)")
_ERRORS = (
    (re.compile(r"\bQuotaReached: "), "quota-reached"),
    (re.compile(r"\bOutOfCapacity: "), "region-sold-out"),
    (re.compile(r"\bAuthorizationFailed\b"), "role-missing"),
    (re.compile(r"\bRedis at \S+ does not answer: "), "redis-away"),
)
"""The sections for what Azure or Redis said; a reason of the scaler's own comes first."""
_SHORTEST = 20  # characters of a reason that are compared: shorter ones stand anywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of the page."""

    depth: int
    title: str
    text: str

    @property
    def slug(self) -> str:
        """The anchor, as GitHub and Azure DevOps make anchors."""
        return re.sub(r"[^\w -]", "", self.title.lower()).replace(" ", "-")


@cache
def sections() -> tuple[Section, ...]:
    """All sections in order; empty where the page is not there."""
    try:
        return tuple(_sections(PATH.read_text(encoding="utf-8")))
    except OSError:
        return ()


def _sections(text: str) -> Iterator[Section]:
    blocks = [block.span() for block in _BLOCK.finditer(text)]
    headings = [
        found for found in _HEADING.finditer(text) if not any(first < found.start() < end for first, end in blocks)
    ]
    ends = [found.start() for found in headings[1:]] + [len(text)]
    for found, end in zip(headings, ends, strict=True):
        yield Section(depth=len(found[1]), title=found[2], text=text[found.end() : end].strip("\n"))


def link_for(sentence: str, otherwise: str = FIRST) -> str | None:
    """The address of the section with the reason in a sentence; None where the page is not there."""
    if not sections():
        return None
    named = re.search(r"docs/operations\.md#([\w-]+)", sentence)
    of_error = (slug for words, slug in _ERRORS if words.search(sentence) is not None)
    slug = named[1] if named is not None else _quoting(sentence) or next(of_error, otherwise)
    return f"{ADDRESS}#{slug}"


def _quoting(sentence: str) -> str | None:
    """The section for a sentence: by the table of alarms, else the last section that quotes the reason."""
    said = " ".join(sentence.split())
    found = None
    for section in sections():
        for reason, rest in _ROW.findall(section.text):
            if len(reason) >= _SHORTEST and reason in said:
                named = _ANCHOR.search(rest)
                return named[1] if named is not None else section.slug
        for quoted in _QUOTED.findall(section.text):
            reason = " ".join(quoted.split()).removesuffix("…").rstrip()
            if len(reason) >= _SHORTEST and reason in said:
                found = section.slug
    return found
