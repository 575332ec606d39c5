"""One line of the log: a sentence for people, then the facts as JSON, in one message.

Microsoft's Python worker forwards the message, level, logger name and invocation id of a log record and drops `extra`.
In Kusto: `parse_json(substring(message, indexof(message, "{")))`.
"""

import json
from collections.abc import Mapping
from typing import Any

from scaler.errors import in_one_line

_NOTHING: tuple[object, ...] = ("", None, {}, [], ())
_BRACES = str.maketrans({"{": r"\x7b", "}": r"\x7d"})  # the first brace of a message begins the facts


def written(sentence: str, facts: Mapping[str, object]) -> str:
    """The message: one printable line. Empty facts are left out; a sentence beyond the limit is cut."""
    said = _printable({name: value for name, value in facts.items() if value not in _NOTHING})
    return f"{in_one_line(sentence).translate(_BRACES)} {json.dumps(said, ensure_ascii=False)}"


def read(message: str) -> tuple[str, dict[str, Any]]:
    """The sentence and the facts of a message. A foreign message is a sentence without facts."""
    sentence, brace, rest = message.partition("{")
    try:
        facts = json.loads(brace + rest) if brace else None
    except ValueError:
        facts = None
    return (sentence.rstrip(), facts) if isinstance(facts, dict) else (message, {})


def _printable(value: object) -> object:
    """A fact in printable form, also from a foreign source."""
    if isinstance(value, str):
        return in_one_line(value)
    if isinstance(value, Mapping):
        return {in_one_line(str(name)): _printable(each) for name, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list | tuple) else value
