"""Stand-ins for values that were not read whole: a write compares such a value by kind."""

from typing import Any, ClassVar


class Odd(bytes):
    """In a row's `before`, in the place of the bytes."""

    why: ClassVar[str]


class TooLong(Odd):
    """A value longer than any of the scaler's values: the first bytes."""

    why = "longer than any value of ours"


class NoString(Odd):
    """A list, a hash or a set in the key, which is not read."""

    why = "a value of another type than a string"


class NotRead(Odd):
    """A value left out because too many large values were asked for at once."""

    why = "not read: there are too many large values; look who writes them (redis-cli --bigkeys)"


def value_of(answer: Any) -> bytes | None:
    """An answer of scripts/values.lua."""
    if isinstance(answer, list):
        return TooLong(answer[0])
    if isinstance(answer, int):
        return NotRead() if answer else NoString()
    value: bytes | None = answer
    return value


def wire_form(value: bytes | None) -> bytes:
    """The expected value in the form that scripts/apply.lua reads."""
    if value is None:
        return b"-"
    if isinstance(value, TooLong):
        return b"<" + value
    return b"!" if isinstance(value, NoString) else b"=" + value
